//! `str()` and `repr()` of values.

use std::fmt::Write;

use super::{Dict, Value};
use crate::placeholder;
use crate::py::{number, repr as text_repr};

/// Containers nested deeper than this print as `...`.
const MAX_DEPTH: usize = 100;

/// A container stops printing its items beyond this length; the meter then refuses the text as too large.
const MAX_LEN: usize = 16 << 20;

/// `str(value)`
pub(crate) fn to_str(value: &Value) -> String {
    let mut out = String::new();
    push_str(&mut out, value);
    out
}

/// `repr(value)`
pub(crate) fn repr(value: &Value) -> String {
    let mut out = String::new();
    push(&mut out, value, 0);
    out
}

/// Appends `str(value)`.
pub(crate) fn push_str(out: &mut String, value: &Value) {
    match value {
        Value::Str(text) | Value::Sql(text) => out.push_str(text),
        Value::Typed(typed) => {
            out.push_str("to");
            out.push_str(typed.type_name);
            out.push_str("('");
            push(out, &typed.number, 0);
            out.push_str("')");
        }
        Value::Exception(exception) => out.push_str(&exception.message),
        _ => push(out, value, 0),
    }
}

fn push(out: &mut String, value: &Value, depth: usize) {
    if depth > MAX_DEPTH || out.len() > MAX_LEN {
        out.push_str("...");
        return;
    }
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(n) => push_display(out, n),
        Value::Big(n) => push_display(out, n),
        Value::Float(n) => out.push_str(&text_repr::float(*n)),
        Value::Str(text) | Value::Sql(text) => text_repr::push_text(out, text),
        Value::Symbol(text) => out.push_str(text),
        Value::Typed(typed) => push(out, &typed.number, depth),
        Value::Bytes(bytes) => out.push_str(&text_repr::bytes(bytes)),
        Value::List(items) => push_items(out, "[", &items.borrow(), "]", depth),
        Value::Tuple(items) if items.len() == 1 => push_items(out, "(", items, ",)", depth),
        Value::Tuple(items) => push_items(out, "(", items, ")", depth),
        Value::Dict(dict) => push_dict(out, &dict.borrow(), depth),
        Value::Set(dict) => push_set(out, &dict.borrow(), "set()", ("{", "}"), depth),
        Value::FrozenSet(dict) => push_set(out, dict, "frozenset()", ("frozenset({", "})"), depth),
        _ => push_other(out, value, depth),
    }
}

fn push_other(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Range(range) => {
            push_display(out, format_args!("range({}, {}", range.start, range.stop));
            if range.step != 1 {
                push_display(out, format_args!(", {}", range.step));
            }
            out.push(')');
        }
        Value::Slice(parts) => push_items(out, "slice(", &parts[..], ")", depth),
        Value::Exception(exception) => {
            out.push_str(exception.class.name());
            out.push('(');
            text_repr::push_text(out, &exception.message);
            out.push(')');
        }
        Value::Placeholder(_) => out.push_str(placeholder::TEXT),
        Value::Builtin(builtin) => out.push_str(&builtin.repr()),
        Value::Class(class) => push_display(out, format_args!("<class '{}'>", class.name())),
        Value::Function(function) => push_display(out, format_args!("<function {}>", function.name())),
        Value::Lambda(_) => out.push_str("<function <lambda>>"),
        Value::Method(method) => push_display(out, format_args!("<built-in method {}>", method.1)),
        Value::Iter(name, _) => push_display(out, format_args!("<{name} object>")),
        _ => out.push_str("Ellipsis"),
    }
}

fn push_display(out: &mut String, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{value}");
}

fn push_items(out: &mut String, open: &str, items: &[Value], close: &str, depth: usize) {
    out.push_str(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        push(out, item, depth + 1);
    }
    out.push_str(close);
}

fn push_dict(out: &mut String, dict: &Dict, depth: usize) {
    out.push('{');
    for (i, (key, value)) in dict.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        push(out, key, depth + 1);
        out.push_str(": ");
        push(out, value, depth + 1);
    }
    out.push('}');
}

fn push_set(out: &mut String, set: &Dict, empty: &str, (open, close): (&str, &str), depth: usize) {
    if set.is_empty() {
        out.push_str(empty);
        return;
    }
    let items: Vec<Value> = number::set_order(set.keys()).into_iter().cloned().collect();
    push_items(out, open, &items, close, depth);
}
