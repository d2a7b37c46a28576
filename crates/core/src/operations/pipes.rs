//! Create, replace, change and delete pipes.

use std::sync::Arc;

use super::copies::{CopyRequest, copy_role, schedule_change};
use super::data_sources::{refuse_taken, without_scopes};
use super::nodes::{NewNode, NodeKind};
use super::sinks::{SinkRequest, sink_role};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::token::ScopeResource;
use crate::model::{Node, NodeId, Pipe, PipeId, Published, ResourceName, Role, Workspace};
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
        access.require_pipe_create()?;
        let name = ResourceName::parse(&new.name)?;
        let existing = access.workspace().pipe(name.as_str()).cloned();
        if existing.is_none() || !new.replace {
            refuse_taken(access.workspace(), name.as_str())?;
        }
        let draft = self.draft(access.workspace(), name, &new, existing.as_deref())?;
        let pipe = Arc::new(self.inspect_nodes(access, draft, None).await?);
        if let Some(published) = &pipe.published {
            self.check_copy(access, &pipe, published).await?;
            self.check_new_sink(access, &pipe, published, existing.as_deref()).await?;
        }
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
        self.jobs.wake();
        Ok(pipe)
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
    fn draft(&self, workspace: &Workspace, name: ResourceName, new: &NewPipe, old: Option<&Pipe>) -> Result<Pipe> {
        let now = self.clock.now();
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
            let role = match new_node.kind {
                NodeKind::Standard => None,
                NodeKind::Endpoint => Some(Role::Endpoint),
                NodeKind::Copy => Some(Role::Copy(copy_role(workspace, &new.copy, old.and_then(Pipe::copy))?)),
                NodeKind::Sink => Some(Role::Sink(sink_role(workspace, &new.sink, old.and_then(Pipe::sink))?)),
            };
            if let Some(role) = role {
                if pipe.published.is_some() {
                    return Err(Error::bad_request(format!(
                        "node '{}' is a second {}: a pipe publishes one node",
                        node.name,
                        role.kind()
                    )));
                }
                pipe.published = Some(Published { node: node.id, role });
                pipe.published_at = now;
            }
            pipe.nodes.push(node);
        }
        if let (None, Some(old)) = (&pipe.published, old) {
            pipe.published = kept(old, &pipe);
        }
        Ok(pipe)
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
            materialized: None,
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
        self.catalog
            .change(access.workspace().id, |workspace| {
                if !workspace.pipes.contains_key(&pipe.id) {
                    return Err(Error::PipeNotFound { name: name_or_id.to_owned() });
                }
                let mut changes = vec![Change::RemovePipe(pipe.id)];
                changes.extend(without_scopes(workspace, |scope| scope.resource() == ScopeResource::Pipe(pipe.id)));
                Ok((changes, ()))
            })
            .await?;
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
fn kept(old: &Pipe, new: &Pipe) -> Option<Published> {
    let node = new.node(old.published_node()?.name.as_str())?.id;
    Some(Published { node, role: old.published.as_ref()?.role.clone() })
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
