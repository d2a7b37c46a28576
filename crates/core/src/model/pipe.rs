//! A pipe: a named list of SQL nodes, one of which may be published.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{DataSourceId, NodeId, PipeId, ResourceName};
use crate::read::NodeSql;

/// A pipe as the catalog knows it. Immutable: a change makes a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipe {
    /// Immutable id; names in SQL and URLs may use it.
    pub id: PipeId,
    /// Current name, unique among the workspace's data sources and pipes.
    pub name: ResourceName,
    /// Markdown; none when never given.
    pub description: Option<String>,
    /// Nodes in order: a node may read the ones before it.
    pub nodes: Vec<Node>,
    /// The node published as an endpoint.
    pub endpoint: Option<NodeId>,
    /// When a node was last published; the creation time before that.
    pub published_at: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One SQL step of a pipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Immutable id.
    pub id: NodeId,
    /// Name, unique within the pipe and different from every data source and pipe.
    pub name: ResourceName,
    /// The SQL as the user wrote it, compiled when it is a template.
    pub sql: NodeSql,
    /// Free text; none when never given.
    pub description: Option<String>,
    /// Where its rows go, when it is materialized.
    pub materialized: Option<DataSourceId>,
    /// How many seconds its answers may be given again while it is the endpoint.
    pub cache_seconds: Option<u32>,
    /// Operational key/values that clients keep here.
    pub tags: BTreeMap<String, String>,
    /// Names read by the SQL (data sources, pipes, earlier nodes), sorted, found when it was saved.
    pub dependencies: Vec<String>,
    /// Template parameters, found when it was saved.
    pub params: Vec<Value>,
    /// Raised by each edit.
    pub version: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Pipe {
    /// The node of this name or id.
    pub fn node(&self, name_or_id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name.as_str() == name_or_id).or_else(|| {
            let id = NodeId::parse(name_or_id)?;
            self.nodes.iter().find(|node| node.id == id)
        })
    }

    /// The published node.
    pub fn endpoint_node(&self) -> Option<&Node> {
        let id = self.endpoint?;
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The node whose rows a query over the pipe's name reads: the published one, else the last.
    pub fn output_node(&self) -> Option<&Node> {
        self.endpoint_node().or_else(|| self.nodes.last())
    }

    /// What the API calls the pipe's `type`.
    pub fn kind(&self) -> &'static str {
        if self.endpoint.is_some() {
            "endpoint"
        } else if self.nodes.iter().any(|node| node.materialized.is_some()) {
            "materialized"
        } else {
            "default"
        }
    }

    /// The first of `<pipe>_0`, `<pipe>_1`… that no node has and `taken` does not refuse.
    pub fn free_node_name(&self, taken: impl Fn(&str) -> bool) -> String {
        (self.nodes.len()..)
            .map(|number| format!("{}_{number}", self.name))
            .find(|name| self.node(name).is_none() && !taken(name))
            .expect("the numbers do not end")
    }
}
