//! Reading: from a pipe's name or a SQL text to bytes from the engine.
//!
//! The order is always the same: templates render, names become tables, the guard passes the text, the engine runs that
//! text byte for byte.

mod admission;
mod answer;
mod cache;
mod column_types;
mod copying;
mod describe;
mod effort;
mod explain;
mod filters;
mod format;
mod guard;
mod limits;
mod materializing;
mod moving;
mod names;
mod node_sql;
mod overdue;
mod places;
pub(crate) mod rules;
pub(crate) mod run;
mod sinking;
mod user_names;

pub(crate) use user_names::in_names_of;

pub use admission::{ReadFigures, ReadPlaces};
pub use answer::{Answer, Broken, ReadBody, ReadResponse};
pub use copying::CopyQuery;
pub use effort::Effort;
pub(crate) use effort::short_first;
pub use explain::Explained;
pub use format::{Format, OutputSettings};
pub use guard::Guard;
pub use limits::{LimitBook, NarrowLimits, ReadLimits};
pub use materializing::ViewQuery;
pub use node_sql::{NodeSql, TemplateLimits};
pub use overdue::RestartEngine;
pub use run::{Inspected, Query, ReadRules, Reader};
pub(crate) use sinking::RowStream;
pub use sinking::SinkQuery;
