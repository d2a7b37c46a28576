//! What the crate's users see: bodies in, rows and quarantined rows out.

mod csv;
mod engine;
mod json;
mod ndjson;
mod properties;
mod reader;
mod support;
mod types;
