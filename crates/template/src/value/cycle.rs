//! Finds out whether storing a value in a container would make the container hold itself.
//!
//! Values are reference-counted: a container that held itself would never be freed.

use std::rc::Rc;

use super::Value;
use crate::exception::{Eval, Raise};
use crate::limits::Meter;

/// Refuses to store `value` in `container` when `container` is part of `value`.
pub(crate) fn refuse(meter: &mut Meter<'_>, container: &Value, value: &Value) -> Eval<()> {
    let Some(wanted) = address(container) else { return Ok(()) };
    let mut pending = vec![value.clone()];
    while let Some(value) = pending.pop() {
        match &value {
            Value::List(items) => pending.extend(items.borrow().iter().filter(|v| holds(v)).cloned()),
            Value::Tuple(items) => pending.extend(items.iter().filter(|v| holds(v)).cloned()),
            Value::Dict(dict) => pending.extend(dict.borrow().iter().map(|(_, v)| v).filter(|v| holds(v)).cloned()),
            Value::Lambda(closure) => {
                let captured = closure.captured.iter().filter_map(|(_, v)| v.clone());
                pending.extend(captured.chain(closure.defaults.iter().flatten().cloned()));
            }
            Value::Method(method) => pending.push(method.0.clone()),
            // What an iterator still holds cannot be looked at without using it up.
            Value::Iter(..) => return Err(Raise::value_error("an iterator cannot be stored, make a list of it first")),
            _ => continue,
        }
        if address(&value) == Some(wanted) {
            return Err(Raise::value_error(format!("a {} cannot hold itself", container.type_name())));
        }
        meter.step()?;
    }
    Ok(())
}

/// Whether a value can hold others.
fn holds(value: &Value) -> bool {
    matches!(
        value,
        Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Lambda(_) | Value::Method(_) | Value::Iter(..)
    )
}

/// What identifies a container.
fn address(value: &Value) -> Option<usize> {
    match value {
        Value::List(items) => Some(Rc::as_ptr(items) as usize),
        Value::Dict(dict) => Some(Rc::as_ptr(dict) as usize),
        _ => None,
    }
}
