//! An error that ClickHouse raised, read from a header and the two spellings of its text.

use serde::Deserialize;

use crate::codes;

/// An error that ClickHouse raised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Deserialize)]
#[error("{message}")]
pub struct Exception {
    /// ClickHouse's error code, for example 60; [`codes`] names those the product acts on.
    pub code: i32,
    /// The code's name, for example `UNKNOWN_TABLE`; empty when neither the text nor [`codes`] knows it.
    #[serde(default)]
    pub name: String,
    /// The engine's text as it came, without a trailing line end.
    pub message: String,
}

impl Exception {
    /// Reads an exception from the body of a failed answer; `header_code` wins over the text's.
    /// `None` when neither tells a code.
    pub fn parse(header_code: Option<i32>, body: &str) -> Option<Self> {
        let message = body.trim_end();
        let code = header_code.or_else(|| code_in(message))?;
        Some(Exception {
            code,
            name: name_in(message).unwrap_or(codes::name(code)).to_owned(),
            message: message.to_owned(),
        })
    }

    /// Fills in the name from the code and the text where the other side sent none.
    pub(crate) fn with_name(mut self) -> Self {
        if self.name.is_empty() {
            self.name = name_in(&self.message).unwrap_or(codes::name(self.code)).to_owned();
        }
        self
    }
}

/// The code of `Code: 60. DB::Exception: ...` (new) or `Code: 60, e.displayText() = DB::Exception: ...` (old).
fn code_in(text: &str) -> Option<i32> {
    let after = text.trim_start().strip_prefix("Code: ")?;
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &after[digits..];
    if !(rest.starts_with(". DB::") || rest.starts_with(", e.displayText() = ") || rest.starts_with(". ")) {
        return None;
    }
    after[..digits].parse().ok()
}

/// The name that new servers write in parentheses at the end: `... (UNKNOWN_TABLE) (version 26.7.2.1)`.
fn name_in(text: &str) -> Option<&str> {
    let mut rest = text.trim_end();
    if let Some(cut) = rest.rfind(" (version ") {
        rest = rest[..cut].trim_end();
    }
    let name = rest.strip_suffix(')')?.rsplit_once('(')?.1;
    let is_name = name.len() > 1 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_new_spelling() {
        let text =
            "Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE) (version 24.8.4.13 (official build))\n";
        let exception = Exception::parse(Some(60), text).unwrap();
        assert_eq!((exception.code, exception.name.as_str()), (60, "UNKNOWN_TABLE"));
        assert_eq!(exception.message, text.trim_end());
        assert_eq!(Exception::parse(None, text).unwrap(), exception);
    }

    #[test]
    fn reads_the_old_spelling() {
        let text = "Code: 62, e.displayText() = DB::Exception: Syntax error: failed at position 1: x, e.what() = DB::Exception\n";
        let exception = Exception::parse(None, text).unwrap();
        assert_eq!((exception.code, exception.name.as_str()), (62, "SYNTAX_ERROR"));
    }

    #[test]
    fn a_name_in_the_text_wins_over_the_table() {
        let exception = Exception::parse(None, "Code: 990. DB::Exception: odd (SOMETHING_NEW)").unwrap();
        assert_eq!(exception.name, "SOMETHING_NEW");
        assert_eq!(Exception::parse(Some(990), "odd (see f(x))").unwrap().name, "");
    }

    #[test]
    fn other_text_is_no_exception() {
        for text in ["", "Bad gateway", "Code: x", "Code: 12 things", "<html>Code: 1. DB::Exception: x</html>"] {
            assert_eq!(Exception::parse(None, text), None, "{text}");
        }
        assert_eq!(Exception::parse(Some(7), "").unwrap().code, 7);
    }
}
