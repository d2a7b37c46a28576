//! The product's nouns: what a workspace owns, with their ids, names and timestamps.

pub mod connection;
pub mod data_source;
pub mod grant;
pub mod id;
pub mod name;
pub mod pipe;
pub mod timestamp;
pub mod token;
pub mod workspace;

pub use connection::{Connection, Service};
pub use data_source::{DataSource, DataSourceState, PhysicalTable};
pub use grant::{Grant, RowFilter};
pub use id::{ConnectionId, DataSourceId, JobId, NodeId, PipeId, TokenId, WorkspaceId};
pub use name::ResourceName;
pub use pipe::{CopyMode, CopyRole, FileOutput, Materialization, Node, Pipe, Published, Role, SinkOutput, SinkRole};
pub use timestamp::format_timestamp;
pub use token::{Scope, ScopeKind, Token};
pub use workspace::{Resource, Workspace};
