//! What stands right of IN: where that is nothing but a name, it may be a table.

use super::expression::{Context, Element};
use super::{Parser, Place, ScopeId, Source};
use crate::keyword::Keyword;
use crate::name::TableName;
use crate::refusal::Refusal;
use crate::token::TokenKind;

/// Whether a function is one of those behind the IN operator.
pub(crate) fn is_in_function(name: &str) -> bool {
    let ending = name.as_bytes().last().map(u8::to_ascii_lowercase);
    matches!(ending, Some(b'n' | b't')) && IN_FUNCTIONS.iter().any(|listed| name.eq_ignore_ascii_case(listed))
}

/// The functions behind the IN operator, in lower case: their second argument may be a table.
const IN_FUNCTIONS: &[&str] = &[
    "in",
    "notin",
    "nullin",
    "notnullin",
    "globalin",
    "globalnotin",
    "globalnullin",
    "globalnotnullin",
    "inignoreset",
    "notinignoreset",
    "nullinignoreset",
    "notnullinignoreset",
    "globalinignoreset",
    "globalnotinignoreset",
    "globalnullinignoreset",
    "globalnotnullinignoreset",
];

impl Parser<'_, '_> {
    /// `in(x, t)`
    pub(super) fn in_arguments(&mut self, open: usize, scope: ScopeId) {
        let close = self.text.mate(open);
        let mut at = open + 1;
        while at < close && !self.text.is(at, TokenKind::Comma) {
            at = if self.text.lexemes[at].kind.is_opening() { self.text.mate(at) + 1 } else { at + 1 };
        }
        if at < close {
            self.in_name(at + 1, close, scope);
        }
    }

    pub(super) fn right_of_in(&mut self, at: usize, scope: ScopeId, element: &mut Element) -> Result<usize, Refusal> {
        if self.text.raw(at) == "(" {
            element.operand_due = false;
            let after = self.call(at, Context::brackets(scope))?;
            self.in_name(at + 1, self.text.mate(at), scope);
            return Ok(after);
        }
        let mut last = at;
        while self.text.is(last + 1, TokenKind::Dot) && self.text.is_name(last + 2) {
            last += 2;
        }
        let more = matches!(self.text.raw(last + 1), "(" | "." | "[" | "->");
        if !self.text.is_name(at) || more || self.is_prefix(at) {
            return Ok(at);
        }
        element.operand_due = false;
        self.in_name(at, last + 1, scope);
        Ok(last + 1)
    }

    /// Notes a table right of IN when the lexemes `from..end` are nothing but a name, in brackets or not.
    fn in_name(&mut self, from: usize, end: usize, scope: ScopeId) {
        let (mut from, mut end) = (from, end);
        while from < end && self.text.raw(from) == "(" && self.text.mate(from) + 1 == end {
            (from, end) = (from + 1, end - 1);
        }
        let name = match end.saturating_sub(from) {
            1 if self.text.is_name(from) => TableName::plain(self.text.name(from)),
            3 if self.text.is_name(from) && self.text.is(from + 1, TokenKind::Dot) && self.text.is_name(from + 2) => {
                TableName::qualified(self.text.name(from), self.text.name(from + 2))
            }
            _ => return,
        };
        if self.text.is_keyword(from, Keyword::Null) || ["true", "false"].iter().any(|w| self.text.is_word(from, w)) {
            return;
        }
        let first = name.database.as_ref().unwrap_or(&name.name);
        let lambda = self.lambdas.contains(first);
        self.out.sources.push(Source {
            place: Place::In,
            scope,
            name,
            at: from..end,
            alias: None,
            modifiers: end..end,
            lambda,
        });
    }
}
