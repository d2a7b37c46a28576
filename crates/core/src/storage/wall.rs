//! The second wall before a CREATE TABLE runs: whatever went wrong before, a text that does not have the shape of our own
//! statement is not sent. It knows nothing of how the text was made, only what it must look like.

use standpipe_datafile::EngineName;
use standpipe_sql::{TokenKind, tokenize};

use crate::error::{Error, Result};

/// Words that may stand outside of brackets.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "CREATE", "TABLE", "IF", "NOT", "EXISTS", "ENGINE", "PARTITION", "ORDER", "PRIMARY", "SAMPLE", "BY", "KEY", "TTL",
    "SETTINGS", "tuple", "toYYYYMM",
];

/// Passes a CREATE TABLE of ours, or says what in it is not.
pub(super) fn check(sql: &str) -> Result<()> {
    look(sql)
        .map_err(|found| Error::bad_request(format!("the definition cannot be used: its table would have {found}")))
}

fn look(sql: &str) -> std::result::Result<(), String> {
    let (mut depth, mut engines, mut settings) = (0_usize, 0, false);
    for token in tokenize(sql) {
        let raw = &sql[token.span];
        check_anywhere(token.kind, raw)?;
        match token.kind {
            kind if kind.is_opening() && settings => return Err(format!("\"{raw}\" among its settings")),
            kind if kind.is_opening() => depth += 1,
            kind if kind.is_closing() => depth = depth.checked_sub(1).ok_or("a bracket too many")?,
            TokenKind::Whitespace => {}
            _ if depth > 0 => {}
            kind if !settings => check_outside(kind, raw)?,
            kind => check_setting(kind, raw)?,
        }
        if depth == 0 && token.kind == TokenKind::BareWord {
            engines += usize::from(raw.eq_ignore_ascii_case("ENGINE"));
            settings |= raw == "SETTINGS";
        }
    }
    match (depth, engines) {
        (0, 1) => Ok(()),
        (0, _) => Err(format!("{engines} engines")),
        _ => Err("a bracket that is never closed".to_owned()),
    }
}

fn check_anywhere(kind: TokenKind, raw: &str) -> std::result::Result<(), String> {
    let quoted = kind.is_string() || kind == TokenKind::QuotedIdentifier;
    match kind {
        TokenKind::Comment => Err("a comment".to_owned()),
        TokenKind::HereDoc | TokenKind::DollarSign => Err("a heredoc".to_owned()),
        TokenKind::Semicolon | TokenKind::VerticalDelimiter => Err("a second statement".to_owned()),
        TokenKind::BareWord if raw.eq_ignore_ascii_case("SELECT") => Err("a query".to_owned()),
        kind if kind.is_error() => Err(format!("\"{raw}\"")),
        _ if quoted && raw.contains(char::is_control) => Err("a control character between quotes".to_owned()),
        _ if !quoted && !raw.is_ascii() => Err(format!("\"{raw}\"")),
        // Typographic quotes delimit strings, too.
        _ if quoted && !raw.starts_with(|c: char| c.is_ascii()) => Err(format!("\"{raw}\"")),
        _ => Ok(()),
    }
}

fn check_outside(kind: TokenKind, raw: &str) -> std::result::Result<(), String> {
    let known = match kind {
        TokenKind::BareWord => WORDS.contains(&raw) || EngineName::ALL.iter().any(|name| name.as_str() == raw),
        TokenKind::QuotedIdentifier | TokenKind::Dot | TokenKind::Equals => true,
        _ => false,
    };
    if known { Ok(()) } else { Err(format!("\"{raw}\" outside of brackets")) }
}

/// Behind SETTINGS: names, numbers and words in quotes.
fn check_setting(kind: TokenKind, raw: &str) -> std::result::Result<(), String> {
    use TokenKind::{BareWord, Comma, Equals, Number, StringLiteral};
    let word = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let known = match kind {
        BareWord => word(raw),
        StringLiteral => word(raw.trim_matches('\'')),
        kind => matches!(kind, Comma | Equals | Number),
    };
    if known { Ok(()) } else { Err(format!("\"{raw}\" among its settings")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "CREATE TABLE IF NOT EXISTS `d`.`t`\n(\n    `a` Int8 DEFAULT (engine = 'x')\n)\n\
        ENGINE = MergeTree PARTITION BY (a) ORDER BY tuple() SETTINGS index_granularity = 1, m = 'drop'";

    #[test]
    fn our_statement_passes() {
        assert!(look(GOOD).is_ok(), "{:?}", look(GOOD));
    }

    #[test]
    fn what_is_not_ours_does_not() {
        for (from, to) in [
            ("Int8", "Int8 -- x\n"),
            ("Int8", "Int8 // x\n"),
            ("Int8", "Int8 # x\n"),
            ("Int8", "Int8 /* x */"),
            ("'x'", "$x$ a $x$"),
            ("'x'", "'x\ny'"),
            ("'x'", "\u{2018}x\u{2019}"),
            ("`a`", "`a\n`"),
            ("(a)", "(a) ENGINE = Memory"),
            ("Int8", "Int8) ENGINE = Memory ("),
            ("ORDER", "AS SELECT"),
            ("(a)", "(SELECT 1)"),
            ("(a)", "(a) AS d.t"),
            ("(a)", "(a))"),
            ("(a)", "(a"),
            ("(a)", "(a;)"),
            ("(a)", "(a), b"),
            ("MergeTree", "URL('http://x')"),
            ("MergeTree", "Memory"),
            ("'drop'", "disk(x)"),
            ("'drop'", "'/etc'"),
            ("m = ", "m = 1 AS "),
            ("m = ", "m = 1 COMMENT "),
        ] {
            let sql = GOOD.replace(from, to);
            assert!(look(&sql).is_err(), "{sql}");
        }
    }
}
