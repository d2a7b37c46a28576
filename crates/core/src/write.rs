//! Writing: from a request's body to rows that the engine has acknowledged.
//!
//! A body is decoded against the data source's schema before anything is sent, so counts and quarantine reasons are
//! exact. Every insert carries a token, so that an insert whose outcome is unknown can be sent again and is stored once.

mod append;
mod decode;
mod registry;

pub use append::{AppendFormat, AppendRequest, Appended, Compression, WriteLimits, Writer};
pub use registry::{Counts, DataSourceState as WriteState, Registry};
