//! All rows of data sources at once: new pairs of tables are filled where nobody sees them, and take the places of the old
//! ones in one transaction of the catalog. What a crash cuts off before that never happened, and nothing happens twice.

use std::sync::Arc;

use standpipe_datafile::{ColumnDef, Engine};

use super::data_sources::current;
use crate::error::Result;
use crate::model::{DataSource, DataSourceId, PhysicalTable, Workspace};
use crate::standpipe::Standpipe;
use crate::storage::{CheckedDefinition, Fault};
use crate::store::{Change, TableState};
use crate::views::Closed;
use crate::write::Counts;

/// What the new tables of a data source hold; nothing by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewRows {
    /// A table of the same structure whose rows are added.
    pub(crate) staging: Option<String>,
    /// Whether those rows are older than the ones that stay: where rows replace each other, the later ones win.
    pub(crate) is_staging_older: bool,
    /// Whether the rows that are there stay.
    pub(crate) keeps_rows: bool,
    /// Whether the quarantine stays.
    pub(crate) keeps_quarantine: bool,
    /// What the new tables are like, when not like the old ones; then no rows stay.
    pub(crate) definition: Option<NewDefinition>,
}

/// Columns and engine in the place of a data source's.
#[derive(Clone, Debug)]
pub(crate) struct NewDefinition {
    /// The columns.
    pub(crate) columns: Vec<ColumnDef>,
    /// The engine.
    pub(crate) engine: Engine,
    /// Both, as they passed the guard.
    pub(crate) checked: CheckedDefinition,
}

/// One data source whose tables are replaced.
struct Replaced {
    before: Arc<DataSource>,
    after: DataSource,
    counts: Counts,
}

impl Standpipe {
    /// Puts new tables in the place of a data source's. No write is in flight meanwhile: those that come wait.
    pub(crate) async fn replace_rows(&self, workspace: &Workspace, id: DataSourceId, rows: NewRows) -> Result<()> {
        let closed = self.close_gates(workspace.id, [id]).await?;
        self.replace_rows_closed(&closed, workspace, &[(id, rows)], |_| Ok(Vec::new())).await
    }

    /// Puts new tables in the places of those of data sources whose gates are closed. What `with` decides on the
    /// workspace of that moment is written in the transaction that switches; when it fails, nothing has happened.
    pub(crate) async fn replace_rows_closed(
        &self,
        closed: &Closed,
        workspace: &Workspace,
        rows: &[(DataSourceId, NewRows)],
        with: impl FnOnce(&Workspace) -> Result<Vec<Change>>,
    ) -> Result<()> {
        let nothing = |_| async { Ok(()) };
        self.replace_rows_tried(closed, workspace, rows, nothing, |workspace, ()| with(workspace)).await
    }

    /// The same, but before anything is switched, `tried` finds out on the workspace as it will be, whose new tables are
    /// there by then, whether all that is to follow is possible; `with` is told what it found.
    pub(crate) async fn replace_rows_tried<T, F: Future<Output = Result<T>>>(
        &self,
        closed: &Closed,
        workspace: &Workspace,
        rows: &[(DataSourceId, NewRows)],
        tried: impl FnOnce(Workspace) -> F,
        with: impl FnOnce(&Workspace, T) -> Result<Vec<Change>>,
    ) -> Result<()> {
        let (_, before) = self
            .catalog
            .change(workspace.id, |workspace| {
                let found: Result<Vec<_>> = rows.iter().map(|(id, _)| Ok(current(workspace, *id)?.clone())).collect();
                let found = found?;
                let intents = found.iter().map(|it| Change::PutTable(next_table(it), TableState::Creating)).collect();
                Ok((intents, found))
            })
            .await?;
        let filled = async {
            let mut replaced = Vec::new();
            for (before, (_, rows)) in before.iter().zip(rows) {
                replaced.push(self.fill(workspace, before, rows).await?);
            }
            let mut future = Workspace::clone(workspace);
            for it in &replaced {
                future.put_data_source(Arc::new(it.after.clone()));
            }
            let found = tried(future).await?;
            let (version, ()) = self
                .catalog
                .change(workspace.id, |workspace| Ok((switch(workspace, &replaced, with(workspace, found)?)?, ())))
                .await?;
            Ok((version, replaced))
        };
        let (version, replaced) = match filled.await {
            Ok(filled) => filled,
            Err(error) => {
                for before in &before {
                    self.undo_fill(workspace, next_table(before)).await;
                }
                return Err(error);
            }
        };
        self.settle_views(closed).await;
        let workspace = self.current_workspace(workspace.id)?;
        for it in replaced {
            let state = self.registry.state(it.before.id);
            state.set_counts(it.counts);
            state.wrote(0, 0);
            self.retire(workspace.clone(), it.before.table(), version);
        }
        self.registry.note_write();
        Ok(())
    }

    /// Makes the new tables and fills them. What is left of an earlier try is dropped first.
    async fn fill(&self, workspace: &Workspace, before: &Arc<DataSource>, rows: &NewRows) -> Result<Replaced> {
        let (storage, old, next) = (&self.storage, before.table(), next_table(before));
        storage.faults().check(Fault::AfterIntent)?;
        for left_over in [next.rows(), next.quarantine()] {
            storage.drop_staging(workspace, &left_over).await?;
        }
        let mut after = DataSource { incarnation: next.incarnation, ..DataSource::clone(before) };
        let definition = match &rows.definition {
            None => CheckedDefinition::read(&before.columns, &before.engine)?,
            Some(new) => {
                (after.columns, after.engine) = (new.columns.clone(), new.engine.clone());
                after.updated_at = self.clock.now();
                new.checked.clone()
            }
        };
        storage.create_tables(workspace, next, &definition).await?;
        let (had, mut counts) = (self.registry.state(before.id).counts(), Counts::default());
        let stays = rows.keeps_rows.then(|| old.rows());
        let order = if rows.is_staging_older { [&rows.staging, &stays] } else { [&stays, &rows.staging] };
        for table in order.into_iter().flatten() {
            storage.attach_all(workspace, &next.rows(), table).await?;
            counts.rows += storage.rows(workspace, table).await?;
            storage.faults().check(Fault::BetweenAttaches)?;
        }
        counts.bytes = if rows.keeps_rows { had.bytes } else { 0 };
        if rows.keeps_quarantine {
            storage.attach_all(workspace, &next.quarantine(), &old.quarantine()).await?;
            counts.quarantine_rows = had.quarantine_rows;
        }
        storage.faults().check(Fault::AfterAttach)?;
        storage.faults().check(Fault::BeforeReady)?;
        Ok(Replaced { before: before.clone(), after, counts })
    }

    /// Drops the new tables. Should the engine be gone, the next try or the next start does it.
    async fn undo_fill(&self, workspace: &Workspace, next: PhysicalTable) {
        if self.storage.faults().is_planned() {
            return;
        }
        if let Err(error) = self.storage.undo_creation(&self.catalog, workspace, next).await {
            tracing::warn!(%error, table = next.rows(), "a table that was never used is dropped later");
        }
    }
}

/// The changes by which the filled tables take their places, and `with`.
fn switch(workspace: &Workspace, replaced: &[Replaced], with: Vec<Change>) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    for it in replaced {
        // Only its name and the like can have changed meanwhile.
        let now = current(workspace, it.before.id)?;
        let mut after = DataSource { incarnation: it.after.incarnation, ..DataSource::clone(now) };
        (after.columns, after.engine) = (it.after.columns.clone(), it.after.engine.clone());
        after.updated_at = it.after.updated_at.max(now.updated_at);
        changes.extend([
            Change::PutTable(after.table(), TableState::Live),
            Change::PutTable(now.table(), TableState::Retired),
            Change::PutDataSource(Arc::new(after)),
        ]);
    }
    changes.extend(with);
    Ok(changes)
}

fn next_table(data_source: &DataSource) -> PhysicalTable {
    PhysicalTable { data_source: data_source.id, incarnation: data_source.incarnation + 1 }
}
