//! Builtins that make, measure, order and walk sequences.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

use super::Builtin;
use crate::eval::iter::{as_value, iterate};
use crate::eval::{Args, Machine};
use crate::exception::{Class, Eval, Raise};
use crate::expr::ast::BinOp;
use crate::py::number::{Num, of};
use crate::value::{Dict, Range, Value, compare, hash};

/// `len(value)`
pub(crate) fn len(value: &Value) -> Eval<usize> {
    Ok(match value {
        Value::Str(text) | Value::Sql(text) => crate::py::text::len(text),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.borrow().len(),
        Value::Tuple(items) => items.len(),
        Value::Dict(dict) | Value::Set(dict) => dict.borrow().len(),
        Value::FrozenSet(dict) => dict.len(),
        Value::Range(range) => range.len(),
        other => return Err(Raise::type_error(format!("object of type '{}' has no len()", other.type_name()))),
    })
}

/// `list`, `tuple`, `set`, `frozenset`, `dict`, `slice`
pub(super) fn container(machine: &mut Machine<'_>, builtin: Builtin, args: Args) -> Eval<Value> {
    let name = builtin.name();
    if builtin == Builtin::Dict {
        return dict(machine, args);
    }
    args.no_keywords(name)?;
    if builtin == Builtin::Slice {
        args.count(name, 1, 3)?;
        args.positional.iter().try_for_each(crate::eval::subscript::bound_check)?;
        let mut parts = args.positional.into_iter();
        let (a, b, c) = (parts.next().unwrap_or(Value::None), parts.next(), parts.next());
        let parts = match b {
            None => [Value::None, a, Value::None],
            Some(b) => [a, b, c.unwrap_or(Value::None)],
        };
        return Ok(Value::Slice(Rc::new(parts)));
    }
    args.count(name, 0, 1)?;
    let items = match args.get(0) {
        Some(value) => machine.collect(value)?,
        None => Vec::new(),
    };
    Ok(match builtin {
        Builtin::Tuple => Value::tuple(items),
        Builtin::Set => Value::set(machine.set_of(items)?),
        Builtin::FrozenSet => Value::FrozenSet(Rc::new(machine.set_of(items)?)),
        _ => Value::list(items),
    })
}

fn dict(machine: &mut Machine<'_>, args: Args) -> Eval<Value> {
    let mut dict = Dict::default();
    if args.positional.len() > 1 {
        let given = args.positional.len();
        return Err(Raise::type_error(format!("dict expected at most 1 argument, got {given}")));
    }
    if let Some(source) = args.get(0) {
        update(machine, &mut dict, source)?;
    }
    for (key, value) in args.keywords {
        let key = Value::Str(key);
        dict.insert(hash(&key)?, key, value);
    }
    Ok(Value::dict(dict))
}

/// Adds the entries of a mapping, or of an iterable of pairs.
pub(crate) fn update(machine: &mut Machine<'_>, dict: &mut Dict, source: &Value) -> Eval<()> {
    if let Value::Dict(other) = source {
        for ((hash, key), (_, value)) in other.borrow().hashed().zip(other.borrow().iter()) {
            dict.insert(hash, key.clone(), value.clone());
        }
        return Ok(());
    }
    for (i, pair) in machine.collect(source)?.into_iter().enumerate() {
        if iterate(&pair).is_err() {
            let message = format!("cannot convert dictionary update sequence element #{i} to a sequence");
            return Err(Raise::type_error(message));
        }
        let items = machine.collect(&pair)?;
        let count = items.len();
        let Ok([key, value]) = <[Value; 2]>::try_from(items) else {
            let message = format!("dictionary update sequence element #{i} has length {count}; 2 is required");
            return Err(Raise::value_error(message));
        };
        dict.insert(hash(&key)?, key, value);
    }
    Ok(())
}

/// `max` and `min`
pub(super) fn extreme(machine: &mut Machine<'_>, builtin: Builtin, mut args: Args) -> Eval<Value> {
    let name = builtin.name();
    let (key, default) = (args.take("key").filter(|k| !k.is_none()), args.take("default"));
    if let Some((keyword, _)) = args.keywords.first() {
        return Err(Raise::type_error(format!("{name}() got an unexpected keyword argument '{keyword}'")));
    }
    let items = match args.positional.len() {
        0 => return Err(Raise::type_error(format!("{name} expected at least 1 argument, got 0"))),
        1 => machine.collect(&args.positional[0])?,
        _ => args.positional,
    };
    let (sign, wanted) = if builtin == Builtin::Max { (">", Ordering::Greater) } else { ("<", Ordering::Less) };
    let mut best: Option<(Value, Value)> = None;
    for item in items {
        let rank = match &key {
            Some(key) => machine.apply(key, Args::of(vec![item.clone()]))?,
            None => item.clone(),
        };
        let better = match &best {
            None => true,
            Some((_, top)) => compare(&rank, top, sign)? == Some(wanted),
        };
        if better {
            best = Some((item, rank));
        }
    }
    match (best, default) {
        (Some((item, _)), _) => Ok(item),
        (None, Some(default)) => Ok(default),
        (None, None) => Err(Raise::value_error(format!("{name}() arg is an empty sequence"))),
    }
}

/// `sorted(iterable, *, key=None, reverse=False)`
pub(super) fn sorted(machine: &mut Machine<'_>, mut args: Args) -> Eval<Value> {
    let (key, reverse) = (args.take("key"), args.take("reverse"));
    args.count("sorted", 1, 1)?;
    let items = machine.collect(&args.positional[0])?;
    Ok(Value::list(sort(machine, items, key, reverse)?))
}

/// Sorts, keeping the order of equal items.
pub(crate) fn sort(
    machine: &mut Machine<'_>,
    items: Vec<Value>,
    key: Option<Value>,
    reverse: Option<Value>,
) -> Eval<Vec<Value>> {
    let reverse = reverse.is_some_and(|r| r.truthy());
    let key = key.filter(|k| !k.is_none());
    let mut ranked = Vec::with_capacity(items.len());
    for item in items {
        let rank = match &key {
            Some(key) => machine.apply(key, Args::of(vec![item.clone()]))?,
            None => item.clone(),
        };
        ranked.push((rank, item));
    }
    machine.meter.steps(ranked.len() * (ranked.len().ilog2_or_zero() + 1))?;
    let mut failure = None;
    let mut order = |a: &Value, b: &Value| match compare(a, b, "<") {
        Ok(order) => order.unwrap_or(Ordering::Equal),
        Err(raise) => {
            failure.get_or_insert(raise);
            Ordering::Equal
        }
    };
    merge_sort(&mut ranked, &mut |a, b| if reverse { order(b, a) } else { order(a, b) });
    match failure {
        Some(raise) => Err(raise),
        None => Ok(ranked.into_iter().map(|(_, item)| item).collect()),
    }
}

/// A stable sort that bears an order without rules, which the standard library's may answer with a panic.
fn merge_sort(items: &mut Vec<(Value, Value)>, order: &mut dyn FnMut(&Value, &Value) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let mut right = items.split_off(items.len() / 2);
    merge_sort(items, order);
    merge_sort(&mut right, order);
    let left = std::mem::take(items);
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let from_right = order(&a.0, &b.0) == Ordering::Greater;
        items.extend(if from_right { right.next() } else { left.next() });
    }
    items.extend(left);
    items.extend(right);
}

trait Ilog2 {
    fn ilog2_or_zero(self) -> usize;
}

impl Ilog2 for usize {
    fn ilog2_or_zero(self) -> usize {
        self.checked_ilog2().unwrap_or(0) as usize
    }
}

/// `all` and `any`
pub(super) fn all_any(machine: &mut Machine<'_>, builtin: Builtin, args: Args) -> Eval<Value> {
    args.no_keywords(builtin.name())?;
    args.count(builtin.name(), 1, 1)?;
    let stop = builtin == Builtin::Any;
    let mut iter = iterate(&args.positional[0])?;
    while let Some(item) = iter.next()? {
        machine.meter.step()?;
        if item.truthy() == stop {
            return Ok(Value::Bool(stop));
        }
    }
    Ok(Value::Bool(!stop))
}

/// `range([start,] stop[, step])`
pub(super) fn range(args: Args) -> Eval<Value> {
    args.no_keywords("range")?;
    args.count("range", 1, 3)?;
    let mut bounds = [0i64; 3];
    for (bound, value) in bounds.iter_mut().zip(&args.positional) {
        *bound = match (value, of(value)) {
            (Value::Float(_), _) | (_, None) => {
                let message = format!("'{}' object cannot be interpreted as an integer", value.type_name());
                return Err(Raise::type_error(message));
            }
            (_, Some(Num::Int(n))) => n,
            (_, Some(Num::Float(_))) => {
                let message = format!("'{}' object cannot be interpreted as an integer", value.type_name());
                return Err(Raise::type_error(message));
            }
            (_, Some(Num::Big(n))) if n.sign() == num_bigint::Sign::Minus => i64::MIN,
            (_, Some(Num::Big(_))) => i64::MAX,
        };
    }
    let (start, stop, step) = match args.positional.len() {
        1 => (0, bounds[0], 1),
        2 => (bounds[0], bounds[1], 1),
        _ => (bounds[0], bounds[1], bounds[2]),
    };
    if step == 0 {
        return Err(Raise::value_error("range() arg 3 must not be zero"));
    }
    Ok(Value::Range(Rc::new(Range { start, stop, step })))
}

/// `iter` and `next`
pub(super) fn iterator(builtin: Builtin, args: Args) -> Eval<Value> {
    let name = builtin.name();
    args.no_keywords(name)?;
    args.count(name, 1, if builtin == Builtin::Next { 2 } else { 1 })?;
    let value = &args.positional[0];
    if builtin == Builtin::Iter {
        return Ok(match value {
            Value::Iter(..) => value.clone(),
            other => Value::Iter("iterator", Rc::new(RefCell::new(iterate(other)?))),
        });
    }
    let Value::Iter(_, iter) = value else {
        return Err(Raise::type_error(format!("'{}' object is not an iterator", value.type_name())));
    };
    let next = match iter.try_borrow_mut() {
        Ok(mut iter) => iter.next()?,
        Err(_) => return Err(Raise::value_error("generator already executing")),
    };
    match (next, args.get(1)) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => Err(Raise::new(Class::StopIteration, "")),
    }
}

/// `enumerate`, `filter`, `map`, `reversed`, `zip`: their items are made at once, but an exception among them only
/// surfaces when the walk reaches it.
pub(super) fn lazy(machine: &mut Machine<'_>, builtin: Builtin, mut args: Args) -> Eval<Value> {
    let name = builtin.name();
    match builtin {
        Builtin::Enumerate => {
            let start = args.take("start");
            args.count(name, 1, 2)?;
            let mut index = args.get(1).cloned().or(start).unwrap_or(Value::Int(0));
            let mut items = Vec::new();
            for item in machine.collect(&args.positional[0])? {
                let next = machine.operate(BinOp::Add, &index, &Value::Int(1))?;
                items.push(Value::tuple([std::mem::replace(&mut index, next), item]));
            }
            Ok(as_value(name, items, None))
        }
        Builtin::Reversed => {
            args.count(name, 1, 1)?;
            let value = &args.positional[0];
            if matches!(value, Value::Set(_) | Value::FrozenSet(_) | Value::Iter(..)) || iterate(value).is_err() {
                return Err(Raise::type_error(format!("'{}' object is not reversible", value.type_name())));
            }
            let mut items = machine.collect(value)?;
            items.reverse();
            Ok(as_value("list_reverseiterator", items, None))
        }
        Builtin::Zip => {
            args.take("strict");
            args.no_keywords(name)?;
            zip(machine, &args.positional)
        }
        _ => {
            args.no_keywords(name)?;
            let least = 2;
            if args.positional.len() < least || (builtin == Builtin::Filter && args.positional.len() > least) {
                let given = args.positional.len();
                return Err(Raise::type_error(format!("{name}() must have at least two arguments, got {given}")));
            }
            mapped(machine, builtin, &args.positional)
        }
    }
}

fn zip(machine: &mut Machine<'_>, sources: &[Value]) -> Eval<Value> {
    let mut iters = sources.iter().map(iterate).collect::<Eval<Vec<_>>>()?;
    let mut rows = Vec::new();
    if iters.is_empty() {
        return Ok(as_value("zip", rows, None));
    }
    loop {
        let mut row = Vec::with_capacity(iters.len());
        for iter in &mut iters {
            match iter.next()? {
                Some(item) => row.push(item),
                None => return Ok(as_value("zip", rows, None)),
            }
        }
        machine.meter.step()?;
        machine.meter.grow((row.len() + 1) * size_of::<Value>())?;
        rows.push(Value::tuple(row));
    }
}

fn mapped(machine: &mut Machine<'_>, builtin: Builtin, args: &[Value]) -> Eval<Value> {
    let (func, sources) = (&args[0], &args[1..]);
    let mut iters = sources.iter().map(iterate).collect::<Eval<Vec<_>>>()?;
    let mut out = Vec::new();
    let failure = loop {
        let mut row = Vec::with_capacity(iters.len());
        for iter in &mut iters {
            row.extend(iter.next()?);
        }
        if row.len() < sources.len() {
            break None;
        }
        machine.meter.step()?;
        machine.meter.grow(size_of::<Value>())?;
        let first = row[0].clone();
        let result = match func {
            Value::None if builtin == Builtin::Filter => Ok(first.clone()),
            func => machine.apply(func, Args::of(row)),
        };
        match result {
            Ok(value) if builtin == Builtin::Map => out.push(value),
            Ok(value) if value.truthy() => out.push(first),
            Ok(_) => {}
            Err(raise @ Raise::Exception(_)) => break Some(raise),
            Err(raise) => return Err(raise),
        }
    };
    Ok(as_value(builtin.name(), out, failure))
}
