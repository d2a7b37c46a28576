//! Decides where each name's value lives, by the rules of a Python function body.

use std::sync::Arc;

use crate::expr::ast::{Call, Comprehension, Expr, FormatPart, Header, Keyword, Lambda, Slot, Stmt, Sym};
use crate::functions::Function;
use crate::names::TEMPORARY;
use crate::tags::{Node, Tree};

/// The variables of a template.
#[derive(Default)]
pub(crate) struct Scopes {
    /// Names assigned anywhere in the template: they are local everywhere.
    pub(crate) locals: Vec<Sym>,
    /// Variables of comprehensions and lambdas.
    pub(crate) inner: Vec<Sym>,
}

struct Resolver {
    scopes: Scopes,
    /// The comprehensions and lambdas around the current expression, innermost last.
    stack: Vec<Vec<(Sym, u16)>>,
    /// How many of them a `:=` skips: it binds outside of comprehensions, but inside a lambda.
    lambdas: Vec<usize>,
    /// For each symbol, what it is in a call of a type.
    calls: Vec<InCall>,
}

/// The part a name plays in a call such as `Int32(x, 1, description='...')`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InCall {
    /// The function of a type.
    Type,
    /// A keyword that only describes the parameter.
    Description,
    Other,
}

fn in_call(name: &str) -> InCall {
    match name {
        "required" | "description" | "enum" | "example" | "format" => InCall::Description,
        _ => match Function::from_name(name) {
            Some(Function::Scalar(_) | Function::Array) => InCall::Type,
            _ => InCall::Other,
        },
    }
}

/// Positional arguments a type can take without reaching the parameters that only describe.
const MAX_POSITIONAL: usize = 3;

/// Fills in the slots of all names of `tree`.
pub(crate) fn resolve(tree: &mut Tree) -> Scopes {
    let mut scopes = Scopes::default();
    collect_nodes(&tree.nodes, &mut scopes);
    if let Some(temporary) = tree.symbols.find(TEMPORARY)
        && has_expression(&tree.nodes)
    {
        scopes.local(temporary);
    }
    let calls = (0..tree.symbols.len()).map(|sym| in_call(tree.symbols.name(sym as Sym))).collect();
    let mut resolver = Resolver { scopes, stack: Vec::new(), lambdas: Vec::new(), calls };
    resolver.nodes(&mut tree.nodes);
    resolver.scopes
}

impl Scopes {
    fn local(&mut self, sym: Sym) {
        if !self.locals.contains(&sym) {
            self.locals.push(sym);
        }
    }
}

/// The reference's generated code assigns its temporary in every `{{ }}`.
fn has_expression(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| match node {
        Node::Expr { .. } => true,
        Node::Block { body, .. } => has_expression(body),
        _ => false,
    })
}

fn collect_nodes(nodes: &[Node], scopes: &mut Scopes) {
    for node in nodes {
        match node {
            Node::Text { .. } | Node::Break { .. } | Node::Continue { .. } => {}
            Node::Expr { parsed, .. } => parsed.statements.iter().for_each(|s| collect_statement(s, scopes)),
            Node::Set { statement, .. } => statement.iter().for_each(|s| collect_statement(s, scopes)),
            Node::Branch { header, .. } => header.iter().for_each(|h| collect_header(h, scopes)),
            Node::Block { header, body, .. } => {
                header.iter().for_each(|h| collect_header(h, scopes));
                collect_nodes(body, scopes);
            }
        }
    }
}

fn collect_header(header: &Header, scopes: &mut Scopes) {
    match header {
        Header::Test(test) => collect_walrus(test, scopes),
        Header::For { target, iter } => {
            collect_target(target, scopes);
            collect_walrus(iter, scopes);
        }
        Header::Except { name, .. } => name.iter().for_each(|(sym, _)| scopes.local(*sym)),
        Header::Bare => {}
    }
}

fn collect_statement(statement: &Stmt, scopes: &mut Scopes) {
    match statement {
        Stmt::Assign { targets, value } => {
            targets.iter().for_each(|t| collect_target(t, scopes));
            collect_walrus(value, scopes);
        }
        Stmt::AugAssign { target, value, .. } => {
            collect_target(target, scopes);
            collect_walrus(value, scopes);
        }
        Stmt::Expr(value) => collect_walrus(value, scopes),
        _ => {}
    }
}

fn collect_target(target: &Expr, scopes: &mut Scopes) {
    match target {
        Expr::Name { sym, .. } => scopes.local(*sym),
        Expr::Tuple(items) | Expr::List(items) => items.iter().for_each(|i| collect_target(i, scopes)),
        Expr::Starred(inner) => collect_target(inner, scopes),
        _ => {}
    }
}

/// Names bound by `:=` outside of lambdas.
fn collect_walrus(expr: &Expr, scopes: &mut Scopes) {
    use crate::expr::walk::Item;
    fn visit(item: Item<'_>, scopes: &mut Scopes) {
        match item {
            Item::Expr(Expr::Lambda(_)) => return,
            Item::Expr(Expr::Named(pair)) => collect_target(&pair.0, scopes),
            _ => {}
        }
        item.children(&mut |child| visit(child, scopes));
    }
    visit(Item::Expr(expr), scopes);
}

impl Resolver {
    fn nodes(&mut self, nodes: &mut [Node]) {
        for node in nodes {
            match node {
                Node::Text { .. } | Node::Break { .. } | Node::Continue { .. } => {}
                Node::Expr { parsed, .. } => parsed.statements.iter_mut().for_each(|s| self.statement(s)),
                Node::Set { statement, .. } => statement.iter_mut().for_each(|s| self.statement(s)),
                Node::Branch { header, .. } => header.iter_mut().for_each(|h| self.header(h)),
                Node::Block { header, body, .. } => {
                    header.iter_mut().for_each(|h| self.header(h));
                    self.nodes(body);
                }
            }
        }
    }

    fn header(&mut self, header: &mut Header) {
        match header {
            Header::Test(test) => self.expr(test),
            Header::For { target, iter } => {
                self.expr(target);
                self.expr(iter);
            }
            Header::Except { class, name } => {
                class.iter_mut().for_each(|c| self.expr(c));
                if let Some((sym, slot)) = name {
                    *slot = self.slot(*sym);
                }
            }
            Header::Bare => {}
        }
    }

    fn statement(&mut self, statement: &mut Stmt) {
        match statement {
            Stmt::Expr(value) => self.expr(value),
            Stmt::Assign { targets, value } => {
                targets.iter_mut().for_each(|t| self.expr(t));
                self.expr(value);
            }
            Stmt::AugAssign { target, value, .. } => {
                self.expr(target);
                self.expr(value);
            }
            _ => {}
        }
    }

    fn slot(&self, sym: Sym) -> Slot {
        for scope in self.stack.iter().rev() {
            if let Some((_, slot)) = scope.iter().find(|(s, _)| *s == sym) {
                return Slot::Inner(*slot);
            }
        }
        self.scopes.locals.iter().position(|s| *s == sym).map_or(Slot::Global, |i| Slot::Local(i as u16))
    }

    /// Declares a variable of the innermost scope.
    fn declare(&mut self, sym: Sym) -> Slot {
        let slot = self.scopes.inner.len() as u16;
        self.scopes.inner.push(sym);
        if let Some(scope) = self.stack.last_mut() {
            scope.push((sym, slot));
        }
        Slot::Inner(slot)
    }

    fn exprs<'e>(&mut self, items: impl IntoIterator<Item = &'e mut Expr>) {
        items.into_iter().for_each(|e| self.expr(e));
    }

    fn expr(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Const(_) | Expr::Yield(None) => {}
            Expr::Name { sym, slot } => *slot = self.slot(*sym),
            Expr::BoolOp(parts) => self.exprs(parts.1.iter_mut()),
            Expr::Set(items) | Expr::List(items) | Expr::Tuple(items) => self.exprs(items.iter_mut()),
            Expr::Named(pair) => {
                self.expr(&mut pair.1);
                self.walrus(&mut pair.0);
            }
            Expr::Subscript(pair) => self.exprs([&mut pair.0, &mut pair.1]),
            Expr::Binary(parts) => self.exprs([&mut parts.0, &mut parts.2]),
            Expr::Unary(_, inner) | Expr::Await(inner) | Expr::YieldFrom(inner) | Expr::Starred(inner) => {
                self.expr(inner);
            }
            Expr::Yield(Some(inner)) => self.expr(inner),
            Expr::Lambda(lambda) => self.lambda(Arc::make_mut(lambda)),
            Expr::If(parts) => self.exprs([&mut parts.0, &mut parts.1, &mut parts.2]),
            Expr::Dict(items) => {
                for (key, value) in items {
                    self.exprs(key.iter_mut());
                    self.expr(value);
                }
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Compare(parts) => {
                self.expr(&mut parts.0);
                self.exprs(parts.1.iter_mut().map(|(_, e)| e));
            }
            Expr::Call(call) => {
                self.expr(&mut call.func);
                self.drop_descriptions(call);
                self.exprs(call.args.iter_mut());
                self.exprs(call.keywords.iter_mut().map(|k| &mut k.value));
            }
            Expr::Joined(parts) => self.parts(parts),
            Expr::Attribute(parts) => self.expr(&mut parts.0),
            Expr::Slice(parts) => self.exprs(parts.iter_mut().flatten()),
        }
    }

    /// Takes out the constant keywords of a type that rendering has no use for; the metadata has read them already.
    fn drop_descriptions(&self, call: &mut Call) {
        let Expr::Name { sym, slot: Slot::Global } = call.func else { return };
        if self.calls[sym as usize] != InCall::Type || call.args.len() > MAX_POSITIONAL {
            return;
        }
        let constant = |value: &Expr| match value {
            Expr::List(items) => items.iter().all(|item| matches!(item, Expr::Const(_))),
            value => matches!(value, Expr::Const(_)),
        };
        let describes = |keyword: &Keyword| {
            keyword.name.is_some_and(|name| self.calls[name as usize] == InCall::Description)
                && constant(&keyword.value)
        };
        let starred = call.args.iter().any(|arg| matches!(arg, Expr::Starred(_)));
        if !starred && call.keywords.iter().any(describes) {
            let keywords = std::mem::take(&mut call.keywords).into_vec();
            call.keywords = keywords.into_iter().filter(|keyword| !describes(keyword)).collect();
        }
    }

    fn parts(&mut self, parts: &mut [FormatPart]) {
        for part in parts {
            if let FormatPart::Value { value, spec, .. } = part {
                self.expr(value);
                spec.iter_mut().for_each(|s| self.parts(s));
            }
        }
    }

    /// `:=` binds in the enclosing lambda, or else in the template.
    fn walrus(&mut self, target: &mut Expr) {
        let Expr::Name { sym, slot } = target else { return };
        *slot = match self.lambdas.last() {
            None => self.scopes.locals.iter().position(|s| s == sym).map_or(Slot::Global, |i| Slot::Local(i as u16)),
            Some(&depth) => match self.stack[depth].iter().find(|(s, _)| s == sym) {
                Some((_, slot)) => Slot::Inner(*slot),
                None => {
                    let slot = self.scopes.inner.len() as u16;
                    self.scopes.inner.push(*sym);
                    self.stack[depth].push((*sym, slot));
                    Slot::Inner(slot)
                }
            },
        };
    }

    fn targets(&mut self, target: &mut Expr) {
        match target {
            Expr::Name { sym, slot } => {
                let here = self.stack.last().and_then(|scope| scope.iter().find(|(s, _)| s == sym));
                *slot = match here {
                    Some((_, known)) => Slot::Inner(*known),
                    None => self.declare(*sym),
                };
            }
            Expr::Tuple(items) | Expr::List(items) => items.iter_mut().for_each(|i| self.targets(i)),
            Expr::Starred(inner) => self.targets(inner),
            other => self.expr(other),
        }
    }

    fn comprehension(&mut self, comprehension: &mut Comprehension) {
        for (i, clause) in comprehension.clauses.iter_mut().enumerate() {
            if i == 0 {
                // The first iterable belongs to the scope around the comprehension.
                self.expr(&mut clause.iter);
                self.stack.push(Vec::new());
            }
            self.targets(&mut clause.target);
        }
        for (i, clause) in comprehension.clauses.iter_mut().enumerate() {
            if i > 0 {
                self.expr(&mut clause.iter);
            }
            self.exprs(clause.conditions.iter_mut());
        }
        self.expr(&mut comprehension.element);
        self.exprs(comprehension.value.iter_mut());
        self.stack.pop();
    }

    fn lambda(&mut self, lambda: &mut Lambda) {
        for param in lambda.args.iter_mut().chain(lambda.keyword_only.iter_mut()) {
            self.exprs(param.default.iter_mut());
        }
        lambda.captures = self.stack.iter().flatten().map(|(_, slot)| *slot).collect();
        let first = self.scopes.inner.len() as u16;
        self.stack.push(Vec::new());
        self.lambdas.push(self.stack.len() - 1);
        let params = lambda.args.iter_mut().chain(lambda.vararg.iter_mut());
        for param in params.chain(lambda.keyword_only.iter_mut()).chain(lambda.kwarg.iter_mut()) {
            param.slot = self.declare(param.sym);
        }
        self.expr(&mut lambda.body);
        self.lambdas.pop();
        self.stack.pop();
        lambda.own = (first..self.scopes.inner.len() as u16).collect();
    }
}
