//! A compiled template: what rendering runs. It never changes and holds no lock.

use crate::builtins::Builtin;
use crate::error::Error;
use crate::exception::Class;
use crate::expr::ast::{Expr, Header, Slot, Stmt, Sym};
use crate::expr::symbols::Names;
use crate::functions::Function;
use crate::metadata;
use crate::names;
use crate::scope;
use crate::tags::{Keyword, Node, Span, Tree};
use crate::whitespace::{self, Mode};

pub(crate) type Block = Box<[Op]>;

/// One step of a template.
pub(crate) enum Op {
    /// Text of the template, as it stands.
    Text(Span),
    /// Text a whitespace mode has changed.
    Squeezed(Box<str>),
    Print {
        value: Expr,
        tag: Span,
    },
    /// `{{a, b}}`: evaluated, then refused.
    PrintTuple {
        value: Expr,
        tag: Span,
    },
    Run {
        statement: Box<Stmt>,
        tag: Span,
    },
    If {
        branches: Box<[Branch]>,
        otherwise: Block,
    },
    For(Box<For>),
    While(Box<While>),
    Try(Box<Try>),
    Break,
    Continue,
}

/// `if` or `elif`
pub(crate) struct Branch {
    pub(crate) test: Expr,
    pub(crate) tag: Span,
    pub(crate) body: Block,
}

pub(crate) struct For {
    pub(crate) target: Expr,
    pub(crate) iter: Expr,
    pub(crate) tag: Span,
    pub(crate) body: Block,
    pub(crate) otherwise: Block,
}

pub(crate) struct While {
    pub(crate) test: Expr,
    pub(crate) tag: Span,
    pub(crate) body: Block,
    pub(crate) otherwise: Block,
}

pub(crate) struct Try {
    pub(crate) body: Block,
    pub(crate) handlers: Box<[Handler]>,
    pub(crate) otherwise: Block,
    pub(crate) finally: Block,
}

/// `except`
pub(crate) struct Handler {
    pub(crate) class: Option<Expr>,
    pub(crate) name: Option<Slot>,
    pub(crate) tag: Span,
    pub(crate) body: Block,
}

/// What a name means where the template does not assign it.
#[derive(Clone, Copy)]
pub(crate) enum Global {
    /// A template function; a parameter of this name is not seen.
    Function(Function),
    /// A template function a parameter hides.
    Hideable(Function),
    /// A parameter. The flag says whether a missing one is null rather than an unknown name.
    Parameter {
        discovered: bool,
    },
    Builtin(Builtin),
    Class(Class),
}

pub(crate) struct Program {
    pub(crate) block: Block,
    /// All names, by symbol.
    pub(crate) names: Names,
    /// What each name means, by symbol.
    pub(crate) globals: Box<[Global]>,
    /// Names of the template's variables, by slot.
    pub(crate) locals: Box<[Sym]>,
    /// Names of the variables of comprehensions and lambdas, by slot.
    pub(crate) inner: Box<[Sym]>,
    /// Parameters whose first use is `Array(...)`, with the element type.
    pub(crate) arrays: Box<[(Sym, Box<str>)]>,
    /// A name that cannot be used, with the line of the last tag that does.
    pub(crate) forbidden: Option<(Sym, u32)>,
    /// The line of the last tag that names `x`.
    pub(crate) x_line: Option<u32>,
    /// Whether the name `length` is used.
    pub(crate) length: bool,
    /// Whether the name `self` is used.
    pub(crate) uses_self: bool,
    /// Parameters other parts of a request also use.
    pub(crate) reserved: Box<[Sym]>,
}

impl Program {
    /// Whether the template assigns `name` itself.
    pub(crate) fn is_variable(&self, name: &str) -> bool {
        let named = |sym: &Sym| self.names.get(*sym) == name;
        self.locals.iter().any(named) || self.inner.iter().any(named)
    }
}

/// Compiles `tree`, whose statements are known to be sound.
pub(crate) fn build(text: &str, mut tree: Tree) -> Result<Program, Error> {
    let used = names::used(text, &tree);
    let parameters = metadata::extract(text, &tree)?;
    let arrays = array_parameters(&parameters, &tree);
    let scopes = scope::resolve(&mut tree);
    let globals = (0..tree.symbols.len() as Sym).map(|sym| global(&tree, sym, &used)).collect();
    let last_line = |name: &str| {
        let sym = tree.symbols.find(name)?;
        used.iter().rev().find(|(_, s)| *s == sym).map(|(line, _)| (sym, *line))
    };
    let forbidden = used
        .iter()
        .find(|(_, sym)| matches!(tree.symbols.name(*sym), "format" | "q"))
        .and_then(|(_, sym)| last_line(tree.symbols.name(*sym)));
    let x_line = last_line("x").map(|(_, line)| line);
    let length = last_line("length").is_some();
    let uses_self = last_line("self").is_some();
    let mut reserved: Vec<Sym> =
        used.iter().map(|(_, sym)| *sym).filter(|sym| names::is_reserved(tree.symbols.name(*sym))).collect();
    reserved.sort_unstable();
    reserved.dedup();
    Ok(Program {
        block: block(text, tree.nodes),
        globals,
        locals: scopes.locals.into(),
        inner: scopes.inner.into(),
        arrays,
        forbidden,
        x_line,
        length,
        uses_self,
        reserved: reserved.into(),
        names: tree.symbols.into_names(),
    })
}

/// Parameters whose first entry has the type `Array(T)`, where `T` is one word.
fn array_parameters(parameters: &[metadata::Parameter], tree: &Tree) -> Box<[(Sym, Box<str>)]> {
    let mut seen: Vec<Sym> = Vec::new();
    let mut arrays = Vec::new();
    for parameter in parameters {
        let Some(sym) = parameter.name().as_str().and_then(|name| tree.symbols.find(name)) else { continue };
        if seen.contains(&sym) {
            continue;
        }
        seen.push(sym);
        let element = parameter.type_name().strip_prefix("Array(").and_then(|t| t.strip_suffix(')'));
        if let Some(element) = element
            && !element.is_empty()
            && element.chars().all(|c| c == '_' || c.is_alphanumeric())
        {
            arrays.push((sym, element.into()));
        }
    }
    arrays.into()
}

fn global(tree: &Tree, sym: Sym, used: &[(u32, Sym)]) -> Global {
    let name = tree.symbols.name(sym);
    if let Some(function) = Function::from_name(name) {
        // Of all functions only this one gives way to a parameter.
        return if name == "symbol" { Global::Hideable(function) } else { Global::Function(function) };
    }
    if let Some(builtin) = Builtin::from_name(name) {
        return Global::Builtin(builtin);
    }
    if let Some(class) = Class::from_name(name) {
        return Global::Class(class);
    }
    Global::Parameter { discovered: used.iter().any(|(_, s)| *s == sym) }
}

fn block(text: &str, nodes: Vec<Node>) -> Block {
    let mut ops = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Node::Text { span, mode: Mode::All } => ops.push(Op::Text(span)),
            Node::Text { span, mode } => ops.push(Op::Squeezed(whitespace::apply(mode, span.of(text)).into())),
            Node::Expr { tag, parsed } => {
                let (bare_tuple, tag) = (parsed.bare_tuple, tag.span);
                ops.extend(parsed.statements.into_iter().filter_map(|statement| match statement {
                    Stmt::Expr(value) if bare_tuple => Some(Op::PrintTuple { value, tag }),
                    Stmt::Expr(value) => Some(Op::Print { value, tag }),
                    _ => None,
                }));
            }
            Node::Set { tag, statement } => {
                ops.extend(statement.ok().map(|s| Op::Run { statement: Box::new(s), tag: tag.span }));
            }
            Node::Block { tag, keyword, header, body } => {
                ops.extend(header.ok().and_then(|header| compound(text, tag.span, keyword, header, body)));
            }
            // Branches are taken out of the body before it comes here.
            Node::Branch { .. } => {}
            Node::Break { .. } => ops.push(Op::Break),
            Node::Continue { .. } => ops.push(Op::Continue),
        }
    }
    ops.into()
}

/// A branch of a block: its keyword, header and body.
struct Part {
    keyword: Keyword,
    header: Header,
    tag: Span,
    body: Vec<Node>,
}

fn compound(text: &str, tag: Span, keyword: Keyword, header: Header, body: Vec<Node>) -> Option<Op> {
    let mut parts = vec![Part { keyword, header, tag, body: Vec::new() }];
    for node in body {
        match node {
            Node::Branch { tag, keyword, header: Ok(header) } => {
                parts.push(Part { keyword, header, tag: tag.span, body: Vec::new() });
            }
            node => parts.last_mut()?.body.push(node),
        }
    }
    let (mut otherwise, mut finally): (Block, Block) = (Box::default(), Box::default());
    let (mut branches, mut handlers) = (Vec::new(), Vec::new());
    let mut first = None;
    for (i, part) in parts.into_iter().enumerate() {
        let body = block(text, part.body);
        match (part.keyword, part.header) {
            (Keyword::If | Keyword::Elif, Header::Test(test)) => branches.push(Branch { test, tag: part.tag, body }),
            (Keyword::Else, _) => otherwise = body,
            (Keyword::Finally, _) => finally = body,
            (Keyword::Except, Header::Except { class, name }) => {
                handlers.push(Handler { class, name: name.map(|(_, slot)| slot), tag: part.tag, body });
            }
            (_, header) if i == 0 => first = Some((header, body)),
            _ => {}
        }
    }
    Some(match (first, keyword) {
        (Some((Header::For { target, iter }, body)), _) => {
            Op::For(Box::new(For { target, iter, tag, body, otherwise }))
        }
        (Some((Header::Test(test), body)), _) => Op::While(Box::new(While { test, tag, body, otherwise })),
        (Some((_, body)), _) => Op::Try(Box::new(Try { body, handlers: handlers.into(), otherwise, finally })),
        (None, _) => Op::If { branches: branches.into(), otherwise },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert!(size_of::<Expr>() <= 24, "{}", size_of::<Expr>());
        assert!(size_of::<Op>() <= 40, "{}", size_of::<Op>());
    }
}
