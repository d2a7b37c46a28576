//! HTTP tests of the product: the real router over the real engine, in process. The files mirror the URLs.
//!
//! Every test makes a [`support::TestApp`], which has metadata and a workspace of its own; the engine process is shared.
//! Expected JSON is written with ids, times and tokens replaced by names (see `support/redact.rs`).

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod support;

mod append;
mod attacks;
mod auth;
mod bombs;
mod cache;
mod compression;
mod connection_files;
mod connectors;
mod copies;
mod copy_crashes;
mod corpus;
mod data;
mod data_sources;
mod definitions;
mod endpoint;
mod errors;
mod events;
mod explain;
mod health;
mod integrations;
mod jobs;
mod limits;
mod materializations;
mod nodes;
mod openapi;
mod parameters;
mod pipes;
mod places;
mod populates;
mod push;
mod reconcile;
mod refusals;
mod row_filters;
mod service_data;
mod sink_accounts;
mod sink_clean_ups;
mod sink_data;
mod sink_roles;
mod sink_runs;
mod sinks;
mod sql;
mod sql_text;
mod streams;
mod templates;
mod tokens;
mod view_rows;
mod walk_through;
