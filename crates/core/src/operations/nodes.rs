//! Append, edit and delete nodes; publish and unpublish endpoints.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pipes::{compile, refuse_node_name};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::{Node, NodeId, Pipe, Published, ResourceName, Role};
use crate::standpipe::Standpipe;

/// A node to add.
#[derive(Clone, Debug, Default)]
pub struct NewNode {
    /// Its name; `<pipe>_<number>` when absent.
    pub name: Option<String>,
    /// Its SQL.
    pub sql: String,
    /// Free text.
    pub description: Option<String>,
    /// What it does.
    pub kind: NodeKind,
    /// Operational key/values.
    pub tags: BTreeMap<String, String>,
    /// How many seconds its answers may be given again while it is the endpoint.
    pub cache_seconds: Option<u32>,
}

/// What a node does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeKind {
    /// A step that others may read.
    #[default]
    Standard,
    /// The pipe's endpoint.
    Endpoint,
    /// What the pipe copies.
    Copy,
    /// The pipe's materialized view.
    Materialized,
    /// What the pipe writes outside.
    Sink,
}

impl NodeKind {
    /// Reads the `type` of the Pipes API, in any letter case; none is `standard`.
    pub fn parse(text: Option<&str>) -> Result<NodeKind> {
        match text.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
            None | Some("" | "standard" | "default") => Ok(NodeKind::Standard),
            Some("endpoint") => Ok(NodeKind::Endpoint),
            Some("copy") => Ok(NodeKind::Copy),
            Some("materialized") => Ok(NodeKind::Materialized),
            Some("sink") => Ok(NodeKind::Sink),
            Some("stream") => Err(Error::bad_request(
                "nodes of type 'stream' cannot be made yet: use standard, endpoint, materialized, copy or sink",
            )),
            Some(other) => Err(Error::bad_request(format!(
                "node type '{other}' is unknown: use standard, endpoint, materialized, copy or sink"
            ))),
        }
    }
}

/// What changes of a node; absent parts stay.
#[derive(Clone, Debug, Default)]
pub struct NodeUpdate {
    /// The new SQL.
    pub sql: String,
    /// The new name.
    pub name: Option<String>,
    /// The new description.
    pub description: Option<String>,
}

impl Standpipe {
    /// Appends a node to a pipe. With [`NodeKind::Endpoint`] it is published by the same change.
    pub async fn append_node(&self, access: &Access, pipe: &str, new: &NewNode) -> Result<(Arc<Pipe>, Node)> {
        access.require_pipe_create()?;
        if let NodeKind::Copy | NodeKind::Sink = new.kind {
            let kind = if new.kind == NodeKind::Copy { "copy" } else { "sink" };
            return Err(Error::bad_request(format!(
                "a node becomes a {kind} node on a route of its own: append it, then POST \
                 /v0/pipes/<pipe>/nodes/<node>/{kind}"
            )));
        }
        let before = self.pipe(access, pipe)?;
        let node = self.new_node(access.workspace(), &before, new, None)?;
        let id = node.id;
        let mut draft = Pipe::clone(&before);
        draft.nodes.push(node);
        let inspected = self.inspect_nodes(access, draft, Some(id)).await?;
        let node = find(&inspected, id)?.clone();
        let publish = new.kind == NodeKind::Endpoint;
        let pipe = self
            .change_pipe(access, before.id, |workspace, pipe| {
                refuse_node_name(workspace, pipe, &node.name, None)?;
                pipe.nodes.push(node.clone());
                if publish {
                    self.publish_in(pipe, id)?;
                }
                Ok(())
            })
            .await?;
        Ok((pipe, node))
    }

    /// Changes a node's SQL, and its name and description where given.
    pub async fn edit_node(
        &self,
        access: &Access,
        pipe: &str,
        node: &str,
        update: &NodeUpdate,
    ) -> Result<(Arc<Pipe>, Node)> {
        access.require_pipe_create()?;
        let before = self.pipe(access, pipe)?;
        let node = named(&before, node)?;
        refuse_materialized(&before, node)?;
        let id = node.id;
        let mut draft = Pipe::clone(&before);
        let edited = find_mut(&mut draft, id)?;
        if let Some(name) = update.name.as_deref().filter(|name| !name.is_empty()) {
            edited.name = ResourceName::parse(name)?;
        }
        if update.description.is_some() {
            edited.description.clone_from(&update.description);
        }
        edited.sql = compile(&edited.name, &update.sql, self.reader.template_limits())?;
        edited.version += 1;
        edited.updated_at = self.clock.now();
        let inspected = self.inspect_nodes(access, draft, Some(id)).await?;
        let edited = find(&inspected, id)?.clone();
        let pipe = self
            .change_pipe(access, before.id, |workspace, pipe| {
                refuse_materialized(pipe, find(pipe, id)?)?;
                if edited.name != find(pipe, id)?.name {
                    refuse_node_name(workspace, pipe, &edited.name, Some(id))?;
                }
                *find_mut(pipe, id)? = edited.clone();
                Ok(())
            })
            .await?;
        Ok((pipe, edited))
    }

    /// Deletes a node. Nodes that read it stay, as the documents say; reading them is an error afterwards.
    pub async fn delete_node(&self, access: &Access, pipe: &str, node: &str) -> Result<()> {
        access.require_pipe_create()?;
        let before = self.pipe(access, pipe)?;
        let id = named(&before, node)?.id;
        self.change_pipe(access, before.id, |_, pipe| {
            let node = find(pipe, id)?;
            if let Some(role) = pipe.role_of(id) {
                let (pipe, node) = (pipe.name.to_string(), node.name.to_string());
                return Err(Error::NodePublished { pipe, node, role: role.kind() });
            }
            pipe.nodes.retain(|node| node.id != id);
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Publishes a node as the pipe's endpoint, in the place of any other.
    pub async fn publish_node(&self, access: &Access, pipe: &str, node: &str) -> Result<Arc<Pipe>> {
        access.require_pipe_create()?;
        let before = self.pipe(access, pipe)?;
        let id = on_endpoint_route(&before, node)?.id;
        self.change_pipe(access, before.id, |_, pipe| {
            find(pipe, id)?;
            self.publish_in(pipe, id)
        })
        .await
    }

    /// Makes the node the pipe's endpoint, unless the pipe does something else.
    fn publish_in(&self, pipe: &mut Pipe, node: NodeId) -> Result<()> {
        refuse_other_role(pipe, &Role::Endpoint)?;
        pipe.published = Some(Published { node, role: Role::Endpoint });
        pipe.published_at = self.clock.now();
        Ok(())
    }

    /// Takes the endpoint back. The node must be the published one.
    pub async fn unpublish_node(&self, access: &Access, pipe: &str, node: &str) -> Result<Arc<Pipe>> {
        access.require_pipe_create()?;
        let before = self.pipe(access, pipe)?;
        let id = on_endpoint_route(&before, node)?.id;
        self.change_pipe(access, before.id, |_, pipe| {
            if pipe.endpoint() != Some(id) {
                let node = find(pipe, id)?;
                return Err(Error::bad_request(format!(
                    "node '{}' is not the endpoint of pipe '{}': nothing to unpublish",
                    node.name, pipe.name
                )));
            }
            pipe.published = None;
            Ok(())
        })
        .await
    }
}

/// Fails when the pipe does something other than `role`: a pipe does one thing.
pub(super) fn refuse_other_role(pipe: &Pipe, role: &Role) -> Result<()> {
    match &pipe.published {
        Some(published) if published.role.kind() == role.kind() => Ok(()),
        _ => refuse_any_role(pipe, role.kind()),
    }
}

/// Fails when the pipe does anything; `asked` is what it should do.
pub(super) fn refuse_any_role(pipe: &Pipe, asked: &'static str) -> Result<()> {
    match (pipe.published.as_ref(), pipe.published_node()) {
        (Some(published), Some(node)) => Err(Error::RoleTaken {
            pipe: pipe.name.to_string(),
            node: node.name.to_string(),
            holds: published.role.kind(),
            asked,
        }),
        _ => Ok(()),
    }
}

/// Fails when the node is materialized: its view does what its SQL says.
fn refuse_materialized(pipe: &Pipe, node: &Node) -> Result<()> {
    match pipe.role_of(node.id) {
        Some(role @ Role::Materialized(_)) => {
            Err(Error::NodePublished { role: role.kind(), pipe: pipe.name.to_string(), node: node.name.to_string() })
        }
        _ => Ok(()),
    }
}

pub(super) fn named<'a>(pipe: &'a Pipe, node: &str) -> Result<&'a Node> {
    pipe.node(node).ok_or_else(|| Error::NodeNotFound { pipe: pipe.name.to_string(), node: node.to_owned() })
}

/// On the endpoint routes the documents call an unknown node a bad request.
pub(super) fn on_endpoint_route<'a>(pipe: &'a Pipe, node: &str) -> Result<&'a Node> {
    pipe.node(node).ok_or_else(|| Error::WrongNode { pipe: pipe.name.to_string(), node: node.to_owned() })
}

pub(super) fn find(pipe: &Pipe, id: NodeId) -> Result<&Node> {
    let gone = || Error::NodeNotFound { pipe: pipe.name.to_string(), node: id.to_string() };
    pipe.nodes.iter().find(|node| node.id == id).ok_or_else(gone)
}

fn find_mut(pipe: &mut Pipe, id: NodeId) -> Result<&mut Node> {
    let name = pipe.name.to_string();
    let gone = || Error::NodeNotFound { pipe: name, node: id.to_string() };
    pipe.nodes.iter_mut().find(|node| node.id == id).ok_or_else(gone)
}
