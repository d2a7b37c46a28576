//! The allow-lists: everything that is not on them is refused. Each entry says why it may pass.

pub(crate) mod functions;
pub(crate) mod nodes;
pub(crate) mod settings;
pub(crate) mod statements;
pub(crate) mod table_functions;
