//! FROM: tables, subqueries, table functions and joins.

use super::expression::{Context, Stops};
use super::{Nest, Parser, Place, ScopeId, Source, TableFunction};
use crate::keyword::Keyword;
use crate::name::TableName;
use crate::refusal::Refusal;
use crate::token::TokenKind;

impl Parser<'_, '_> {
    /// What stands behind FROM, up to the next clause.
    pub(super) fn tables(&mut self, from: usize, end: usize, scope: ScopeId) -> Result<usize, Refusal> {
        let mut at = self.table(from, end, scope)?;
        while at < end {
            if self.text.is(at, TokenKind::Comma) {
                at = self.table(at + 1, end, scope)?;
            } else if let Some(list) = self.array_join(at) {
                at = self.expressions(list, end, Context { scope, stops: Stops::Join, list: None, position: false })?;
            } else if let Some(table) = self.join(at) {
                at = self.table(table, end, scope)?;
            } else if self.text.is_keyword(at, Keyword::On) {
                let stops = Stops::JoinCondition;
                at = self.expressions(at + 1, end, Context { scope, stops, list: None, position: false })?;
            } else if self.text.is_keyword(at, Keyword::Using) {
                at = self.using(at + 1, end);
            } else {
                break;
            }
        }
        Ok(at)
    }

    /// `[LEFT | INNER] ARRAY JOIN`: where its list begins.
    fn array_join(&self, at: usize) -> Option<usize> {
        let array = match self.text.keyword(at) {
            Some(Keyword::Left | Keyword::Inner) => at + 1,
            _ => at,
        };
        let is_array_join =
            self.text.is_keyword(array, Keyword::Array) && self.text.is_keyword(array + 1, Keyword::Join);
        is_array_join.then_some(array + 2)
    }

    /// Any other kind of JOIN: where its table begins.
    fn join(&self, from: usize) -> Option<usize> {
        let mut at = from;
        while let Some(keyword) = self.text.keyword(at) {
            if keyword == Keyword::Join {
                return Some(at + 1);
            }
            if !keyword.is_join() {
                return None;
            }
            at += 1;
        }
        None
    }

    fn using(&self, from: usize, end: usize) -> usize {
        if self.text.raw(from) == "(" {
            return self.text.mate(from) + 1;
        }
        let mut at = from;
        while at < end && self.text.is_name(at) {
            at += 1;
            while self.text.is(at, TokenKind::Dot) {
                at += 2;
            }
            if !self.text.is(at, TokenKind::Comma) || !self.text.is_name(at + 1) {
                break;
            }
            at += 1;
        }
        at.min(end)
    }

    fn table(&mut self, at: usize, end: usize, scope: ScopeId) -> Result<usize, Refusal> {
        let kind = if at < end { self.text.kind(at) } else { None };
        match kind {
            Some(TokenKind::OpeningRoundBracket) => self.table_in_brackets(at, end, scope),
            Some(kind) if kind.is_string() => {
                let message = format!("a string names no table: {}", crate::text::short(self.text.raw(at)));
                let refusal = Refusal::not_allowed(message).at(self.text.sql, self.text.start(at));
                Err(refusal.hint("Write the name of a data source or pipe without quotes, or in backticks."))
            }
            Some(TokenKind::OpeningCurlyBrace) => {
                let refusal = Refusal::not_allowed("a query parameter cannot name a table");
                Err(refusal.at(self.text.sql, self.text.start(at)))
            }
            Some(kind) if kind.is_name() => match self.text.raw(at + 1) {
                "(" => self.table_function(at, end, scope),
                _ => self.table_name(at, end, scope),
            },
            _ => Err(self.text.unexpected(at, "a table")),
        }
    }

    fn table_in_brackets(&mut self, open: usize, end: usize, scope: ScopeId) -> Result<usize, Refusal> {
        let close = self.text.mate(open);
        if self.holds_query(open) {
            self.subquery(open, Nest::inside(scope))?;
        } else if self.text.is_keyword(open + 1, Keyword::Values) && self.text.raw(open + 2) == "(" {
            self.expressions(open + 2, close, Context::brackets(scope))?;
        } else if matches!(self.text.keyword(open + 1), Some(Keyword::Explain | Keyword::Describe)) {
            let message = format!("{} is not allowed inside FROM", self.text.raw(open + 1).to_uppercase());
            return Err(Refusal::not_allowed(message).at(self.text.sql, self.text.start(open + 1)));
        } else {
            let at = self.tables(open + 1, close, scope)?;
            if at != close {
                return Err(self.text.unexpected(at, "\")\""));
            }
        }
        self.alias_and_modifiers(close + 1, end, scope)
    }

    fn table_function(&mut self, at: usize, end: usize, scope: ScopeId) -> Result<usize, Refusal> {
        self.out.functions.push(TableFunction { name: self.text.name(at), at });
        let after = self.call(at + 1, Context::brackets(scope))?;
        self.alias_and_modifiers(after, end, scope)
    }

    fn alias_and_modifiers(&mut self, at: usize, end: usize, scope: ScopeId) -> Result<usize, Refusal> {
        let (alias, at) = self.alias(at, end);
        let names = alias.map(|alias| self.text.name(alias));
        self.out.scopes[scope].table_aliases.extend(names);
        self.modifiers(at, end)
    }

    fn table_name(&mut self, at: usize, end: usize, scope: ScopeId) -> Result<usize, Refusal> {
        let name_end = self.name_of_table(at, end)?;
        if self.text.is_keyword(name_end, Keyword::Uuid)
            && self.text.kind(name_end + 1).is_some_and(TokenKind::is_string)
        {
            let refusal = Refusal::not_allowed("a table cannot be named by its UUID");
            return Err(refusal.at(self.text.sql, self.text.start(name_end)));
        }
        let (alias, alias_end) = self.alias(name_end, end);
        let after = self.modifiers(alias_end, end)?;
        let name = match name_end - at {
            1 => TableName::plain(self.text.name(at)),
            _ => TableName::qualified(self.text.name(at), self.text.name(at + 2)),
        };
        let called = alias.map_or_else(|| name.name.clone(), |alias| self.text.name(alias));
        self.out.scopes[scope].table_aliases.push(called);
        self.out.sources.push(Source {
            place: Place::From,
            scope,
            name,
            at: at..name_end,
            alias,
            modifiers: alias_end..after,
            lambda: false,
        });
        Ok(after)
    }

    fn name_of_table(&self, at: usize, end: usize) -> Result<usize, Refusal> {
        if !self.text.is(at + 1, TokenKind::Dot) || at + 1 >= end {
            return Ok(at + 1);
        }
        if !self.text.is_name(at + 2) || at + 2 >= end {
            return Err(self.text.unexpected(at + 2, "the name of a table"));
        }
        match self.text.is(at + 3, TokenKind::Dot) {
            true => Err(self.text.unexpected(at + 3, "the end of a table's name")),
            false => Ok(at + 3),
        }
    }

    /// `[AS] name`, also with column names. Answers the lexeme of the name and what follows.
    fn alias(&self, at: usize, end: usize) -> (Option<usize>, usize) {
        let name = if self.text.is_keyword(at, Keyword::As) { at + 1 } else { at };
        let is_reserved = self.text.keyword(at).is_some_and(|keyword| !keyword.may_be_alias());
        let restricted = name == at && (is_reserved || self.text.is_word(at, "stream"));
        if name >= end || restricted || !self.text.is_name(name) {
            return (None, at);
        }
        match self.text.raw(name + 1) {
            "(" => (Some(name), self.text.mate(name + 1) + 1),
            _ => (Some(name), name + 1),
        }
    }

    /// FINAL and SAMPLE.
    fn modifiers(&self, from: usize, end: usize) -> Result<usize, Refusal> {
        let mut at = from;
        if self.text.is_keyword(at, Keyword::Final) && at < end {
            at += 1;
        }
        if self.text.is_keyword(at, Keyword::Sample) && at < end {
            at = self.ratio(at + 1)?;
            if self.text.is_keyword(at, Keyword::Offset) && at < end {
                at = self.ratio(at + 1)?;
            }
        }
        if self.text.is_word(at, "stream") && at < end {
            let refusal = Refusal::not_allowed("STREAM is not allowed behind a table");
            return Err(refusal.at(self.text.sql, self.text.start(at)));
        }
        Ok(at)
    }

    /// `0.1` or `1 / 10`
    fn ratio(&self, at: usize) -> Result<usize, Refusal> {
        if !self.text.is(at, TokenKind::Number) {
            return Err(self.text.unexpected(at, "a number"));
        }
        let fraction = self.text.is(at + 1, TokenKind::Slash) && self.text.is(at + 2, TokenKind::Number);
        Ok(if fraction { at + 3 } else { at + 1 })
    }
}
