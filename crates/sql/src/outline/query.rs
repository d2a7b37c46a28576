//! Queries: chains of SELECTs, their WITH lists and clauses.

use std::ops::Range;

use super::expression::{Context, List, Stops};
use super::{Cte, CteId, Nest, Parser, ScopeId, SettingsClause};
use crate::keyword::Keyword;
use crate::refusal::Refusal;
use crate::token::TokenKind;

impl Parser<'_, '_> {
    /// The whole statement, with the FORMAT and SETTINGS clauses that may close it.
    pub(super) fn statement(&mut self, from: usize) -> Result<(), Refusal> {
        let end = self.text.len();
        let (mut at, _) = self.chain(from, end, Nest::default())?;
        // A SETTINGS clause right before the end belongs to the statement as much as to its last SELECT.
        self.out.body_end = at;
        if let Some(last) = self.out.settings.last()
            && last.at.end == at
        {
            self.out.body_end = last.at.start;
            self.out.tail_settings.push(self.out.settings.len() - 1);
        }
        if self.text.is_keyword(at, Keyword::Into) {
            return Err(Refusal::not_allowed("INTO OUTFILE is not allowed").at(self.text.sql, self.text.start(at)));
        }
        if self.begins_format(at, end) {
            self.out.format = Some(at + 1);
            at += 2;
        }
        if self.begins_settings(at) {
            at = self.settings(at)?;
            self.out.tail_settings.push(self.out.settings.len() - 1);
        }
        if at < end { Err(self.text.unexpected(at, "the end of the statement")) } else { Ok(()) }
    }

    /// `SELECT .. UNION ALL SELECT ..`. Answers where it ends, and its first branch where that is a plain SELECT.
    pub(super) fn chain(&mut self, from: usize, end: usize, nest: Nest) -> Result<(usize, Option<ScopeId>), Refusal> {
        let mut nest = nest;
        let (mut at, first) = self.branch(from, end, nest)?;
        nest.first_branch = nest.first_branch.or(first);
        nest.is_anchor = false;
        let single = !self.joins_queries(at);
        while at < end && self.joins_queries(at) {
            at += match self.text.keyword(at + 1) {
                Some(Keyword::All | Keyword::Distinct) => 2,
                _ => 1,
            };
            (at, _) = self.branch(at, end, nest)?;
        }
        Ok((at, first.filter(|_| single)))
    }

    fn branch(&mut self, at: usize, end: usize, nest: Nest) -> Result<(usize, Option<ScopeId>), Refusal> {
        if self.text.raw(at) != "(" {
            let (at, scope) = self.select(at, end, nest)?;
            return Ok((at, Some(scope)));
        }
        let close = self.text.mate(at);
        let (inner, first) = self.chain(at + 1, close, nest)?;
        if inner != close {
            return Err(self.text.unexpected(inner, "\")\""));
        }
        Ok((close + 1, first))
    }

    /// A query in brackets; `open` is the bracket. Answers what follows it.
    pub(super) fn subquery(&mut self, open: usize, nest: Nest) -> Result<usize, Refusal> {
        let close = self.text.mate(open);
        let (at, _) = self.chain(open + 1, close, nest)?;
        if at != close {
            return Err(self.text.unexpected(at, "\")\""));
        }
        Ok(close + 1)
    }

    fn select(&mut self, from: usize, end: usize, nest: Nest) -> Result<(usize, ScopeId), Refusal> {
        let scope = self.new_scope(nest);
        let mut at = from;
        if self.text.is_keyword(at, Keyword::With) {
            at = self.with_list(at + 1, end, scope)?;
        }
        let from_first = self.text.is_keyword(at, Keyword::From);
        if from_first {
            at = self.tables(at + 1, end, scope)?;
        }
        if !self.text.is_keyword(at, Keyword::Select) || at >= end {
            return Err(self.text.unexpected(at, "SELECT"));
        }
        at = self.select_list(at + 1, end, scope, from_first)?;
        if !from_first && at < end && self.text.is_keyword(at, Keyword::From) {
            at = self.tables(at + 1, end, scope)?;
        }
        Ok((self.clauses(at, end, scope)?, scope))
    }

    fn select_list(&mut self, from: usize, end: usize, scope: ScopeId, has_from: bool) -> Result<usize, Refusal> {
        let mut at = from;
        if self.text.is_keyword(at, Keyword::Distinct) {
            at += 1;
            if self.text.is_keyword(at, Keyword::On) && self.text.raw(at + 1) == "(" {
                let close = self.text.mate(at + 1);
                self.expressions(at + 2, close, Context::brackets(scope))?;
                at = close + 1;
            }
        } else if self.text.is_keyword(at, Keyword::All) {
            at += 1;
        }
        if self.text.is_keyword(at, Keyword::Top) && self.text.is(at + 1, TokenKind::Number) {
            at += 2;
            if self.text.is_keyword(at, Keyword::With) && self.text.is_keyword(at + 1, Keyword::Ties) {
                at += 2;
            }
        }
        if at >= end {
            return Err(self.text.unexpected(at, "an expression"));
        }
        let stops = Stops::Clause { from: !has_from };
        self.expressions(at, end, Context { scope, stops, list: Some(List::Select), position: false })
    }

    fn with_list(&mut self, from: usize, end: usize, scope: ScopeId) -> Result<usize, Refusal> {
        let recursive = self.text.is_keyword(from, Keyword::Recursive) && self.text.is_name(from + 1);
        let mut at = from + usize::from(recursive);
        loop {
            at = match self.cte_body(at) {
                Some(open) => {
                    let cte = Cte { name: self.text.name(at), at, recursive };
                    self.out.scopes[scope].ctes.push(cte);
                    let body_of = Some(CteId { scope, index: self.out.scopes[scope].ctes.len() - 1 });
                    self.subquery(open, Nest { body_of, is_anchor: true, ..Nest::inside(scope) })?
                }
                None => {
                    let context = Context { scope, stops: Stops::With, list: Some(List::With), position: false };
                    self.expressions(at, end, context)?
                }
            };
            if at >= end || !self.text.is(at, TokenKind::Comma) {
                return Ok(at);
            }
            at += 1;
        }
    }

    /// For `name AS (SELECT`, also with column names and MATERIALIZED: the bracket.
    fn cte_body(&self, at: usize) -> Option<usize> {
        if !self.text.is_name(at) {
            return None;
        }
        let mut next = at + 1;
        if self.text.raw(next) == "(" {
            next = self.text.mate(next) + 1;
        }
        if !self.text.is_keyword(next, Keyword::As) {
            return None;
        }
        next += 1;
        if self.text.is_keyword(next, Keyword::Not) {
            next += 1;
        }
        if self.text.is_keyword(next, Keyword::Materialized) {
            next += 1;
        }
        (self.text.raw(next) == "(" && self.holds_query(next)).then_some(next)
    }

    fn clauses(&mut self, from: usize, end: usize, scope: ScopeId) -> Result<usize, Refusal> {
        let mut at = from;
        while at < end {
            let start = at;
            match self.text.keyword(at) {
                Some(Keyword::Prewhere) => {
                    at = self.clause(at + 1, end, scope)?;
                    self.out.scopes[scope].prewhere = Some(start..at);
                }
                Some(Keyword::Where) => {
                    at = self.clause(at + 1, end, scope)?;
                    self.out.scopes[scope].r#where = Some(start..at);
                }
                Some(Keyword::Settings) if self.begins_settings(at) => at = self.settings(at)?,
                Some(Keyword::Settings | Keyword::Into) => return Ok(at),
                Some(Keyword::Format) if self.begins_format(at, end) => return Ok(at),
                _ if self.joins_queries(at) => return Ok(at),
                Some(Keyword::Group | Keyword::Order) => at = self.clause(at + 2, end, scope)?,
                Some(Keyword::Window) => at = self.windows(at + 1, end, scope)?,
                Some(_) => at = self.clause(at + 1, end, scope)?,
                None => return Ok(at),
            }
        }
        Ok(at)
    }

    fn clause(&mut self, from: usize, end: usize, scope: ScopeId) -> Result<usize, Refusal> {
        if from >= end {
            return Err(self.text.unexpected(from, "an expression"));
        }
        let stops = Stops::Clause { from: false };
        self.expressions(from, end, Context { scope, stops, list: None, position: false })
    }

    /// `WINDOW w AS (..), v AS (..)`
    fn windows(&mut self, from: usize, end: usize, scope: ScopeId) -> Result<usize, Refusal> {
        let mut at = from;
        loop {
            let open = at + 2;
            if open >= end || !self.text.is_keyword(at + 1, Keyword::As) || self.text.raw(open) != "(" {
                return Err(self.text.unexpected(at, "a window definition"));
            }
            let close = self.text.mate(open);
            self.expressions(open + 1, close, Context::brackets(scope))?;
            at = close + 1;
            if at >= end || !self.text.is(at, TokenKind::Comma) {
                return Ok(at);
            }
            at += 1;
        }
    }

    pub(super) fn begins_settings(&self, at: usize) -> bool {
        self.text.is_keyword(at, Keyword::Settings)
            && self.text.is_name(at + 1)
            && self.text.is(at + 2, TokenKind::Equals)
    }

    /// FORMAT is a clause only at the end of a statement; elsewhere it is a name.
    pub(super) fn begins_format(&self, at: usize, end: usize) -> bool {
        self.text.is_keyword(at, Keyword::Format)
            && self.text.is(at + 1, TokenKind::BareWord)
            && (at + 2 >= end || self.begins_settings(at + 2))
    }

    fn settings(&mut self, from: usize) -> Result<usize, Refusal> {
        let mut at = from + 1;
        let mut pairs = Vec::new();
        loop {
            if !self.text.is_name(at) || !self.text.is(at + 1, TokenKind::Equals) {
                return Err(self.text.unexpected(at, "a setting"));
            }
            let value = self.setting_value(at + 2)?;
            pairs.push((at, value.clone()));
            at = value.end;
            if !self.text.is(at, TokenKind::Comma) {
                break;
            }
            at += 1;
        }
        self.out.settings.push(SettingsClause { at: from..at, pairs });
        Ok(at)
    }

    fn setting_value(&self, at: usize) -> Result<Range<usize>, Refusal> {
        let signed = matches!(self.text.kind(at), Some(TokenKind::Minus | TokenKind::Plus));
        let first = at + usize::from(signed);
        match self.text.kind(first) {
            Some(kind) if kind.is_literal() || kind == TokenKind::BareWord => Ok(at..first + 1),
            Some(kind) if kind.is_opening() => Ok(at..self.text.mate(first) + 1),
            _ => Err(self.text.unexpected(first, "the value of a setting")),
        }
    }
}
