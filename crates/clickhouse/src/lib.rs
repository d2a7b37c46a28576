//! Client of ClickHouse's HTTP protocol, over a Unix socket (the embedded engine) or TCP (a ClickHouse server).
//!
//! It never sends a bare string as a statement: [`Statement`] holds SQL that the guard has passed ([`Checked`]) or SQL
//! that only the product's own DDL code makes ([`Internal`]). It never retries, never times a query out by itself, and
//! treats an absent header as unknown.
//!
//! Start reading at [`Client::query`] in `client.rs`; what can go wrong is in `error.rs`; text that goes into SQL is
//! quoted in `quote.rs` and nowhere else.

mod client;
mod statement;
mod transport;

mod analyze;
mod body;
mod options;
mod response;
mod status;
mod summary;

pub mod codes;
mod error;
mod exception;
pub mod quote;

pub use analyze::AnalyzeAnswer;
pub use body::Body;
pub use client::{Client, Progress, Server};
pub use error::Error;
pub use exception::Exception;
pub use options::{Lane, QueryOptions};
pub use response::QueryResponse;
pub use statement::{Internal, Statement};
pub use status::{EngineStatus, LaneStatus, SandboxStatus};
pub use summary::Summary;
pub use transport::AnswerBody;

pub use standpipe_sql::{Checked, Sql};
