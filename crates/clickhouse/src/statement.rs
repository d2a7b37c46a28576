//! The two kinds of SQL that may be sent.

use std::marker::PhantomData;

use standpipe_sql::{Checked, Sql};

/// A statement that may be sent to the engine.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// A user's SQL, after the guard.
    Checked(&'a Checked<Sql>),
    /// The product's own SQL.
    Internal(&'a Internal<Sql>),
}

impl Statement<'_> {
    /// The text that is sent, byte for byte.
    pub fn as_str(&self) -> &str {
        match self {
            Statement::Checked(sql) => sql.as_str(),
            Statement::Internal(sql) => sql.as_str(),
        }
    }
}

impl<'a> From<&'a Checked<Sql>> for Statement<'a> {
    fn from(sql: &'a Checked<Sql>) -> Self {
        Statement::Checked(sql)
    }
}

impl<'a> From<&'a Internal<Sql>> for Statement<'a> {
    fn from(sql: &'a Internal<Sql>) -> Self {
        Statement::Internal(sql)
    }
}

/// A statement that the product wrote itself and that therefore bypasses the guard.
///
/// Only `core/src/storage` (and this crate's and the supervisor's own probes) may make one, from text in which every
/// name and value went through [`crate::quote`]. Text of a user never becomes `Internal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Internal<T> {
    text: String,
    kind: PhantomData<T>,
}

impl Internal<Sql> {
    /// Vouches for `text`; see the type for who may do so.
    pub fn new(text: impl Into<String>) -> Self {
        Internal { text: text.into(), kind: PhantomData }
    }

    /// The statement, to be run byte for byte.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
