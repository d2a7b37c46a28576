//! Python expressions: text to syntax tree.

pub(crate) mod ast;
mod atom;
pub(crate) mod dump;
mod fstring;
mod literal;
mod parse;
mod statement;
pub(crate) mod symbols;
mod token;
pub(crate) mod walk;

pub(crate) use statement::{HeaderError, Parsed, parse_header, parse_statements};
pub(crate) use token::MAX_BRACKETS;

/// Text that is no Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    /// Line within the tag's text, from 1.
    pub(crate) line: u32,
    /// A limit of ours rather than a mistake: expressions nested too deep.
    pub(crate) too_deep: bool,
    pub(crate) indentation: bool,
}

impl SyntaxError {
    pub(crate) fn new(message: impl Into<String>, line: u32) -> Self {
        SyntaxError { message: message.into(), line, too_deep: false, indentation: false }
    }
}
