//! Why a text was not accepted.

use std::fmt;

/// A refusal: what is wrong, where, and what to do about it.
///
/// `Display` prints the message and, where known, the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal this is; a caller maps it to its own error code.
    pub kind: RefusalKind,
    /// One lower-case sentence without a full stop.
    pub message: String,
    /// Line in the refused text, from 1; 0 where the refusal is about no single place.
    pub line: usize,
    /// Column in that line, in characters, from 1; 0 where the refusal is about no single place.
    pub column: usize,
    /// A full sentence with an action, where there is one to give.
    pub hint: Option<String>,
}

/// The closed list of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The text is not one complete SQL statement.
    Syntax,
    /// It is SQL, but of a kind that users may not send: a statement, clause, setting, function or table function.
    NotAllowed,
    /// A table name that stands for nothing.
    UnknownTable,
    /// A table that exists but that this caller may not read.
    Forbidden,
    /// More bytes or deeper nesting than the limit.
    TooLong,
    /// Pipes or nodes that need each other.
    Cycle,
}

impl Refusal {
    /// A refusal that is about no single place.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), line: 0, column: 0, hint: None }
    }

    /// The same with its place: a byte offset in the text it is about.
    #[must_use]
    pub fn at(mut self, sql: &str, offset: usize) -> Self {
        let before = &sql[..sql.floor_char_boundary(offset)];
        self.line = 1 + before.matches('\n').count();
        self.column = 1 + before.rsplit('\n').next().map_or(0, |line| line.chars().count());
        self
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn syntax(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Syntax, message)
    }

    pub(crate) fn not_allowed(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotAllowed, message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.line > 0 {
            write!(f, " (line {}, column {})", self.line, self.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
