//! `column`, `columns`, `symbol`, `table`: names in SQL.
//!
//! A name the author wrote as a literal is the author's SQL. A computed one that prints without quotes must be a plain
//! name: it can come from a caller, and anything else could leave its place.

use super::print::push_escaped;
use crate::eval::{Args, Bound, Machine, Signature};
use crate::exception::{Eval, Raise};
use crate::value::Value;

/// The name that `symbol()` and `table()` print for a missing parameter in test mode.
pub const SAMPLE_NAME: &str = "placeholder";

/// The escapes of identifiers: those of strings, but double quotes are dropped.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped(&mut out, &text.replace('"', ""));
    out
}

/// `text` in backticks.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", escaped(text))
}

/// Whether text is a name, or names joined by dots, where it stands without quotes.
pub(super) fn is_plain_name(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.chars().all(is_word) && !is_number(part))
}

fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}

/// Whether the engine could read a word as a number: `12`, `1e5`, `0xff`, `1_000`. It reads `1a` as a name.
fn is_number(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && word[digits..].chars().next().is_none_or(|c| "eExXbBpP_".contains(c))
}

/// Whether escaped text without quotes either is a plain name or makes the engine refuse the whole statement, as a
/// backslash outside of quotes does. What stands in front of it must not begin a comment or a string that hides it.
fn is_harmless(escaped: &str) -> bool {
    match escaped.split_once('\\') {
        Some((before, _)) => before.chars().all(|c| c == '.' || is_word(c)),
        None => is_plain_name(escaped),
    }
}

fn leaves_its_place(function: &str, what: &str, value: &str) -> Raise {
    let value = crate::py::repr::text(value);
    Raise::template(format!(
        "{function}() cannot use {value} as {what}, it must be a plain name made of letters, digits, '_' and '.'"
    ))
}

/// The text of a value that must be one. The reference calls `translate` on it.
fn text_of(value: &Value) -> Eval<&str> {
    match value.as_text() {
        Some(text) => Ok(text),
        None => Err(Raise::no_attribute(value, "translate")),
    }
}

/// `symbol(x, quote)`: the quote is a backtick unless given.
pub(crate) fn symbol(args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "symbol", params: &["x", "quote"], required: 1 }.bind(args)?;
    let trusted = bound.is_literal(0) && bound.is_literal(1);
    let x = bound.value(0);
    if matches!(x, Value::Placeholder(_)) {
        return Ok(Value::Symbol(quoted(SAMPLE_NAME).into()));
    }
    let name = escaped(text_of(&x)?);
    let quote = match bound.take(1) {
        None => "`".to_owned(),
        Some(quote) => text_of(&quote)?.to_owned(),
    };
    let out = format!("{quote}{name}{quote}");
    let kept = matches!(&*quote, "`" | "\"" | "'") || trusted || is_harmless(&out);
    if kept { Ok(Value::Symbol(out.into())) } else { Err(leaves_its_place("symbol", "an unquoted name", &out)) }
}

/// `Symbol(x)` and `Column(x)`
pub(crate) fn symbol_type(name: &'static str, args: Args) -> Eval<Value> {
    let mut bound = Signature { name, params: &["x"], required: 1 }.bind(args)?;
    let x = bound.value(0);
    Ok(Value::Symbol(quoted(text_of(&x)?).into()))
}

fn dotted(text: &str) -> String {
    text.split('.').map(quoted).collect::<Vec<_>>().join(".")
}

/// The argument, or the default where it is missing.
fn given(bound: &mut Bound, function: &str, hint: &str) -> Eval<Value> {
    match (bound.value(0), bound.value(1)) {
        (Value::None | Value::Placeholder(_), Value::None) => {
            let message = format!("Missing {function}() default value, use `{function}({hint})`");
            Err(Raise::template(message))
        }
        (Value::None | Value::Placeholder(_), default) => Ok(default),
        (x, _) => Ok(x),
    }
}

/// `column(x, default=None)`
pub(crate) fn column(args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "column", params: &["x", "default"], required: 1 }.bind(args)?;
    let x = given(&mut bound, "column", "column_name, 'default_column_name'")?;
    Ok(Value::Symbol(dotted(text_of(&x)?).into()))
}

/// `columns(x, default=None, fn=None)`
pub(crate) fn columns(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "columns", params: &["x", "default", "fn"], required: 1 }.bind(args)?;
    let (literal_x, literal_fn) = (bound.is_literal(0), bound.is_literal(2));
    let literal_default = bound.is_literal(1);
    let missing = matches!(bound.value_ref(0), None | Some(Value::None | Value::Placeholder(_)));
    let trusted_names = if missing { literal_default } else { literal_x };
    let x = given(&mut bound, "columns", "column_names, 'default_column_name'")?;
    let Some(text) = x.as_text() else {
        return Err(Raise::template("The 'columns' function expects a String not an Array"));
    };
    let function = bound.value(2);
    let function = if function.truthy() { Some(text_of(&function)?.to_owned()) } else { None };
    if let Some(name) = &function
        && !literal_fn
        && !is_plain_name(name)
    {
        return Err(leaves_its_place("columns", "a function", name));
    }
    let mut parts = Vec::new();
    for name in text.split(',').map(crate::py::text::strip) {
        let quoted = dotted(name);
        parts.push(match &function {
            None => quoted,
            Some(_) if !trusted_names && !is_plain_name(name) => {
                return Err(leaves_its_place("columns", "an alias", name));
            }
            Some(function) => format!("{function}({quoted}) as {name}"),
        });
    }
    let out = parts.join(",");
    machine.meter.grow(out.len())?;
    Ok(Value::Sql(out.into()))
}

/// `table(x, quote)`
pub(crate) fn table(args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "table", params: &["x", "quote"], required: 1 }.bind(args)?;
    let trusted = bound.is_literal(0);
    let x = bound.value(0);
    if matches!(x, Value::Placeholder(_)) {
        return Ok(Value::Symbol(SAMPLE_NAME.into()));
    }
    let name = escaped(text_of(&x)?);
    if trusted || is_harmless(&name) {
        return Ok(Value::Symbol(name.into()));
    }
    Err(leaves_its_place("table", "a table", &name))
}
