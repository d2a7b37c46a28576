//! Names as users write them: quoting and unquoting of identifiers and string literals.

use std::fmt;

use crate::keyword::Keyword;
use crate::lexer::is_word_byte;

/// A table name as it was written, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// What stands before the dot, if there is one.
    pub database: Option<String>,
    /// The name itself; a dot inside it was quoted.
    pub name: String,
}

impl TableName {
    /// A name without a database.
    pub fn plain(name: impl Into<String>) -> Self {
        Self { database: None, name: name.into() }
    }

    /// `database.name`.
    pub fn qualified(database: impl Into<String>, name: impl Into<String>) -> Self {
        Self { database: Some(database.into()), name: name.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.database {
            Some(database) => write!(f, "{database}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// An identifier in backticks, with what would end it escaped.
pub(crate) fn quote(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('`');
    for c in name.chars() {
        if matches!(c, '`' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('`');
    quoted
}

/// A text in single quotes, with what would end it escaped.
pub(crate) fn string_literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// An identifier as a person would write it: bare where that is safe, else in backticks.
pub(crate) fn quote_if_needed(name: &str) -> String {
    let bare = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && name.bytes().all(is_word_byte)
        && Keyword::of(name).is_none_or(Keyword::may_be_alias);
    if bare { name.to_owned() } else { quote(name) }
}

/// What a quoted identifier or string literal stands for, with its escapes read as the engine reads them.
///
/// Bytes of `\x..` escapes above 127 cannot be shown in a `str` and become U+FFFD.
pub(crate) fn unquote(raw: &str) -> String {
    let mut chars = raw.chars();
    let Some(opening) = chars.next() else {
        return String::new();
    };
    if !matches!(opening, '\'' | '"' | '`') {
        return raw.to_owned();
    }
    chars.next_back();
    let mut text = String::with_capacity(raw.len());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some('r') => text.push('\r'),
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('0') => text.push('\0'),
                Some('a') => text.push('\u{7}'),
                Some('v') => text.push('\u{b}'),
                Some('e') => text.push('\u{1b}'),
                Some('N') => {}
                Some('x') => {
                    let high = chars.next().and_then(|c| c.to_digit(16));
                    let low = chars.next().and_then(|c| c.to_digit(16));
                    let byte = high.zip(low).map(|(high, low)| high * 16 + low);
                    text.push(byte.filter(|&byte| byte < 128).and_then(char::from_u32).unwrap_or('\u{fffd}'));
                }
                // The engine keeps the backslash of an escape that it does not know, as in regular expressions.
                Some(c) if !matches!(c, '\\' | '\'' | '"' | '`' | '/' | '=') => text.extend(['\\', c]),
                Some(c) => text.push(c),
                None => {}
            },
            c if c == opening => {
                chars.next();
                text.push(c);
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_undone_by_unquoting() {
        for name in ["a", "a b", "it`s", r"back\slash", "a.b", "\u{f1}", ""] {
            assert_eq!(unquote(&quote(name)), name);
        }
    }

    #[test]
    fn escapes_are_read_as_the_engine_reads_them() {
        for (raw, text) in [
            ("'it''s'", "it's"),
            (r"'a\'b'", "a'b"),
            (r"`x\`y`", "x`y"),
            ("`t``a`", "t`a"),
            (r"'\x41\n\d\\'", "A\n\\d\\"),
            ("\"q\"\"z\"", "q\"z"),
        ] {
            assert_eq!(unquote(raw), text, "{raw}");
        }
    }

    #[test]
    fn literals_are_undone_by_unquoting() {
        for text in ["a", "it's", r"back\slash\", "'", ""] {
            assert_eq!(unquote(&string_literal(text)), text);
        }
    }

    #[test]
    fn keywords_and_odd_names_are_quoted() {
        assert_eq!(quote_if_needed("events"), "events");
        assert_eq!(quote_if_needed("final"), "`final`");
        assert_eq!(quote_if_needed("2nd"), "`2nd`");
        assert_eq!(quote_if_needed("a-b"), "`a-b`");
    }
}
