//! A text that passed the first look: its significant tokens, keywords recognised and brackets matched.

use std::borrow::Cow;

use crate::keyword::Keyword;
use crate::lexer::tokenize;
use crate::name::unquote;
use crate::refusal::{Refusal, RefusalKind};
use crate::token::{Token, TokenKind};

/// Deeper brackets than this are refused; the engine's own parser stops at 1,000 levels of its grammar.
pub(crate) const MAX_DEPTH: usize = 250;

/// A token that counts: no white space, no comment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lexeme {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) keyword: Option<Keyword>,
    /// For a bracket, the index of its partner.
    pub(crate) mate: usize,
}

/// A readable text. Indices into it are indices of lexemes unless they are called offsets.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    pub(crate) sql: &'a str,
    pub(crate) lexemes: Vec<Lexeme>,
}

impl<'a> Text<'a> {
    /// Reads a text.
    ///
    /// # Errors
    ///
    /// What no statement can contain: unreadable tokens, characters outside ASCII where they are no text, brackets
    /// that do not match or nest too deeply.
    pub(crate) fn read(sql: &'a str) -> Result<Self, Refusal> {
        let mut text = Self { sql, lexemes: Vec::with_capacity(sql.len() / 5 + 4) };
        let mut open = Vec::new();
        let plain = sql.is_ascii() && !sql.contains('\0');
        for token in tokenize(sql) {
            if !plain {
                check_characters(sql, &token)?;
            }
            if token.kind.is_error() {
                return Err(unreadable(sql, &token));
            }
            if !token.kind.is_trivia() {
                text.push(&token, &mut open)?;
            }
        }
        match open.last() {
            Some(&at) => Err(text.refuse_at(at, format!("\"{}\" is never closed", text.raw(at)))),
            None => Ok(text),
        }
    }

    fn push(&mut self, token: &Token, open: &mut Vec<usize>) -> Result<(), Refusal> {
        let at = self.lexemes.len();
        let mut mate = at;
        if token.kind.is_opening() {
            open.push(at);
            if open.len() > MAX_DEPTH {
                let message = format!("brackets nest deeper than {MAX_DEPTH} levels");
                return Err(Refusal::new(RefusalKind::TooLong, message).at(self.sql, token.span.start));
            }
        } else if token.kind.is_closing() {
            match open.pop() {
                Some(opening) if self.lexemes[opening].kind.closed_by() == Some(token.kind) => {
                    self.lexemes[opening].mate = at;
                    mate = opening;
                }
                _ => {
                    let message = format!("\"{}\" closes nothing", &self.sql[token.span.clone()]);
                    return Err(Refusal::syntax(message).at(self.sql, token.span.start));
                }
            }
        }
        let keyword = match token.kind {
            TokenKind::BareWord => Keyword::of(&self.sql[token.span.clone()]),
            _ => None,
        };
        self.lexemes.push(Lexeme { kind: token.kind, start: token.span.start, end: token.span.end, keyword, mate });
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.lexemes.len()
    }

    pub(crate) fn kind(&self, at: usize) -> Option<TokenKind> {
        self.lexemes.get(at).map(|lexeme| lexeme.kind)
    }

    pub(crate) fn is(&self, at: usize, kind: TokenKind) -> bool {
        self.kind(at) == Some(kind)
    }

    pub(crate) fn is_name(&self, at: usize) -> bool {
        self.kind(at).is_some_and(TokenKind::is_name)
    }

    pub(crate) fn keyword(&self, at: usize) -> Option<Keyword> {
        self.lexemes.get(at).and_then(|lexeme| lexeme.keyword)
    }

    pub(crate) fn is_keyword(&self, at: usize, keyword: Keyword) -> bool {
        self.keyword(at) == Some(keyword)
    }

    /// The bytes of a lexeme as written; nothing past the end.
    pub(crate) fn raw(&self, at: usize) -> &'a str {
        self.lexemes.get(at).map_or("", |lexeme| &self.sql[lexeme.start..lexeme.end])
    }

    /// A bare word, in any case.
    pub(crate) fn is_word(&self, at: usize, word: &str) -> bool {
        self.is(at, TokenKind::BareWord) && self.raw(at).eq_ignore_ascii_case(word)
    }

    /// A name without its quotes.
    pub(crate) fn name(&self, at: usize) -> String {
        self.name_text(at).into_owned()
    }

    /// The same without a copy where none is needed.
    pub(crate) fn name_text(&self, at: usize) -> Cow<'a, str> {
        match self.kind(at) {
            Some(TokenKind::BareWord) => Cow::Borrowed(self.raw(at)),
            _ => Cow::Owned(unquote(self.raw(at))),
        }
    }

    /// The offset where a lexeme starts; the end of the text past the last one.
    pub(crate) fn start(&self, at: usize) -> usize {
        self.lexemes.get(at).map_or(self.sql.len(), |lexeme| lexeme.start)
    }

    /// The offset where the lexeme before this one ends.
    pub(crate) fn end_before(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.lexemes[before].end)
    }

    pub(crate) fn mate(&self, at: usize) -> usize {
        self.lexemes[at].mate
    }

    /// A syntax refusal at a lexeme, or at the end of the text.
    pub(crate) fn refuse_at(&self, at: usize, message: impl Into<String>) -> Refusal {
        Refusal::syntax(message).at(self.sql, self.start(at))
    }

    /// A lexeme that cannot stand where it does.
    pub(crate) fn unexpected(&self, at: usize, expected: &str) -> Refusal {
        match self.raw(at) {
            "" => self.refuse_at(at, format!("the text ends where {expected} is expected")),
            raw => self.refuse_at(at, format!("found \"{}\" where {expected} is expected", short(raw))),
        }
    }
}

/// Long texts are cut in messages.
pub(crate) fn short(raw: &str) -> String {
    match raw.char_indices().nth(60) {
        Some((cut, _)) => format!("{}...", &raw[..cut]),
        None => raw.to_owned(),
    }
}

/// Outside of quotes and comments only ASCII counts: the engine reads some other characters as quotes and spaces.
fn check_characters(sql: &str, token: &Token) -> Result<(), Refusal> {
    let raw = &sql[token.span.clone()];
    if raw.contains('\0') {
        return Err(Refusal::syntax("the text contains a NUL byte").at(sql, token.span.start));
    }
    if raw.is_ascii() || raw.starts_with(|c: char| c.is_ascii()) {
        return Ok(());
    }
    let refusal = Refusal::syntax(format!("cannot read \"{}\" outside of quotes", short(raw)));
    let hint = "Use straight quotes around strings, and backticks around names that are not plain ASCII.";
    Err(refusal.at(sql, token.span.start).hint(hint))
}

fn unreadable(sql: &str, token: &Token) -> Refusal {
    let raw = short(&sql[token.span.clone()]);
    let message = match token.kind {
        TokenKind::ErrorMultilineCommentIsNotClosed => "a comment is never closed".to_owned(),
        TokenKind::ErrorSingleQuoteIsNotClosed => format!("the string {raw} is never closed"),
        TokenKind::ErrorDoubleQuoteIsNotClosed | TokenKind::ErrorBackQuoteIsNotClosed => {
            format!("the quoted name {raw} is never closed")
        }
        TokenKind::ErrorWrongNumber => format!("cannot read \"{raw}\" as a number"),
        _ => format!("cannot read \"{raw}\""),
    };
    Refusal::syntax(message).at(sql, token.span.start)
}
