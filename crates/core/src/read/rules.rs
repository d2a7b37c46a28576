//! What each door lets a statement be.

use standpipe_sql::StatementRules;

/// Longest SQL that any door takes once templates are rendered, in bytes. What a request may send is bounded before.
const MAX_LENGTH: usize = 1 << 20;

/// SQL of a request: it may name its format and settings.
pub(crate) const QUERY: StatementRules =
    StatementRules { max_length: MAX_LENGTH, may_format: true, may_settings: true };

/// SQL of a node: the request that reads it decides on format and settings.
pub(crate) const NODE: StatementRules =
    StatementRules { max_length: MAX_LENGTH, may_format: false, may_settings: false };

/// An expression inside a definition.
pub(crate) const EXPRESSION: StatementRules =
    StatementRules { max_length: 8 << 10, may_format: false, may_settings: false };
