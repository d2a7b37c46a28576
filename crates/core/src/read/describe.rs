//! Whether a query that is about to be saved makes sense to the engine: its columns, functions and types.
//!
//! The guard looks at names of tables and functions only. Here the engine is asked for the columns of the answer, which
//! it works out without reading the tables (scalar subqueries are the exception, and run under tiny limits).

use std::time::Duration;

use standpipe_clickhouse::{Checked, Lane, QueryOptions, Sql, codes};
use standpipe_sql::{Door, StatementKind};
use standpipe_template::{Params, SAMPLE_NAME, SAMPLE_TEXT};

use super::names::{Names, Resolved};
use super::overdue::GRACE;
use super::run::Reader;
use super::user_names::in_names;
use crate::access::Access;
use crate::dialect::with_dialect;
use crate::error::{Error, Result};
use crate::model::{Node, Pipe};
use crate::storage::{TableColumn, read_columns};

/// What scalar subqueries may use while columns are looked at.
struct Work {
    /// Longest time.
    time: Duration,
    /// Most rows read; none is no limit.
    rows: Option<u64>,
    /// Memory.
    memory_bytes: u64,
}

/// While a node is saved.
const LITTLE_WORK: Work = Work { time: Duration::from_secs(1), rows: Some(100_000), memory_bytes: 256 << 20 };

impl Reader {
    /// Refuses a node that the engine would refuse whenever it is read.
    ///
    /// `resolved` is the node with sample values for the parameters of templates. An error that a sample can be the
    /// reason of (a type, a date, a name that only a parameter gives) says nothing about the node. What is left for
    /// templates is a name that no column has, and only where a request without parameters would meet it, too.
    pub(super) async fn require_meaning(
        &self,
        access: &Access,
        pipe: &Pipe,
        node: &Node,
        resolved: &Resolved,
    ) -> Result<()> {
        if resolved.names_sample {
            return Ok(());
        }
        let Err(error) = self.describe(access, resolved).await else { return Ok(()) };
        if resolved.from_template {
            let Error::Engine { code: codes::UNKNOWN_IDENTIFIER, message } = &error else { return Ok(()) };
            if message.contains(SAMPLE_NAME) || message.contains(SAMPLE_TEXT) {
                return Ok(());
            }
            let params = Params::default();
            if let Ok(plain) = Names::new(access, &params).resolve_definition(pipe, node)
                && self.describe(access, &plain).await.is_ok()
            {
                return Ok(());
            }
        }
        Err(in_names(error, access, resolved))
    }

    /// Fails with what the engine has against the text itself; that it is too much work is no such thing.
    async fn describe(&self, access: &Access, resolved: &Resolved) -> Result<()> {
        let checked = self.check(access, resolved, Door::Node).await?;
        match self.ask_for_columns(&checked, &LITTLE_WORK).await {
            Err(Error::CheckTimeout { .. }) => Ok(()),
            Err(Error::Engine { code, .. }) if is_limit(code) => Ok(()),
            described => described.map(drop),
        }
    }

    /// The columns that a checked query answers.
    pub(super) async fn described(
        &self,
        access: &Access,
        resolved: &Resolved,
        sql: &Checked<Sql>,
    ) -> Result<Vec<TableColumn>> {
        let limits = self.limits();
        let work = Work { time: limits.time, rows: None, memory_bytes: limits.memory_bytes };
        let columns = self.ask_for_columns(sql, &work).await;
        read_columns(&columns.map_err(|error| in_names(error, access, resolved))?)
    }

    /// Has the engine name the columns of a query, as lines of JSON: it then looks at every name and type, and at no row.
    async fn ask_for_columns(&self, query: &Checked<Sql>, work: &Work) -> Result<String> {
        let mut options = with_dialect(QueryOptions::new(Lane::Check))
            .format("JSONCompactEachRow")
            .setting("readonly", 1)
            .setting("max_execution_time", work.time.as_secs())
            .setting("max_memory_usage", work.memory_bytes)
            .setting("max_threads", 1);
        if let Some(rows) = work.rows {
            options = options.setting("max_rows_to_read", rows);
        }
        let describe = query.wrapped(&StatementKind::Describe);
        let described = async { self.client().query(&describe, &options).await?.text().await };
        match tokio::time::timeout(work.time + GRACE, described).await {
            Err(_) => Err(Error::CheckTimeout { seconds: work.time.as_secs() }),
            Ok(Err(error)) if error.code() == Some(codes::TIMEOUT_EXCEEDED) => {
                Err(Error::CheckTimeout { seconds: work.time.as_secs() })
            }
            Ok(Err(error)) => Err(Error::from_engine(error, "look at the query's columns")),
            Ok(Ok(columns)) => Ok(columns),
        }
    }
}

fn is_limit(code: i32) -> bool {
    matches!(
        code,
        codes::TOO_MANY_ROWS
            | codes::TOO_MANY_BYTES
            | codes::TOO_MANY_ROWS_OR_BYTES
            | codes::TOO_SLOW
            | codes::MEMORY_LIMIT_EXCEEDED
    )
}
