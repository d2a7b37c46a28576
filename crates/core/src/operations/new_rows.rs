//! All rows of a data source at once: a new pair of tables is filled where nobody sees it, and takes the place of the old
//! one in one transaction of the catalog. What a crash cuts off before that never happened, and nothing happens twice.

use std::sync::Arc;

use super::data_sources::current;
use crate::error::Result;
use crate::model::{DataSource, DataSourceId, PhysicalTable, Workspace};
use crate::standpipe::Standpipe;
use crate::storage::{CheckedDefinition, Fault};
use crate::store::{Change, TableState};
use crate::write::Counts;

/// What the new tables hold; nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewRows {
    /// A table of the same structure whose rows are added.
    pub(crate) staging: Option<String>,
    /// Whether the rows that are there stay.
    pub(crate) keeps_rows: bool,
    /// Whether the quarantine stays.
    pub(crate) keeps_quarantine: bool,
}

impl Standpipe {
    /// Puts new tables in the place of a data source's. No write is in flight meanwhile: those that come wait. `with` is
    /// written in the transaction that switches.
    pub(crate) async fn replace_rows(
        &self,
        workspace: &Arc<Workspace>,
        id: DataSourceId,
        rows: &NewRows,
        with: Vec<Change>,
    ) -> Result<()> {
        let state = self.registry.state(id);
        let _gate = state.close().await;
        let (_, before) = self
            .catalog
            .change(workspace.id, |workspace| {
                let current = current(workspace, id)?.clone();
                Ok((vec![Change::PutTable(next_table(&current), TableState::Creating)], current))
            })
            .await?;
        let next = next_table(&before);
        let counts = match self.fill(workspace, &before, next, rows).await {
            Ok(counts) => counts,
            Err(error) => {
                self.undo_fill(workspace, next).await;
                return Err(error);
            }
        };
        let (version, old) = self
            .catalog
            .change(workspace.id, |workspace| {
                let current = current(workspace, id)?;
                let old = current.table();
                let changed = DataSource { incarnation: next.incarnation, ..DataSource::clone(current) };
                let mut changes = vec![
                    Change::PutTable(next, TableState::Live),
                    Change::PutTable(old, TableState::Retired),
                    Change::PutDataSource(Arc::new(changed)),
                ];
                changes.extend(with);
                Ok((changes, old))
            })
            .await?;
        state.set_counts(counts);
        state.wrote(0, 0);
        self.registry.note_write();
        self.retire(workspace.clone(), old, version);
        Ok(())
    }

    /// Makes the new tables and fills them. What is left of an earlier try is dropped first.
    async fn fill(
        &self,
        workspace: &Workspace,
        before: &DataSource,
        next: PhysicalTable,
        rows: &NewRows,
    ) -> Result<Counts> {
        let (storage, old) = (&self.storage, before.table());
        storage.faults().check(Fault::AfterIntent)?;
        for left_over in [next.rows(), next.quarantine()] {
            storage.drop_staging(workspace, &left_over).await?;
        }
        let definition = CheckedDefinition::read(&before.columns, &before.engine)?;
        storage.create_tables(workspace, next, &definition).await?;
        let (had, mut counts) = (self.registry.state(before.id).counts(), Counts::default());
        // The rows that stay come first: where rows replace each other, the later ones win.
        if rows.keeps_rows {
            storage.attach_all(workspace, &next.rows(), &old.rows()).await?;
            counts = Counts { rows: had.rows, bytes: had.bytes, ..counts };
        }
        storage.faults().check(Fault::BetweenAttaches)?;
        if let Some(staging) = &rows.staging {
            storage.attach_all(workspace, &next.rows(), staging).await?;
            counts.rows += storage.rows(workspace, staging).await?;
        }
        if rows.keeps_quarantine {
            storage.attach_all(workspace, &next.quarantine(), &old.quarantine()).await?;
            counts.quarantine_rows = had.quarantine_rows;
        }
        storage.faults().check(Fault::AfterAttach)?;
        storage.faults().check(Fault::BeforeReady)?;
        Ok(counts)
    }

    /// Drops the new tables. Should the engine be gone, the next try or the next start does it.
    async fn undo_fill(&self, workspace: &Arc<Workspace>, next: PhysicalTable) {
        if self.storage.faults().is_planned() {
            return;
        }
        if let Err(error) = self.storage.undo_creation(&self.catalog, workspace, next).await {
            tracing::warn!(%error, table = next.rows(), "a table that was never used is dropped later");
        }
    }
}

fn next_table(data_source: &DataSource) -> PhysicalTable {
    PhysicalTable { data_source: data_source.id, incarnation: data_source.incarnation + 1 }
}
