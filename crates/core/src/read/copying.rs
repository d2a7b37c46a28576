//! A copy's query, ready to be run.

use standpipe_clickhouse::{Checked, Sql};
use standpipe_sql::Door;
use standpipe_template::Params;

use super::names;
use super::run::Reader;
use super::user_names::name_tables;
use crate::access::Access;
use crate::error::Result;
use crate::model::{Node, Pipe};
use crate::storage::TableColumn;

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
    /// Makes a node's query ready to be copied; with sample values when there are no `params`.
    pub async fn copy_query(
        &self,
        access: &Access,
        pipe: &Pipe,
        node: &Node,
        params: Option<&Params>,
    ) -> Result<CopyQuery> {
        let query = self.moving_query(access, pipe, node, params, Door::Copy).await?;
        let rows = names::ids(&query.resolved.data_sources).map(|id| self.rows(id));
        Ok(CopyQuery {
            sql: query.sql,
            columns: query.columns,
            shown: name_tables(query.resolved.sql.clone(), access, &query.resolved),
            source_rows: (!query.resolved.data_sources.is_empty()).then(|| rows.sum()),
            threads: query.threads,
        })
    }
}
