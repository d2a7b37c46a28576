//! The embedded engine as a process of its own: libchdb, served over ClickHouse's HTTP protocol on a Unix socket.
//!
//! It runs whatever statement it is sent, within limits and inside a sandbox; which statements users may send is decided
//! before, by the server's guard. It never opens a network connection, never reads the environment, and knows nothing of
//! workspaces, pipes or tokens. It keeps no state but libchdb's data directory: killing it at any time is safe.
//!
//! Start reading at [`run`]; then `server` (routes and answers), `lane` (who runs where), `query` and `insert` (what a
//! lane thread does), `sandbox`. All unsafe code is in `ffi`.

mod options;
mod process;

mod format;
mod incoming;
mod request;
mod server;
mod statement;

mod analyze;
mod answer;
mod cancel;
mod insert;
mod lane;
mod query;
mod status;
mod ticket;

mod deduplication;
mod engine;
mod exception;
mod ffi;
mod library;
mod sandbox;

mod error;
mod in_process;

pub use error::Error;
pub use in_process::bench_in_process;
pub use library::library_path;
pub use options::{Lane, Lanes, Options, Sandbox};
pub use process::run;
