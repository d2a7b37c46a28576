//! Where a query can stand, and what comes out there.

use crate::support::Client;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The text of a request.
    Direct,
    /// A node that another node of the pipe reads, which is published.
    Node,
    /// A pipe that the text of a request reads.
    Pipe,
    Cte,
    Subquery,
    /// One side of a join.
    Join,
    /// Right of IN.
    In,
}

pub(super) const PLACES: &[Place] =
    &[Place::Direct, Place::Node, Place::Pipe, Place::Cte, Place::Subquery, Place::Join, Place::In];

impl Place {
    pub(super) fn name(self) -> &'static str {
        match self {
            Place::Direct => "direct",
            Place::Node => "node",
            Place::Pipe => "pipe",
            Place::Cte => "CTE",
            Place::Subquery => "subquery",
            Place::Join => "join",
            Place::In => "IN",
        }
    }

    /// What a query answers that stands here; the pipe `corpus` has it already. Else the error.
    pub(super) async fn ask(self, client: &Client, sql: &str) -> Result<String, String> {
        let request = match self {
            Place::Direct => client.post("/v0/sql").plain(&format!("{sql}\nFORMAT TSVWithNames")),
            Place::Node => client.get("/v0/pipes/corpus.csv"),
            Place::Pipe => client.post("/v0/sql").plain("SELECT * FROM corpus FORMAT TSV"),
            Place::Cte => {
                client.post("/v0/sql").plain(&format!("WITH part AS ({sql}\n) SELECT * FROM part FORMAT TSV"))
            }
            Place::Subquery => client.post("/v0/sql").plain(&format!("SELECT * FROM ({sql}\n) AS part FORMAT TSV")),
            Place::Join => client.post("/v0/sql").plain(&format!(
                "SELECT part.* FROM (SELECT 1 AS the_one) AS one CROSS JOIN ({sql}\n) AS part FORMAT TSV"
            )),
            Place::In => client.post("/v0/sql").plain(&format!(
                "SELECT number FROM numbers(10000) WHERE number IN (SELECT count() FROM ({sql}\n) AS part) FORMAT TSV"
            )),
        };
        let answer = request.send().await;
        match answer.status {
            200 => Ok(answer.text().to_owned()),
            status => Err(format!("{status} {}", answer.text())),
        }
    }
}
