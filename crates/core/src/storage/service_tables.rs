//! The tables of service data sources: made where something first needs them, and brought up to date at a start.

mod ddl;
mod shapes;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use standpipe_clickhouse::{Error as EngineError, Lane, QueryOptions, codes};

use super::Storage;
use crate::catalog::Snapshot;
use crate::error::{Error, Result};
use crate::model::{Workspace, WorkspaceId};
use crate::service_data::ServiceTable;

/// How long one insert may take.
const INSERT_TIMEOUT: Duration = Duration::from_secs(30);

/// Rows and bytes of the largest block that the engine makes of one insert: more than any has.
const ONE_BLOCK: u64 = 1 << 40;

/// For how many days each table keeps its rows; 0, and no entry, for ever.
pub type Retention = BTreeMap<ServiceTable, u32>;

/// The tables of service data sources. Cheap to clone; clones know the same.
#[derive(Clone, Debug)]
pub struct ServiceTables {
    storage: Storage,
    retention: Arc<Retention>,
    /// The ones that are there, as far as this process has seen.
    made: Arc<Mutex<HashSet<(WorkspaceId, ServiceTable)>>>,
}

/// One line of the engine's list: database, table, engine, columns.
type Line = (String, String, String, Vec<String>);

impl ServiceTables {
    /// Tables that keep their rows as `retention` says.
    pub fn new(storage: Storage, retention: Retention) -> ServiceTables {
        ServiceTables { storage, retention: Arc::new(retention), made: Arc::default() }
    }

    /// Makes sure that a table is there, with the one it is summed up in or the sum of.
    pub async fn ensure(&self, workspace: &Workspace, table: ServiceTable) -> Result<()> {
        if self.made().contains(&(workspace.id, table)) {
            return Ok(());
        }
        let source = table.source();
        let family = [Some(source), source.summed_up_in()];
        let database = &workspace.database;
        for table in family.into_iter().flatten() {
            let statement = ddl::create_table(database, table, self.days(table));
            self.storage.execute(statement, "make a table of service data").await?;
        }
        for view in family.into_iter().flatten().filter_map(|table| ddl::create_view(database, table)) {
            self.storage.execute(view, "make a view of service data").await?;
        }
        self.made().extend(family.into_iter().flatten().map(|table| (workspace.id, table)));
        Ok(())
    }

    /// Brings the tables that are there up to date: columns that they lack, and how long they keep rows. The others are
    /// made when something needs them.
    pub async fn update(&self, snapshot: &Snapshot) -> Result<()> {
        let databases: Vec<&str> = snapshot.workspaces().map(|workspace| workspace.database.as_str()).collect();
        if databases.is_empty() {
            return Ok(());
        }
        let text = self.storage.ask(&ddl::tables(&databases), "look at the tables of service data").await?;
        for line in text.lines() {
            let (database, table, engine, columns): Line = serde_json::from_str(line)
                .map_err(|error| Error::internal(format!("the engine's list of tables cannot be read: {error}")))?;
            let Some(table) = ServiceTable::of_physical(&table) else { continue };
            let changes = [
                ddl::add_columns(&database, table, &columns),
                ddl::change_ttl(&database, table, self.days(table), &engine),
            ];
            for change in changes.into_iter().flatten() {
                tracing::info!(
                    database,
                    table = table.name(),
                    sql = change.as_str(),
                    "a table of service data changes"
                );
                self.storage.execute(change, "change a table of service data").await?;
            }
        }
        Ok(())
    }

    /// Stores rows, as lines of JSON. A repeated insert of the same rows under the same token is stored once.
    pub async fn insert(&self, workspace: &Workspace, table: ServiceTable, rows: Bytes, token: &str) -> Result<()> {
        self.ensure(workspace, table).await?;
        let options = QueryOptions::new(Lane::Background)
            .setting("max_execution_time", INSERT_TIMEOUT.as_secs())
            .setting("async_insert", 0)
            .setting("insert_deduplication_token", token)
            .setting("deduplicate_blocks_in_dependent_materialized_views", 1)
            .setting("input_format_parallel_parsing", 0)
            .setting("max_insert_block_size", ONE_BLOCK)
            .setting("min_insert_block_size_rows", ONE_BLOCK)
            .setting("min_insert_block_size_bytes", ONE_BLOCK);
        let statement = ddl::insert(&workspace.database, table);
        let insert = self.storage.client.insert(&statement, rows, &options);
        match tokio::time::timeout(INSERT_TIMEOUT, insert).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => {
                if matches!(error.code(), Some(codes::UNKNOWN_TABLE | codes::UNKNOWN_DATABASE)) {
                    // Somebody dropped it by hand: the next try makes it anew.
                    self.made().remove(&(workspace.id, table));
                }
                Err(Error::from_engine(error, "store service data"))
            }
            Err(elapsed) => {
                let error = EngineError::Unavailable { outcome_unknown: true, source: Box::new(elapsed) };
                Err(Error::from_engine(error, "store service data"))
            }
        }
    }

    fn days(&self, table: ServiceTable) -> u32 {
        self.retention.get(&table).copied().unwrap_or(0)
    }

    fn made(&self) -> MutexGuard<'_, HashSet<(WorkspaceId, ServiceTable)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
