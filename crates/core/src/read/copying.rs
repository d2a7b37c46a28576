//! A copy's query: rendered, resolved, checked and described, ready to be run.

use standpipe_clickhouse::{Checked, Sql};
use standpipe_sql::{Door, StatementKind};
use standpipe_template::Params;

use super::format::{Format, OutputSettings};
use super::names::{self, Names};
use super::run::{Query, Reader, in_names};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::{Node, Pipe};
use crate::storage::{TableColumn, read_columns};

/// A query whose rows may be copied.
#[derive(Clone, Debug)]
pub struct CopyQuery {
    /// What to run, byte for byte.
    pub sql: Checked<Sql>,
    /// The columns that it answers.
    pub columns: Vec<TableColumn>,
    /// The query as answers show it: tables by the ids of their data sources.
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
        let names = Names::new(access, params.unwrap_or(&none));
        let names = if params.is_none() { names.in_test_mode() } else { names };
        let resolved = names.resolve_node(pipe, node)?;
        let sql = self.check(access, &resolved, Door::Copy).await?;
        let query = Query { params: &none, output: OutputSettings::default(), request_id: "" };
        let lines = Format::by_name("JSONCompactEachRow").unwrap_or(Format::JSON);
        let mut options = self.options(&resolved, None, &query, lines);
        options.query_id = None;
        let answer = self.send(&sql.wrapped(&StatementKind::Describe), &options).await;
        let answer = answer.map_err(|error| in_names(error, access, &resolved))?;
        let text = answer.text().await.map_err(|error| Error::from_engine(error, "describe the query"))?;
        let mut shown = resolved.sql.clone();
        for table in &resolved.data_sources {
            let (database, rows, id) = (&access.workspace().database, table.rows(), table.data_source.to_string());
            shown = shown.replace(&format!("`{database}`.`{rows}`"), &format!("{database}.{id}")).replace(&rows, &id);
        }
        let rows = names::ids(&resolved.data_sources).map(|id| self.rows(id));
        Ok(CopyQuery {
            sql,
            columns: read_columns(&text)?,
            shown,
            source_rows: (!resolved.data_sources.is_empty()).then(|| rows.sum()),
            threads: self.threads(&resolved, None),
        })
    }
}
