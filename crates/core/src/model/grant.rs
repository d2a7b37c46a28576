//! What a token holds: scopes, some of them for some rows only.

use std::sync::Arc;

use super::Scope;

/// A scope that a token holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What it allows.
    pub scope: Scope,
    /// The rows that it allows to read; all where there is none. Filters of several grants of one scope add up: a row is
    /// seen that one of them lets through.
    pub filter: Option<Arc<RowFilter>>,
}

/// A condition on the rows of a data source or pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFilter {
    /// As the user wrote it.
    pub text: String,
    /// The same with ids in the places of the names in it, so that it goes on meaning what it meant when things are renamed.
    pub bound: String,
}

impl From<Scope> for Grant {
    fn from(scope: Scope) -> Grant {
        Grant { scope, filter: None }
    }
}
