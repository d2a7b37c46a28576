//! The parameters a template declares, as its tags declare them.

mod merge;

use std::collections::HashSet;
use std::sync::Arc;

use serde::ser::{Serialize, Serializer};

pub use merge::{MergedParameter, merge_parameters};

use crate::error::{Error, ErrorClass};
use crate::expr::ast::{Call, Const, Expr, Stmt, UnaryOp};
use crate::expr::symbols::Symbols;
use crate::expr::walk::{self, Item};
use crate::names;
use crate::params::Data;
use crate::tags::{Node, Tree};
use crate::value::{Value, to_str};

/// One use of a parameter in one tag: its name, type, default and whatever else the call names.
///
/// Serialises as an object with the fields in the order of the reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    fields: Vec<(Arc<str>, Data)>,
}

impl Parameter {
    fn new(name: Data, type_name: &str) -> Self {
        Parameter { fields: vec![("name".into(), name), ("type".into(), type_name.into())] }
    }

    fn bare(name: &str) -> Self {
        let mut parameter = Parameter::new(name.into(), "String");
        parameter.push("default", Data::Null);
        parameter
    }

    fn push(&mut self, key: &str, value: Data) {
        match self.fields.iter_mut().find(|(k, _)| **k == *key) {
            Some((_, old)) => *old = value,
            None => self.fields.push((key.into(), value)),
        }
    }

    /// A field by its name, such as `default` or `description`.
    pub fn field(&self, key: &str) -> Option<&Data> {
        self.fields.iter().find(|(k, _)| **k == *key).map(|(_, v)| v)
    }

    /// The name; a literal in the place of a name gives a value that is no text.
    pub fn name(&self) -> &Data {
        self.field("name").unwrap_or(&Data::Null)
    }

    /// The type, such as `Int32` or `Array(String)`.
    pub fn type_name(&self) -> &str {
        self.field("type").and_then(Data::as_str).unwrap_or("String")
    }

    /// The default; null when there is none.
    pub fn default(&self) -> &Data {
        self.field("default").unwrap_or(&Data::Null)
    }

    /// Whether the parameter was only seen as the argument of a function such as `defined`.
    pub fn is_function_argument(&self) -> bool {
        self.field("used_in").is_some()
    }
}

impl Serialize for Parameter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields.iter().map(|(k, v)| (&**k, v)))
    }
}

/// All parameters of `tree`, tag by tag; a block's body comes before its own condition.
pub(crate) fn extract(text: &str, tree: &Tree) -> Result<Vec<Parameter>, Error> {
    let mut extractor = Extractor { text, symbols: &tree.symbols, out: Vec::new(), typed: Vec::new() };
    extractor.nodes(&tree.nodes)?;
    Ok(extractor.out)
}

/// The first name that cannot be one: a literal other than text, or empty text.
pub(crate) fn check_names(parameters: &[Parameter]) -> Result<(), Error> {
    for parameter in parameters {
        let name = parameter.name();
        if name.as_str().is_none_or(str::is_empty) {
            return Err(unusable_name(&to_str(&name.to_value())));
        }
    }
    Ok(())
}

fn unusable_name(name: &str) -> Error {
    Error::new(ErrorClass::Value, format!("\"{name}\" can not be used as a variable name"))
}

struct Extractor<'a> {
    text: &'a str,
    symbols: &'a Symbols,
    out: Vec<Parameter>,
    /// Names the expression tags so far gave.
    typed: Vec<Data>,
}

impl Extractor<'_> {
    fn nodes(&mut self, nodes: &[Node]) -> Result<(), Error> {
        for node in nodes {
            match node {
                Node::Text { .. } | Node::Break { .. } | Node::Continue { .. } => {}
                Node::Expr { parsed, .. } => self.expression(&parsed.statements)?,
                Node::Set { tag, statement: Ok(statement) } if !names::is_unreadable_set(self.text, tag) => {
                    self.statement(walk::of_statement(statement));
                }
                Node::Set { .. } => {}
                Node::Branch { header, .. } => header.iter().for_each(|h| self.statement(walk::of_header(h))),
                Node::Block { header, body, .. } => {
                    self.nodes(body)?;
                    header.iter().for_each(|h| self.statement(walk::of_header(h)));
                }
            }
        }
        Ok(())
    }

    fn expression(&mut self, statements: &[Stmt]) -> Result<(), Error> {
        let mut tag = Tag::new(self.symbols);
        tag.walk(statements.iter().flat_map(walk::of_statement).collect())?;
        self.typed.extend(tag.found.iter().map(|p| p.name().clone()));
        self.out.append(&mut tag.found);
        Ok(())
    }

    /// A statement adds the names no expression gave before. What follows an unusable name in it is lost.
    fn statement(&mut self, roots: Vec<Item<'_>>) {
        let mut tag = Tag::new(self.symbols);
        // The error itself has no meaning here: the statement keeps what came before it.
        let _ = tag.walk(roots);
        for parameter in tag.found {
            let usable = parameter.name().as_str().is_some_and(|name| !name.is_empty());
            if usable && !self.typed.contains(parameter.name()) {
                self.out.push(parameter);
            }
        }
    }
}

/// The parameters of one tag.
struct Tag<'a> {
    symbols: &'a Symbols,
    found: Vec<Parameter>,
    /// Names that stand directly in a call: its function and its positional arguments.
    claimed: HashSet<*const Expr>,
}

/// What a call says about its first argument.
enum Use {
    Type,
    Array,
    Argument,
    Nothing,
}

fn use_of(function: &str) -> Use {
    match function {
        "Array" => Use::Array,
        "String" | "Boolean" | "Date" | "DateTime" | "DateTime64" | "JSON" | "Float32" | "Float64" | "Int8"
        | "Int16" | "Int32" | "Int64" | "Int128" | "Int256" | "UInt8" | "UInt16" | "UInt32" | "UInt64" | "UInt128"
        | "UInt256" => Use::Type,
        "defined"
        | "column"
        | "columns"
        | "day_diff"
        | "date_diff_in_seconds"
        | "date_diff_in_minutes"
        | "date_diff_in_hours"
        | "date_diff_in_days"
        | "split_to_array"
        | "enumerate_with_last"
        | "sql_and" => Use::Argument,
        _ => Use::Nothing,
    }
}

impl<'a> Tag<'a> {
    fn new(symbols: &'a Symbols) -> Self {
        Tag { symbols, found: Vec::new(), claimed: HashSet::new() }
    }

    fn walk(&mut self, roots: Vec<Item<'_>>) -> Result<(), Error> {
        let mut result = Ok(());
        walk::breadth_first(roots, &mut |item| {
            match item {
                Item::Expr(Expr::Call(call)) => result = self.call(call),
                Item::Expr(name @ Expr::Name { sym, .. }) if !self.claimed.contains(&std::ptr::from_ref(name)) => {
                    self.bare(self.symbols.name(*sym));
                }
                _ => {}
            }
            result.is_ok()
        });
        result
    }

    /// A name that stands alone says more than one in a call of `defined`, and less than a typed one.
    fn bare(&mut self, name: &str) {
        if names::is_hidden(name) {
            return;
        }
        match self.position(&name.into()) {
            None => self.found.push(Parameter::bare(name)),
            Some(i) if self.found[i].is_function_argument() => self.found[i] = Parameter::bare(name),
            Some(_) => {}
        }
    }

    fn position(&self, name: &Data) -> Option<usize> {
        self.found.iter().position(|p| p.name() == name)
    }

    fn call(&mut self, call: &Call) -> Result<(), Error> {
        self.claimed.insert(&raw const call.func);
        self.claimed.extend(call.args.iter().map(std::ptr::from_ref));
        let Expr::Name { sym, .. } = call.func else { return Ok(()) };
        let function = self.symbols.name(sym);
        let kind = use_of(function);
        if matches!(kind, Use::Nothing) {
            return Ok(());
        }
        let args: Vec<&Expr> = call.args.iter().filter(|a| !matches!(a, Expr::Call(_))).collect();
        let Some(name) = args.first().and_then(|arg| self.name_of(arg)) else { return Ok(()) };
        if matches!(name, Data::List(_)) {
            return Err(unusable_name(&to_str(&name.to_value())));
        }
        let known = self.position(&name);
        let parameter = match kind {
            Use::Argument if known.is_some() => return Ok(()),
            Use::Argument => {
                let mut parameter = Parameter::new(name, "String");
                parameter.push("default", Data::Null);
                parameter.push("used_in", "function_call".into());
                parameter
            }
            _ => self.typed(name, function, &args, call),
        };
        match known {
            Some(i) => self.found[i] = parameter,
            None => self.found.push(parameter),
        }
        Ok(())
    }

    /// The first argument as a name: a name, a literal or a list of them.
    fn name_of(&self, arg: &Expr) -> Option<Data> {
        let literal = |e: &Expr| matches!(e, Expr::Const(_));
        let usable = match arg {
            Expr::Name { .. } | Expr::List(_) => true,
            Expr::Unary(_, inner) => literal(inner),
            other => literal(other),
        };
        usable.then(|| self.value(arg)).filter(|value| *value != Data::Null)
    }

    fn typed(&self, name: Data, function: &str, args: &[&Expr], call: &Call) -> Parameter {
        let array = function == "Array";
        let type_name = if array {
            let element = args.get(1).map_or_else(|| "String".to_owned(), |arg| to_str(&self.value(arg).to_value()));
            format!("Array({element})")
        } else {
            function.to_owned()
        };
        let mut parameter = Parameter::new(name, &type_name);
        for keyword in &call.keywords {
            if let Some(sym) = keyword.name {
                parameter.push(self.symbols.name(sym), self.value(&keyword.value));
            }
        }
        if parameter.field("default").is_none() {
            let position = if array { 2 } else { 1 };
            let default = args.get(position).map_or(Data::Null, |arg| self.value(arg));
            let empty = array && !default.to_value().truthy();
            parameter.push("default", if empty { Data::Null } else { default });
        }
        parameter
    }

    /// What an argument's text says without running it.
    fn value(&self, expr: &Expr) -> Data {
        match expr {
            Expr::Const(constant) => constant_data(constant),
            Expr::Name { sym, .. } => self.symbols.name(*sym).into(),
            Expr::List(items) => match items.first() {
                Some(Expr::Const(_)) => {
                    Data::List(items.iter().filter(|i| matches!(i, Expr::Const(_))).map(|i| self.value(i)).collect())
                }
                Some(Expr::Name { .. }) => {
                    Data::List(items.iter().filter(|i| matches!(i, Expr::Name { .. })).map(|i| self.value(i)).collect())
                }
                _ => Data::List(Vec::new()),
            },
            Expr::Binary(parts) => {
                let left = self.value(&parts.0);
                if left.to_value().truthy() { left } else { self.value(&parts.2) }
            }
            Expr::Unary(UnaryOp::USub, inner) => match &**inner {
                Expr::Const(constant) => negated(constant),
                _ => Data::Null,
            },
            Expr::Unary(_, inner) => self.value(inner),
            _ => Data::Null,
        }
    }
}

/// The largest integer every JSON reader keeps exactly.
const MAX_SAFE: i64 = (1 << 53) - 1;

fn constant_data(constant: &Const) -> Data {
    match constant {
        Const::Int(n) if *n > MAX_SAFE => n.to_string().into(),
        Const::Big(n) => n.to_string().into(),
        Const::Str(text) => Data::Text(Arc::clone(text)),
        Const::Ellipsis | Const::Bytes(_) | Const::Imaginary(_) => Data::Null,
        other => Data::from_value(&Value::constant(other)),
    }
}

fn negated(constant: &Const) -> Data {
    let number = crate::py::number::of(&Value::constant(constant));
    let negative = number.and_then(|n| crate::py::number::unary(UnaryOp::USub, &n).ok());
    negative.map_or(Data::Null, |value| Data::from_value(&value))
}
