//! Expressions: stepped over word by word, keeping track only of whether an operand is due.
//!
//! That is what tells `FROM` the clause from `from` the column, and an alias from a name.

use super::in_operand::is_in_function;
use super::{Alias, Chain, Nest, Parser, ScopeId, is_after_a_name};
use crate::keyword::Keyword;
use crate::refusal::Refusal;
use crate::token::TokenKind;

/// Which words end a list of expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stops {
    /// None: the list ends with its bracket.
    Bracket,
    /// SELECT and FROM: a WITH list; its comma ends each element.
    With,
    /// The next clause of the SELECT.
    Clause { from: bool },
    /// The next clause or join: ARRAY JOIN.
    Join,
    /// The next clause, join or comma: ON.
    JoinCondition,
}

/// Lists whose aliases other expressions can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Select,
    With,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Context {
    pub(super) scope: ScopeId,
    pub(super) stops: Stops,
    pub(super) list: Option<List>,
    /// Inside `position(needle IN haystack)`, where IN compares nothing.
    pub(super) position: bool,
}

impl Context {
    pub(super) fn brackets(scope: ScopeId) -> Self {
        Self { scope, stops: Stops::Bracket, list: None, position: false }
    }
}

/// What has been read of the element that is being read.
pub(super) struct Element {
    pub(super) start: usize,
    pub(super) operand_due: bool,
}

impl Parser<'_, '_> {
    /// Reads expressions with commas between them; answers what ended them.
    pub(super) fn expressions(&mut self, from: usize, end: usize, context: Context) -> Result<usize, Refusal> {
        let lambdas = self.lambdas.len();
        let mut element = Element { start: from, operand_due: true };
        let mut at = from;
        while at < end {
            if self.text.is(at, TokenKind::Comma) {
                // Behind ON a comma begins a table; behind ARRAY JOIN it goes on with the list.
                if matches!(context.stops, Stops::With | Stops::JoinCondition) {
                    break;
                }
                self.lambdas.truncate(lambdas);
                at += 1;
                element = Element { start: at, operand_due: true };
                if self.is_trailing_comma(at, context) {
                    break;
                }
                continue;
            }
            if !element.operand_due && self.stops(at, end, context) {
                break;
            }
            // A piece may look for words behind the end; it never takes them.
            at = self.piece(at, end, context, &mut element)?.min(end);
        }
        self.lambdas.truncate(lambdas);
        Ok(at)
    }

    /// `SELECT a, b, FROM t`
    fn is_trailing_comma(&self, at: usize, context: Context) -> bool {
        context.list == Some(List::Select)
            && context.stops == Stops::Clause { from: true }
            && self.text.is_keyword(at, Keyword::From)
            && (self.text.raw(at + 1) == "(" || self.text.is_name(at + 1))
            && !matches!(self.text.keyword(at + 1), Some(Keyword::From | Keyword::As))
    }

    fn stops(&self, at: usize, end: usize, context: Context) -> bool {
        let Some(keyword) = self.text.keyword(at) else {
            return false;
        };
        match context.stops {
            Stops::Bracket => false,
            Stops::With => matches!(keyword, Keyword::Select | Keyword::From),
            Stops::Clause { from } => self.begins_clause(at, end, keyword) || (from && keyword == Keyword::From),
            Stops::Join | Stops::JoinCondition => {
                let joins = keyword.is_join() && !(keyword == Keyword::Global && self.is_in(at + 1));
                joins
                    || matches!(keyword, Keyword::On | Keyword::Using | Keyword::Select)
                    || self.begins_clause(at, end, keyword)
            }
        }
    }

    fn begins_clause(&self, at: usize, end: usize, keyword: Keyword) -> bool {
        match keyword {
            Keyword::Prewhere | Keyword::Where | Keyword::Having | Keyword::Qualify => true,
            Keyword::Limit | Keyword::Offset | Keyword::Fetch => at + 1 < end,
            Keyword::Group | Keyword::Order => self.text.is_keyword(at + 1, Keyword::By),
            Keyword::Window => self.text.is_keyword(at + 2, Keyword::As),
            Keyword::Settings => self.begins_settings(at),
            Keyword::Format => self.begins_format(at, end),
            Keyword::Into => self.text.is_keyword(at + 1, Keyword::Outfile),
            Keyword::Union | Keyword::Intersect | Keyword::Except => self.joins_queries(at),
            _ => false,
        }
    }

    fn is_in(&self, at: usize) -> bool {
        let next = if self.text.is_keyword(at, Keyword::Not) { at + 1 } else { at };
        self.text.is_keyword(next, Keyword::In)
    }

    /// One operand, operator or word.
    fn piece(&mut self, at: usize, end: usize, context: Context, element: &mut Element) -> Result<usize, Refusal> {
        let due = element.operand_due;
        match self.text.lexemes[at].kind {
            TokenKind::OpeningRoundBracket => {
                element.operand_due = false;
                self.round_brackets(at, context)
            }
            TokenKind::OpeningSquareBracket => {
                element.operand_due = false;
                let close = self.text.mate(at);
                self.expressions(at + 1, close, Context::brackets(context.scope))?;
                Ok(close + 1)
            }
            TokenKind::OpeningCurlyBrace => {
                element.operand_due = false;
                self.substitution(at)
            }
            TokenKind::Asterisk => {
                element.operand_due = !due;
                Ok(at + 1)
            }
            // A step into what the operand before it holds: `f(x).1`, `a[1].b`.
            TokenKind::Dot if !due => Ok((at + 2).min(end)),
            TokenKind::DoubleColon => Ok(self.cast_type(at + 1, end)),
            kind if kind.is_literal() => {
                element.operand_due = false;
                Ok(at + 1)
            }
            kind if kind.is_name() && due => self.operand_word(at, context, element),
            kind if kind.is_name() => self.word_behind_operand(at, context, element),
            TokenKind::Semicolon => Err(self.text.unexpected(at, "the rest of the query")),
            _ => {
                element.operand_due = true;
                Ok(at + 1)
            }
        }
    }

    fn round_brackets(&mut self, open: usize, context: Context) -> Result<usize, Refusal> {
        let close = self.text.mate(open);
        if self.text.is(close + 1, TokenKind::Arrow) {
            let names = (open + 1..close).filter(|&at| self.text.is_name(at));
            let names: Vec<_> = names.map(|at| self.text.name(at)).collect();
            self.lambdas.extend(names);
            return Ok(close + 1);
        }
        self.call(open, Context::brackets(context.scope))
    }

    /// What stands in round brackets: a query or expressions. Answers what follows them.
    pub(super) fn call(&mut self, open: usize, context: Context) -> Result<usize, Refusal> {
        if self.holds_query(open) {
            return self.subquery(open, Nest::inside(context.scope));
        }
        let close = self.text.mate(open);
        self.expressions(open + 1, close, context)?;
        Ok(close + 1)
    }

    /// `{name:Type}`
    fn substitution(&self, open: usize) -> Result<usize, Refusal> {
        let close = self.text.mate(open);
        if !self.text.is_name(open + 1) || !self.text.is(open + 2, TokenKind::Colon) || open + 3 >= close {
            return Err(self.text.unexpected(open, "an expression").hint(
                "Braces hold a query parameter, as in {name:Type}; a template's own braces need a \"%\" at its start.",
            ));
        }
        if self.text.is_word(open + 3, "identifier") {
            let refusal = Refusal::not_allowed("a query parameter cannot be an identifier");
            return Err(refusal.at(self.text.sql, self.text.start(open)));
        }
        Ok(close + 1)
    }

    fn cast_type(&self, at: usize, end: usize) -> usize {
        match self.text.raw(at + 1) {
            "(" if at < end => self.text.mate(at + 1) + 1,
            _ => (at + 1).min(end),
        }
    }

    /// A word where an operand is due: a prefix, a lambda's argument, a function, or a name.
    fn operand_word(&mut self, at: usize, context: Context, element: &mut Element) -> Result<usize, Refusal> {
        if self.is_prefix(at) {
            return Ok(at + 1);
        }
        if self.text.is(at + 1, TokenKind::Arrow) {
            self.lambdas.push(self.text.name(at));
            return Ok(at + 1);
        }
        element.operand_due = false;
        self.name_or_call(at, context)
    }

    pub(super) fn is_prefix(&self, at: usize) -> bool {
        let next = self.text.kind(at + 1);
        match self.text.keyword(at) {
            Some(Keyword::Not | Keyword::Case | Keyword::When | Keyword::Distinct) => !next.is_none_or(is_after_a_name),
            Some(Keyword::Interval) => {
                next.is_some_and(|kind| kind.is_literal() || kind.is_name() || kind == TokenKind::OpeningRoundBracket)
            }
            _ => false,
        }
    }

    fn name_or_call(&mut self, at: usize, context: Context) -> Result<usize, Refusal> {
        if self.text.raw(at + 1) == "(" {
            return self.function(at, context);
        }
        let mut last = at;
        let mut parts = 1;
        while self.text.is(last + 1, TokenKind::Dot) && self.text.is_name(last + 2) {
            last += 2;
            parts += 1;
        }
        if parts > 1 {
            self.out.chains.push(Chain { scope: context.scope, at, parts });
        }
        if self.text.raw(last + 1) == "(" && parts > 1 {
            return self.call(last + 1, Context::brackets(context.scope));
        }
        let mut next = last + 1;
        // What else may follow a dot: an index, an asterisk, and the steps into JSON (`a.^b`, `a.:Int64`).
        while self.text.is(next, TokenKind::Dot) {
            next += 2;
            if self.text.is_name(next) && matches!(self.text.kind(next - 1), Some(TokenKind::Caret | TokenKind::Colon))
            {
                next += 1;
            }
        }
        if next > last + 1 && parts == 1 {
            self.out.chains.push(Chain { scope: context.scope, at, parts });
        }
        Ok(next.min(self.text.len()))
    }

    fn function(&mut self, at: usize, context: Context) -> Result<usize, Refusal> {
        let open = at + 1;
        let is_position = self.text.is_word(at, "position");
        let after = self.call(open, Context { position: is_position, ..Context::brackets(context.scope) })?;
        if is_in_function(&self.text.name_text(at)) {
            self.in_arguments(open, context.scope);
        }
        Ok(after)
    }

    /// A word where an operand has just ended: an operator, an alias, or a word of some clause.
    fn word_behind_operand(&mut self, at: usize, context: Context, element: &mut Element) -> Result<usize, Refusal> {
        match self.text.keyword(at) {
            Some(Keyword::In) if !context.position => {
                element.operand_due = true;
                self.right_of_in(at + 1, context.scope, element)
            }
            Some(Keyword::In) => {
                element.operand_due = true;
                Ok(at + 1)
            }
            Some(Keyword::As) => {
                self.add_alias(at + 1, element.start..at, context);
                Ok(at + 2)
            }
            Some(Keyword::Is) => Ok(self.is_test(at + 1, element)),
            Some(Keyword::With) => Ok(at + 2),
            Some(Keyword::Except) if self.text.raw(at + 1) == "(" => Ok(self.text.mate(at + 1) + 1),
            Some(Keyword::Over) if self.text.is_name(at + 1) => Ok(at + 2),
            Some(keyword) if keyword.is_infix() => {
                element.operand_due = true;
                Ok(at + 1)
            }
            Some(keyword) if introduces_operand(keyword, context) => {
                element.operand_due = true;
                Ok(at + 1)
            }
            _ if matches!(self.text.raw(at + 1), "(" | ".") => {
                // A word that something follows is no alias: `OVER (..)`, `APPLY(..)`, `FILTER (..)`, a name.
                self.name_or_call(at, context)
            }
            None => {
                self.add_alias(at, element.start..at, context);
                Ok(at + 1)
            }
            Some(_) => Ok(at + 1),
        }
    }

    /// `IS NULL`, `IS NOT DISTINCT FROM x`
    fn is_test(&self, at: usize, element: &mut Element) -> usize {
        let next = if self.text.is_keyword(at, Keyword::Not) { at + 1 } else { at };
        if self.text.is_keyword(next, Keyword::Distinct) && self.text.is_keyword(next + 1, Keyword::From) {
            element.operand_due = true;
            return next + 2;
        }
        next + 1
    }

    fn add_alias(&mut self, name: usize, element: std::ops::Range<usize>, context: Context) {
        if context.list.is_none() || !self.text.is_name(name) {
            return;
        }
        let bare = element.clone().all(|at| {
            let kind = self.text.lexemes[at].kind;
            kind.is_name() || matches!(kind, TokenKind::Dot | TokenKind::Number) || self.is_plain_bracket(at)
        }) && self.text.is_name(element.start);
        let bare = bare || element.clone().all(|at| self.text.is_name(at) || self.is_plain_bracket(at));
        self.out.scopes[context.scope].aliases.push(Alias { name: self.text.name(name), element, bare });
    }

    /// Brackets around a name change nothing: `(t)` is `t`.
    fn is_plain_bracket(&self, at: usize) -> bool {
        let before_is_name = at > 0 && self.text.is_name(at - 1);
        match self.text.lexemes[at].kind {
            TokenKind::OpeningRoundBracket => !before_is_name,
            TokenKind::ClosingRoundBracket => true,
            _ => false,
        }
    }
}

/// Words that an operand follows, where they cannot be an alias.
fn introduces_operand(keyword: Keyword, context: Context) -> bool {
    match keyword {
        Keyword::By => true,
        Keyword::From | Keyword::For | Keyword::To | Keyword::Step => context.list.is_none(),
        Keyword::Where | Keyword::Limit | Keyword::Offset | Keyword::On => context.stops == Stops::Bracket,
        _ => false,
    }
}
