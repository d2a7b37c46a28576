//! Create, replace, change and delete pipes.

use std::sync::Arc;

use super::copies::{CopyRequest, copy_role, schedule_change};
use super::data_sources::{refuse_taken, without_scopes};
use super::nodes::{NewNode, NodeKind};
use super::sinks::{SinkRequest, sink_role};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::token::ScopeResource;
use crate::model::{Node, NodeId, Pipe, PipeId, Published, ResourceName, Role, Workspace, WorkspaceId};
use crate::read::NodeSql;
use crate::standpipe::Standpipe;
use crate::store::Change;

/// A pipe to create.
#[derive(Clone, Debug, Default)]
pub struct NewPipe {
    /// Its name.
    pub name: String,
    /// Markdown.
    pub description: Option<String>,
    /// Its nodes, in order.
    pub nodes: Vec<NewNode>,
    /// Whether it may take the place of a pipe that has the name.
    pub replace: bool,
    /// How it copies, when one of its nodes is a copy node.
    pub copy: CopyRequest,
    /// Where it writes, when one of its nodes is a sink node.
    pub sink: SinkRequest,
}

/// What changes of a pipe; absent parts stay.
#[derive(Clone, Debug, Default)]
pub struct PipeUpdate {
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
}

impl Standpipe {
    /// The pipe of this name or id, if the caller sees it.
    pub fn pipe(&self, access: &Access, name_or_id: &str) -> Result<Arc<Pipe>> {
        let not_found = || Error::PipeNotFound { name: name_or_id.to_owned() };
        let pipe = access.workspace().pipe(name_or_id).ok_or_else(not_found)?;
        if access.sees_pipe(pipe) {
            return Ok(pipe.clone());
        }
        // A token without any right on pipes is told what it lacks; the documents answer 403 here.
        access.require_pipe_read(pipe).map(|()| pipe.clone())
    }

    /// Creates a pipe with its nodes, or nothing. With `replace`, a pipe of the same name keeps its id, and goes on being
    /// an endpoint, a copy or a sink if a node of the published node's name is among the new ones.
    pub async fn create_pipe(&self, access: &Access, new: NewPipe) -> Result<Arc<Pipe>> {
        let (existing, pipe, _) = self.inspected_draft(access, &new).await?;
        let pipe = Arc::new(pipe);
        if let Some(published) = &pipe.published {
            self.check_copy(access, &pipe, published).await?;
            self.check_new_sink(access, &pipe, published, existing.as_deref()).await?;
        }
        // A view that goes, goes while nobody writes.
        let old = existing.as_ref().and_then(|pipe| pipe.materialization());
        let closed = match old.filter(|_| pipe.materialization().is_none()) {
            Some(view) => Some(self.close_gates(access.workspace().id, [view.source, view.target]).await?),
            None => None,
        };
        let (_, pipe) = self
            .catalog
            .change(access.workspace().id, |workspace| {
                // The catalog may have changed while the nodes were inspected.
                match (workspace.pipe(pipe.name.as_str()), &existing) {
                    (Some(now), Some(before)) if Arc::ptr_eq(now, before) => {}
                    (Some(now), Some(before)) if now.id == before.id => {
                        return Err(Error::ChangedMeanwhile { name: pipe.name.to_string() });
                    }
                    _ => refuse_taken(workspace, pipe.name.as_str())?,
                }
                for node in &pipe.nodes {
                    if let Some(taken_by) = workspace.name_taken(node.name.as_str()) {
                        return Err(Error::NameTaken { taken_by });
                    }
                }
                let next_run = schedule_change(&pipe, self.clock.now())?;
                Ok((vec![Change::PutPipe(pipe.clone()), next_run], pipe))
            })
            .await?;
        if let Some(closed) = closed {
            self.settle_views(&closed).await;
            self.cancel_stale_populates(&closed, access.workspace().id, pipe.id, None).await;
        }
        self.jobs.wake();
        Ok(pipe)
    }

    /// The pipe whose place a new one takes, if there is one; the new one as it will be; its node that is to be
    /// materialized.
    async fn inspected_draft(
        &self,
        access: &Access,
        new: &NewPipe,
    ) -> Result<(Option<Arc<Pipe>>, Pipe, Option<NodeId>)> {
        access.require_pipe_create()?;
        let name = ResourceName::parse(&new.name)?;
        let existing = access.workspace().pipe(name.as_str()).cloned();
        if existing.is_none() || !new.replace {
            refuse_taken(access.workspace(), name.as_str())?;
        }
        let (draft, materialized) = self.draft(access.workspace(), name, new, existing.as_deref())?;
        Ok((existing, self.inspect_nodes(access, draft, None).await?, materialized))
    }

    /// The same for a pipe one of whose nodes is to be materialized.
    pub(super) async fn draft_with_view(
        &self,
        access: &Access,
        new: &NewPipe,
    ) -> Result<(Option<Arc<Pipe>>, Pipe, NodeId)> {
        let (existing, draft, node) = self.inspected_draft(access, new).await?;
        let node = node.ok_or_else(|| Error::bad_request("none of the pipe's nodes is of type 'materialized'"))?;
        Ok((existing, draft, node))
    }

    /// The nodes of another pipe, to make a copy of it.
    pub fn nodes_of(&self, access: &Access, name_or_id: &str) -> Result<Vec<NewNode>> {
        let source = self.pipe(access, name_or_id)?;
        let copy = |node: &Node| NewNode {
            name: Some(node.name.to_string()),
            sql: node.sql.as_str().to_owned(),
            description: node.description.clone(),
            kind: NodeKind::Standard,
            tags: node.tags.clone(),
            cache_seconds: node.cache_seconds,
        };
        Ok(source.nodes.iter().map(copy).collect())
    }

    /// The pipe as it will be, before its SQL is inspected.
    fn draft(
        &self,
        workspace: &Workspace,
        name: ResourceName,
        new: &NewPipe,
        old: Option<&Pipe>,
    ) -> Result<(Pipe, Option<NodeId>)> {
        let now = self.clock.now();
        let mut materialized = None;
        let mut pipe = Pipe {
            id: old.map_or_else(|| PipeId::random(&self.random), |old| old.id),
            name,
            description: new.description.clone().or_else(|| old.and_then(|old| old.description.clone())),
            nodes: Vec::new(),
            published: None,
            published_at: old.map_or(now, |old| old.published_at),
            created_at: old.map_or(now, |old| old.created_at),
            updated_at: now,
        };
        for new_node in &new.nodes {
            let node = self.new_node(workspace, &pipe, new_node, old)?;
            let is_second = pipe.published.is_some() || materialized.is_some();
            let role = match new_node.kind {
                NodeKind::Standard => None,
                NodeKind::Materialized => {
                    if is_second {
                        return Err(second(&node, "materialized"));
                    }
                    materialized = Some(node.id);
                    None
                }
                NodeKind::Endpoint => Some(Role::Endpoint),
                NodeKind::Copy => Some(Role::Copy(copy_role(workspace, &new.copy, old.and_then(Pipe::copy))?)),
                NodeKind::Sink => Some(Role::Sink(sink_role(workspace, &new.sink, old.and_then(Pipe::sink))?)),
            };
            if let Some(role) = role {
                if is_second {
                    return Err(second(&node, role.kind()));
                }
                pipe.published = Some(Published { node: node.id, role });
                pipe.published_at = now;
            }
            pipe.nodes.push(node);
        }
        if let (None, None, Some(old)) = (&pipe.published, materialized, old) {
            pipe.published = kept(old, &pipe);
        }
        Ok((pipe, materialized))
    }

    /// A node from what a caller sent. One that takes the place of a node of the same name keeps that one's id.
    pub(super) fn new_node(
        &self,
        workspace: &Workspace,
        pipe: &Pipe,
        new: &NewNode,
        old_pipe: Option<&Pipe>,
    ) -> Result<Node> {
        let name = match new.name.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => ResourceName::parse(name)?,
            None => ResourceName::parse(&pipe.free_node_name(|name| workspace.name_taken(name).is_some()))?,
        };
        refuse_node_name(workspace, pipe, &name, None)?;
        let now = self.clock.now();
        let old = old_pipe.and_then(|old| old.nodes.iter().find(|node| node.name == name));
        Ok(Node {
            id: old.map_or_else(|| NodeId::random(&self.random), |old| old.id),
            sql: compile(&name, &new.sql, self.reader.template_limits())?,
            name,
            description: new.description.clone(),
            cache_seconds: new.cache_seconds,
            tags: new.tags.clone(),
            dependencies: Vec::new(),
            params: Vec::new(),
            version: old.map_or(0, |old| old.version + 1),
            created_at: old.map_or(now, |old| old.created_at),
            updated_at: now,
        })
    }

    /// Inspects the pipe's nodes (only one, when `only` is given) as part of the workspace that they will be in, and
    /// answers the pipe with what was found.
    pub(super) async fn inspect_nodes(&self, access: &Access, mut pipe: Pipe, only: Option<NodeId>) -> Result<Pipe> {
        let mut workspace = Workspace::clone(access.workspace());
        workspace.put_pipe(Arc::new(pipe.clone()));
        let access = access.with_workspace(Arc::new(workspace));
        let draft = access
            .workspace()
            .pipes
            .get(&pipe.id)
            .cloned()
            .ok_or_else(|| Error::internal("a pipe that was just put into its workspace is not there"))?;
        for (node, found) in pipe.nodes.iter_mut().zip(&draft.nodes) {
            if only.is_none_or(|only| only == node.id) {
                let inspected = self.reader.inspect_node(&access, &draft, found).await?;
                node.dependencies = inspected.dependencies;
                node.params = inspected.params;
            }
        }
        Ok(pipe)
    }

    /// Changes a pipe's name or description.
    pub async fn update_pipe(&self, access: &Access, name_or_id: &str, update: &PipeUpdate) -> Result<Arc<Pipe>> {
        access.require_pipe_create()?;
        let id = self.pipe(access, name_or_id)?.id;
        let name = update.name.as_deref().filter(|name| !name.is_empty()).map(ResourceName::parse).transpose()?;
        self.change_pipe(access, id, |workspace, pipe| {
            if let Some(name) = name.filter(|name| *name != pipe.name) {
                refuse_taken(workspace, name.as_str())?;
                pipe.name = name;
            }
            if update.description.is_some() {
                pipe.description.clone_from(&update.description);
            }
            Ok(())
        })
        .await
    }

    /// Deletes a pipe with its nodes, and the scopes that tokens had on it. Its jobs that have not begun are cancelled.
    pub async fn delete_pipe(&self, access: &Access, name_or_id: &str) -> Result<()> {
        let pipe = self.pipe(access, name_or_id)?;
        access.require_pipe_drop(&pipe)?;
        let (standpipe, workspace) = (self.clone(), access.workspace().id);
        self.finish(async move { standpipe.remove_pipe(workspace, &pipe).await }).await
    }

    async fn remove_pipe(&self, workspace: WorkspaceId, pipe: &Pipe) -> Result<()> {
        let closed = match pipe.materialization() {
            Some(view) => Some(self.close_gates(workspace, [view.source, view.target]).await?),
            None => None,
        };
        self.catalog
            .change(workspace, |workspace| {
                let gone = || Error::PipeNotFound { name: pipe.name.to_string() };
                let current = workspace.pipes.get(&pipe.id).ok_or_else(gone)?;
                if current.materialization().is_some() && closed.is_none() {
                    return Err(Error::ChangedMeanwhile { name: pipe.name.to_string() });
                }
                let mut changes = vec![Change::RemovePipe(pipe.id)];
                changes.extend(without_scopes(workspace, |scope| scope.resource() == ScopeResource::Pipe(pipe.id)));
                Ok((changes, ()))
            })
            .await?;
        if let Some(closed) = closed {
            self.settle_views(&closed).await;
        }
        self.cancel_waiting_jobs(pipe.id).await
    }

    /// Changes a pipe as it is at that moment.
    pub(super) async fn change_pipe(
        &self,
        access: &Access,
        id: PipeId,
        change: impl FnOnce(&Workspace, &mut Pipe) -> Result<()>,
    ) -> Result<Arc<Pipe>> {
        let (_, pipe) = self
            .catalog
            .change(access.workspace().id, |workspace| {
                let current = workspace.pipes.get(&id).ok_or_else(|| Error::PipeNotFound { name: id.to_string() })?;
                let mut pipe = Pipe::clone(current);
                change(workspace, &mut pipe)?;
                pipe.updated_at = self.clock.now();
                let pipe = Arc::new(pipe);
                Ok((vec![Change::PutPipe(pipe.clone())], pipe))
            })
            .await?;
        Ok(pipe)
    }
}

/// What a pipe goes on doing when its nodes are replaced: what it did, if the published node's name is among the new ones.
/// A view does what its node's SQL says, so it goes when that is another.
fn kept(old: &Pipe, new: &Pipe) -> Option<Published> {
    let before = old.published_node()?;
    let node = new.node(before.name.as_str())?;
    let role = old.published.as_ref()?.role.clone();
    let is_same = !matches!(role, Role::Materialized(_)) || node.sql == before.sql;
    is_same.then_some(Published { node: node.id, role })
}

/// The error for a node that would make its pipe do two things.
fn second(node: &Node, role: &str) -> Error {
    Error::bad_request(format!("node '{}' is a second {role}: a pipe publishes one node", node.name))
}

/// Compiles a node's SQL; text without any SQL in it is refused.
pub(super) fn compile(name: &ResourceName, sql: &str, limits: &crate::read::TemplateLimits) -> Result<NodeSql> {
    if sql.trim().is_empty() {
        return Err(Error::bad_request(format!("node '{name}' has no SQL: send the query as the body")));
    }
    NodeSql::new(name.as_str(), sql, limits)
}

/// Fails when a node of this pipe, a data source or a pipe has the name. `except` is the node that is being renamed.
pub(super) fn refuse_node_name(
    workspace: &Workspace,
    pipe: &Pipe,
    name: &ResourceName,
    except: Option<NodeId>,
) -> Result<()> {
    if let Some(taken_by) = workspace.name_taken(name.as_str()) {
        return Err(Error::NameTaken { taken_by });
    }
    if *name == pipe.name {
        return Err(Error::NameTaken { taken_by: format!("pipe '{name}'") });
    }
    if pipe.nodes.iter().any(|node| node.name == *name && Some(node.id) != except) {
        return Err(Error::NameTaken { taken_by: format!("node '{name}' in pipe '{}'", pipe.name) });
    }
    Ok(())
}
