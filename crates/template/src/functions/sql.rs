//! `sql_and`, `sql_unescape`, `split_to_array`, `enumerate_with_last`.

use super::identifiers::is_plain_name;
use super::print::{push_element, push_quoted};
use crate::eval::{Args, Machine, Signature};
use crate::exception::{Eval, Raise};
use crate::py::text::strip;
use crate::value::Value;

/// `sql_and(column__op=value, ...)`
pub(crate) fn and(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let mut out = String::new();
    for (key, value) in &args.keywords {
        if value.is_none() {
            continue;
        }
        let (name, op) = key.rsplit_once("__").unwrap_or((key, "="));
        let sign = match op {
            "=" => "=",
            "in" => "in",
            "not_in" => "not in",
            "gt" => ">",
            "lt" => "<",
            "gte" => ">=",
            "lte" => "<=",
            other => return Err(Raise::template(format!("operand {other} not supported"))),
        };
        // A keyword is always a name; `**mapping` brings others, which would print as SQL.
        if !is_plain_name(name) || name.contains('.') {
            let name = crate::py::repr::text(name);
            let message = format!("sql_and() cannot use {name} as a column, it must be a plain name");
            return Err(Raise::template(message));
        }
        if !out.is_empty() {
            out.push_str(" and ");
        }
        out.push_str(name);
        out.push(' ');
        out.push_str(sign);
        out.push(' ');
        push_element(&mut out, value);
    }
    machine.meter.grow(out.len())?;
    Ok(Value::Sql(out.into()))
}

/// `sql_unescape(x, what='')`
pub(crate) fn unescape(args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "sql_unescape", params: &["x", "what"], required: 1 }.bind(args)?;
    let (x, what) = (bound.value(0), bound.take(1));
    let Some(text) = x.as_text() else { return Err(Raise::no_attribute(&x, "translate")) };
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted(&mut out, text);
    let what = match &what {
        None => "",
        Some(what) => what.as_text().map_or("", |t| &**t),
    };
    // Without its backslash, a quote or a backslash would end the literal.
    if what.is_empty() || what.contains(['\'', '"', '\\']) {
        return Ok(Value::Sql(out.into()));
    }
    Ok(Value::Sql(out.replace(&format!("\\{what}"), what).into()))
}

/// `split_to_array(x, default='', separator=',')`
pub(crate) fn split_to_array(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let params = &["x", "default", "separator"];
    let mut bound = Signature { name: "split_to_array", params, required: 1 }.bind(args)?;
    let default = bound.take(1).unwrap_or_else(|| Value::str(""));
    let source = match bound.value(0) {
        Value::None | Value::Placeholder(_) => default,
        x => x,
    };
    let Some(text) = source.as_text() else {
        return Err(Raise::template(
            "First argument of split_to_array has to be a value that can be split to a list of elements, but found a \
             PlaceHolder with no value instead",
        ));
    };
    let separator = bound.take(2).unwrap_or_else(|| Value::str(","));
    let Some(separator) = separator.as_text() else {
        return Err(Raise::type_error(format!("must be str or None, not {}", separator.type_name())));
    };
    if separator.is_empty() {
        return Err(Raise::value_error("empty separator"));
    }
    let parts: Vec<Value> = text.split(&**separator).map(|part| Value::str(strip(part))).collect();
    machine.meter.steps(parts.len())?;
    machine.meter.grow(text.len() + parts.len() * size_of::<Value>())?;
    Ok(Value::list(parts))
}

/// `enumerate_with_last(list)`: pairs of "is this the last one" and the element.
pub(crate) fn enumerate_with_last(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "enumerate_with_last", params: &["arr"], required: 1 }.bind(args)?;
    let source = bound.value(0);
    let len = crate::builtins::len(&source)?;
    let items = machine.collect(&source)?;
    let pair = |(i, item)| Value::tuple([Value::Bool(i + 1 == len), item]);
    Ok(crate::eval::iter::as_value("generator", items.into_iter().enumerate().map(pair).collect(), None))
}
