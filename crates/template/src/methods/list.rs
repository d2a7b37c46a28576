//! Methods of lists, tuples and ranges.

use std::rc::Rc;

use crate::builtins::sort;
use crate::eval::collections::ELEMENT;
use crate::eval::{Args, Machine};
use crate::exception::{Class, Eval, Raise};
use crate::py::number::{Num, of};
use crate::value::{List, Value, cycle, equals, identical, repr};

pub(super) const LIST: [&str; 11] =
    ["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
pub(super) const TUPLE: [&str; 2] = ["count", "index"];

pub(super) fn call(machine: &mut Machine<'_>, items: &Rc<List>, name: &str, mut args: Args) -> Eval<Value> {
    if name == "sort" {
        let (key, reverse) = (args.take("key"), args.take("reverse"));
        args.count(name, 0, 0)?;
        let old = items.borrow().clone();
        let sorted = sort(machine, old, key, reverse)?;
        *items.borrow_mut() = sorted;
        return Ok(Value::None);
    }
    args.no_keywords(&format!("list.{name}"))?;
    let (low, high) = match name {
        "append" | "extend" | "remove" | "count" => (1, 1),
        "insert" => (2, 2),
        "pop" => (0, 1),
        "index" => (1, 3),
        _ => (0, 0),
    };
    args.count(&format!("list.{name}"), low, high)?;
    machine.meter.steps(items.borrow().len() / 16)?;
    match name {
        "append" | "extend" | "insert" => add(machine, items, name, args)?,
        "pop" => return pop(items, args.get(0)),
        "remove" => {
            let at = position(&items.borrow(), &args.positional[0]);
            let Some(at) = at else { return Err(Raise::value_error("list.remove(x): x not in list")) };
            items.borrow_mut().remove(at);
        }
        "reverse" => items.borrow_mut().reverse(),
        "clear" => items.borrow_mut().clear(),
        "copy" => {
            machine.meter.grow(items.borrow().len() * ELEMENT)?;
            return Ok(Value::list(items.borrow().clone()));
        }
        _ => return search(machine, &Value::List(Rc::clone(items)), name, args),
    }
    Ok(Value::None)
}

/// `append`, `extend` and `insert`
fn add(machine: &mut Machine<'_>, items: &Rc<List>, name: &str, mut args: Args) -> Eval<()> {
    let new = match (name, args.positional.pop()) {
        ("extend", Some(source)) => machine.collect(&source)?,
        (_, value) => vec![value.unwrap_or(Value::None)],
    };
    let list = Value::List(Rc::clone(items));
    for item in &new {
        cycle::refuse(&mut machine.meter, &list, item)?;
    }
    machine.meter.grow(new.len() * ELEMENT)?;
    let len = items.borrow().len();
    let at = match args.get(0) {
        None => len,
        Some(at) => match index(at)? {
            at if at < 0 => usize::try_from(at + len as i64).unwrap_or(0),
            at => (at as usize).min(len),
        },
    };
    items.borrow_mut().splice(at..at, new);
    Ok(())
}

fn index(value: &Value) -> Eval<i64> {
    match of(value) {
        Some(Num::Int(n)) => Ok(n),
        _ => {
            let message = format!("'{}' object cannot be interpreted as an integer", value.type_name());
            Err(Raise::type_error(message))
        }
    }
}

fn pop(items: &List, at: Option<&Value>) -> Eval<Value> {
    let len = items.borrow().len();
    if len == 0 {
        return Err(Raise::new(Class::Index, "pop from empty list"));
    }
    let at = at.map_or(Ok(-1), index)?;
    let at = if at < 0 { at + len as i64 } else { at };
    match usize::try_from(at).ok().filter(|i| *i < len) {
        Some(i) => Ok(items.borrow_mut().remove(i)),
        None => Err(Raise::new(Class::Index, "pop index out of range")),
    }
}

fn position(items: &[Value], wanted: &Value) -> Option<usize> {
    items.iter().position(|item| identical(item, wanted) || equals(item, wanted))
}

/// `count` and `index`
pub(super) fn search(machine: &mut Machine<'_>, sequence: &Value, name: &str, args: Args) -> Eval<Value> {
    args.count(name, 1, if name == "index" { 3 } else { 1 })?;
    let items = machine.collect(sequence)?;
    let wanted = &args.positional[0];
    if name == "count" {
        let count = items.iter().filter(|item| identical(item, wanted) || equals(item, wanted)).count();
        return Ok(Value::Int(count as i64));
    }
    let bound = |i: usize| args.get(i).map(index).transpose();
    let (start, stop) = crate::py::text::slice_bounds(items.len(), bound(1)?, bound(2)?, 1);
    let found = if start < stop { position(&items[start as usize..stop as usize], wanted) } else { None };
    match found {
        Some(i) => Ok(Value::Int(start + i as i64)),
        None => Err(Raise::value_error(match sequence {
            Value::Tuple(_) => "tuple.index(x): x not in tuple".to_owned(),
            _ => format!("{} is not in {}", repr(wanted), sequence.type_name()),
        })),
    }
}
