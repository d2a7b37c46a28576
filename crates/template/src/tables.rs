//! Tables a template names literally with `table()`.

use crate::expr::ast::{BinOp, Const, Expr};
use crate::expr::walk::{self, Item};
use crate::tags::{Node, Tree};

/// The tables of all `{{ }}` tags, each once, in the order of the text.
pub(crate) fn used(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    nodes(&tree.nodes, tree, &mut found);
    found
}

fn nodes(list: &[Node], tree: &Tree, found: &mut Vec<String>) {
    for node in list {
        match node {
            Node::Expr { parsed, .. } => {
                let roots = parsed.statements.iter().flat_map(walk::of_statement).collect();
                walk::breadth_first(roots, &mut |item| {
                    if let Item::Expr(expr) = item
                        && let Some(table) = table(expr, tree)
                        && !found.contains(&table)
                    {
                        found.push(table);
                    }
                    true
                });
            }
            Node::Block { body, .. } => nodes(body, tree, found),
            _ => {}
        }
    }
}

fn table(expr: &Expr, tree: &Tree) -> Option<String> {
    let Expr::Call(call) = expr else { return None };
    let Expr::Name { sym, .. } = call.func else { return None };
    if !matches!(tree.symbols.name(sym), "table" | "TABLE") {
        return None;
    }
    literal(call.args.first()?)
}

/// A string literal, or several joined by `+`.
fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Const(Const::Str(text)) => Some(text.to_string()),
        Expr::Binary(parts) if parts.1 == BinOp::Add => Some(literal(&parts.0)? + &literal(&parts.2)?),
        _ => None,
    }
}
