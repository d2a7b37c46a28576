//! What the engine says about a statement without running it.

use serde::Deserialize;

use crate::Exception;

/// The embedded engine's answer to `/analyze`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AnalyzeAnswer {
    /// How many statements the text holds.
    pub statements: u32,
    /// What the text would do: `read_only`, `mutating`, `global`, `control` or `unknown`.
    pub class: String,
    /// The lines of the query tree; only for exactly one read-only statement that the engine could parse.
    #[serde(default)]
    pub query_tree: Option<Vec<String>>,
    /// Why there is no query tree, where the engine refused the text.
    #[serde(default)]
    pub exception: Option<Exception>,
}
