//! Create, change, truncate and delete data sources.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use standpipe_datafile::{ColumnDef, Engine};

use super::materializations::unlinked_pipe;
use super::new_rows::NewRows;
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::{
    DataSource, DataSourceId, DataSourceState, PhysicalTable, Pipe, PipeId, Resource, ResourceName, Scope, Token,
    Workspace,
};
use crate::service_data::{Event, Operation};
use crate::standpipe::Standpipe;
use crate::storage::{CheckedDefinition, Fault, check_definition};
use crate::store::{Change, TableState};
use crate::views::lineage;

/// Pause between tries to undo a creation while the engine is away.
const UNDO_PAUSE: Duration = Duration::from_secs(1);

/// A data source to create.
#[derive(Clone, Debug, Default)]
pub struct NewDataSource {
    /// Its name; one is made up when absent.
    pub name: Option<String>,
    /// Free text.
    pub description: String,
    /// Its columns.
    pub columns: Vec<ColumnDef>,
    /// Its engine.
    pub engine: Engine,
    /// Operational key/values.
    pub tags: BTreeMap<String, String>,
}

/// What changes of a data source; absent parts stay.
#[derive(Clone, Debug, Default)]
pub struct DataSourceUpdate {
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
}

impl Standpipe {
    /// The data source of this name or id, if the caller sees it.
    pub fn data_source(&self, access: &Access, name_or_id: &str) -> Result<Arc<DataSource>> {
        let not_found = || Error::DataSourceNotFound { name: name_or_id.to_owned() };
        let data_source = access.workspace().data_source(name_or_id).ok_or_else(not_found)?;
        if access.sees_data_source(data_source) { Ok(data_source.clone()) } else { Err(not_found()) }
    }

    /// Creates a data source: its tables exist when this returns. When the engine refuses them, nothing is left.
    pub async fn create_data_source(&self, access: &Access, new: NewDataSource) -> Result<Arc<DataSource>> {
        access.require_data_source_create()?;
        self.make_data_source(access, new).await
    }

    /// The same for whoever may do what needs a new data source.
    pub(super) async fn make_data_source(&self, access: &Access, new: NewDataSource) -> Result<Arc<DataSource>> {
        let now = self.clock.now();
        let id = DataSourceId::random(&self.random);
        let name = match &new.name {
            Some(name) => ResourceName::parse(name)?,
            None => ResourceName::parse(&format!("datasource_{}", &id.to_string()[2..10]))?,
        };
        if new.columns.is_empty() {
            return Err(Error::bad_request("a data source needs at least one column: send schema=\"name Type, …\""));
        }
        let definition = check_definition(self.reader.guard(), access, &new.columns, &new.engine).await?;
        let data_source = DataSource {
            id,
            name,
            description: new.description,
            columns: new.columns,
            engine: new.engine,
            tags: new.tags,
            incarnation: 1,
            state: DataSourceState::Creating,
            created_at: now,
            updated_at: now,
        };
        let (standpipe, workspace) = (self.clone(), access.workspace().clone());
        let operation = Operation::begin(&self.service_data, access, Event::Create, &data_source);
        self.finish(async move {
            let made = standpipe.make(&workspace, data_source, &definition).await;
            operation.end(&made);
            made
        })
        .await
    }

    /// Records the intent, makes the tables, marks the data source ready.
    async fn make(
        &self,
        workspace: &Arc<Workspace>,
        data_source: DataSource,
        definition: &CheckedDefinition,
    ) -> Result<Arc<DataSource>> {
        let table = data_source.table();
        let intent = Arc::new(data_source.clone());
        self.catalog
            .change(workspace.id, |workspace| {
                refuse_names_taken(workspace, &intent)?;
                let changes =
                    vec![Change::PutDataSource(intent.clone()), Change::PutTable(table, TableState::Creating)];
                Ok((changes, ()))
            })
            .await?;
        let made = async {
            self.storage.faults().check(Fault::AfterIntent)?;
            self.storage.create_tables(workspace, table, definition).await?;
            self.storage.faults().check(Fault::BeforeReady)
        };
        if let Err(error) = made.await {
            self.unmake(workspace, table).await;
            return Err(error);
        }
        let ready = Arc::new(DataSource { state: DataSourceState::Ready, ..data_source });
        let answer = ready.clone();
        let changes = vec![Change::PutDataSource(ready), Change::PutTable(table, TableState::Live)];
        self.catalog.change(workspace.id, |_| Ok((changes, ()))).await?;
        Ok(answer)
    }

    /// Undoes a creation that failed: at once, or as soon as the engine is back. What the end of the process cuts off,
    /// the next start undoes.
    async fn unmake(&self, workspace: &Arc<Workspace>, table: PhysicalTable) {
        if self.storage.faults().is_planned() {
            return;
        }
        let (catalog, storage, workspace) = (self.catalog.clone(), self.storage.clone(), workspace.clone());
        let undo = move || {
            let (catalog, storage, workspace) = (catalog.clone(), storage.clone(), workspace.clone());
            async move { storage.undo_creation(&catalog, &workspace, table).await }
        };
        if let Err(error) = undo().await {
            tracing::warn!(%error, table = table.rows(), "a data source that failed to be created is removed later");
            self.spawn(async move {
                while undo().await.is_err() {
                    tokio::time::sleep(UNDO_PAUSE).await;
                }
            });
        }
    }

    /// Changes a data source's name or description.
    pub async fn update_data_source(
        &self,
        access: &Access,
        name_or_id: &str,
        update: &DataSourceUpdate,
    ) -> Result<Arc<DataSource>> {
        access.require_data_source_create()?;
        let before = self.data_source(access, name_or_id)?;
        let id = before.id;
        let name = update.name.as_deref().map(ResourceName::parse).transpose()?;
        let rename = name.as_ref().filter(|name| **name != before.name).map(|name| {
            let operation = Operation::begin(&self.service_data, access, Event::Rename, &before);
            operation.option("old_name", before.name.as_str()).option("new_name", name.as_str())
        });
        let updated = self
            .catalog
            .change(access.workspace().id, |workspace| {
                let current = current(workspace, id)?;
                let mut changed = DataSource::clone(current);
                if let Some(name) = name.filter(|name| *name != current.name) {
                    changed.name = name;
                    refuse_names_taken(workspace, &changed)?;
                }
                if let Some(description) = &update.description {
                    changed.description.clone_from(description);
                }
                changed.updated_at = self.clock.now();
                let changed = Arc::new(changed);
                Ok((vec![Change::PutDataSource(changed.clone())], changed))
            })
            .await;
        if let Some(rename) = rename {
            rename.end(&updated);
        }
        Ok(updated?.1)
    }

    /// Empties a data source and its quarantine: a new pair of tables takes the place of the old one, which is dropped
    /// when nothing reads it any more.
    pub async fn truncate_data_source(&self, access: &Access, name_or_id: &str) -> Result<()> {
        access.require_data_source_create()?;
        let data_source = self.data_source(access, name_or_id)?;
        let (standpipe, workspace) = (self.clone(), access.workspace().clone());
        let operation = Operation::begin(&self.service_data, access, Event::Truncate, &data_source);
        let nothing = NewRows::default();
        self.finish(async move {
            let truncated = standpipe.replace_rows(&workspace, data_source.id, nothing).await;
            operation.end(&truncated);
            truncated
        })
        .await
    }

    /// Pipes whose nodes read the data source, or that fill it by a materialized view or a copy, by name.
    pub fn dependent_pipes(&self, access: &Access, data_source: &DataSource) -> Vec<String> {
        let workspace = access.workspace();
        let copies = |pipe: &&Arc<Pipe>| pipe.copy().is_some_and(|copy| copy.target == data_source.id);
        let mut names = readers(workspace, data_source);
        names.extend(lineage::pipes_touching(workspace, data_source.id));
        names.extend(workspace.pipes.values().filter(copies).map(|pipe| pipe.name.to_string()));
        names.sort();
        names.dedup();
        names.retain(|name| workspace.pipe(name).is_some_and(|pipe| access.sees_pipe(pipe)));
        names
    }

    /// Deletes a data source with its quarantine, and the scopes that tokens had on it. A materialized view that reads or
    /// fills it keeps it from being deleted, unless `force`: then the view is unlinked.
    pub async fn delete_data_source(&self, access: &Access, name_or_id: &str, force: bool) -> Result<()> {
        let data_source = self.data_source(access, name_or_id)?;
        access.require_data_source_drop(&data_source)?;
        let (standpipe, workspace) = (self.clone(), access.workspace().clone());
        let operation = Operation::begin(&self.service_data, access, Event::Delete, &data_source);
        self.finish(async move {
            let deleted = standpipe.delete(&workspace, data_source.id, force).await;
            operation.end(&deleted);
            deleted
        })
        .await
    }

    pub(super) async fn delete(&self, workspace: &Arc<Workspace>, id: DataSourceId, force: bool) -> Result<()> {
        let closed = self.close_gates(workspace.id, [id]).await?;
        let (version, (table, pipes)) = self
            .catalog
            .change(workspace.id, |workspace| {
                let current = current(workspace, id)?;
                let views = lineage::pipes_touching(workspace, id);
                if !views.is_empty() && !force {
                    let used_by = format!("the materialized views of {}", views.join(", "));
                    return Err(Error::DataSourceInUse { name: current.name.to_string(), used_by });
                }
                let table = current.table();
                let mut changes = vec![Change::RemoveDataSource(id), Change::PutTable(table, TableState::Retired)];
                changes.extend(without_scopes(workspace, |scope| is_about(scope, id)));
                let unlinked: Vec<_> = lineage::views(workspace).filter(|it| it.view.touches(id)).collect();
                let pipes: Vec<PipeId> = unlinked.iter().map(|it| it.pipe.id).collect();
                let unlinked = unlinked.iter().map(|it| unlinked_pipe(it.pipe, self.clock.now()));
                changes.extend(unlinked.map(|pipe| Change::PutPipe(Arc::new(pipe))));
                Ok((changes, (table, pipes)))
            })
            .await?;
        self.settle_views(&closed).await;
        for pipe in pipes {
            self.cancel_stale_populates(&closed, workspace.id, pipe, None).await;
        }
        self.writer.forget(id);
        self.retire(workspace.clone(), table, version);
        Ok(())
    }

    /// Drops a pair of tables once no request can read them any more. What a crash keeps from being dropped, the next
    /// start drops.
    pub(super) fn retire(&self, workspace: Arc<Workspace>, table: PhysicalTable, version: u64) {
        let (catalog, storage) = (self.catalog.clone(), self.storage.clone());
        self.spawn(async move {
            catalog.wait_until_unseen_before(version).await;
            let forgotten = match storage.faults().check(Fault::AfterRetire) {
                Ok(()) => storage.forget(&catalog, &workspace, table).await,
                planned => planned,
            };
            if let Err(error) = forgotten {
                tracing::warn!(%error, table = table.rows(), "a table that nothing uses is dropped at the next start");
            }
        });
    }
}

pub(super) fn current(workspace: &Workspace, id: DataSourceId) -> Result<&Arc<DataSource>> {
    workspace.data_source(&id.to_string()).ok_or_else(|| Error::DataSourceNotFound { name: id.to_string() })
}

/// Fails when something has the name that the data source is to get, or its quarantine's.
fn refuse_names_taken(workspace: &Workspace, data_source: &DataSource) -> Result<()> {
    refuse_taken(workspace, data_source.name.as_str())?;
    refuse_taken(workspace, &data_source.quarantine_name())
}

/// Fails when a data source, pipe, quarantine or node has the name.
pub(super) fn refuse_taken(workspace: &Workspace, name: &str) -> Result<()> {
    if let Some(taken_by) = workspace.name_taken(name) {
        return Err(Error::NameTaken { taken_by });
    }
    let node = workspace
        .pipes
        .values()
        .find_map(|pipe| pipe.nodes.iter().find(|node| node.name.as_str() == name).map(|_| pipe.name.to_string()));
    match node {
        Some(pipe) => Err(Error::NameTaken { taken_by: format!("node '{name}' in pipe '{pipe}'") }),
        None => Ok(()),
    }
}

/// Names of pipes with a node that reads the data source, sorted.
fn readers(workspace: &Workspace, data_source: &DataSource) -> Vec<String> {
    let reads = |name: &String| {
        matches!(workspace.resource(name),
            Some(Resource::DataSource(read) | Resource::Quarantine(read)) if read.id == data_source.id)
    };
    let reading = |pipe: &&Arc<Pipe>| pipe.nodes.iter().any(|node| node.dependencies.iter().any(reads));
    let mut names: Vec<String> = workspace.pipes.values().filter(reading).map(|pipe| pipe.name.to_string()).collect();
    names.sort();
    names
}

fn is_about(scope: &Scope, id: DataSourceId) -> bool {
    scope.resource() == crate::model::token::ScopeResource::DataSource(id)
}

/// The changes that take scopes away from every token that has them.
pub(super) fn without_scopes(workspace: &Workspace, gone: impl Fn(&Scope) -> bool) -> Vec<Change> {
    let affected = workspace.tokens.values().filter(|token| token.scopes.iter().any(|grant| gone(&grant.scope)));
    affected
        .map(|token| {
            let mut changed = Token::clone(token);
            changed.scopes.retain(|grant| !gone(&grant.scope));
            Change::PutToken(Arc::new(changed))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::model::WorkspaceId;

    fn data_source(id: &str, name: &str) -> DataSource {
        DataSource {
            id: DataSourceId::parse(&format!("t_{id:0>32}")).unwrap(),
            name: ResourceName::parse(name).unwrap(),
            description: String::new(),
            columns: standpipe_datafile::parse_schema("a Int8").unwrap(),
            engine: Engine::default(),
            tags: BTreeMap::new(),
            incarnation: 1,
            state: DataSourceState::Ready,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_name_is_free_when_its_quarantine_is() {
        let mut workspace = Workspace::new(WorkspaceId(Uuid::nil()), "w".to_owned(), "d_1".to_owned());
        workspace.put_data_source(Arc::new(data_source("1", "orders_quarantine")));
        workspace.put_data_source(Arc::new(data_source("2", "events")));
        let refused = |name| refuse_names_taken(&workspace, &data_source("2", name)).map_err(|error| error.to_string());
        assert!(refused("orders").unwrap_err().contains("data source 'orders_quarantine'"));
        assert!(refused("events_quarantine").unwrap_err().contains("quarantine of data source 'events'"));
        assert_eq!(refused("bookings"), Ok(()));
    }
}
