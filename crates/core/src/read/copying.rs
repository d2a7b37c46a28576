//! A copy's query: rendered, resolved, checked and described, ready to be run.

use standpipe_clickhouse::{Checked, Sql};
use standpipe_sql::Door;
use standpipe_template::Params;

use super::describe::Work;
use super::effort::short_first;
use super::names::{self, Names};
use super::run::Reader;
use super::user_names::{in_names, name_tables};
use crate::access::Access;
use crate::error::Result;
use crate::model::{Node, Pipe};
use crate::storage::{TableColumn, read_columns};

/// A query whose rows may be copied.
#[derive(Clone, Debug)]
pub struct CopyQuery {
    /// What to run, byte for byte.
    pub sql: Checked<Sql>,
    /// The columns that it answers.
    pub columns: Vec<TableColumn>,
    /// The query as answers show it: with the names that the user knows.
    pub shown: String,
    /// Rows of the data sources that it reads; none when it reads none.
    pub source_rows: Option<u64>,
    /// Threads to read them with.
    pub threads: u32,
}

impl Reader {
    /// Makes a node's query ready to be copied; with sample values when there are no `params`. Whoever may copy with the
    /// pipe may read what the pipe reads.
    pub async fn copy_query(
        &self,
        access: &Access,
        pipe: &Pipe,
        node: &Node,
        params: Option<&Params>,
    ) -> Result<CopyQuery> {
        let none = Params::default();
        let resolved = short_first(|effort| {
            let names = Names::new(access, params.unwrap_or(&none)).with_effort(effort);
            let names = if params.is_none() { names.in_test_mode() } else { names };
            names.resolve_node(pipe, node)
        })?;
        let sql = self.check(access, &resolved, Door::Copy).await?;
        let limits = self.limits();
        let work = Work { time: limits.time, rows: None, memory_bytes: limits.memory_bytes };
        let columns = self.ask_for_columns(&sql, &work).await;
        let columns = columns.map_err(|error| in_names(error, access, &resolved))?;
        let rows = names::ids(&resolved.data_sources).map(|id| self.rows(id));
        Ok(CopyQuery {
            sql,
            columns: read_columns(&columns)?,
            shown: name_tables(resolved.sql.clone(), access, &resolved),
            source_rows: (!resolved.data_sources.is_empty()).then(|| rows.sum()),
            threads: self.threads(&resolved, None, limits),
        })
    }
}
