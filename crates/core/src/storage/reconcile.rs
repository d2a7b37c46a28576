//! What a start does about operations that a crash cut off.

use std::collections::HashSet;
use std::sync::Arc;

use super::{CheckedDefinition, Fault, Storage, ddl};
use crate::catalog::{Catalog, Snapshot};
use crate::error::{Error, Result};
use crate::model::{DataSourceState, PhysicalTable, Workspace};
use crate::store::{Change, TableRow, TableState};

/// What was found and done, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Tables that were being made: dropped.
    pub undone: usize,
    /// Tables that nothing used any more: dropped.
    pub dropped: usize,
    /// Tables in use: made sure of.
    pub live: usize,
}

pub(super) async fn run(storage: &Storage, catalog: &Catalog) -> Result<Reconciled> {
    let mut done = Reconciled::default();
    let snapshot = catalog.snapshot();
    for workspace in snapshot.workspaces() {
        storage.create_database(workspace).await?;
    }
    let existing = storage.existing_tables(&snapshot).await?;
    for row in catalog.store().physical_tables().await? {
        let Some(workspace) = snapshot.workspace(row.workspace) else { continue };
        match row.state {
            TableState::Creating => {
                undo(storage, catalog, &workspace, row.table).await?;
                done.undone += 1;
            }
            TableState::Retired => {
                forget(storage, catalog, &workspace, row.table).await?;
                done.dropped += 1;
            }
            TableState::Live => {
                let pair = [row.table.rows(), row.table.quarantine()];
                let is_there = |name| existing.contains(&(workspace.database.clone(), name));
                if !pair.into_iter().all(is_there) {
                    ensure(storage, &workspace, &row).await?;
                }
                done.live += 1;
            }
        }
    }
    Ok(done)
}

/// Undoes a creation: drops the tables, and with them the data source if it never got ready.
async fn undo(storage: &Storage, catalog: &Catalog, workspace: &Workspace, table: PhysicalTable) -> Result<()> {
    storage.drop_tables(workspace, table).await?;
    let (_, ()) = catalog
        .change(workspace.id, |workspace| {
            let mut changes = vec![Change::RemoveTable(table)];
            let never_ready = |state| state == DataSourceState::Creating;
            if workspace.data_sources.get(&table.data_source).is_some_and(|it| never_ready(it.state)) {
                changes.push(Change::RemoveDataSource(table.data_source));
            }
            Ok((changes, ()))
        })
        .await?;
    Ok(())
}

/// Drops a retired pair of tables and the record of them.
pub(super) async fn forget(
    storage: &Storage,
    catalog: &Catalog,
    workspace: &Arc<Workspace>,
    table: PhysicalTable,
) -> Result<()> {
    storage.drop_tables(workspace, table).await?;
    storage.faults().check(Fault::BeforeForget)?;
    catalog.change(workspace.id, |_| Ok((vec![Change::RemoveTable(table)], ()))).await?;
    Ok(())
}

/// Makes sure that a live pair of tables is there. A missing one would mean that somebody dropped it by hand: an empty
/// one in its place keeps the data source usable.
async fn ensure(storage: &Storage, workspace: &Workspace, row: &TableRow) -> Result<()> {
    match workspace.data_sources.get(&row.table.data_source) {
        Some(data_source) if data_source.table() == row.table => {
            let definition = match CheckedDefinition::read(&data_source.columns, &data_source.engine) {
                Ok(definition) => definition,
                // One definition that rules have overtaken keeps nobody else from starting.
                Err(error) => {
                    tracing::error!(%error, table = row.table.rows(), "a table is missing and cannot be made anew");
                    return Ok(());
                }
            };
            tracing::warn!(table = row.table.rows(), "a table was missing and is made anew, empty");
            storage.create_tables(workspace, row.table, &definition).await
        }
        _ => Ok(()),
    }
}

impl Storage {
    /// Drops a retired pair of tables and the record of them.
    pub async fn forget(&self, catalog: &Catalog, workspace: &Arc<Workspace>, table: PhysicalTable) -> Result<()> {
        forget(self, catalog, workspace, table).await
    }

    /// Drops the tables of a creation that failed, and with them the data source if it never got ready.
    pub async fn undo_creation(&self, catalog: &Catalog, workspace: &Workspace, table: PhysicalTable) -> Result<()> {
        undo(self, catalog, workspace, table).await
    }

    /// Database and name of every table in our databases.
    async fn existing_tables(&self, snapshot: &Snapshot) -> Result<HashSet<(String, String)>> {
        let databases: Vec<&str> = snapshot.workspaces().map(|workspace| workspace.database.as_str()).collect();
        if databases.is_empty() {
            return Ok(HashSet::new());
        }
        let text = self.ask(&ddl::tables(&databases), "look at the tables").await?;
        let read = |line| serde_json::from_str::<(String, String)>(line);
        text.lines()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|error| Error::internal(format!("the engine's list of tables cannot be read: {error}")))
    }
}
