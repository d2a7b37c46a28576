//! Workspaces.

use std::sync::Arc;

use crate::error::Result;
use crate::model::{Workspace, WorkspaceId};
use crate::standpipe::Standpipe;

impl Standpipe {
    /// The workspace that a new installation has, made at the first start. Its database is made by
    /// [`Standpipe::reconcile`].
    pub async fn first_workspace(&self, name: &str) -> Result<Arc<Workspace>> {
        if let Some(workspace) = self.catalog.snapshot().workspaces().next() {
            return Ok(workspace.clone());
        }
        self.record_workspace(name).await
    }

    /// Creates a workspace and its database.
    pub async fn create_workspace(&self, name: &str) -> Result<Arc<Workspace>> {
        // The catalog first: a start makes the databases of all workspaces, so a crash in between leaves no gap.
        let workspace = self.record_workspace(name).await?;
        self.storage.create_database(&workspace).await?;
        Ok(workspace)
    }

    async fn record_workspace(&self, name: &str) -> Result<Arc<Workspace>> {
        let id = WorkspaceId(self.random.uuid());
        let database = format!("{}d_{}", self.database_prefix, id.0.simple());
        let workspace = Workspace::new(id, name.to_owned(), database);
        self.catalog.create_workspace(workspace, self.clock.now()).await
    }
}
