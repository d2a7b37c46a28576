//! What the query tree cannot show, because it prints some texts as they are or not at all.

use crate::allow::statements::SELECT_WORDS;
use crate::guard::Policy;
use crate::keyword::Keyword;
use crate::name::unquote;
use crate::refusal::Refusal;
use crate::text::{Text, short};
use crate::token::TokenKind;

/// Refuses texts whose tree could be misread.
pub(super) fn check(text: &Text<'_>, policy: &Policy) -> Result<(), Refusal> {
    let begins = SELECT_WORDS.iter().any(|(word, _)| text.is_word(0, word));
    if !begins && text.raw(0) != "(" {
        return Err(text.unexpected(0, "SELECT"));
    }
    let mut settings_end = 0;
    for at in 0..text.len() {
        if text.is_keyword(at, Keyword::Settings) && text.is(at + 2, TokenKind::Equals) {
            settings_end = end_of_settings(text, at);
        }
        if text.is_name(at) {
            check_column(text, at)?;
        }
        match text.lexemes[at].kind {
            TokenKind::Semicolon | TokenKind::VerticalDelimiter => {
                return Err(text.unexpected(at, "the rest of the query"));
            }
            TokenKind::QuotedIdentifier => check_quoted_name(text, at, policy)?,
            kind if kind.is_string() && (at < settings_end || is_printed_raw(text, at)) => check_pattern(text, at)?,
            kind if kind.is_string() && text.is_word(at.wrapping_sub(1), "uuid") => {
                let refusal = Refusal::not_allowed("a table cannot be named by its UUID");
                return Err(refusal.at(text.sql, text.start(at)));
            }
            TokenKind::BareWord if is_outfile(text, at) => {
                let refusal = Refusal::not_allowed("INTO OUTFILE is not allowed");
                return Err(refusal.at(text.sql, text.start(at)));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_outfile(text: &Text<'_>, at: usize) -> bool {
    text.is_keyword(at, Keyword::Outfile) && text.is_keyword(at.wrapping_sub(1), Keyword::Into)
}

/// Columns that every table has without declaring them, and that tell where it is.
const ADDRESSES: &[&str] = &["_database", "_table"];

fn check_column(text: &Text<'_>, at: usize) -> Result<(), Refusal> {
    let name = text.name_text(at);
    let last = name.rsplit('.').next().unwrap_or_default();
    if ADDRESSES.contains(&last) {
        let refusal = Refusal::not_allowed(format!("\"{last}\" tells the internal name of a table"));
        return Err(refusal
            .at(text.sql, text.start(at))
            .hint("Write the name of the data source as a string instead."));
    }
    Ok(())
}

/// The tree prints names without quotes. Refused are those that would end a line, look like a further field of it, or
/// look like a table of ours.
fn check_quoted_name(text: &Text<'_>, at: usize, policy: &Policy) -> Result<(), Refusal> {
    let name = unquote(text.raw(at));
    let refuse = |why: &str| {
        let refusal = Refusal::not_allowed(format!("the quoted name {} {why}", short(text.raw(at))));
        Err(refusal.at(text.sql, text.start(at)).hint("Choose another name."))
    };
    if name.chars().any(char::is_control) {
        return refuse("contains a control character");
    }
    if name.contains(',') && (name.contains(':') || name.contains(", stream")) {
        return refuse("contains a comma together with a colon");
    }
    let database = name.split_once('.').map(|(database, _)| database);
    if database.is_some_and(|database| policy.tables.iter().any(|(listed, _)| listed == database)) {
        return refuse("looks like an internal table");
    }
    Ok(())
}

/// Literals that the tree prints as they are: column patterns and collations.
fn is_printed_raw(text: &Text<'_>, at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else {
        return false;
    };
    let opener = if text.raw(before) == "(" { before.wrapping_sub(1) } else { before };
    let is_pattern = ["columns", "strict", "collate"].iter().any(|word| text.is_word(opener, word))
        || text.is_keyword(opener, Keyword::Except);
    let is_like = matches!(text.keyword(before), Some(Keyword::Like | Keyword::Ilike));
    is_pattern || (is_like && text.is(before.wrapping_sub(1), TokenKind::Asterisk))
}

fn check_pattern(text: &Text<'_>, at: usize) -> Result<(), Refusal> {
    let heredoc = text.is(at, TokenKind::HereDoc);
    let literal = if heredoc { text.raw(at).to_owned() } else { unquote(text.raw(at)) };
    // A coded string (x'0a') can spell anything.
    let coded = text.raw(at).starts_with(['x', 'X', 'b', 'B']);
    if coded || literal.chars().any(char::is_control) {
        let message = format!("the pattern {} contains a control character", short(text.raw(at)));
        return Err(Refusal::not_allowed(message).at(text.sql, text.start(at)));
    }
    Ok(())
}

fn end_of_settings(text: &Text<'_>, from: usize) -> usize {
    let mut at = from + 1;
    while text.is_name(at) && text.is(at + 1, TokenKind::Equals) {
        at += 3;
        while at < text.len() && !text.is(at, TokenKind::Comma) && !text.is_name(at) {
            at += 1;
        }
        if !text.is(at, TokenKind::Comma) {
            break;
        }
        at += 1;
    }
    at
}
