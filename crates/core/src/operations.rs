//! What callers can do. Each operation begins by checking the caller's rights, decides on the catalog as it is at that
//! moment, and leaves either all of its effect or none.

pub mod connections;
pub mod copies;
pub mod data_sources;
pub mod jobs;
pub mod materializations;
pub(crate) mod new_rows;
pub mod nodes;
pub mod pipes;
pub mod sinks;
pub mod sql_text;
pub mod tokens;
pub mod workspaces;
