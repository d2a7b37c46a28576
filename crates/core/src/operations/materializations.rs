//! Materialized views: link a node to a target, unlink it, populate it.

mod analysis;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use standpipe_datafile::EngineName;
use uuid::Uuid;

pub use analysis::{Analysis, Warning};

use super::copies::{fit_columns, schedule_change};
use super::data_sources::{NewDataSource, refuse_taken};
use super::new_rows::{NewDefinition, NewRows};
use super::nodes::{NewNode, find, named, refuse_any_role};
use super::pipes::{NewPipe, compile, refuse_node_name};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::jobs::{Job, Origin, PopulateJob, queued, tables_prefix, take_snapshot};
use crate::model::{
    DataSource, DataSourceId, JobId, Materialization, Node, NodeId, Pipe, PipeId, Published, Role, Workspace,
    WorkspaceId,
};
use crate::read::ViewQuery;
use crate::standpipe::Standpipe;
use crate::storage::check_definition;
use crate::store::Change;
use crate::views::{Closed, lineage};

/// How a node is to be materialized.
#[derive(Clone, Debug, Default)]
pub struct MaterializationRequest {
    /// Name or id of the data source where the rows go. It is made when it does not exist.
    pub target: Option<String>,
    /// Whether a target that exists is made anew, from the query's columns.
    pub overrides: bool,
    /// The engine of a target that is made.
    pub engine: Option<String>,
    /// `engine_*` options of a target that is made.
    pub options: BTreeMap<String, String>,
    /// Whether to apply the view to the rows that its source has, and how.
    pub populate: Option<PopulateRequest>,
    /// The request's id.
    pub request_id: String,
}

/// How a view is to be populated.
#[derive(Clone, Debug, Default)]
pub struct PopulateRequest {
    /// Which share of the source's rows.
    pub subset: Option<f64>,
    /// Which of the source's rows.
    pub condition: Option<String>,
    /// Whether the target's rows go first.
    pub truncate: bool,
    /// Whether a failure unlinks the view, although an earlier populate succeeded.
    pub unlink_on_error: bool,
}

/// A node that was materialized.
#[derive(Clone, Debug)]
pub struct Linked {
    /// The pipe.
    pub pipe: Arc<Pipe>,
    /// The node.
    pub node: Node,
    /// Where its rows go.
    pub target: Arc<DataSource>,
    /// Whether the target was made for it.
    pub is_created: bool,
    /// The populate, if one was asked for.
    pub job: Option<Job>,
}

/// All that is known before gates are closed.
struct Plan {
    workspace: WorkspaceId,
    /// The pipe as it was; none for a new one.
    before: Option<Arc<Pipe>>,
    /// The pipe as it will be.
    pipe: Pipe,
    node: NodeId,
    view: Materialization,
    /// What the target is like from now on, when it is overridden.
    definition: Option<NewDefinition>,
    job: Option<Job>,
}

impl Standpipe {
    /// Materializes a node of a pipe; `sql` is its new SQL, if it gets some.
    pub async fn materialize(
        &self,
        access: &Access,
        pipe: &str,
        node: &str,
        sql: Option<&str>,
        request: &MaterializationRequest,
    ) -> Result<Linked> {
        access.require_pipe_create()?;
        let before = self.pipe(access, pipe)?;
        let node = named(&before, node)?;
        let id = node.id;
        refuse_role(&before, id)?;
        let mut draft = Pipe::clone(&before);
        if let Some(sql) = sql {
            let sql = compile(&node.name, sql, self.reader.template_limits())?;
            for node in draft.nodes.iter_mut().filter(|node| node.id == id) {
                node.sql = sql.clone();
                node.version += 1;
                node.updated_at = self.clock.now();
            }
            draft = self.inspect_nodes(access, draft, Some(id)).await?;
        }
        self.link(access, Some(before), draft, id, request).await
    }

    /// Appends a node to a pipe and materializes it, or does nothing.
    pub async fn append_materialized_node(
        &self,
        access: &Access,
        pipe: &str,
        new: &NewNode,
        request: &MaterializationRequest,
    ) -> Result<Linked> {
        access.require_pipe_create()?;
        let before = self.pipe(access, pipe)?;
        let node = self.new_node(access.workspace(), &before, new, None)?;
        let id = node.id;
        refuse_role(&before, id)?;
        let mut draft = Pipe::clone(&before);
        draft.nodes.push(node);
        let draft = self.inspect_nodes(access, draft, Some(id)).await?;
        self.link(access, Some(before), draft, id, request).await
    }

    /// Creates a pipe with a materialized node, or nothing. With `replace` it takes the place of a pipe of the same name,
    /// and so does its view: no row is missed by both.
    pub async fn create_materialized_pipe(
        &self,
        access: &Access,
        new: NewPipe,
        request: &MaterializationRequest,
    ) -> Result<Linked> {
        let (existing, draft, node) = self.draft_with_view(access, &new).await?;
        self.link(access, existing, draft, node, request).await
    }

    /// Links `node` of the pipe as it will be, and puts that pipe in the place of `before`.
    async fn link(
        &self,
        access: &Access,
        before: Option<Arc<Pipe>>,
        pipe: Pipe,
        node: NodeId,
        request: &MaterializationRequest,
    ) -> Result<Linked> {
        let mut workspace = Workspace::clone(access.workspace());
        workspace.put_pipe(Arc::new(pipe.clone()));
        let drafted = access.with_workspace(Arc::new(workspace));
        let query = self.reader.view_query(&drafted, &pipe, find(&pipe, node)?).await?;
        let (target, definition, is_created) = self.target(access, node, &query, request).await?;
        let linked = async {
            let view = Materialization {
                target: target.id,
                source: query.source,
                reads: query.reads,
                sql: query.sql,
                is_populated: false,
                link: Some(self.random.uuid()),
            };
            refuse_circle(access.workspace(), node, &view)?;
            let job = match &request.populate {
                None => None,
                Some(populate) => {
                    let mut workspace = Workspace::clone(access.workspace());
                    workspace.put_data_source(target.clone());
                    let access = access.with_workspace(Arc::new(workspace));
                    let work = self.populate_work(&access, &pipe, node, &view, populate).await?;
                    let work = PopulateJob { truncate: false, is_with_view: true, ..work };
                    Some(self.populate_job(&access, &pipe, work, &request.request_id)?)
                }
            };
            let plan = Plan { workspace: access.workspace().id, before, pipe, node, view, definition, job };
            let standpipe = self.clone();
            self.finish(async move { standpipe.link_closed(plan).await }).await
        };
        match linked.await {
            Ok((pipe, job)) => {
                if let Some(job) = &job {
                    queued(self, job);
                    self.jobs.wake();
                }
                let node = find(&pipe, node)?.clone();
                let target = self.current_workspace(access.workspace().id)?.data_sources.get(&target.id).cloned();
                let target = target.ok_or_else(|| Error::internal("a new view's target is gone"))?;
                Ok(Linked { pipe, node, target, is_created, job })
            }
            Err(error) => {
                if is_created && !self.storage.faults().is_planned() {
                    self.remove_target(access, target.id).await;
                }
                Err(error)
            }
        }
    }

    /// Deletes a target that was made for a view that could not be.
    async fn remove_target(&self, access: &Access, id: DataSourceId) {
        let (standpipe, workspace) = (self.clone(), access.workspace().clone());
        let removed = self.finish(async move { standpipe.delete(&workspace, id, false).await }).await;
        if let Err(error) = removed {
            tracing::warn!(%error, %id, "a data source that was made for a materialized view stays without it");
        }
    }

    /// The target: the data source of this name if it fits, changed if it is to be overridden, new if there is none.
    async fn target(
        &self,
        access: &Access,
        node: NodeId,
        query: &ViewQuery,
        request: &MaterializationRequest,
    ) -> Result<(Arc<DataSource>, Option<NewDefinition>, bool)> {
        let name =
            request.target.as_deref().filter(|name| !name.trim().is_empty()).ok_or_else(|| {
                Error::bad_request("a materialized view needs a target: send datasource=<name or id>")
            })?;
        let workspace = access.workspace();
        let existing = workspace.data_source(name).cloned();
        if let Some(existing) = existing.as_ref().filter(|_| !request.overrides) {
            if existing.engine.name == EngineName::Null {
                return Err(Error::bad_request(format!(
                    "data source '{}' cannot be the target of a materialized view: its engine Null keeps no rows",
                    existing.name
                )));
            }
            let columns = self.storage.columns(workspace, existing.table()).await?;
            fit_columns(&query.columns, &columns, existing.name.as_str())?;
            return Ok((existing.clone(), None, false));
        }
        let (columns, engine) = target::suggest(query, request.engine.as_deref(), &request.options)?;
        match existing {
            None => {
                let new = NewDataSource { name: Some(name.to_owned()), columns, engine, ..NewDataSource::default() };
                Ok((self.make_data_source(access, new).await?, None, true))
            }
            Some(existing) => {
                access.require_data_source_create()?;
                refuse_override(workspace, node, &existing)?;
                let checked = check_definition(self.reader.guard(), access, &columns, &engine).await?;
                Ok((existing, Some(NewDefinition { columns, engine, checked }), false))
            }
        }
    }

    /// Makes the view and records it, with a snapshot for its populate, while nobody writes to anything around it.
    async fn link_closed(&self, plan: Plan) -> Result<(Arc<Pipe>, Option<Job>)> {
        let old = plan.before.as_ref().and_then(|pipe| pipe.materialization());
        let around = [Some(&plan.view), old].into_iter().flatten().flat_map(|view| [view.source, view.target]);
        let around: BTreeSet<DataSourceId> = around.chain(plan.view.reads.iter().copied()).collect();
        let closed = self.close_gates(plan.workspace, around).await?;
        let mut job = plan.job.clone();
        let linked = self.link_in(&closed, &plan, job.as_mut()).await;
        if linked.is_err() && self.storage.faults().is_planned() {
            return Err(linked.err().unwrap_or_else(|| Error::internal("planned failure")));
        }
        self.settle_views(&closed).await;
        self.cancel_stale_populates(&closed, plan.workspace, plan.pipe.id, None).await;
        if let (Err(_), Some(job)) = (&linked, &job) {
            let workspace = self.current_workspace(plan.workspace)?;
            let prefix = tables_prefix(job.id);
            if let Err(error) = self.storage.drop_all(&workspace, &prefix).await {
                tracing::warn!(%error, "a snapshot that nothing uses is dropped at the next start");
            }
        }
        Ok((linked?, job))
    }

    /// Whatever can refuse the view does so before a target that is overridden is touched: its rows go in the transaction
    /// that records the view.
    async fn link_in(&self, closed: &Closed, plan: &Plan, job: Option<&mut Job>) -> Result<Arc<Pipe>> {
        let workspace = self.current_workspace(plan.workspace)?;
        refuse_changed(&workspace, plan)?;
        refuse_circle(&workspace, plan.node, &plan.view)?;
        let now = self.clock.now();
        let published = Published { node: plan.node, role: Role::Materialized(plan.view.clone()) };
        let pipe = Pipe { published: Some(published), published_at: now, updated_at: now, ..plan.pipe.clone() };
        let pipe = Arc::new(pipe);
        let changes = |workspace: &Workspace, job: Option<Change>| -> Result<Vec<Change>> {
            refuse_changed(workspace, plan)?;
            Ok([Change::PutPipe(pipe.clone()), schedule_change(&pipe, now)?].into_iter().chain(job).collect())
        };
        match plan.definition.clone() {
            None => {
                let job = self.make_view(closed, &workspace, plan, job).await?;
                self.catalog.change(plan.workspace, |workspace| Ok((changes(workspace, job)?, ()))).await?;
            }
            Some(definition) => {
                let gone = || Error::DataSourceNotFound { name: plan.view.target.to_string() };
                let existing = workspace.data_sources.get(&plan.view.target).ok_or_else(gone)?;
                refuse_override(&workspace, plan.node, existing)?;
                let rows = [(plan.view.target, NewRows { definition: Some(definition), ..NewRows::default() })];
                let tried = |workspace| async move { self.make_view(closed, &workspace, plan, job).await };
                self.replace_rows_tried(closed, &workspace, &rows, tried, changes).await?;
            }
        }
        Ok(pipe)
    }

    /// Makes the engine's view, and the snapshot for its populate; answers what to record of that.
    async fn make_view(
        &self,
        closed: &Closed,
        workspace: &Workspace,
        plan: &Plan,
        job: Option<&mut Job>,
    ) -> Result<Option<Change>> {
        let gone = || Error::DataSourceNotFound { name: plan.view.source.to_string() };
        let source = workspace.data_sources.get(&plan.view.source).ok_or_else(gone)?;
        let job = match job {
            Some(job) => {
                take_snapshot(self, closed, workspace, source, job).await?;
                Some(Change::PutJob(Box::new(job.clone())))
            }
            None => None,
        };
        let view = self.engine_view(workspace, plan.node, &plan.view).await?;
        self.storage.create_view(workspace, &view).await?;
        if !self.storage.views_over(workspace, &source.table().rows()).await?.contains(&view.name) {
            return Err(Error::bad_request(format!(
                "the engine does not take new rows of data source '{}' for this query: let it stand first in FROM",
                source.name
            )));
        }
        Ok(job)
    }

    /// Takes the view away. The node and its target stay.
    pub async fn unmaterialize(&self, access: &Access, pipe: &str, node: &str) -> Result<()> {
        access.require_pipe_create()?;
        let pipe = self.pipe(access, pipe)?;
        let node = named(&pipe, node)?;
        let link = view_of(&pipe, node)?.link;
        let (standpipe, workspace, pipe, node) = (self.clone(), access.workspace().id, pipe.id, node.id);
        self.finish(async move {
            standpipe.unlink(workspace, pipe, node, link, None).await?;
            standpipe.cancel_waiting_jobs(pipe).await
        })
        .await
    }

    /// Takes a node's view away, if it is still of this link; with it the pipe's populates, except the one that asks.
    pub(crate) async fn unlink(
        &self,
        workspace: WorkspaceId,
        pipe: PipeId,
        node: NodeId,
        link: Option<Uuid>,
        job: Option<JobId>,
    ) -> Result<()> {
        let is_this = |view: &&Materialization| view.link == link;
        let current = self.current_workspace(workspace)?;
        let view = current.pipes.get(&pipe).and_then(|pipe| pipe.materialization()).filter(is_this);
        let Some(view) = view else { return Ok(()) };
        let closed = self.close_gates(workspace, [view.source, view.target]).await?;
        self.catalog
            .change(workspace, |workspace| {
                let linked = workspace
                    .pipes
                    .get(&pipe)
                    .filter(|pipe| pipe.materialization().filter(is_this).is_some() && pipe.role_of(node).is_some());
                let unlinked = linked.map(|pipe| Change::PutPipe(Arc::new(unlinked_pipe(pipe, self.clock.now()))));
                Ok((unlinked.into_iter().collect(), ()))
            })
            .await?;
        self.settle_views(&closed).await;
        self.cancel_stale_populates(&closed, workspace, pipe, job).await;
        Ok(())
    }

    /// Adds the job that applies a view to the rows that its source has.
    pub async fn populate(
        &self,
        access: &Access,
        pipe: &str,
        node: &str,
        request: &PopulateRequest,
        request_id: &str,
    ) -> Result<(Arc<Pipe>, Node, Job)> {
        access.require_pipe_create()?;
        let pipe = self.pipe(access, pipe)?;
        let node = named(&pipe, node)?;
        let view = view_of(&pipe, node)?;
        if request.truncate {
            access.require_data_source_create()?;
        }
        let work = self.populate_work(access, &pipe, node.id, view, request).await?;
        let job = self.populate_job(access, &pipe, work, request_id)?;
        self.add_job(&job).await?;
        Ok((pipe.clone(), node.clone(), job))
    }

    /// What the job does, once what was asked for is found possible.
    async fn populate_work(
        &self,
        access: &Access,
        pipe: &Pipe,
        node: NodeId,
        view: &Materialization,
        request: &PopulateRequest,
    ) -> Result<PopulateJob> {
        if let Some(share) = request.subset.filter(|share| !(*share > 0.0 && *share <= 0.1)) {
            return Err(Error::bad_request(format!(
                "populate_subset '{share}' cannot be used: it must be greater than 0 and at most 0.1, a tenth of the rows"
            )));
        }
        let workspace = access.workspace();
        let gone = || Error::DataSourceNotFound { name: view.source.to_string() };
        let source = workspace.data_sources.get(&view.source).ok_or_else(gone)?;
        if source.engine.name == EngineName::Null {
            return Err(Error::bad_request(format!(
                "the view cannot be populated: its source '{}' has the engine Null, which keeps no rows",
                source.name
            )));
        }
        let condition = match request.condition.as_deref().filter(|_| request.subset.is_none()) {
            Some(condition) => Some(self.reader.populate_condition(access, source, condition).await?),
            None => None,
        };
        Ok(PopulateJob {
            pipe: pipe.id,
            node,
            source: view.source,
            target: view.target,
            link: view.link,
            subset: request.subset,
            condition,
            truncate: request.truncate,
            unlink_on_error: request.unlink_on_error,
            is_with_view: false,
        })
    }

    fn populate_job(&self, access: &Access, pipe: &Pipe, work: PopulateJob, request_id: &str) -> Result<Job> {
        work.job(self, access.workspace(), pipe, Origin::of_request(access, request_id.to_owned()))
    }
}

/// The pipe without its view.
pub(super) fn unlinked_pipe(pipe: &Pipe, now: Timestamp) -> Pipe {
    Pipe { published: None, updated_at: now, ..pipe.clone() }
}

/// The view that the node is. Errors: [`Error::NotMaterialized`].
fn view_of<'a>(pipe: &'a Pipe, node: &Node) -> Result<&'a Materialization> {
    let not = || Error::NotMaterialized { pipe: pipe.name.to_string(), node: node.name.to_string() };
    pipe.materialization().filter(|_| pipe.role_of(node.id).is_some()).ok_or_else(not)
}

/// Fails when the pipe does something already.
fn refuse_role(pipe: &Pipe, node: NodeId) -> Result<()> {
    if matches!(pipe.role_of(node), Some(Role::Materialized(_))) {
        let node = find(pipe, node)?.name.to_string();
        return Err(Error::AlreadyMaterialized { pipe: pipe.name.to_string(), node });
    }
    refuse_any_role(pipe, "materialized")
}

/// Fails when rows of the view's target would come back to what it reads.
fn refuse_circle(workspace: &Workspace, node: NodeId, view: &Materialization) -> Result<()> {
    let back = view.reads.iter().any(|read| lineage::feeds(workspace, view.target, *read, node));
    if !back {
        return Ok(());
    }
    let name = workspace.data_sources.get(&view.target).map(|it| it.name.to_string()).unwrap_or_default();
    Err(Error::bad_request(format!(
        "data source '{name}' cannot be the target: its rows would come back to what the view reads. Name another one"
    )))
}

/// Fails when another view reads or fills a target that is to be overridden.
fn refuse_override(workspace: &Workspace, node: NodeId, target: &DataSource) -> Result<()> {
    let others = lineage::views(workspace).filter(|it| it.node != node && it.view.touches(target.id));
    let others: Vec<String> = others.map(|it| it.pipe.name.to_string()).collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(Error::CannotOverride { name: target.name.to_string(), used_by: others.join(", ") })
}

/// Fails when the pipe is no longer what was looked at, or another resource has one of its names.
fn refuse_changed(workspace: &Workspace, plan: &Plan) -> Result<()> {
    let pipe = &plan.pipe;
    match (workspace.pipes.get(&pipe.id), &plan.before) {
        (Some(now), Some(before)) if Arc::ptr_eq(now, before) => {}
        (None, None) => refuse_taken(workspace, pipe.name.as_str())?,
        _ => return Err(Error::ChangedMeanwhile { name: pipe.name.to_string() }),
    }
    for node in &pipe.nodes {
        refuse_node_name(workspace, pipe, &node.name, Some(node.id))?;
    }
    Ok(())
}
