//! `Array(x, 'T')`, and the lists that parameters used with it become.

use std::sync::Arc;

use super::scalar::{self, Given, Scalar};
use super::{identifiers, print};
use crate::eval::{Args, Machine, Signature};
use crate::exception::{Eval, Raise};
use crate::expr::ast::Sym;
use crate::value::{Value, to_str};

const PARAMS: [&str; 9] = ["x", "_type", "default", "defined", "required", "description", "enum", "example", "format"];

/// What the elements of an array are.
#[derive(Clone, Copy)]
enum Element {
    Scalar(Scalar),
    Boolean,
    Identifier,
    /// An unknown type, or none: elements stay as they are.
    Any,
}

impl Element {
    fn from_name(name: &str) -> Element {
        match name {
            "Boolean" | "bool" => Element::Boolean,
            "Symbol" | "Column" => Element::Identifier,
            name => Scalar::from_name(name).map_or(Element::Any, Element::Scalar),
        }
    }

    /// The text of the two samples test mode uses.
    fn samples(self) -> String {
        let sample = match self {
            Element::Any | Element::Scalar(Scalar::String) => return String::new(),
            Element::Scalar(scalar) => scalar.sample(),
            Element::Boolean => "0",
            Element::Identifier => "`placeholder`",
        };
        format!("{sample},{sample}")
    }

    /// One element in its type, or `None` when it fails the type's test.
    fn convert(self, value: &Value) -> Eval<Option<Value>> {
        Ok(match self {
            // These two raise an error text of their own.
            Element::Scalar(bare @ (Scalar::BareInt | Scalar::Integer)) => Some(scalar::convert(bare, value)?),
            Element::Scalar(scalar) => {
                let text: Arc<str> = to_str(value).into();
                scalar.parse(&text).map(Scalar::bare)
            }
            Element::Boolean => Some(Value::Int(i64::from(scalar::is_true(value)))),
            Element::Identifier => Some(Value::Symbol(identifiers::quoted(&to_str(value)).into())),
            Element::Any => Some(value.clone()),
        })
    }
}

/// `Array(x, _type=None, default=None, defined=True, ...)`
pub(crate) fn call(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let signature = Signature { name: "Array", params: &PARAMS, required: 1 };
    let mut bound = signature.bind(args)?;
    let element = match bound.value(1) {
        Value::Str(name) => Element::from_name(&name),
        // A type given as a bare name is no type.
        _ => Element::Any,
    };
    let Some(given) = scalar::given(machine, &mut bound, 0, 2, 3)? else { return Ok(Value::None) };
    let source = match given {
        Given::Value(value) => value,
        Given::Sample => Value::str(element.samples()),
    };
    let converted = elements(machine, element, &source)?;
    let mut out = String::from("[");
    for (i, value) in converted.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        print::push_element(&mut out, value);
    }
    out.push(']');
    machine.meter.grow(out.len())?;
    Ok(Value::Sql(out.into()))
}

fn elements(machine: &mut Machine<'_>, element: Element, source: &Value) -> Eval<Vec<Value>> {
    let parts: Vec<Value> = match source {
        Value::List(items) => items.borrow().clone(),
        Value::Str(text) | Value::Sql(text) => text.split(',').map(Value::str).collect(),
        _ => return Err(Raise::template("transform type function Array is not well defined")),
    };
    machine.meter.steps(parts.len())?;
    machine.meter.grow(parts.len() * size_of::<Value>())?;
    let mut converted = Vec::with_capacity(parts.len());
    for (i, part) in parts.iter().enumerate() {
        if part.is_none() && matches!(element, Element::Scalar(_)) {
            return Err(machine.required_error());
        }
        match element.convert(part)? {
            Some(value) => converted.push(value),
            None => {
                let shown = to_str(part);
                let shown = if shown.is_empty() { "empty string" } else { &shown };
                let type_name = if let Element::Scalar(scalar) = element { scalar.name() } else { "String" };
                let message = format!("Error validating [{}][{i}] ({shown}) to type {type_name}", to_str(source));
                return Err(Raise::template(message));
            }
        }
    }
    Ok(converted)
}

/// A parameter whose first use is `Array(...)` is a list everywhere, if all its elements pass the type's test.
pub(crate) fn preprocess(machine: &mut Machine<'_>, sym: Sym, value: Value) -> Value {
    let program = machine.program;
    let Some((_, name)) = program.arrays.iter().find(|(s, _)| *s == sym) else { return value };
    let element = match Element::from_name(name) {
        // Identifiers are quoted when they print; here they are still text.
        Element::Identifier => Element::Scalar(Scalar::String),
        element => element,
    };
    if value.is_none() {
        return value;
    }
    match elements(machine, element, &value) {
        Ok(items) => Value::list(items),
        Err(_) => value,
    }
}
