//! Rows that go from a query, or from another table, into a table.

use std::time::Duration;

use serde_json::Value;
use standpipe_clickhouse::{Checked, Error as EngineError, Lane, Progress, QueryOptions, Sql, codes};

use super::{Fault, Storage, ddl};
use crate::dialect::with_dialect;
use crate::error::{Error, Result};
use crate::model::{PhysicalTable, Workspace};

/// Time that the engine gets beyond a limit to say so itself.
const GRACE: Duration = Duration::from_secs(5);

/// How a query's rows are stored.
#[derive(Clone, Debug)]
pub struct Transfer<'a> {
    /// Names the run in the engine.
    pub query_id: &'a str,
    /// Longest time.
    pub time: Duration,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Threads that read.
    pub threads: u32,
    /// Which rows of a table it sees; see [`ddl::table_filter`].
    pub filter: Option<String>,
}

/// A column as the engine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// The engine's name of its type.
    pub data_type: String,
    /// `DEFAULT`, `MATERIALIZED`, …; empty when it has none.
    pub default_kind: String,
}

impl Storage {
    /// Makes an empty table beside a data source's, of the same structure.
    pub async fn create_staging(&self, workspace: &Workspace, staging: &str, target: PhysicalTable) -> Result<()> {
        self.drop_staging(workspace, staging).await?;
        let statement = ddl::create_like(&workspace.database, staging, &target.rows());
        self.execute(statement, "make a staging table").await?;
        self.faults.check(Fault::AfterStaging)
    }

    /// Drops that table, when it is there.
    pub async fn drop_staging(&self, workspace: &Workspace, staging: &str) -> Result<()> {
        self.execute(ddl::drop_table(&workspace.database, staging), "drop a staging table").await
    }

    /// Stores the rows of a checked query; `columns` name the query's own, in its order.
    pub async fn insert_select(
        &self,
        workspace: &Workspace,
        table: &str,
        columns: &[String],
        query: &Checked<Sql>,
        transfer: &Transfer<'_>,
    ) -> Result<()> {
        let columns = columns.iter().map(String::as_str);
        let statement = ddl::insert_select(&workspace.database, table, columns, query);
        let seconds = transfer.time.as_secs();
        let options = with_dialect(QueryOptions::new(Lane::Job))
            .query_id(transfer.query_id)
            .setting("max_execution_time", seconds)
            .setting("max_memory_usage", transfer.memory_bytes)
            .setting("max_threads", transfer.threads)
            // A table of our own that is dropped and filled anew: two blocks that are the same are two blocks.
            .setting("insert_deduplicate", 0)
            .setting("max_partitions_per_insert_block", 0);
        let options = match &transfer.filter {
            Some(filter) => options.setting("additional_table_filters", filter),
            None => options,
        };
        match tokio::time::timeout(transfer.time + GRACE, self.client.execute(&statement, &options)).await {
            Err(_) => Err(Error::Timeout { seconds }),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(EngineError::Exception(exception))) if exception.code == codes::TIMEOUT_EXCEEDED => {
                Err(Error::Timeout { seconds })
            }
            // The run is gone with the engine; nobody but us sees what it stored.
            Ok(Err(EngineError::Incomplete { .. })) => Err(Error::EngineUnavailable { action: "copy rows" }),
            Ok(Err(error)) => Err(Error::from_engine(error, "copy rows")),
        }
    }

    /// How far the query of this id has come; none when it does not run, or the engine does not say.
    pub async fn progress(&self, query_id: &str) -> Option<Progress> {
        self.client.progress(query_id).await.ok().flatten()
    }

    /// Adds all rows of one table to another of the same structure. Readers see all of them or none; after a crash in its
    /// middle some may be there, so nobody may read the table before the next step is recorded.
    pub async fn attach_all(&self, workspace: &Workspace, into: &str, from: &str) -> Result<()> {
        self.execute(ddl::attach_all(&workspace.database, into, from), "attach rows").await
    }

    /// The number of rows of a table.
    pub async fn rows(&self, workspace: &Workspace, table: &str) -> Result<u64> {
        let text = self.ask(&ddl::rows_of(&workspace.database, table), "count rows").await?;
        text.trim().parse().map_err(|error| Error::internal(format!("the engine's count cannot be read: {error}")))
    }

    /// How many rows a checked query answers, if that can be told within `time`.
    pub async fn count(&self, query: &Checked<Sql>, time: Duration) -> Option<u64> {
        let options = with_dialect(QueryOptions::new(Lane::Read))
            .setting("readonly", 1)
            .setting("max_execution_time", time.as_secs());
        let statement = ddl::count_of(query);
        let answer = async { self.client.query(&statement, &options).await.ok()?.text().await.ok() };
        tokio::time::timeout(time, answer).await.ok()??.trim().parse().ok()
    }

    /// The columns of a data source's table.
    pub async fn columns(&self, workspace: &Workspace, table: PhysicalTable) -> Result<Vec<TableColumn>> {
        read_columns(&self.ask(&ddl::describe(&workspace.database, &table.rows()), "look at a table").await?)
    }
}

/// Reads the answer to DESCRIBE, one JSON array a line.
pub(crate) fn read_columns(text: &str) -> Result<Vec<TableColumn>> {
    let column = |line: &str| -> Option<TableColumn> {
        let values: Vec<Value> = serde_json::from_str(line).ok()?;
        let text = |at: usize| values.get(at).and_then(Value::as_str).map(str::to_owned);
        Some(TableColumn { name: text(0)?, data_type: text(1)?, default_kind: text(2)? })
    };
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| column(line).ok_or_else(|| Error::internal(format!("a column cannot be read: {line}")))).collect()
}
