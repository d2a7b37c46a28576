//! The query of a node whose rows leave its pipe, by a copy or a sink: rendered, resolved, checked and described.

use standpipe_clickhouse::{Checked, Sql};
use standpipe_sql::Door;
use standpipe_template::Params;

use super::effort::short_first;
use super::names::{Names, Resolved};
use super::run::Reader;
use crate::access::Access;
use crate::error::Result;
use crate::model::{Node, Pipe};
use crate::storage::TableColumn;

/// What is known of such a query before it is run.
pub(super) struct MovingQuery {
    pub(super) resolved: Resolved,
    /// What was checked, byte for byte.
    pub(super) sql: Checked<Sql>,
    /// The columns that it answers.
    pub(super) columns: Vec<TableColumn>,
    /// Threads to read its rows with.
    pub(super) threads: u32,
}

impl Reader {
    /// Makes a node's query ready for this door; with sample values when there are no `params`. Whoever may run the pipe
    /// may read what the pipe reads.
    pub(super) async fn moving_query(
        &self,
        access: &Access,
        pipe: &Pipe,
        node: &Node,
        params: Option<&Params>,
        door: Door,
    ) -> Result<MovingQuery> {
        let none = Params::default();
        let resolved = short_first(|effort| {
            let names = Names::new(access, params.unwrap_or(&none)).with_effort(effort);
            let names = if params.is_none() { names.in_test_mode() } else { names };
            names.resolve_node(pipe, node)
        })?;
        let sql = self.check(access, &resolved, door).await?;
        let columns = self.described(access, &resolved, &sql).await?;
        let threads = self.threads(&resolved, None, self.limits());
        Ok(MovingQuery { resolved, sql, columns, threads })
    }
}
