//! What must pass and what must not, and the doors that everything goes through.

use std::collections::BTreeSet;

use standpipe_sql::{
    Door, Filter, Policy, Refusal, RefusalKind, Replacement, Resolver, StatementRules, TableName, check_condition,
    parse_statement, rewrite,
};

#[path = "attacks.rs"]
pub(crate) mod attacks;
#[path = "harmless.rs"]
pub(crate) mod harmless;
#[path = "pairs.rs"]
pub(crate) mod pairs;

/// The doors that exist: how a user's text becomes a query, and what it may touch.
pub(crate) const DOORS: &[Door] = &[Door::Sql, Door::Node, Door::Explain, Door::Copy, Door::Condition];

/// A workspace with three data sources, one of them filtered, two pipes and a service data source.
#[derive(Default)]
pub(crate) struct Workspace {
    /// The tables that names were resolved to.
    pub(crate) tables: BTreeSet<(String, String)>,
}

impl Workspace {
    fn table(&mut self, database: &str, table: &str, filter: Option<&str>) -> Replacement {
        self.tables.insert((database.to_owned(), table.to_owned()));
        let filter = filter.map(|condition| Filter {
            condition: condition.to_owned(),
            called: "filtered".to_owned(),
            columns: Vec::new(),
        });
        Replacement::Table { database: database.to_owned(), table: table.to_owned(), filter }
    }

    fn pipe(&mut self, sql: &str) -> Result<Replacement, Refusal> {
        Ok(Replacement::Subquery { sql: rewrite(sql, self)? })
    }
}

impl Resolver for Workspace {
    fn resolve(&mut self, name: &TableName) -> Result<Replacement, Refusal> {
        match (name.database.as_deref(), name.name.as_str()) {
            (None, "events") => Ok(self.table("d_ws", "t_events", None)),
            (None, "a.b") => Ok(self.table("d_ws", "t_dotted", None)),
            (None, "users") => Ok(self.table("d_ws", "t_users", Some("country = 'ES'"))),
            (None, "top") => self.pipe("WITH final AS (SELECT a, count() AS c FROM events GROUP BY a) SELECT * FROM final"),
            (None, "top_users") => self.pipe(
                "WITH base AS (SELECT * FROM top), final AS (SELECT * FROM base) SELECT u.a FROM users AS u JOIN final USING a -- end",
            ),
            (Some("tinybird"), "pipe_stats") => Ok(self.table("d_service", "t_stats", Some("workspace = 'w'"))),
            (Some(database), _) if database != "tinybird" => {
                let message = format!("there is no data source \"{name}\"");
                Err(Refusal::new(RefusalKind::Forbidden, message))
            }
            _ => Err(Refusal::new(RefusalKind::UnknownTable, format!("there is no data source or pipe \"{name}\""))),
        }
    }

    fn is_reserved(&self, word: &str) -> bool {
        matches!(word, "d_ws" | "d_other" | "d_service")
    }
}

pub(crate) fn rules(door: Door) -> StatementRules {
    StatementRules { max_length: 8192, may_format: door == Door::Sql, may_settings: true }
}

/// The final text of a user's text behind a door, with what it may touch.
pub(crate) fn final_text(door: Door, sql: &str) -> Result<(String, Policy), Refusal> {
    let query = match door {
        Door::Condition => {
            let condition = check_condition(sql, &rules(door))?;
            format!("SELECT * FROM events WHERE ({condition})")
        }
        Door::Explain => parse_statement(&format!("EXPLAIN PLAN {sql}"), &rules(door))?.sql,
        _ => parse_statement(sql, &rules(door))?.sql,
    };
    let mut workspace = Workspace::default();
    let text = rewrite(&query, &mut workspace)?;
    Ok((text, policy(door, workspace.tables)))
}

pub(crate) fn policy(door: Door, tables: BTreeSet<(String, String)>) -> Policy {
    Policy { tables, workspace: "w".to_owned(), door, extra_table_functions: BTreeSet::new() }
}
