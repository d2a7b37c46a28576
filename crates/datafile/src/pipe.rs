//! `.pipe` files.

mod node;
mod parse;
mod print;

use crate::engine::Engine;
use crate::error::Warning;
use crate::header::{Tags, TokenGrant};
use crate::schedule::Schedule;

pub use parse::{parse_pipe, parse_pipe_with};

/// A pipe as its file defines it. Displays as such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipeFile {
    /// The file's name without folders and extension.
    pub name: String,
    /// What the pipe is about.
    pub description: Option<String>,
    /// Tokens that may read it.
    pub tokens: Vec<TokenGrant>,
    /// Labels and operational settings.
    pub tags: Tags,
    /// Its nodes, at least one, at most one of which is not [`NodeKind::Standard`].
    pub nodes: Vec<NodeDef>,
    /// Keywords that were read over.
    pub warnings: Vec<Warning>,
}

/// A node of a pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDef {
    /// Its name, unique in the pipe and not the pipe's own.
    pub name: String,
    /// What the node is about.
    pub description: Option<String>,
    /// Its SQL; a template if it begins with `%`.
    pub sql: String,
    /// What is made of its result.
    pub kind: NodeKind,
}

/// What is made of a node's result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NodeKind {
    /// Nothing: other nodes read it.
    #[default]
    Standard,
    /// An HTTP endpoint.
    Endpoint(Endpoint),
    /// Rows of a data source, as they arrive.
    Materialized(Materialized),
    /// Rows of a data source, on a schedule.
    Copy(Copy),
    /// Messages or files elsewhere, on a schedule.
    Sink(Sink),
    /// Messages in a Kafka topic, as they arrive.
    Stream(Stream),
}

/// `TYPE endpoint`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// How many seconds an answer may be given again.
    pub cache_seconds: Option<u32>,
}

/// `TYPE materialized`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Materialized {
    /// The data source that rows go to.
    pub datasource: String,
    /// Engine for that data source where it does not exist yet.
    pub engine: Option<Engine>,
    /// `DEPLOYMENT_METHOD alter`: change the view in place instead of filling it anew.
    pub alter: bool,
}

/// `TYPE copy`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copy {
    /// The data source that rows go to.
    pub target: String,
    /// When it runs.
    pub schedule: Schedule,
    /// What happens to the rows that are there.
    pub mode: CopyMode,
    /// Whether it runs on compute of its own; `None` where the file does not say.
    pub on_demand_compute: Option<bool>,
}

/// What a copy does with the rows of its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyMode {
    /// It adds to them.
    #[default]
    Append,
    /// It replaces them.
    Replace,
}

/// `TYPE sink`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// Name of the connection.
    pub connection: String,
    /// When it runs.
    pub schedule: Schedule,
    /// Where rows go.
    pub target: SinkTarget,
}

/// Where a sink's rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkTarget {
    /// A topic of the Kafka connection.
    Kafka {
        /// The topic.
        topic: String,
    },
    /// Files in a bucket.
    Bucket(BucketSink),
}

/// How a sink writes files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketSink {
    /// The bucket and folder, such as `s3://bucket/folder`.
    pub uri: String,
    /// Template of the files' names.
    pub file_template: String,
    /// Format of the files, such as `csv`.
    pub format: Option<String>,
    /// Compression of the files, such as `gz`.
    pub compression: Option<String>,
    /// Which rows are written, such as `@new`.
    pub strategy: Option<String>,
    /// What happens to a file that is there: `new` or `truncate`.
    pub write_strategy: Option<String>,
}

/// `TYPE stream`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Name of the Kafka connection.
    pub connection: Option<String>,
    /// The topic.
    pub topic: Option<String>,
}

impl NodeKind {
    /// The word of a `TYPE` line.
    pub fn as_str(&self) -> &'static str {
        match self {
            NodeKind::Standard => "standard",
            NodeKind::Endpoint(_) => "endpoint",
            NodeKind::Materialized(_) => "materialized",
            NodeKind::Copy(_) => "copy",
            NodeKind::Sink(_) => "sink",
            NodeKind::Stream(_) => "stream",
        }
    }
}

impl CopyMode {
    /// The word of a `COPY_MODE` line.
    pub fn as_str(self) -> &'static str {
        match self {
            CopyMode::Append => "append",
            CopyMode::Replace => "replace",
        }
    }
}
