//! The product: workspaces, data sources, pipes, tokens, and what can be done with them.
//!
//! It knows no HTTP and no status codes, reads neither clock nor environment by itself, and sends the engine only SQL that
//! the guard has passed or that `storage` has made.
//!
//! Start reading at [`Standpipe`] (what there is), then `operations` (what callers can do), `catalog` (how everything is
//! kept in memory and on disk), `read` and `write`. What the server tells about itself is `service_data`.

mod standpipe;

pub mod access;
pub mod catalog;
pub mod jobs;
pub mod model;
pub mod operations;
pub mod outbound;
pub mod read;
pub mod schedules;
pub mod service_data;
pub mod sinks;
pub mod storage;
pub mod store;
pub mod write;

mod views;

mod clock;
mod dialect;
mod error;

pub use clock::{Clock, Random};
pub use error::{Error, ErrorCode, Result};
pub use standpipe::{Parts, Standpipe};
