//! `JSON(x, default=None)`

use crate::eval::{Args, Machine, Signature};
use crate::exception::{Eval, Raise};
use crate::py::json;
use crate::value::{Dict, Value};

/// Characters of a broken text an error shows.
const SHOWN: usize = 16;

pub(crate) fn call(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let mut bound = Signature { name: "json_type", params: &["x", "default"], required: 1 }.bind(args)?;
    let (x, default) = (bound.value(0), bound.value(1));
    let source = match x {
        Value::Placeholder(_) if default.truthy() => default,
        Value::Placeholder(_) => Value::str(crate::placeholder::TEXT),
        Value::None if default.as_text().is_some() => default,
        Value::None => return Ok(Value::dict(Dict::default())),
        x => x,
    };
    let Some(text) = source.as_text() else { return Ok(source) };
    machine.meter.grow(text.len().saturating_mul(4))?;
    let data = json::parse(text).map_err(|message| {
        let shown: String = text.chars().take(SHOWN).collect();
        let dots = if text.chars().count() > SHOWN { "..." } else { "" };
        Raise::template(format!("Error parsing JSON: '{shown}{dots}' - {message}"))
    })?;
    Ok(data.to_value())
}
