//! A pipe: a named list of SQL nodes, one of which may be published.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{ConnectionId, DataSourceId, NodeId, PipeId, ResourceName};
use crate::read::NodeSql;
use crate::schedules::Schedule;
use crate::sinks::{Compression, FileFormat, WriteStrategy};

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
    /// What its one published node does.
    pub published: Option<Published>,
    /// When a node was last published; the creation time before that.
    pub published_at: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The published node of a pipe and what it does. A pipe has at most one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Which node.
    pub node: NodeId,
    /// What it does.
    #[serde(flatten)]
    pub role: Role,
}

/// What a published node does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Role {
    /// Its rows are read over HTTP.
    Endpoint,
    /// Its rows are copied into a data source when asked for, or by a schedule.
    Copy(CopyRole),
    /// It is applied to each block of rows that comes into a data source, and what it makes of them goes into another.
    Materialized(Materialization),
    /// Its rows are written to a system outside when asked for, or by a schedule.
    Sink(SinkRole),
}

/// Where and when a sink pipe writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkRole {
    /// How the system outside is reached.
    pub connection: ConnectionId,
    /// What is written there.
    pub output: SinkOutput,
    /// When it runs by itself.
    pub schedule: Option<Schedule>,
}

/// What a sink writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkOutput {
    /// Files in object storage.
    Files(FileOutput),
    /// Messages of a Kafka topic.
    Kafka {
        /// The topic.
        topic: String,
    },
}

/// The files of a sink, all parts checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOutput {
    /// `s3://bucket/prefix`.
    pub path: String,
    /// The bucket's region, where the connection does not say it.
    pub region: Option<String>,
    /// The names of files below the path.
    pub file_template: String,
    /// Their format.
    pub format: FileFormat,
    /// How they are compressed.
    pub compression: Compression,
    /// What becomes of files that are there.
    pub write_strategy: WriteStrategy,
}

/// How a copy pipe copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRole {
    /// Where the rows go.
    pub target: DataSourceId,
    /// What becomes of the rows that are there.
    pub mode: CopyMode,
    /// When it runs by itself.
    pub schedule: Option<Schedule>,
}

/// A materialized view: its query as it was when the node was materialized, whatever becomes of the nodes and pipes that it
/// was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Materialization {
    /// Where the rows go.
    pub target: DataSourceId,
    /// The data source whose new rows it takes.
    pub source: DataSourceId,
    /// Every data source that it reads, the source among them.
    pub reads: BTreeSet<DataSourceId>,
    /// The query, with ids of data sources in the places of their tables.
    pub sql: String,
    /// Whether a populate has succeeded, so that one that fails later leaves the view as it is.
    #[serde(default)]
    pub is_populated: bool,
    /// Tells this link of the node from those before and after it, so that what was begun for one does nothing to another.
    /// None where a version made it that knew no such thing.
    #[serde(default)]
    pub link: Option<Uuid>,
}

impl Materialization {
    /// Whether the view reads or fills the data source.
    pub fn touches(&self, id: DataSourceId) -> bool {
        self.target == id || self.reads.contains(&id)
    }
}

/// What a copy does with the rows that its target has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyMode {
    /// They stay.
    #[default]
    Append,
    /// They go, in the moment in which the new ones come.
    Replace,
}

impl CopyMode {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            CopyMode::Append => "append",
            CopyMode::Replace => "replace",
        }
    }

    /// Reads the word, in any letter case.
    pub fn parse(word: &str) -> Option<CopyMode> {
        [CopyMode::Append, CopyMode::Replace].into_iter().find(|mode| mode.as_str().eq_ignore_ascii_case(word.trim()))
    }
}

impl Role {
    /// What the API calls a pipe or node of this role.
    pub fn kind(&self) -> &'static str {
        match self {
            Role::Endpoint => "endpoint",
            Role::Copy(_) => "copy",
            Role::Materialized(_) => "materialized",
            Role::Sink(_) => "sink",
        }
    }

    /// When it runs by itself.
    pub fn schedule(&self) -> Option<&Schedule> {
        match self {
            Role::Endpoint | Role::Materialized(_) => None,
            Role::Copy(copy) => copy.schedule.as_ref(),
            Role::Sink(sink) => sink.schedule.as_ref(),
        }
    }

    /// [`Role::schedule`], to be changed.
    pub fn schedule_mut(&mut self) -> Option<&mut Schedule> {
        match self {
            Role::Endpoint | Role::Materialized(_) => None,
            Role::Copy(copy) => copy.schedule.as_mut(),
            Role::Sink(sink) => sink.schedule.as_mut(),
        }
    }
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

    /// The published node, whatever it does.
    pub fn published_node(&self) -> Option<&Node> {
        let id = self.published.as_ref()?.node;
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The id of the node that is published as an endpoint.
    pub fn endpoint(&self) -> Option<NodeId> {
        self.published.as_ref().filter(|published| published.role == Role::Endpoint).map(|published| published.node)
    }

    /// The node that is published as an endpoint.
    pub fn endpoint_node(&self) -> Option<&Node> {
        self.endpoint().and_then(|_| self.published_node())
    }

    /// How it copies, when it is a copy pipe.
    pub fn copy(&self) -> Option<&CopyRole> {
        match &self.published.as_ref()?.role {
            Role::Copy(copy) => Some(copy),
            Role::Endpoint | Role::Materialized(_) | Role::Sink(_) => None,
        }
    }

    /// The view that it is, when one of its nodes is materialized.
    pub fn materialization(&self) -> Option<&Materialization> {
        match &self.published.as_ref()?.role {
            Role::Materialized(view) => Some(view),
            Role::Endpoint | Role::Copy(_) | Role::Sink(_) => None,
        }
    }

    /// Where it writes, when it is a sink pipe.
    pub fn sink(&self) -> Option<&SinkRole> {
        match &self.published.as_ref()?.role {
            Role::Sink(sink) => Some(sink),
            Role::Endpoint | Role::Copy(_) | Role::Materialized(_) => None,
        }
    }

    /// When it runs by itself.
    pub fn schedule(&self) -> Option<&Schedule> {
        self.published.as_ref()?.role.schedule()
    }

    /// What the node of this id does.
    pub fn role_of(&self, node: NodeId) -> Option<&Role> {
        self.published.as_ref().filter(|published| published.node == node).map(|published| &published.role)
    }

    /// The node whose rows a query over the pipe's name reads: the published one, else the last.
    pub fn output_node(&self) -> Option<&Node> {
        self.published_node().or_else(|| self.nodes.last())
    }

    /// What the API calls the pipe's `type`.
    pub fn kind(&self) -> &'static str {
        self.published.as_ref().map_or("default", |published| published.role.kind())
    }

    /// The first of `<pipe>_0`, `<pipe>_1`… that no node has and `taken` does not refuse.
    pub fn free_node_name(&self, taken: impl Fn(&str) -> bool) -> String {
        (self.nodes.len()..)
            .map(|number| format!("{}_{number}", self.name))
            .find(|name| self.node(name).is_none() && !taken(name))
            .expect("the numbers do not end")
    }
}
