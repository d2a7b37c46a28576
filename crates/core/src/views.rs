//! Materialized views in the engine: what the catalog says, made so.
//!
//! A view is a name and a text that follow from the catalog alone, so that after any crash the engine's views can be
//! compared with what they should be. Whenever a table behind one changes, nobody writes to what feeds it: the gates of all
//! these data sources are closed until the engine's views are the catalog's again.

pub(crate) mod lineage;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use standpipe_clickhouse::{Checked, Sql};
use tokio::sync::{OwnedMutexGuard, OwnedRwLockWriteGuard};

use crate::error::{Error, Result};
use crate::jobs::tables_prefix;
use crate::model::{DataSourceId, Materialization, NodeId, Workspace, WorkspaceId};
use crate::standpipe::Standpipe;

/// Pause before views that could not be made are tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// One lock for each workspace: two changes of its views or of the tables behind them do not meet.
#[derive(Clone, Debug, Default)]
pub(crate) struct ViewLocks(Arc<Mutex<HashMap<WorkspaceId, Arc<tokio::sync::Mutex<()>>>>>);

impl ViewLocks {
    async fn lock(&self, workspace: WorkspaceId) -> OwnedMutexGuard<()> {
        let lock = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(workspace).or_default().clone();
        lock.lock_owned().await
    }
}

/// While it is held, nobody writes to some data sources, nor to what feeds them through views, and no view changes.
#[derive(Debug)]
pub(crate) struct Closed {
    workspace: WorkspaceId,
    _gates: Vec<OwnedRwLockWriteGuard<()>>,
    _views: OwnedMutexGuard<()>,
}

/// A view as the engine has it.
#[derive(Clone, Debug)]
pub(crate) struct EngineView {
    /// Its name.
    pub(crate) name: String,
    /// The table that it fills.
    pub(crate) target: String,
    /// Its query.
    pub(crate) sql: Checked<Sql>,
}

impl Standpipe {
    /// Waits until no write is in flight to these data sources and to what feeds them, and keeps others out.
    pub(crate) async fn close_gates(
        &self,
        workspace: WorkspaceId,
        ids: impl IntoIterator<Item = DataSourceId>,
    ) -> Result<Closed> {
        // First the lock, so that what feeds what stays as it is; then the gates, always in the same order.
        let views = self.views.lock(workspace).await;
        let current = self.current_workspace(workspace)?;
        let mut gates = Vec::new();
        for id in lineage::writers(&current, ids) {
            gates.push(self.registry.state(id).close().await);
        }
        Ok(Closed { workspace, _gates: gates, _views: views })
    }

    /// The workspace as it is now.
    pub(crate) fn current_workspace(&self, id: WorkspaceId) -> Result<Arc<Workspace>> {
        let gone = || Error::internal(format!("workspace {id} is not in the catalog"));
        self.catalog.snapshot().workspace(id).ok_or_else(gone)
    }

    /// The view as the engine should have it.
    pub(crate) async fn engine_view(
        &self,
        workspace: &Workspace,
        node: NodeId,
        view: &Materialization,
    ) -> Result<EngineView> {
        let gone = || Error::DataSourceNotFound { name: view.target.to_string() };
        let target = workspace.data_sources.get(&view.target).ok_or_else(gone)?.table().rows();
        let sql = self.reader.view_sql(workspace, view, &BTreeMap::new()).await?;
        Ok(EngineView { name: name(node, &target, sql.as_str()), target, sql })
    }

    /// Makes the engine's views what the catalog says, however long it takes: until then rows would be lost.
    pub(crate) async fn settle_views(&self, closed: &Closed) {
        while let Err(error) = self.ensure_views(closed.workspace).await {
            tracing::warn!(%error, "materialized views could not be made; it is tried again before rows are taken");
            tokio::select! {
                // The next start does it before it takes rows.
                () = self.stopping.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Makes the views that the engine lacks, then drops those that the catalog does not know. Nothing is dropped while one
    /// is missing that may be made in a moment, nor is a view of a node of which it is not known what its view should be.
    pub(crate) async fn ensure_views(&self, workspace: WorkspaceId) -> Result<()> {
        let workspace = self.current_workspace(workspace)?;
        let existing = self.storage.views(&workspace).await?;
        let (mut expected, mut kept) = (Vec::new(), Vec::new());
        for it in lineage::views(&workspace) {
            match self.engine_view(&workspace, it.node, it.view).await {
                Ok(view) => expected.push(view),
                Err(error) if error.is_passing() => return Err(error),
                // One view that rules have overtaken keeps nobody else from writing.
                Err(error) => {
                    tracing::error!(%error, pipe = %it.pipe.name, "a materialized view cannot be made");
                    kept.push(names_begin(it.node));
                }
            }
        }
        for view in expected.iter().filter(|view| !existing.contains(&view.name)) {
            match self.storage.create_view(&workspace, view).await {
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => tracing::error!(%error, view = view.name, "a materialized view cannot be made"),
                Ok(()) => {}
            }
        }
        let names: BTreeSet<&str> = expected.iter().map(|view| view.name.as_str()).collect();
        let stays = |name: &str| names.contains(name) || kept.iter().any(|begin| name.starts_with(begin));
        for name in existing.iter().filter(|name| !stays(name)) {
            self.storage.drop_view(&workspace, name).await?;
        }
        Ok(())
    }
}

impl Standpipe {
    /// Drops the tables of jobs that have ended, or were never recorded.
    pub(crate) async fn drop_stray_tables(&self, workspace: &Workspace) -> Result<()> {
        let active = self.catalog.store().active_jobs().await?;
        let prefixes: Vec<String> = active.iter().map(|job| tables_prefix(job.id)).collect();
        for table in self.storage.tables_beginning(workspace, "job_").await? {
            if !prefixes.iter().any(|prefix| table.starts_with(prefix)) {
                self.storage.drop_staging(workspace, &table).await?;
            }
        }
        Ok(())
    }
}

/// The node's id, and what tells this text from any other of the node's.
fn name(node: NodeId, target: &str, sql: &str) -> String {
    let digest = Sha256::digest(format!("{target}\n{sql}").as_bytes());
    let mark: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}{mark}", names_begin(node))
}

/// What begins the names of a node's views.
fn names_begin(node: NodeId) -> String {
    format!("{node}_view_")
}
