//! `value[index]` and `value[from:to:step]`.

use std::rc::Rc;

use super::Machine;
use super::collections::ELEMENT;
use crate::exception::{Class, Eval, Raise};
use crate::expr::ast::Expr;
use crate::placeholder;
use crate::py::number::{Num, of};
use crate::py::text;
use crate::value::{Range, Value, hash, repr};

/// The elements a slice takes: `count` of them, from `start` on, and where it ends.
pub(crate) struct Cut {
    pub(crate) start: i64,
    pub(crate) stop: i64,
    pub(crate) count: usize,
    pub(crate) step: i64,
}

impl Cut {
    fn positions(&self) -> impl Iterator<Item = usize> {
        (0..self.count as i64).map(move |i| (self.start + i * self.step) as usize)
    }

    fn pick(&self, items: &[Value]) -> Vec<Value> {
        self.positions().map(|i| items[i].clone()).collect()
    }
}

impl Machine<'_> {
    pub(super) fn subscript(&mut self, value: &Expr, index: &Expr) -> Eval<Value> {
        let value = self.eval(value)?;
        let index = self.eval(index)?;
        self.item(&value, &index)
    }

    pub(super) fn slice_value(&mut self, parts: &[Option<Expr>; 3]) -> Eval<Value> {
        let mut values = [Value::None, Value::None, Value::None];
        for (value, part) in values.iter_mut().zip(parts) {
            if let Some(part) = part {
                *value = self.eval(part)?;
                bound_check(value)?;
            }
        }
        Ok(Value::Slice(Rc::new(values)))
    }

    /// `value[index]`
    pub(crate) fn item(&mut self, value: &Value, index: &Value) -> Eval<Value> {
        if let Value::Slice(parts) = index
            && !matches!(value, Value::Placeholder(_) | Value::Dict(_))
        {
            return self.slice(value, parts);
        }
        match value {
            Value::Str(chars) | Value::Sql(chars) => {
                let i = position(value, index, text::len(chars))?;
                Ok(Value::str(text::char_at(chars, i).unwrap_or_default()))
            }
            Value::List(items) => {
                let items = items.borrow();
                let i = position(value, index, items.len())?;
                Ok(items[i].clone())
            }
            Value::Tuple(items) => Ok(items[position(value, index, items.len())?].clone()),
            Value::Range(range) => Ok(Value::Int(range.get(position(value, index, range.len())?))),
            Value::Bytes(bytes) => Ok(Value::Int(i64::from(bytes[position(value, index, bytes.len())?]))),
            Value::Dict(dict) => {
                let found = dict.borrow().get(hash(index)?, index).cloned();
                found.ok_or_else(|| Raise::new(Class::Key, repr(index)))
            }
            Value::Placeholder(name) => placeholder::item(name, index),
            other => Err(Raise::type_error(format!("'{}' object is not subscriptable", other.type_name()))),
        }
    }

    fn slice(&mut self, value: &Value, parts: &[Value; 3]) -> Eval<Value> {
        match value {
            Value::Str(chars) | Value::Sql(chars) => {
                let cut = cut(parts, text::len(chars))?;
                self.meter.grow(cut.count)?;
                if cut.step == 1 {
                    let start = text::offset(chars, cut.start as usize);
                    let end = start + text::offset(&chars[start..], cut.count);
                    return Ok(Value::str(&chars[start..end]));
                }
                let all: Vec<char> = chars.chars().collect();
                Ok(Value::str(cut.positions().map(|i| all[i]).collect::<String>()))
            }
            Value::List(items) => {
                let cut = cut(parts, items.borrow().len())?;
                self.meter.grow(cut.count * ELEMENT)?;
                Ok(Value::list(cut.pick(&items.borrow())))
            }
            Value::Tuple(items) => {
                let cut = cut(parts, items.len())?;
                self.meter.grow(cut.count * ELEMENT)?;
                Ok(Value::tuple(cut.pick(items)))
            }
            Value::Bytes(bytes) => {
                let cut = cut(parts, bytes.len())?;
                Ok(Value::Bytes(cut.positions().map(|i| bytes[i]).collect()))
            }
            Value::Range(range) => {
                let cut = cut(parts, range.len())?;
                let at = |i: i64| range.start.saturating_add(range.step.saturating_mul(i));
                let (start, stop) = (at(cut.start), at(cut.stop));
                Ok(Value::Range(Rc::new(Range { start, stop, step: range.step.saturating_mul(cut.step) })))
            }
            other => Err(Raise::type_error(format!("'{}' object is not subscriptable", other.type_name()))),
        }
    }
}

/// Slices hold nothing but bounds, so that nothing can nest in them.
pub(crate) fn bound_check(value: &Value) -> Eval<()> {
    if value.is_none() || of(value).is_some_and(|n| !matches!(n, Num::Float(_))) {
        return Ok(());
    }
    Err(Raise::type_error("slice indices must be integers or None or have an __index__ method"))
}

/// The elements `parts` takes of `len`.
pub(crate) fn cut(parts: &[Value; 3], len: usize) -> Eval<Cut> {
    let bound = |value: &Value| match (value, of(value)) {
        (Value::None, _) => Ok(None),
        (_, Some(Num::Int(n))) => Ok(Some(n)),
        (_, Some(Num::Big(n))) => Ok(Some(if n.sign() == num_bigint::Sign::Minus { i64::MIN } else { i64::MAX })),
        _ => Err(Raise::type_error("slice indices must be integers or None or have an __index__ method")),
    };
    let step = bound(&parts[2])?.unwrap_or(1);
    if step == 0 {
        return Err(Raise::value_error("slice step cannot be zero"));
    }
    let (start, stop) = text::slice_bounds(len, bound(&parts[0])?, bound(&parts[1])?, step);
    let span = if step > 0 { stop - start } else { start - stop };
    let width = step.unsigned_abs();
    let count = if span <= 0 { 0 } else { ((span as u64 - 1) / width + 1) as usize };
    Ok(Cut { start, stop, count, step })
}

/// An index from the start of a sequence of `len` items.
pub(crate) fn position(sequence: &Value, index: &Value, len: usize) -> Eval<usize> {
    let name = if sequence.as_text().is_some() { "string" } else { sequence.type_name() };
    let out_of_range = || {
        let object = if name == "range" { "range object" } else { name };
        Raise::new(Class::Index, format!("{object} index out of range"))
    };
    match of(index) {
        Some(Num::Int(n)) => {
            let from_start = if n < 0 { n + len as i64 } else { n };
            usize::try_from(from_start).ok().filter(|i| *i < len).ok_or_else(out_of_range)
        }
        Some(Num::Big(_)) => Err(out_of_range()),
        _ if name == "string" => {
            Err(Raise::type_error(format!("string indices must be integers, not '{}'", index.type_name())))
        }
        _ => Err(Raise::type_error(format!("{name} indices must be integers or slices, not {}", index.type_name()))),
    }
}
