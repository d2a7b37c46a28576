//! JSON text: validated in one pass and handed out as slices of itself, never built into values.
//!
//! Numbers keep all their digits this way, an object can go into a String column as it was sent, and a row that is
//! refused can be shown with the text that was found.

mod scan;
mod string;

pub(crate) use scan::{Scanner, Syntax};
pub(crate) use string::{StringBody, unescape_into};

/// What a JSON text is, told from its first byte. The text must be a valid value without space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    pub(crate) fn of(value: &[u8]) -> Kind {
        match value.first() {
            Some(b'"') => Kind::String,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// The kind in words, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "a boolean",
            Kind::Number => "a number",
            Kind::String => "a string",
            Kind::Array => "an array",
            Kind::Object => "an object",
        }
    }
}
