//! Which names a template uses, tag by tag.

use std::sync::Arc;

use crate::builtins::Builtin;
use crate::exception::Class;
use crate::expr::ast::{Expr, FormatPart, Header, Lambda, Stmt, Sym};
use crate::expr::symbols::Symbols;
use crate::tags::{Node, Tag, Tree};

/// The variable the reference's generated code keeps each value in.
pub(crate) const TEMPORARY: &str = "_tt_tmp";

/// A name and the line of the tag that uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedName(
    /// Line of the tag, from 1.
    pub u32,
    /// The name.
    pub Arc<str>,
);

impl serde::Serialize for UsedName {
    /// A pair: line and name.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0, &*self.1).serialize(serializer)
    }
}

/// Names that a missing parameter never has: Python's builtins and a few of the template's own functions.
pub(crate) fn is_hidden(name: &str) -> bool {
    let own = ["bool", "column", "symbol", "error", "custom_error", TEMPORARY];
    own.contains(&name) || Builtin::from_name(name).is_some() || Class::from_name(name).is_some()
}

/// Whether the reference leaves a `{% set %}` out of its lists: it cannot read `{{` there.
pub(crate) fn is_unreadable_set(text: &str, tag: &Tag) -> bool {
    tag.span.of(text).contains("{{")
}

/// Parameters that other parts of a request also use; they work, with a warning.
pub(crate) fn is_reserved(name: &str) -> bool {
    const EXACT: [&str; 14] = [
        "pipeline",
        "token",
        "tag",
        "debug",
        "explain",
        "playground",
        "query_id",
        "template_parameters",
        "finalize_aggregations",
        "release_replacements",
        "output_format_parquet_string_as_string",
        "__tb__semver",
        "__tb__csv_header",
        "job_timestamp",
    ];
    EXACT.contains(&name) || name.starts_with("output_format_json_quote_")
}

/// Every name of `tree`, by tag, in the order of evaluation; a tag names each once.
pub(crate) fn used(text: &str, tree: &Tree) -> Vec<(u32, Sym)> {
    let mut collector = Collector { text, symbols: &tree.symbols, found: Vec::new(), tag_start: 0, line: 1 };
    collector.nodes(&tree.nodes);
    collector.found
}

/// [`used`] with the names themselves.
pub(crate) fn list(text: &str, tree: &Tree) -> Vec<UsedName> {
    used(text, tree).into_iter().map(|(line, sym)| UsedName(line, tree.symbols.name(sym).into())).collect()
}

struct Collector<'a> {
    text: &'a str,
    symbols: &'a Symbols,
    found: Vec<(u32, Sym)>,
    tag_start: usize,
    line: u32,
}

impl Collector<'_> {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Text { .. } | Node::Break { .. } | Node::Continue { .. } => {}
                Node::Expr { tag, parsed } => {
                    self.start(tag);
                    parsed.statements.iter().for_each(|s| self.statement(s));
                }
                Node::Set { tag, statement } => {
                    self.start(tag);
                    if let Ok(statement) = statement
                        && !is_unreadable_set(self.text, tag)
                    {
                        self.statement(statement);
                    }
                }
                Node::Branch { tag, header, .. } => {
                    self.start(tag);
                    header.iter().for_each(|h| self.header(h));
                }
                Node::Block { tag, header, body, .. } => {
                    self.start(tag);
                    header.iter().for_each(|h| self.header(h));
                    self.nodes(body);
                }
            }
        }
    }

    fn start(&mut self, tag: &Tag) {
        self.tag_start = self.found.len();
        self.line = tag.line;
    }

    fn add(&mut self, sym: Sym) {
        let seen = self.found[self.tag_start..].iter().any(|(_, s)| *s == sym);
        if !seen && !is_hidden(self.symbols.name(sym)) {
            self.found.push((self.line, sym));
        }
    }

    fn header(&mut self, header: &Header) {
        match header {
            Header::Test(test) => self.expr(test),
            Header::For { target, iter } => {
                self.expr(iter);
                self.expr(target);
            }
            Header::Except { class, name } => {
                class.iter().for_each(|c| self.expr(c));
                name.iter().for_each(|(sym, _)| self.add(*sym));
            }
            Header::Bare => {}
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Expr(value) => self.expr(value),
            Stmt::Assign { targets, value } => {
                self.expr(value);
                targets.iter().for_each(|t| self.expr(t));
            }
            Stmt::AugAssign { target, value, .. } => {
                self.expr(target);
                self.expr(value);
            }
            // No other statement passes the checks.
            _ => {}
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Name { sym, .. } => self.add(*sym),
            Expr::Attribute(parts) => {
                self.expr(&parts.0);
                self.add(parts.1);
            }
            Expr::Call(call) => {
                self.expr(&call.func);
                call.args.iter().for_each(|a| self.expr(a));
                call.keywords.iter().for_each(|k| self.expr(&k.value));
            }
            Expr::Named(pair) => {
                self.expr(&pair.1);
                self.expr(&pair.0);
            }
            Expr::Dict(items) => {
                for (key, value) in items {
                    key.iter().for_each(|k| self.expr(k));
                    self.expr(value);
                }
            }
            // A comprehension and a lambda have scopes of their own; only these parts run outside of them.
            Expr::Comprehension(comprehension) => {
                comprehension.clauses.first().iter().for_each(|c| self.expr(&c.iter));
            }
            Expr::Lambda(lambda) => self.defaults(lambda),
            Expr::Joined(parts) => self.parts(parts),
            _ => crate::expr::walk::Item::Expr(expr).children(&mut |child| {
                if let crate::expr::walk::Item::Expr(child) = child {
                    self.expr(child);
                }
            }),
        }
    }

    fn defaults(&mut self, lambda: &Lambda) {
        let params = lambda.args.iter().chain(lambda.keyword_only.iter());
        params.filter_map(|p| p.default.as_ref()).for_each(|d| self.expr(d));
    }

    fn parts(&mut self, parts: &[FormatPart]) {
        for part in parts {
            if let FormatPart::Value { value, spec, .. } = part {
                self.expr(value);
                spec.iter().for_each(|s| self.parts(s));
            }
        }
    }
}
