//! What an expression may hold: the allow-list of `{{ }}`, and what is refused everywhere.

use crate::error::{Error, ErrorClass};
use crate::expr::ast::{BinOp, Call, Const, Expr, FormatPart, Header, Stmt, UnaryOp};
use crate::expr::dump::Dumper;
use crate::expr::symbols::Symbols;
use crate::expr::walk::{self, Item};

/// Functions that may be called by name inside `{{ }}`.
const FUNCTIONS: [&str; 53] = [
    "Array",
    "Boolean",
    "Date",
    "DateTime",
    "DateTime64",
    "Float32",
    "Float64",
    "Int",
    "Int128",
    "Int16",
    "Int256",
    "Int32",
    "Int64",
    "Int8",
    "Integer",
    "JSON",
    "String",
    "TABLE",
    "UInt128",
    "UInt16",
    "UInt256",
    "UInt32",
    "UInt64",
    "UInt8",
    "activate",
    "backend_hint",
    "cache_ttl",
    "column",
    "columns",
    "custom_error",
    "date_diff_in_days",
    "date_diff_in_hours",
    "date_diff_in_minutes",
    "date_diff_in_seconds",
    "day_diff",
    "defined",
    "disable",
    "enumerate_with_last",
    "error",
    "float",
    "int",
    "len",
    "list",
    "max",
    "max_threads",
    "min",
    "split_to_array",
    "sql_and",
    "sql_unescape",
    "symbol",
    "table",
    "tb_secret",
    "tb_var",
];

/// Methods that may be called inside `{{ }}`.
const METHODS: [&str; 4] = ["split", "get", "join", "replace"];

/// Functions refused everywhere.
const BANNED_FUNCTIONS: [&str; 21] = [
    "eval",
    "exec",
    "compile",
    "getattr",
    "setattr",
    "delattr",
    "globals",
    "locals",
    "vars",
    "dir",
    "breakpoint",
    "help",
    "memoryview",
    "type",
    "object",
    "super",
    "classmethod",
    "staticmethod",
    "property",
    "exit",
    "quit",
];

pub(crate) fn template_error(message: String) -> Error {
    Error::new(ErrorClass::Security, message)
}

/// Checks the statements of a `{{ }}` tag.
pub(crate) fn expression(statements: &[Stmt], symbols: &Symbols) -> Result<(), Error> {
    let check = AllowList { dumper: Dumper { symbols }, symbols };
    for statement in statements {
        match statement {
            Stmt::Expr(value) => check.expr(value)?,
            other => return check.refuse_statement(other),
        }
    }
    statements.iter().try_for_each(|s| statement_bans(s, symbols))
}

/// Checks the statement of a `{% set %}` tag.
pub(crate) fn statement(statement: &Stmt, symbols: &Symbols) -> Result<(), Error> {
    statement_bans(statement, symbols)
}

/// Checks the header of a block.
pub(crate) fn header(header: &Header, symbols: &Symbols) -> Result<(), Error> {
    bans(walk::of_header(header), symbols)
}

/// `{% set %}` takes one assignment, augmented assignment or expression.
pub(crate) fn may_be_set(statement: &Stmt) -> bool {
    matches!(statement, Stmt::Expr(_) | Stmt::Assign { .. } | Stmt::AugAssign { .. })
}

fn statement_bans(statement: &Stmt, symbols: &Symbols) -> Result<(), Error> {
    bans(walk::of_statement(statement), symbols)
}

/// What no expression may hold, wherever it stands.
fn bans(roots: Vec<Item<'_>>, symbols: &Symbols) -> Result<(), Error> {
    let mut found = None;
    walk::breadth_first(roots, &mut |item| {
        if let Item::Expr(expr) = item {
            found = ban(expr, symbols);
        }
        found.is_none()
    });
    found.map_or(Ok(()), |message| Err(template_error(message)))
}

fn ban(expr: &Expr, symbols: &Symbols) -> Option<String> {
    match expr {
        Expr::Call(call) => {
            let Expr::Name { sym, .. } = call.func else { return None };
            let name = symbols.name(sym);
            BANNED_FUNCTIONS.contains(&name).then(|| format!("Invalid function name: {name}"))
        }
        Expr::Attribute(parts) => {
            let name = symbols.name(parts.1);
            is_banned_attribute(name).then(|| format!("Invalid attribute: {name}"))
        }
        Expr::Name { sym, .. } => {
            let name = symbols.name(*sym);
            (name.len() > 4 && name.starts_with("__") && name.ends_with("__")).then(|| format!("Invalid name: {name}"))
        }
        Expr::Yield(_) | Expr::YieldFrom(_) | Expr::Await(_) => {
            Some(format!("Invalid expression type: {}", Dumper { symbols }.expr(expr)))
        }
        _ => None,
    }
}

fn is_banned_attribute(name: &str) -> bool {
    const EXACT: [&str; 5] = ["format", "format_map", "mro", "tb_frame", "tb_next"];
    const PREFIXES: [&str; 5] = ["_", "gi_", "cr_", "ag_", "f_"];
    EXACT.contains(&name) || PREFIXES.iter().any(|p| name.starts_with(p))
}

/// The check of `{{ }}`: everything not named here is refused.
struct AllowList<'a> {
    dumper: Dumper<'a>,
    symbols: &'a Symbols,
}

impl AllowList<'_> {
    fn refuse<T>(&self, expr: &Expr) -> Result<T, Error> {
        Err(template_error(format!("Invalid expression type: {}", self.dumper.expr(expr))))
    }

    fn refuse_statement<T>(&self, statement: &Stmt) -> Result<T, Error> {
        Err(template_error(format!("Invalid expression type: {}", self.dumper.statement(statement))))
    }

    fn all<'e>(&self, items: impl IntoIterator<Item = &'e Expr>) -> Result<(), Error> {
        items.into_iter().try_for_each(|e| self.expr(e))
    }

    fn expr(&self, expr: &Expr) -> Result<(), Error> {
        match expr {
            Expr::Name { .. } => Ok(()),
            Expr::Const(constant) => match constant {
                Const::Ellipsis | Const::Imaginary(_) | Const::Bytes(_) => {
                    Err(template_error(format!("Invalid Constant: {}", self.dumper.expr(expr))))
                }
                _ => Ok(()),
            },
            Expr::Unary(op, inner) => match op {
                UnaryOp::Not | UnaryOp::USub => self.expr(inner),
                UnaryOp::UAdd | UnaryOp::Invert => Err(template_error(format!("Invalid UnaryOp: {}()", op.name()))),
            },
            Expr::Binary(parts) => match parts.1 {
                BinOp::Add | BinOp::Sub | BinOp::Mult => self.all([&parts.0, &parts.2]),
                op => Err(template_error(format!("Invalid BinOp: {}()", op.name()))),
            },
            Expr::If(parts) => self.all([&parts.0, &parts.1, &parts.2]),
            Expr::Tuple(items) | Expr::List(items) | Expr::Set(items) => self.all(items.iter()),
            Expr::Dict(items) => {
                self.all(items.iter().filter_map(|(key, _)| key.as_ref()))?;
                self.all(items.iter().map(|(_, value)| value))
            }
            Expr::Subscript(parts) => {
                self.expr(&parts.0)?;
                self.index(&parts.1)
            }
            Expr::Joined(parts) => self.joined(parts),
            Expr::Call(call) => self.call(call),
            _ => self.refuse(expr),
        }
    }

    fn joined(&self, parts: &[FormatPart]) -> Result<(), Error> {
        for part in parts {
            if let FormatPart::Value { value, spec, .. } = part {
                self.expr(value)?;
                self.joined(spec.as_deref().unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// A subscript's index: a constant, a slice of allowed parts, or another subscript.
    fn index(&self, index: &Expr) -> Result<(), Error> {
        match index {
            Expr::Const(_) | Expr::Subscript(_) => self.expr(index),
            Expr::Slice(parts) => self.all(parts.iter().flatten()),
            _ => Err(template_error(format!("Invalid Slice expression: {}", self.dumper.expr(index)))),
        }
    }

    fn call(&self, call: &Call) -> Result<(), Error> {
        match &call.func {
            Expr::Name { sym, .. } => {
                let name = self.symbols.name(*sym);
                if !FUNCTIONS.contains(&name) {
                    return Err(template_error(format!("Invalid function name: {name}")));
                }
            }
            Expr::Attribute(parts) => {
                let name = self.symbols.name(parts.1);
                if !METHODS.contains(&name) {
                    return Err(template_error(format!("Invalid method name: {name}")));
                }
                self.expr(&parts.0)?;
            }
            inner @ Expr::Call(_) => self.expr(inner)?,
            other => return self.refuse(other),
        }
        self.all(call.args.iter())
    }
}
