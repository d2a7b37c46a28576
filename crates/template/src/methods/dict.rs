//! Methods of dictionaries.

use std::cell::RefCell;
use std::rc::Rc;

use crate::builtins::update;
use crate::eval::collections::ELEMENT;
use crate::eval::{Args, Machine};
use crate::exception::{Class, Eval, Raise};
use crate::value::{Dict, Value, cycle, hash, repr};

pub(super) const NAMES: [&str; 10] =
    ["clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];

pub(super) fn call(machine: &mut Machine<'_>, dict: &Rc<RefCell<Dict>>, name: &str, args: Args) -> Eval<Value> {
    if name == "update" {
        return update_method(machine, dict, args);
    }
    args.no_keywords(&format!("dict.{name}"))?;
    let (low, high) = match name {
        "get" | "pop" | "setdefault" => (1, 2),
        _ => (0, 0),
    };
    args.count(name, low, high)?;
    match name {
        "get" => {
            let key = &args.positional[0];
            let found = dict.borrow().get(hash(key)?, key).cloned();
            Ok(found.unwrap_or_else(|| args.get(1).cloned().unwrap_or(Value::None)))
        }
        "pop" | "popitem" => pop(machine, dict, &args),
        "setdefault" => set_default(machine, dict, args),
        "clear" => {
            dict.borrow_mut().clear();
            Ok(Value::None)
        }
        _ => {
            let dict = dict.borrow();
            machine.meter.steps(dict.len())?;
            machine.meter.grow(dict.len() * 3 * ELEMENT)?;
            Ok(match name {
                "copy" => Value::dict(dict.clone()),
                "keys" => Value::list(dict.keys().cloned().collect()),
                "values" => Value::list(dict.iter().map(|(_, value)| value.clone()).collect()),
                _ => {
                    let pair = |(key, value): (&Value, &Value)| Value::tuple([key.clone(), value.clone()]);
                    Value::list(dict.iter().map(pair).collect())
                }
            })
        }
    }
}

/// `pop` and `popitem`
fn pop(machine: &mut Machine<'_>, dict: &RefCell<Dict>, args: &Args) -> Eval<Value> {
    machine.meter.steps(dict.borrow().len())?;
    let Some(key) = args.get(0) else {
        let last = dict.borrow_mut().pop();
        let (key, value) = last.ok_or_else(|| Raise::new(Class::Key, "'popitem(): dictionary is empty'"))?;
        return Ok(Value::tuple([key, value]));
    };
    let removed = dict.borrow_mut().remove(hash(key)?, key);
    match (removed, args.get(1)) {
        (Some((_, value)), _) => Ok(value),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => Err(Raise::new(Class::Key, repr(key))),
    }
}

fn set_default(machine: &mut Machine<'_>, dict: &Rc<RefCell<Dict>>, mut args: Args) -> Eval<Value> {
    let key = args.positional.remove(0);
    let hash = hash(&key)?;
    if let Some(value) = dict.borrow().get(hash, &key) {
        return Ok(value.clone());
    }
    machine.meter.grow(3 * ELEMENT)?;
    let value = args.positional.pop().unwrap_or(Value::None);
    cycle::refuse(&mut machine.meter, &Value::Dict(Rc::clone(dict)), &value)?;
    dict.borrow_mut().insert(hash, key, value.clone());
    Ok(value)
}

fn update_method(machine: &mut Machine<'_>, dict: &Rc<RefCell<Dict>>, args: Args) -> Eval<Value> {
    if args.positional.len() > 1 {
        let given = args.positional.len();
        return Err(Raise::type_error(format!("update expected at most 1 argument, got {given}")));
    }
    let mut new = dict.borrow().clone();
    if let Some(source) = args.get(0) {
        update(machine, &mut new, source)?;
    }
    for (key, value) in args.keywords {
        let key = Value::Str(key);
        new.insert(hash(&key)?, key, value);
    }
    machine.meter.grow(new.len() * 3 * ELEMENT)?;
    let this = Value::Dict(Rc::clone(dict));
    for (_, value) in new.iter() {
        cycle::refuse(&mut machine.meter, &this, value)?;
    }
    *dict.borrow_mut() = new;
    Ok(Value::None)
}
