//! Visits the parts of an expression in the order of Python's syntax tree.

use super::ast::{Comprehension, Expr, FormatPart, Header, Lambda, Stmt};

/// A node of the tree that a breadth-first walk queues.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    Expr(&'a Expr),
    /// The clauses of a comprehension; they stand one level below it.
    Clause(&'a super::ast::Clause),
    /// A keyword argument; its value stands one level below it.
    Keyword(&'a super::ast::Keyword),
    /// A replacement field of an f-string, likewise.
    Part(&'a FormatPart),
    /// A lambda's parameters.
    Params(&'a Lambda),
}

impl<'a> Item<'a> {
    /// Calls `visit` with each direct part.
    pub(crate) fn children(self, visit: &mut dyn FnMut(Item<'a>)) {
        match self {
            Item::Expr(expr) => children(expr, visit),
            Item::Clause(clause) => {
                visit(Item::Expr(&clause.target));
                visit(Item::Expr(&clause.iter));
                clause.conditions.iter().for_each(|c| visit(Item::Expr(c)));
            }
            Item::Keyword(keyword) => visit(Item::Expr(&keyword.value)),
            Item::Part(FormatPart::Text(_)) => {}
            Item::Part(FormatPart::Value { value, spec, .. }) => {
                visit(Item::Expr(value));
                spec.iter().flatten().for_each(|part| visit(Item::Part(part)));
            }
            Item::Params(lambda) => defaults(lambda, visit),
        }
    }
}

/// Calls `visit` with several trees that stand on one level and everything below them, level by level. `visit` says
/// whether to go on.
pub(crate) fn breadth_first<'a>(roots: Vec<Item<'a>>, visit: &mut dyn FnMut(Item<'a>) -> bool) -> bool {
    let mut queue = roots;
    let mut next = 0;
    while next < queue.len() {
        let item = queue[next];
        next += 1;
        if !visit(item) {
            return false;
        }
        item.children(&mut |child| queue.push(child));
    }
    true
}

fn defaults<'a>(lambda: &'a Lambda, visit: &mut dyn FnMut(Item<'a>)) {
    for param in lambda.keyword_only.iter().chain(lambda.args.iter()) {
        if let Some(default) = &param.default {
            visit(Item::Expr(default));
        }
    }
}

fn children<'a>(expr: &'a Expr, visit: &mut dyn FnMut(Item<'a>)) {
    match expr {
        Expr::Const(_) | Expr::Name { .. } | Expr::Yield(None) => {}
        Expr::BoolOp(parts) => parts.1.iter().for_each(|e| visit(Item::Expr(e))),
        Expr::Set(items) | Expr::List(items) | Expr::Tuple(items) => items.iter().for_each(|e| visit(Item::Expr(e))),
        Expr::Named(pair) | Expr::Subscript(pair) => {
            visit(Item::Expr(&pair.0));
            visit(Item::Expr(&pair.1));
        }
        Expr::Binary(parts) => {
            visit(Item::Expr(&parts.0));
            visit(Item::Expr(&parts.2));
        }
        Expr::Unary(_, inner) | Expr::Await(inner) | Expr::YieldFrom(inner) | Expr::Starred(inner) => {
            visit(Item::Expr(inner));
        }
        Expr::Yield(Some(inner)) => visit(Item::Expr(inner)),
        Expr::Lambda(lambda) => {
            visit(Item::Params(lambda));
            visit(Item::Expr(&lambda.body));
        }
        Expr::If(parts) => {
            visit(Item::Expr(&parts.0));
            visit(Item::Expr(&parts.1));
            visit(Item::Expr(&parts.2));
        }
        Expr::Dict(items) => {
            items.iter().filter_map(|(key, _)| key.as_ref()).for_each(|e| visit(Item::Expr(e)));
            items.iter().for_each(|(_, value)| visit(Item::Expr(value)));
        }
        Expr::Comprehension(comprehension) => comprehension_children(comprehension, visit),
        Expr::Compare(parts) => {
            visit(Item::Expr(&parts.0));
            parts.1.iter().for_each(|(_, e)| visit(Item::Expr(e)));
        }
        Expr::Call(call) => {
            visit(Item::Expr(&call.func));
            call.args.iter().for_each(|e| visit(Item::Expr(e)));
            call.keywords.iter().for_each(|k| visit(Item::Keyword(k)));
        }
        Expr::Joined(parts) => parts.iter().for_each(|part| visit(Item::Part(part))),
        Expr::Attribute(parts) => visit(Item::Expr(&parts.0)),
        Expr::Slice(parts) => parts.iter().flatten().for_each(|e| visit(Item::Expr(e))),
    }
}

fn comprehension_children<'a>(comprehension: &'a Comprehension, visit: &mut dyn FnMut(Item<'a>)) {
    visit(Item::Expr(&comprehension.element));
    if let Some(value) = &comprehension.value {
        visit(Item::Expr(value));
    }
    comprehension.clauses.iter().for_each(|clause| visit(Item::Clause(clause)));
}

/// The expressions of a statement, on its first level.
pub(crate) fn of_statement(statement: &Stmt) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    match statement {
        Stmt::Expr(value) => items.push(value),
        Stmt::Assign { targets, value } => {
            items.extend(targets.iter());
            items.push(value);
        }
        Stmt::AugAssign { target, value, .. } => items.extend([target, value]),
        Stmt::AnnAssign { target, annotation, value, .. } => {
            items.extend([target, annotation]);
            items.extend(value);
        }
        Stmt::Delete(targets) => items.extend(targets.iter()),
        Stmt::Return(value) => items.extend(value),
        Stmt::Raise { exc, cause } => items.extend(exc.iter().chain(cause)),
        Stmt::Assert { test, message } => items.extend([Some(test), message.as_ref()].into_iter().flatten()),
        Stmt::Pass | Stmt::Break | Stmt::Continue | Stmt::Import(_) | Stmt::ImportFrom { .. } => {}
        Stmt::Global(_) | Stmt::Nonlocal(_) => {}
    }
    items.into_iter().map(Item::Expr).collect()
}

/// The expressions of a block's header, on its first level.
pub(crate) fn of_header(header: &Header) -> Vec<Item<'_>> {
    match header {
        Header::Test(test) => vec![Item::Expr(test)],
        Header::For { target, iter } => vec![Item::Expr(target), Item::Expr(iter)],
        Header::Except { class: Some(class), .. } => vec![Item::Expr(class)],
        Header::Except { class: None, .. } | Header::Bare => Vec::new(),
    }
}
