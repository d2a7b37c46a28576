//! The outline of a query: its SELECTs with what each can see, and every place where a table may stand.
//!
//! It is not a grammar of ClickHouse SQL. It finds the skeleton that name resolution needs and steps over the rest, so
//! that it keeps up with the engine; whatever it misses is left as written, and the guard then refuses the name.

mod expression;
mod in_operand;
mod query;
mod tables;

pub(crate) use in_operand::is_in_function;
use std::ops::Range;

use crate::keyword::Keyword;
use crate::name::TableName;
use crate::refusal::Refusal;
use crate::text::Text;

pub(crate) type ScopeId = usize;

/// One SELECT and what it declares.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// The SELECT around this one.
    pub(crate) parent: Option<ScopeId>,
    /// The first branch of the same UNION chain: the engine lets all branches see its WITH.
    pub(crate) first_branch: Option<ScopeId>,
    /// The CTE whose body this SELECT belongs to, when it is declared right in `parent`.
    pub(crate) body_of: Option<CteId>,
    /// Whether it is in the first branch of that body, which no recursion reaches.
    pub(crate) is_anchor: bool,
    pub(crate) ctes: Vec<Cte>,
    pub(crate) aliases: Vec<Alias>,
    /// What the tables, subqueries and table functions in its FROM are called.
    pub(crate) table_aliases: Vec<String>,
    /// PREWHERE and WHERE with their expressions, as lexemes from the keyword on.
    pub(crate) prewhere: Option<Range<usize>>,
    pub(crate) r#where: Option<Range<usize>>,
}

/// A CTE by the SELECT that declares it and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CteId {
    pub(crate) scope: ScopeId,
    pub(crate) index: usize,
}

#[derive(Debug)]
pub(crate) struct Cte {
    pub(crate) name: String,
    /// Where its name is declared.
    pub(crate) at: usize,
    /// A recursive CTE sees itself, except in its first branch; others see what is outside by that name.
    pub(crate) recursive: bool,
}

/// A named element of a WITH or SELECT list.
#[derive(Debug)]
pub(crate) struct Alias {
    pub(crate) name: String,
    /// The lexemes of the expression.
    pub(crate) element: Range<usize>,
    /// The expression is nothing but a name, which the engine may take for a table.
    pub(crate) bare: bool,
}

/// Where a table name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In FROM or JOIN.
    From,
    /// Right of IN, or as the second argument of `in()`.
    In,
}

/// A name where a table may stand.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) place: Place,
    pub(crate) scope: ScopeId,
    pub(crate) name: TableName,
    /// The lexemes of the name.
    pub(crate) at: Range<usize>,
    /// The lexeme that names the alias, if one is written.
    pub(crate) alias: Option<usize>,
    /// FINAL and SAMPLE, as lexemes; empty if there are none.
    pub(crate) modifiers: Range<usize>,
    /// Right of IN: the name of an argument of a lambda around it.
    pub(crate) lambda: bool,
}

/// A table function in FROM or JOIN.
#[derive(Debug)]
pub(crate) struct TableFunction {
    pub(crate) name: String,
    pub(crate) at: usize,
}

/// A name of several parts in an expression.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) scope: ScopeId,
    pub(crate) at: usize,
    /// How many names follow each other with dots between.
    pub(crate) parts: usize,
}

/// `SETTINGS a = 1, b = 2`: the lexemes of the clause and of each name and value.
#[derive(Debug, Clone)]
pub(crate) struct SettingsClause {
    pub(crate) at: Range<usize>,
    pub(crate) pairs: Vec<(usize, Range<usize>)>,
}

/// What is found in a query.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) scopes: Vec<Scope>,
    /// In the order of the text.
    pub(crate) sources: Vec<Source>,
    pub(crate) functions: Vec<TableFunction>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) settings: Vec<SettingsClause>,
    /// Where the query ends: the FORMAT and SETTINGS clauses that close the statement come after it.
    pub(crate) body_end: usize,
    /// The settings clauses that close the statement, as indices into `settings`.
    pub(crate) tail_settings: Vec<usize>,
    /// The lexeme that names the output format.
    pub(crate) format: Option<usize>,
}

/// Reads one SELECT, possibly with UNION and the like, that fills the lexemes `from..`.
pub(crate) fn outline(text: &Text<'_>, from: usize) -> Result<Outline, Refusal> {
    let mut parser = Parser { text, out: Outline::default(), lambdas: Vec::new() };
    parser.statement(from)?;
    parser.out.sources.sort_by_key(|source| source.at.start);
    Ok(parser.out)
}

struct Parser<'t, 'a> {
    text: &'t Text<'a>,
    out: Outline,
    /// The arguments of the lambdas that are open at this point.
    lambdas: Vec<String>,
}

impl Outline {
    /// The CTE that a name means in a SELECT, as the engine finds it: from the inside out, and never the CTE whose
    /// body is being read, unless it is recursive.
    pub(crate) fn find_cte(&self, scope: ScopeId, name: &str) -> Option<CteId> {
        let mut inside = None;
        let mut is_anchor = false;
        let mut here = Some(scope);
        while let Some(id) = here {
            let found = self.declared_cte(id, name).filter(|found| {
                let cte = &self.scopes[found.scope].ctes[found.index];
                inside != Some(*found) || (cte.recursive && !is_anchor)
            });
            if found.is_some() {
                return found;
            }
            inside = self.scopes[id].body_of;
            is_anchor = self.scopes[id].is_anchor;
            here = self.scopes[id].parent;
        }
        None
    }

    /// Whether a name is what a table of this SELECT, or of one around it, is called there.
    pub(crate) fn is_table_alias(&self, scope: ScopeId, name: &str) -> bool {
        let mut here = Some(scope);
        while let Some(id) = here {
            if self.scopes[id].table_aliases.iter().any(|alias| alias == name) {
                return true;
            }
            here = self.scopes[id].parent;
        }
        false
    }

    fn declared_cte(&self, scope: ScopeId, name: &str) -> Option<CteId> {
        let own = std::iter::successors(Some(scope), |&id| self.scopes[id].first_branch);
        own.take(2).find_map(|scope| {
            let index = self.scopes[scope].ctes.iter().position(|cte| cte.name == name)?;
            Some(CteId { scope, index })
        })
    }

    /// Whether a name right of IN is certain to be an expression: an alias of something that is no bare name, in this
    /// SELECT or one around it, and not the very expression that it stands in.
    pub(crate) fn is_value_alias(&self, scope: ScopeId, name: &str, at: usize) -> bool {
        let mut here = Some(scope);
        while let Some(id) = here {
            let branches = [Some(id), self.scopes[id].first_branch];
            let mut aliases = branches.into_iter().flatten().flat_map(|id| &self.scopes[id].aliases);
            if aliases.any(|alias| alias.name == name && !alias.bare && !alias.element.contains(&at)) {
                return true;
            }
            here = self.scopes[id].parent;
        }
        false
    }
}

impl Parser<'_, '_> {
    fn new_scope(&mut self, nest: Nest) -> ScopeId {
        let Nest { parent, first_branch, body_of, is_anchor } = nest;
        let scope = Scope { parent, first_branch, body_of, is_anchor, ..Scope::default() };
        self.out.scopes.push(scope);
        self.out.scopes.len() - 1
    }

    /// Whether a bracket holds a query: `(SELECT`, `(WITH`, `(FROM t SELECT`, and a UNION of such brackets.
    fn holds_query(&self, open: usize) -> bool {
        let first = open + 1;
        match self.text.keyword(first) {
            Some(Keyword::From) => self.text.raw(first + 1) == "(" || self.text.is_name(first + 1),
            Some(Keyword::Select | Keyword::With) => {
                let next = self.text.kind(first + 1);
                first + 1 < self.text.mate(open) && !next.is_some_and(is_after_a_name)
            }
            _ if self.text.raw(first) == "(" && self.holds_query(first) => {
                let after = self.text.mate(first) + 1;
                after == self.text.mate(open) || self.joins_queries(after)
            }
            _ => false,
        }
    }

    /// Whether UNION, INTERSECT or EXCEPT at this place joins two queries.
    fn joins_queries(&self, at: usize) -> bool {
        match self.text.keyword(at) {
            Some(Keyword::Union | Keyword::Intersect | Keyword::Except) => {
                let next = match self.text.keyword(at + 1) {
                    Some(Keyword::All | Keyword::Distinct) => at + 2,
                    _ => at + 1,
                };
                match self.text.keyword(next) {
                    Some(Keyword::Select | Keyword::With | Keyword::From) => true,
                    _ => self.text.raw(next) == "(" && self.holds_query(next),
                }
            }
            _ => false,
        }
    }
}

/// What surrounds a query that is about to be read.
#[derive(Debug, Clone, Copy, Default)]
struct Nest {
    parent: Option<ScopeId>,
    first_branch: Option<ScopeId>,
    body_of: Option<CteId>,
    is_anchor: bool,
}

impl Nest {
    fn inside(parent: ScopeId) -> Self {
        Self { parent: Some(parent), ..Self::default() }
    }
}

/// What follows a name and never a keyword that begins a query.
fn is_after_a_name(kind: crate::token::TokenKind) -> bool {
    use crate::token::TokenKind as Kind;
    matches!(
        kind,
        Kind::Comma
            | Kind::Dot
            | Kind::ClosingRoundBracket
            | Kind::ClosingSquareBracket
            | Kind::Equals
            | Kind::NotEquals
            | Kind::Less
            | Kind::Greater
            | Kind::LessOrEquals
            | Kind::GreaterOrEquals
            | Kind::Arrow
            | Kind::DoubleColon
            | Kind::Concatenation
            | Kind::Slash
            | Kind::Percent
            | Kind::QuestionMark
            | Kind::Colon
    )
}
