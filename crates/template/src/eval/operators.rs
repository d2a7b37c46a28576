//! Operators on values.

use std::cmp::Ordering;
use std::rc::Rc;

use super::Machine;
use super::iter::iterate;
use crate::exception::{Class, Eval, Raise};
use crate::expr::ast::{BinOp, CmpOp, Expr, UnaryOp};
use crate::py::number;
use crate::py::percent::percent;
use crate::value::{self, Dict, Value, compare, equals, hash, identical};

impl Machine<'_> {
    pub(super) fn bool_op(&mut self, and: bool, values: &[Expr]) -> Eval<Value> {
        let mut last = Value::None;
        for value in values {
            last = self.eval(value)?;
            if last.truthy() != and {
                break;
            }
        }
        Ok(last)
    }

    pub(super) fn compare(&mut self, left: &Expr, rest: &[(CmpOp, Expr)]) -> Eval<Value> {
        let mut left = self.eval(left)?;
        for (op, right) in rest {
            let right = self.eval(right)?;
            if !self.comparison(*op, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn comparison(&mut self, op: CmpOp, a: &Value, b: &Value) -> Eval<bool> {
        Ok(match op {
            CmpOp::Eq => equals(a, b),
            CmpOp::NotEq => !equals(a, b),
            CmpOp::Lt => compare(a, b, "<")? == Some(Ordering::Less),
            CmpOp::Gt => compare(a, b, ">")? == Some(Ordering::Greater),
            CmpOp::LtE => matches!(compare(a, b, "<=")?, Some(Ordering::Less | Ordering::Equal)),
            CmpOp::GtE => matches!(compare(a, b, ">=")?, Some(Ordering::Greater | Ordering::Equal)),
            CmpOp::Is => identical(a, b),
            CmpOp::IsNot => !identical(a, b),
            CmpOp::In => self.contains(b, a)?,
            CmpOp::NotIn => !self.contains(b, a)?,
        })
    }

    /// `item in container`
    pub(crate) fn contains(&mut self, container: &Value, item: &Value) -> Eval<bool> {
        match container {
            Value::Str(text) | Value::Sql(text) => match item.as_text() {
                Some(part) => Ok(text.contains(&**part)),
                None => Err(Raise::type_error(format!(
                    "'in <string>' requires string as left operand, not {}",
                    item.type_name()
                ))),
            },
            Value::Dict(dict) | Value::Set(dict) => Ok(dict.borrow().contains(hash(item)?, item)),
            Value::FrozenSet(dict) => Ok(dict.contains(hash(item)?, item)),
            Value::Range(range) => {
                let Some(number::Num::Int(n)) = number::of(item) else { return Ok(false) };
                let (n, start, step) = (i128::from(n), i128::from(range.start), i128::from(range.step));
                let index = (n - start) / step;
                Ok((n - start) % step == 0 && index >= 0 && index < range.len() as i128)
            }
            _ => self.contains_by_iteration(container, item),
        }
    }

    fn contains_by_iteration(&mut self, container: &Value, item: &Value) -> Eval<bool> {
        let Ok(mut iter) = iterate(container) else {
            return Err(Raise::type_error(format!("argument of type '{}' is not iterable", container.type_name())));
        };
        while let Some(next) = iter.next()? {
            self.meter.step()?;
            if identical(&next, item) || equals(&next, item) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn unary(&mut self, op: UnaryOp, inner: &Expr) -> Eval<Value> {
        let value = self.eval(inner)?;
        if op == UnaryOp::Not {
            return Ok(Value::Bool(!value.truthy()));
        }
        match number::of(&value) {
            Some(number) => number::unary(op, &number),
            None => {
                let sign = match op {
                    UnaryOp::USub => "-",
                    UnaryOp::UAdd => "+",
                    _ => "~",
                };
                Err(Raise::type_error(format!("bad operand type for unary {sign}: '{}'", value.type_name())))
            }
        }
    }

    /// `left op right`. Chains lean to the left, so their left side is walked in a loop.
    pub(super) fn binary(&mut self, left: &Expr, op: BinOp, right: &Expr) -> Eval<Value> {
        let mut pending = vec![(op, right)];
        let mut first = left;
        while let Expr::Binary(parts) = first {
            pending.push((parts.1, &parts.2));
            first = &parts.0;
        }
        let mut value = self.eval(first)?;
        while let Some((op, right)) = pending.pop() {
            let right = self.eval(right)?;
            self.meter.step()?;
            value = self.operate(op, &value, &right)?;
        }
        Ok(value)
    }

    /// `a op b`
    pub(crate) fn operate(&mut self, op: BinOp, a: &Value, b: &Value) -> Eval<Value> {
        if let (Some(x), Some(y)) = (number::of(a), number::of(b)) {
            return self.arithmetic(op, a, b, &x, &y);
        }
        match (op, a, b) {
            (BinOp::Add, _, _) => self.add(a, b),
            (BinOp::Mult, _, _) => self.repeat(a, b),
            (BinOp::Mod, Value::Str(format) | Value::Sql(format), _) => {
                let text = percent(format, b)?;
                self.meter.grow(text.len())?;
                Ok(Value::str(text))
            }
            (BinOp::BitOr, Value::Dict(x), Value::Dict(y)) => {
                let mut merged = x.borrow().clone();
                for ((hash, key), (_, value)) in y.borrow().hashed().zip(y.borrow().iter()) {
                    merged.insert(hash, key.clone(), value.clone());
                }
                Ok(Value::dict(merged))
            }
            (BinOp::BitOr | BinOp::BitAnd | BinOp::Sub | BinOp::BitXor, Value::Set(_) | Value::FrozenSet(_), _)
                if matches!(b, Value::Set(_) | Value::FrozenSet(_)) =>
            {
                Ok(set_operation(op, a, b))
            }
            _ => Err(unsupported(op, a, b)),
        }
    }

    fn arithmetic(&mut self, op: BinOp, a: &Value, b: &Value, x: &number::Num, y: &number::Num) -> Eval<Value> {
        if let (Value::Bool(p), Value::Bool(q)) = (a, b) {
            match op {
                BinOp::BitAnd => return Ok(Value::Bool(p & q)),
                BinOp::BitOr => return Ok(Value::Bool(p | q)),
                BinOp::BitXor => return Ok(Value::Bool(p ^ q)),
                _ => {}
            }
        }
        let value = number::binary(op, x, y)?.ok_or_else(|| unsupported(op, a, b))?;
        if let Value::Big(big) = &value {
            self.meter.grow(usize::try_from(big.bits() / 8).unwrap_or(usize::MAX))?;
        }
        Ok(value)
    }

    fn add(&mut self, a: &Value, b: &Value) -> Eval<Value> {
        match (a, b) {
            (Value::Str(x) | Value::Sql(x), Value::Str(y) | Value::Sql(y)) => {
                self.meter.grow(x.len() + y.len())?;
                Ok(Value::str([&**x, &**y].concat()))
            }
            (Value::List(x), Value::List(y)) => {
                let items: Vec<Value> = x.borrow().iter().chain(y.borrow().iter()).cloned().collect();
                self.meter.grow(items.len() * size_of::<Value>())?;
                Ok(Value::list(items))
            }
            (Value::Tuple(x), Value::Tuple(y)) => {
                let items: Vec<Value> = x.iter().chain(y.iter()).cloned().collect();
                self.meter.grow(items.len() * size_of::<Value>())?;
                Ok(Value::tuple(items))
            }
            (Value::Placeholder(name), _) => Ok(crate::placeholder::new(name)),
            (Value::Str(_) | Value::Sql(_), _) => {
                Err(Raise::type_error(format!("can only concatenate str (not \"{}\") to str", b.type_name())))
            }
            (Value::List(_) | Value::Tuple(_), _) => {
                let (kind, other) = (a.type_name(), b.type_name());
                Err(Raise::type_error(format!("can only concatenate {kind} (not \"{other}\") to {kind}")))
            }
            _ => Err(unsupported(BinOp::Add, a, b)),
        }
    }

    /// A sequence times a number, in either order.
    fn repeat(&mut self, a: &Value, b: &Value) -> Eval<Value> {
        let (sequence, count) = if number::of(b).is_some() { (a, b) } else { (b, a) };
        let Some(number::Num::Int(count)) = number::of(count) else {
            if let (Some(number::Num::Big(_)), Some(_)) = (number::of(count), sequence.as_text()) {
                return Err(Raise::new(Class::Overflow, "cannot fit 'int' into an index-sized integer"));
            }
            let is_sequence = |v: &Value| matches!(v, Value::Str(_) | Value::Sql(_) | Value::List(_) | Value::Tuple(_));
            let other = match (is_sequence(a), is_sequence(b)) {
                (true, _) => b,
                (false, true) => a,
                (false, false) => return Err(unsupported(BinOp::Mult, a, b)),
            };
            let message = format!("can't multiply sequence by non-int of type '{}'", other.type_name());
            return Err(Raise::type_error(message));
        };
        let count = usize::try_from(count).unwrap_or(0);
        let repeated = |items: &[Value]| -> Vec<Value> { (0..count).flat_map(|_| items.iter().cloned()).collect() };
        match sequence {
            Value::Str(text) | Value::Sql(text) => {
                self.meter.grow(text.len().saturating_mul(count))?;
                Ok(Value::str(text.repeat(count)))
            }
            Value::List(items) => {
                self.meter.grow(items.borrow().len().saturating_mul(count).saturating_mul(size_of::<Value>()))?;
                Ok(Value::list(repeated(&items.borrow())))
            }
            Value::Tuple(items) => {
                self.meter.grow(items.len().saturating_mul(count).saturating_mul(size_of::<Value>()))?;
                Ok(Value::tuple(repeated(items)))
            }
            _ => Err(unsupported(BinOp::Mult, a, b)),
        }
    }
}

fn unsupported(op: BinOp, a: &Value, b: &Value) -> Raise {
    let sign = if op == BinOp::Pow { "** or pow()" } else { op.sign() };
    Raise::type_error(format!("unsupported operand type(s) for {sign}: '{}' and '{}'", a.type_name(), b.type_name()))
}

/// `|`, `&`, `-` and `^` of two sets; the result has the kind of the left one.
fn set_operation(op: BinOp, a: &Value, b: &Value) -> Value {
    let result = value::with_set(a, |x| value::with_set(b, |y| combine(op, x, y)));
    match a {
        Value::FrozenSet(_) => Value::FrozenSet(Rc::new(result)),
        _ => Value::set(result),
    }
}

/// The elements `op` keeps.
pub(crate) fn combine(op: BinOp, x: &Dict, y: &Dict) -> Dict {
    let mut out = Dict::default();
    let mut keep = |from: &Dict, wanted: &dyn Fn(u64, &Value) -> bool| {
        from.hashed().filter(|(h, k)| wanted(*h, k)).for_each(|(h, k)| out.insert(h, k.clone(), Value::None));
    };
    match op {
        BinOp::BitAnd => keep(x, &|h, k| y.contains(h, k)),
        BinOp::Sub => keep(x, &|h, k| !y.contains(h, k)),
        BinOp::BitXor => {
            keep(x, &|h, k| !y.contains(h, k));
            keep(y, &|h, k| !x.contains(h, k));
        }
        _ => {
            keep(x, &|_, _| true);
            keep(y, &|_, _| true);
        }
    }
    out
}
