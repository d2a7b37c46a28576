//! Methods of sets and frozen sets.

use std::rc::Rc;

use crate::eval::operators::combine;
use crate::eval::{Args, Machine};
use crate::exception::{Class, Eval, Raise};
use crate::expr::ast::BinOp;
use crate::value::{Dict, Value, hash, repr, with_set};

pub(super) const NAMES: [&str; 14] = [
    "add",
    "clear",
    "copy",
    "difference",
    "discard",
    "intersection",
    "isdisjoint",
    "issubset",
    "issuperset",
    "pop",
    "remove",
    "symmetric_difference",
    "union",
    "update",
];
pub(super) const FROZEN: [&str; 8] =
    ["copy", "difference", "intersection", "isdisjoint", "issubset", "issuperset", "symmetric_difference", "union"];

pub(super) fn call(machine: &mut Machine<'_>, value: &Value, name: &str, args: Args) -> Eval<Value> {
    args.no_keywords(&format!("set.{name}"))?;
    let operator = match name {
        "union" | "update" => Some(BinOp::BitOr),
        "intersection" => Some(BinOp::BitAnd),
        "difference" => Some(BinOp::Sub),
        "symmetric_difference" => Some(BinOp::BitXor),
        _ => None,
    };
    if let Some(operator) = operator {
        let mut result = with_set(value, Dict::clone);
        for other in &args.positional {
            let other = as_set(machine, other)?;
            result = combine(operator, &result, &other);
        }
        return Ok(match (name, value) {
            ("update", Value::Set(set)) => {
                *set.borrow_mut() = result;
                Value::None
            }
            (_, Value::FrozenSet(_)) => Value::FrozenSet(Rc::new(result)),
            _ => Value::set(result),
        });
    }
    match name {
        "copy" => {
            args.count(name, 0, 0)?;
            Ok(match value {
                Value::FrozenSet(_) => value.clone(),
                _ => Value::set(with_set(value, Dict::clone)),
            })
        }
        "isdisjoint" | "issubset" | "issuperset" => {
            args.count(name, 1, 1)?;
            let other = as_set(machine, &args.positional[0])?;
            Ok(Value::Bool(with_set(value, |set| match name {
                "isdisjoint" => !set.hashed().any(|(h, k)| other.contains(h, k)),
                "issubset" => set.hashed().all(|(h, k)| other.contains(h, k)),
                _ => other.hashed().all(|(h, k)| set.contains(h, k)),
            })))
        }
        _ => change(machine, value, name, args),
    }
}

fn as_set(machine: &mut Machine<'_>, value: &Value) -> Eval<Dict> {
    if matches!(value, Value::Set(_) | Value::FrozenSet(_)) {
        return Ok(with_set(value, Dict::clone));
    }
    let items = machine.collect(value)?;
    machine.set_of(items)
}

/// The methods that change the set.
fn change(machine: &mut Machine<'_>, value: &Value, name: &str, mut args: Args) -> Eval<Value> {
    let Value::Set(set) = value else { return Err(Raise::no_attribute(value, name)) };
    let wanted = usize::from(matches!(name, "add" | "discard" | "remove"));
    args.count(name, wanted, wanted)?;
    machine.meter.steps(set.borrow().len() / 16)?;
    match (name, args.positional.pop()) {
        ("add", Some(item)) => {
            machine.meter.grow(3 * size_of::<Value>())?;
            set.borrow_mut().insert(hash(&item)?, item, Value::None);
        }
        ("discard" | "remove", Some(item)) => {
            let removed = set.borrow_mut().remove(hash(&item)?, &item);
            if removed.is_none() && name == "remove" {
                return Err(Raise::new(Class::Key, repr(&item)));
            }
        }
        ("clear", _) => set.borrow_mut().clear(),
        _ => {
            let item = set.borrow_mut().pop();
            return item.map(|(item, _)| item).ok_or_else(|| Raise::new(Class::Key, "'pop from an empty set'"));
        }
    }
    Ok(Value::None)
}
