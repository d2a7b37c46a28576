//! Sinks: a pipe's rows written as files into object storage.
//!
//! The engine computes rows and the keys of their files; `write` deals them out to files of bounded number and
//! memory, and [`Bucket`] takes the files in parts. Nothing of a run can be seen before all of its rows are read.

mod bucket;
mod claims;
pub mod destination;
mod encode;
mod files;
pub mod format;
mod google;
mod region;
mod removal;
mod role;
mod rows;
mod spool;
pub mod template;
mod write;

pub use bucket::{Bucket, Gate};
pub(crate) use claims::ClaimedKey;
pub use claims::Claims;
pub use destination::Destination;
pub use format::{Compression, FileFormat, WriteStrategy, extension};
pub(crate) use removal::{PATIENCE, Stays, remove_all};
pub use role::AwsIdentity;
pub use template::{FileNames, FileTemplate};
pub(crate) use write::{Begun, Run, write};
