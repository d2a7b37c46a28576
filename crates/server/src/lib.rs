//! The server: axum's router and handlers, the engine's supervisor, configuration, logs, metrics and the command line.
//!
//! It holds no product logic: what a request means stands in `standpipe-core`. It never opens the engine's library
//! itself; the hidden subcommand `engine` does, in a process of its own.
//!
//! Start reading at [`router`], which lists every route on one screen; [`serve`] is the life of the process.

pub mod app;
pub mod openapi;
pub mod router;

pub mod api;
pub mod caller;
pub mod error;
pub mod fields;
pub mod middleware;
pub mod public_url;
pub mod rate_limit;

pub mod cli;
pub mod config;
pub mod job_cli;
pub mod render;
pub mod sample;
pub mod serve;
pub mod startup;

pub mod data_dir;
pub mod engine_entry;
pub mod engine_process;
pub mod machine;
pub mod metrics;
pub mod telemetry;
