//! Equality, identity, order and hashing of values.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use num_bigint::{BigInt, Sign};

use super::{Dict, Value};
use crate::exception::{Eval, Raise};
use crate::limits::{over, over_nesting};
use crate::py::number::{self, Num};

/// Pairs one comparison may look at, and how deep. Lists that share parts without end stop here and count as
/// different.
const FUEL: u32 = 1 << 20;
const MAX_DEPTH: u32 = 200;

/// `a == b`. Values of different kinds are unequal.
pub(crate) fn equals(a: &Value, b: &Value) -> bool {
    Equality { fuel: FUEL }.check(a, b, 0)
}

struct Equality {
    fuel: u32,
}

impl Equality {
    fn check(&mut self, a: &Value, b: &Value, depth: u32) -> bool {
        if self.fuel == 0 || depth > MAX_DEPTH {
            return false;
        }
        self.fuel -= 1;
        match (a, b) {
            (Value::Str(x) | Value::Sql(x), Value::Str(y) | Value::Sql(y)) => x == y,
            (Value::Int(x), Value::Int(y)) => x == y,
            (Value::Bytes(x), Value::Bytes(y)) => x == y,
            (Value::List(x), Value::List(y)) => Rc::ptr_eq(x, y) || self.all(&x.borrow(), &y.borrow(), depth),
            (Value::Tuple(x), Value::Tuple(y)) => self.all(x, y, depth),
            (Value::Dict(x), Value::Dict(y)) => Rc::ptr_eq(x, y) || self.dicts(&x.borrow(), &y.borrow(), depth),
            (Value::Set(_) | Value::FrozenSet(_), Value::Set(_) | Value::FrozenSet(_)) => {
                let same = |x: &Dict, y: &Dict| x.len() == y.len() && x.hashed().all(|(h, k)| y.contains(h, k));
                with_set(a, |x| with_set(b, |y| same(x, y)))
            }
            (Value::Range(x), Value::Range(y)) => {
                x.len() == y.len() && (x.len() == 0 || (x.start == y.start && (x.len() == 1 || x.step == y.step)))
            }
            _ => match (number::of(a), number::of(b)) {
                (Some(x), Some(y)) => number::compare(&x, &y) == Some(Ordering::Equal),
                (None, None) => identical(a, b),
                _ => false,
            },
        }
    }

    fn all(&mut self, x: &[Value], y: &[Value], depth: u32) -> bool {
        x.len() == y.len() && x.iter().zip(y).all(|(a, b)| identical(a, b) || self.check(a, b, depth + 1))
    }

    fn dicts(&mut self, x: &Dict, y: &Dict, depth: u32) -> bool {
        let mut pairs = x.hashed().zip(x.iter());
        x.len() == y.len()
            && pairs.all(|((hash, key), (_, value))| y.get(hash, key).is_some_and(|v| self.check(v, value, depth + 1)))
    }
}

/// Runs `f` on the entries of a set of either kind; on none for another value.
pub(crate) fn with_set<T>(value: &Value, f: impl FnOnce(&Dict) -> T) -> T {
    match value {
        Value::Set(dict) => f(&dict.borrow()),
        Value::FrozenSet(dict) => f(dict),
        _ => f(&Dict::default()),
    }
}

/// `a is b`. Equal integers and strings count as one object, as Python's small and interned ones do.
pub(crate) fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::None, Value::None) | (Value::Ellipsis, Value::Ellipsis) => true,
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Int(x), Value::Int(y)) => x == y,
        (Value::Float(x), Value::Float(y)) => x.to_bits() == y.to_bits() && !x.is_nan(),
        (Value::Str(x), Value::Str(y)) => Arc::ptr_eq(x, y) || x == y,
        (Value::Sql(x), Value::Sql(y)) | (Value::Symbol(x), Value::Symbol(y)) => Arc::ptr_eq(x, y),
        (Value::Placeholder(x), Value::Placeholder(y)) => Arc::ptr_eq(x, y),
        (Value::List(x), Value::List(y)) => Rc::ptr_eq(x, y),
        (Value::Tuple(x), Value::Tuple(y)) => Rc::ptr_eq(x, y),
        (Value::Dict(x), Value::Dict(y)) | (Value::Set(x), Value::Set(y)) => Rc::ptr_eq(x, y),
        (Value::Typed(x), Value::Typed(y)) => Rc::ptr_eq(x, y),
        (Value::Function(x), Value::Function(y)) => x == y,
        (Value::Builtin(x), Value::Builtin(y)) => x == y,
        (Value::Lambda(x), Value::Lambda(y)) => Rc::ptr_eq(x, y),
        (Value::Class(x), Value::Class(y)) => x == y,
        (Value::Exception(x), Value::Exception(y)) => Rc::ptr_eq(x, y),
        (Value::Iter(_, x), Value::Iter(_, y)) => Rc::ptr_eq(x, y),
        _ => false,
    }
}

/// The order of two values for `sign`, one of `<`, `<=`, `>`, `>=`; `None` where NaN makes them unordered.
pub(crate) fn compare(a: &Value, b: &Value, sign: &str) -> Eval<Option<Ordering>> {
    compare_at(a, b, sign, 0)
}

fn compare_at(a: &Value, b: &Value, sign: &str, depth: u32) -> Eval<Option<Ordering>> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    if let (Some(x), Some(y)) = (a.as_text(), b.as_text()) {
        return Ok(Some(x.cmp(y)));
    }
    if let (Some(x), Some(y)) = (number::of(a), number::of(b)) {
        return Ok(number::compare(&x, &y));
    }
    match (a, b) {
        (Value::List(x), Value::List(y)) => sequences(&x.borrow(), &y.borrow(), sign, depth),
        (Value::Tuple(x), Value::Tuple(y)) => sequences(x, y, sign, depth),
        (Value::Bytes(x), Value::Bytes(y)) => Ok(Some(x.cmp(y))),
        (Value::Set(_) | Value::FrozenSet(_), Value::Set(_) | Value::FrozenSet(_)) => {
            Ok(with_set(a, |x| with_set(b, |y| subset_order(x, y))))
        }
        _ => Err(Raise::type_error(format!(
            "'{sign}' not supported between instances of '{}' and '{}'",
            a.type_name(),
            b.type_name()
        ))),
    }
}

fn too_deep() -> Raise {
    over_nesting(MAX_DEPTH as usize).into()
}

fn sequences(x: &[Value], y: &[Value], sign: &str, depth: u32) -> Eval<Option<Ordering>> {
    for (a, b) in x.iter().zip(y) {
        if !identical(a, b) && !equals(a, b) {
            return compare_at(a, b, sign, depth + 1);
        }
    }
    Ok(Some(x.len().cmp(&y.len())))
}

fn subset_order(x: &Dict, y: &Dict) -> Option<Ordering> {
    let within = |a: &Dict, b: &Dict| a.hashed().all(|(h, k)| b.contains(h, k));
    match (within(x, y), within(y, x)) {
        (true, true) => Some(Ordering::Equal),
        (true, false) => Some(Ordering::Less),
        (false, true) => Some(Ordering::Greater),
        (false, false) => None,
    }
}

/// The hash of a value, equal for equal values; lists, dicts and sets have none.
pub(crate) fn hash(value: &Value) -> Eval<u64> {
    let mut hasher = DefaultHasher::new();
    let mut fuel = FUEL;
    feed(value, &mut hasher, &mut fuel, 0)?;
    Ok(hasher.finish())
}

fn feed(value: &Value, hasher: &mut DefaultHasher, fuel: &mut u32, depth: u32) -> Eval<()> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let Some(left) = fuel.checked_sub(1) else {
        return Err(over("nesting", format!("{FUEL} values in one key"), "use a smaller key").into());
    };
    *fuel = left;
    match value {
        Value::Str(text) | Value::Sql(text) => text.hash(hasher),
        Value::Symbol(text) => text.hash(hasher),
        Value::Bytes(bytes) => bytes.hash(hasher),
        Value::Tuple(items) => {
            items.len().hash(hasher);
            for item in items.iter() {
                feed(item, hasher, fuel, depth + 1)?;
            }
        }
        Value::FrozenSet(dict) => dict.len().hash(hasher),
        Value::List(_) | Value::Dict(_) | Value::Set(_) | Value::Slice(_) => {
            return Err(Raise::type_error(format!("unhashable type: '{}'", value.type_name())));
        }
        _ => match number::of(value) {
            Some(Num::Int(n)) => n.hash(hasher),
            Some(Num::Float(n)) if n.fract() == 0.0 && n.abs() < 9e18 => (n as i64).hash(hasher),
            Some(Num::Float(n)) => number::float_to_int(n).map_or(n.to_bits(), |big| low_bits(&big)).hash(hasher),
            Some(Num::Big(n)) => low_bits(&n).hash(hasher),
            None => value.type_name().hash(hasher),
        },
    }
    Ok(())
}

fn low_bits(number: &BigInt) -> u64 {
    let (sign, digits) = number.to_u64_digits();
    digits.first().copied().unwrap_or(0) ^ u64::from(sign == Sign::Minus)
}
