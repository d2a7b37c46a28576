//! Materialized views in the engine, and what filling their targets needs.

use standpipe_clickhouse::{Checked, Lane, QueryOptions, Sql};

use super::{Storage, TableColumn, ddl, read_columns};
use crate::error::{Error, Result};
use crate::model::Workspace;
use crate::views::EngineView;

/// A partition of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The engine's id of it.
    pub id: String,
    /// Its rows.
    pub rows: u64,
}

impl Storage {
    /// Names of the materialized views of a workspace.
    pub(crate) async fn views(&self, workspace: &Workspace) -> Result<Vec<String>> {
        let text = self.ask(&ddl::views(&workspace.database), "look at the materialized views").await?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Makes a materialized view, when it is not there.
    pub(crate) async fn create_view(&self, workspace: &Workspace, view: &EngineView) -> Result<()> {
        let statement = ddl::create_view(&workspace.database, &view.name, &view.target, &view.sql);
        self.execute(statement, "make a materialized view").await
    }

    /// Drops a materialized view, when it is there. The table that it filled stays.
    pub(crate) async fn drop_view(&self, workspace: &Workspace, name: &str) -> Result<()> {
        self.execute(ddl::drop_view(&workspace.database, name), "drop a materialized view").await
    }

    /// Which views take the new rows of a table.
    pub(crate) async fn views_over(&self, workspace: &Workspace, table: &str) -> Result<Vec<String>> {
        let text = self.ask(&ddl::views_over(&workspace.database, table), "look at the materialized views").await?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Makes `snapshot` a table with the rows that another one has at this moment: hard links, whatever its size.
    pub(crate) async fn create_snapshot(&self, workspace: &Workspace, snapshot: &str, of: &str) -> Result<()> {
        self.drop_staging(workspace, snapshot).await?;
        let create = ddl::create_like(&workspace.database, snapshot, of);
        self.execute(create, "take a snapshot of a data source").await?;
        self.attach_all(workspace, snapshot, of).await
    }

    /// Drops every table whose name begins so.
    pub(crate) async fn drop_all(&self, workspace: &Workspace, prefix: &str) -> Result<()> {
        for name in self.tables_beginning(workspace, prefix).await? {
            self.drop_staging(workspace, &name).await?;
        }
        Ok(())
    }

    /// Names of the tables that begin so.
    pub(crate) async fn tables_beginning(&self, workspace: &Workspace, prefix: &str) -> Result<Vec<String>> {
        let names = ddl::tables_beginning(&workspace.database, prefix);
        Ok(self.ask(&names, "look at the staging tables").await?.lines().map(str::to_owned).collect())
    }

    /// The partitions of a table, by id.
    pub(crate) async fn partitions(&self, workspace: &Workspace, table: &str) -> Result<Vec<Partition>> {
        let text = self.ask(&ddl::partitions(&workspace.database, table), "look at the partitions").await?;
        let read = |line: &str| -> Option<Partition> {
            let (id, rows) = line.split_once('\t')?;
            Some(Partition { id: id.to_owned(), rows: rows.parse().ok()? })
        };
        let lines = text.lines();
        lines
            .map(|line| read(line).ok_or_else(|| Error::internal(format!("a partition cannot be read: {line}"))))
            .collect()
    }

    /// The columns that a checked query answers.
    pub(crate) async fn query_columns(&self, query: &Checked<Sql>) -> Result<Vec<TableColumn>> {
        let described = query.wrapped(&standpipe_sql::StatementKind::Describe);
        let seconds = super::DDL_TIMEOUT.as_secs();
        let options = QueryOptions::new(Lane::Background)
            .format("JSONCompactEachRow")
            .setting("readonly", 1)
            .setting("max_execution_time", seconds);
        let answer = async { self.client.query(&described, &options).await?.text().await };
        read_columns(&answer.await.map_err(|error| Error::from_engine(error, "describe a query"))?)
    }
}
