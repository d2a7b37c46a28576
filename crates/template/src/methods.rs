//! Methods of strings, lists, dictionaries and sets.

mod dict;
mod list;
mod set;
mod str;

use crate::eval::{Args, Machine};
use crate::exception::{Eval, Raise};
use crate::placeholder;
use crate::value::Value;

/// Whether `value` has a method `name`.
pub(crate) fn has(value: &Value, name: &str) -> bool {
    match value {
        Value::Str(_) | Value::Sql(_) => str::NAMES.binary_search(&name).is_ok(),
        Value::List(_) => list::LIST.contains(&name),
        Value::Tuple(_) | Value::Range(_) => list::TUPLE.contains(&name),
        Value::Dict(_) => dict::NAMES.contains(&name),
        Value::Set(_) => set::NAMES.contains(&name),
        Value::FrozenSet(_) => set::FROZEN.contains(&name),
        Value::Placeholder(of) => placeholder::method(of, name).is_some(),
        Value::Float(_) => name == "is_integer",
        // The type itself: `str.lower(x)`.
        Value::Builtin(builtin) => builtin.name() == "str" && str::NAMES.binary_search(&name).is_ok(),
        _ => false,
    }
}

/// Calls a method that [`has`] found.
pub(crate) fn call(machine: &mut Machine<'_>, value: &Value, name: &str, mut args: Args) -> Eval<Value> {
    machine.meter.step()?;
    match value {
        Value::Str(text) | Value::Sql(text) => str::call(machine, text, name, args),
        Value::List(items) => list::call(machine, items, name, args),
        Value::Tuple(_) | Value::Range(_) => list::search(machine, value, name, args),
        Value::Dict(dict) => dict::call(machine, dict, name, args),
        Value::Set(_) | Value::FrozenSet(_) => set::call(machine, value, name, args),
        Value::Placeholder(of) => placeholder::method(of, name).ok_or_else(|| Raise::no_attribute(value, name)),
        Value::Float(n) => Ok(Value::Bool(n.is_finite() && n.fract() == 0.0)),
        Value::Builtin(_) if !args.positional.is_empty() => {
            let object = args.positional.remove(0);
            if object.as_text().is_none() {
                let message =
                    format!("descriptor '{name}' for 'str' objects doesn't apply to a '{}' object", object.type_name());
                return Err(Raise::type_error(message));
            }
            call(machine, &object, name, args)
        }
        Value::Builtin(_) => Err(Raise::type_error(format!("unbound method str.{name}() needs an argument"))),
        other => Err(Raise::no_attribute(other, name)),
    }
}
