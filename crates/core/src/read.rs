//! Reading: from a pipe's name or a SQL text to bytes from the engine.
//!
//! The order is always the same: templates render, names become tables, the guard passes the text, the engine runs that
//! text byte for byte.

mod copying;
mod explain;
mod format;
mod guard;
mod names;
mod node_sql;
pub(crate) mod rules;
pub(crate) mod run;
mod sinking;

pub use copying::CopyQuery;
pub use explain::Explained;
pub use format::{Format, OutputSettings};
pub use guard::Guard;
pub use node_sql::{NodeSql, TemplateLimits};
pub use run::{Answer, Inspected, Query, ReadLimits, Reader};
pub(crate) use sinking::RowStream;
pub use sinking::SinkQuery;
