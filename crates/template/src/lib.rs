//! The SQL template language: text to syntax tree, to parameters, to SQL.
//!
//! A node's SQL that begins with `%` is a template: `{{ }}` prints a value, `{% %}` decides and repeats, and both
//! speak a guarded part of Python. This crate parses that language itself; it runs no Python.
//!
//! It is pure: no input or output, no async, no clock but the time limit's. It never looks at the SQL around the tags,
//! and never sees the value of a secret.
//!
//! Start reading at [`Template`]; then `tags` (text to tags), `expr` (Python expressions), `check` (what is allowed),
//! `program` (the compiled form), `eval` (running it) and `functions` (what the language adds to Python).

pub mod batch;
mod builtins;
mod check;
mod error;
mod eval;
mod exception;
mod expr;
mod functions;
mod generated;
mod limits;
mod metadata;
mod methods;
mod names;
mod outcome;
mod params;
mod placeholder;
mod program;
mod py;
mod scope;
mod settings;
mod tables;
mod tags;
mod template;
mod value;
mod whitespace;

pub use error::{Error, ErrorClass, Place};
pub use functions::SAMPLE_NAME;
pub use limits::Limits;
pub use metadata::{MergedParameter, Parameter, merge_parameters};
pub use names::UsedName;
pub use params::{Data, Params};
pub use placeholder::TEXT as SAMPLE_TEXT;
pub use settings::{CacheTtl, Feature, Settings};
pub use template::{CompileOptions, NoSecrets, RenderContext, Rendered, Secrets, Template, template_text};
