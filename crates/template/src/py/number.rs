//! Python's numbers: unbounded integers and floats.

use std::cmp::Ordering;
use std::hash::Hasher;
use std::rc::Rc;

use num_bigint::BigInt;

use crate::exception::{Class, Eval, Raise};
use crate::expr::ast::{BinOp, UnaryOp};
use crate::limits::over;
use crate::py::digits;
use crate::py::text::strip;
use crate::value::Value;

/// Digits Python converts between text and integer.
pub(crate) const MAX_DIGITS: usize = 4300;

/// Bits an integer may have; an unbounded `9**9**9` would never end.
const MAX_BITS: u64 = 1 << 18;

/// A number without its Python type.
#[derive(Clone)]
pub(crate) enum Num {
    Int(i64),
    Big(Rc<BigInt>),
    Float(f64),
}

/// The number a value is, if it is one.
pub(crate) fn of(value: &Value) -> Option<Num> {
    Some(match value {
        Value::Int(n) => Num::Int(*n),
        Value::Bool(b) => Num::Int(i64::from(*b)),
        Value::Float(n) => Num::Float(*n),
        Value::Big(n) => Num::Big(Rc::clone(n)),
        Value::Typed(typed) => return of(&typed.number),
        _ => return None,
    })
}

impl Num {
    pub(crate) fn to_f64(&self) -> f64 {
        match self {
            Num::Int(n) => *n as f64,
            Num::Float(n) => *n,
            // Correctly rounded, through the decimal digits.
            Num::Big(n) => n.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    fn to_big(&self) -> Option<BigInt> {
        match self {
            Num::Int(n) => Some(BigInt::from(*n)),
            Num::Big(n) => Some(BigInt::clone(n)),
            Num::Float(_) => None,
        }
    }
}

/// A whole float as an integer.
pub(crate) fn float_to_int(value: f64) -> Option<BigInt> {
    if !value.is_finite() {
        return None;
    }
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64;
    if exponent == 0 {
        return Some(BigInt::ZERO);
    }
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    let shift = exponent - 1075;
    let magnitude = if shift >= 0 {
        BigInt::from(mantissa) << shift as u64
    } else if shift <= -64 {
        BigInt::ZERO
    } else {
        BigInt::from(mantissa >> (-shift) as u64)
    };
    Some(if value < 0.0 { -magnitude } else { magnitude })
}

pub(crate) fn compare(a: &Num, b: &Num) -> Option<Ordering> {
    match (a, b) {
        (Num::Int(x), Num::Int(y)) => Some(x.cmp(y)),
        (Num::Float(x), Num::Float(y)) => x.partial_cmp(y),
        (Num::Float(x), _) => compare_with_float(b, *x).map(Ordering::reverse),
        (_, Num::Float(y)) => compare_with_float(a, *y),
        _ => Some(a.to_big()?.cmp(&b.to_big()?)),
    }
}

fn compare_with_float(integer: &Num, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    let Some(whole) = float_to_int(float) else {
        return Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater });
    };
    let order = integer.to_big()?.cmp(&whole);
    Some(order.then_with(|| 0.0f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal)))
}

/// `a op b` for two numbers; `None` when their types do not have the operator.
pub(crate) fn binary(op: BinOp, a: &Num, b: &Num) -> Eval<Option<Value>> {
    if let (Num::Int(x), Num::Int(y)) = (a, b)
        && let Some(value) = small(op, *x, *y)
    {
        return Ok(Some(value));
    }
    match (a.to_big(), b.to_big()) {
        (Some(_), Some(_)) if op == BinOp::MatMult => Ok(None),
        (Some(x), Some(y)) => big(op, &x, &y).map(Some),
        _ => floats(op, a.to_f64(), b.to_f64()).transpose(),
    }
}

/// The operators that stay within `i64`.
fn small(op: BinOp, x: i64, y: i64) -> Option<Value> {
    Some(Value::Int(match op {
        BinOp::Add => x.checked_add(y)?,
        BinOp::Sub => x.checked_sub(y)?,
        BinOp::Mult => x.checked_mul(y)?,
        BinOp::FloorDiv if y != 0 => {
            let quotient = x.checked_div(y)?;
            if x % y != 0 && (x < 0) != (y < 0) { quotient - 1 } else { quotient }
        }
        BinOp::Mod if y != 0 => {
            let rest = x.checked_rem(y)?;
            if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest }
        }
        BinOp::BitAnd => x & y,
        BinOp::BitOr => x | y,
        BinOp::BitXor => x ^ y,
        BinOp::RShift if y >= 0 => x >> y.min(63),
        BinOp::Pow if y >= 0 => x.checked_pow(u32::try_from(y).ok()?)?,
        _ => return None,
    }))
}

fn zero_division(message: &str) -> Raise {
    Raise::new(Class::ZeroDivision, message)
}

fn big(op: BinOp, x: &BigInt, y: &BigInt) -> Eval<Value> {
    let zero = *y == BigInt::ZERO;
    Ok(Value::big(match op {
        BinOp::Add => x + y,
        BinOp::Sub => x - y,
        BinOp::Mult => {
            check_bits(x.bits() + y.bits())?;
            x * y
        }
        BinOp::FloorDiv | BinOp::Mod if zero => return Err(zero_division("integer division or modulo by zero")),
        BinOp::FloorDiv => floor_div_mod(x, y).0,
        BinOp::Mod => floor_div_mod(x, y).1,
        BinOp::Div if zero => return Err(zero_division("division by zero")),
        BinOp::Div => return true_divide(x, y),
        BinOp::Pow if y.sign() == num_bigint::Sign::Minus => {
            if *x == BigInt::ZERO {
                return Err(zero_division("0.0 cannot be raised to a negative power"));
            }
            let [x, y] = [x, y].map(|n| Num::Big(Rc::new(n.clone())).to_f64());
            return Ok(Value::Float(x.powf(y)));
        }
        BinOp::Pow => power(x, y)?,
        BinOp::LShift | BinOp::RShift => return shift(op, x, y),
        BinOp::BitAnd => x & y,
        BinOp::BitOr => x | y,
        BinOp::BitXor => x ^ y,
        // The caller knows that integers have no `@`.
        BinOp::MatMult => BigInt::ZERO,
    }))
}

fn floor_div_mod(x: &BigInt, y: &BigInt) -> (BigInt, BigInt) {
    let (quotient, rest) = (x / y, x % y);
    let minus = num_bigint::Sign::Minus;
    if rest != BigInt::ZERO && (rest.sign() == minus) != (y.sign() == minus) {
        return (quotient - 1, rest + y);
    }
    (quotient, rest)
}

fn true_divide(x: &BigInt, y: &BigInt) -> Eval<Value> {
    let [a, b] = [x, y].map(|n| Num::Big(Rc::new(n.clone())).to_f64());
    if a.is_finite() && b.is_finite() {
        return Ok(Value::Float(a / b));
    }
    Err(Raise::new(Class::Overflow, "integer division result too large for a float"))
}

fn check_bits(bits: u64) -> Eval<()> {
    if bits <= MAX_BITS {
        return Ok(());
    }
    Err(over("value_bytes", format!("{MAX_BITS} bits in one integer"), "use smaller numbers").into())
}

fn power(x: &BigInt, y: &BigInt) -> Eval<BigInt> {
    if *y == BigInt::ZERO {
        return Ok(BigInt::from(1));
    }
    if x.bits() <= 1 {
        // 0, 1 and -1 do not grow.
        let odd = y.bit(0);
        return Ok(if odd { x.clone() } else { x * x });
    }
    let exponent = u64::try_from(y).unwrap_or(u64::MAX);
    check_bits(x.bits().saturating_mul(exponent))?;
    Ok(x.pow(exponent as u32))
}

fn shift(op: BinOp, x: &BigInt, y: &BigInt) -> Eval<Value> {
    if y.sign() == num_bigint::Sign::Minus {
        return Err(Raise::value_error("negative shift count"));
    }
    let count = u64::try_from(y).unwrap_or(u64::MAX);
    if op == BinOp::LShift {
        if *x != BigInt::ZERO {
            check_bits(x.bits().saturating_add(count))?;
            return Ok(Value::big(x << count));
        }
        return Ok(Value::Int(0));
    }
    Ok(Value::big(x >> count.min(MAX_BITS + 1)))
}

/// `x // y` from the exact remainder, as Python computes it.
fn floor_divide(x: f64, y: f64) -> f64 {
    let rest = x % y;
    let mut quotient = (x - rest) / y;
    if rest != 0.0 && (rest < 0.0) != (y < 0.0) {
        quotient -= 1.0;
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

/// Float arithmetic; `None` for operators floats do not have.
fn floats(op: BinOp, x: f64, y: f64) -> Option<Eval<Value>> {
    let value = match op {
        BinOp::Add => x + y,
        BinOp::Sub => x - y,
        BinOp::Mult => x * y,
        BinOp::Div if y == 0.0 => return Some(Err(zero_division("float division by zero"))),
        BinOp::Div => x / y,
        BinOp::FloorDiv if y == 0.0 => return Some(Err(zero_division("float floor division by zero"))),
        BinOp::FloorDiv => floor_divide(x, y),
        BinOp::Mod if y == 0.0 => return Some(Err(zero_division("float modulo"))),
        BinOp::Mod => {
            let rest = x % y;
            if rest != 0.0 && (rest < 0.0) != (y < 0.0) { rest + y } else { rest }
        }
        BinOp::Pow if x == 0.0 && y < 0.0 => {
            return Some(Err(zero_division("0.0 cannot be raised to a negative power")));
        }
        BinOp::Pow => {
            if x < 0.0 && x.is_finite() && y.is_finite() && y.fract() != 0.0 {
                let message = "negative number cannot be raised to a fractional power";
                return Some(Err(Raise::value_error(message)));
            }
            let value = x.powf(y);
            if value.is_infinite() && x.is_finite() && y.is_finite() {
                return Some(Err(Raise::new(Class::Overflow, "(34, 'Numerical result out of range')")));
            }
            value
        }
        _ => return None,
    };
    Some(Ok(Value::Float(value)))
}

/// `op a` for a number.
pub(crate) fn unary(op: UnaryOp, number: &Num) -> Eval<Value> {
    Ok(match (op, number) {
        (UnaryOp::USub, Num::Int(n)) => n.checked_neg().map_or_else(|| Value::big(-BigInt::from(*n)), Value::Int),
        (UnaryOp::USub, Num::Big(n)) => Value::big(-BigInt::clone(n)),
        (UnaryOp::USub, Num::Float(n)) => Value::Float(-n),
        (UnaryOp::Invert, Num::Int(n)) => Value::Int(!n),
        (UnaryOp::Invert, Num::Big(n)) => {
            let next: BigInt = BigInt::clone(n) + 1;
            Value::big(-next)
        }
        (UnaryOp::Invert, Num::Float(_)) => {
            return Err(Raise::type_error("bad operand type for unary ~: 'float'"));
        }
        (_, number) => value(number.clone()),
    })
}

/// The plain Python number.
pub(crate) fn value(number: Num) -> Value {
    match number {
        Num::Int(n) => Value::Int(n),
        Num::Big(n) => Value::Big(n),
        Num::Float(n) => Value::Float(n),
    }
}

/// `int(text, base)`
pub(crate) fn parse_int(text: &str, base: u32) -> Option<Value> {
    let clean = digits::to_ascii(strip(text)).to_ascii_lowercase();
    let (negative, body) = match clean.as_bytes().first() {
        Some(b'-') => (true, &clean[1..]),
        Some(b'+') => (false, &clean[1..]),
        _ => (false, &clean[..]),
    };
    let prefix = |p: &str, b: u32| if base == b || base == 0 { body.strip_prefix(p).map(|t| (t, b)) } else { None };
    let (body, base) = prefix("0x", 16)
        .or_else(|| prefix("0o", 8))
        .or_else(|| prefix("0b", 2))
        .unwrap_or((body, if base == 0 { 10 } else { base }));
    let valid = !body.is_empty() && !body.starts_with('_') && !body.ends_with('_') && !body.contains("__");
    if !valid || body.len() > 2 * MAX_DIGITS {
        return None;
    }
    let plain: String = body.chars().filter(|c| *c != '_').collect();
    if !plain.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let number = BigInt::parse_bytes(plain.as_bytes(), base)?;
    Some(Value::big(if negative { -number } else { number }))
}

/// `float(text)`
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let clean = digits::to_ascii(strip(text)).to_ascii_lowercase();
    let body = clean.strip_prefix(['+', '-']).unwrap_or(&clean);
    let special = match body {
        "inf" | "infinity" => Some(f64::INFINITY),
        "nan" => Some(f64::NAN),
        _ => None,
    };
    if let Some(value) = special {
        return Some(if clean.starts_with('-') { -value } else { value });
    }
    let bytes = clean.as_bytes();
    let grouped = |i: usize| i > 0 && bytes[i - 1].is_ascii_digit() && bytes.get(i + 1).is_some_and(u8::is_ascii_digit);
    if !(0..bytes.len()).all(|i| bytes[i] != b'_' || grouped(i)) {
        return None;
    }
    let plain: String = clean.chars().filter(|c| *c != '_').collect();
    let starts = body.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if starts { plain.parse().ok() } else { None }
}

/// The order in which Python walks a set of strings or integers, with hash seed 0; other sets keep their order.
pub(crate) fn set_order<'a>(keys: impl Iterator<Item = &'a Value>) -> Vec<&'a Value> {
    let keys: Vec<&Value> = keys.collect();
    let hashes: Option<Vec<u64>> = keys.iter().map(|key| python_hash(key)).collect();
    let Some(hashes) = hashes else { return keys };
    let mut table: Vec<Option<usize>> = vec![None; 8];
    for i in 0..keys.len() {
        place(&mut table, &hashes, i);
        if (i + 1) * 5 >= (table.len() - 1) * 3 {
            let used = i + 1;
            let wanted = if used > 50_000 { used * 2 } else { used * 4 };
            let old = std::mem::replace(&mut table, vec![None; (wanted + 1).next_power_of_two().max(8)]);
            old.into_iter().flatten().for_each(|k| place(&mut table, &hashes, k));
        }
    }
    table.into_iter().flatten().map(|i| keys[i]).collect()
}

fn place(table: &mut [Option<usize>], hashes: &[u64], key: usize) {
    const LINEAR_PROBES: usize = 9;
    let mask = table.len() - 1;
    let mut perturb = hashes[key];
    let mut i = hashes[key] as usize & mask;
    loop {
        let probes = if i + LINEAR_PROBES <= mask { LINEAR_PROBES } else { 0 };
        if let Some(free) = (i..=i + probes).find(|&slot| table[slot].is_none()) {
            table[free] = Some(key);
            return;
        }
        perturb >>= 5;
        i = (i.wrapping_mul(5)).wrapping_add(1).wrapping_add(perturb as usize) & mask;
    }
}

fn python_hash(value: &Value) -> Option<u64> {
    match value {
        Value::Int(-1) => Some(-2i64 as u64),
        Value::Int(n) => Some((n % ((1 << 61) - 1)) as u64),
        Value::Bool(b) => Some(u64::from(*b)),
        Value::Str(text) if text.is_empty() => Some(0),
        Value::Str(text) => {
            // SipHash-1-3 with a zero key, over the characters in Python's narrowest encoding.
            let mut hasher = std::hash::DefaultHasher::new();
            let widest = text.chars().max().map_or(0, |c| c as u32);
            let bytes: Vec<u8> = match widest {
                0..=0xff => text.chars().map(|c| c as u32 as u8).collect(),
                0x100..=0xffff => text.chars().flat_map(|c| (c as u32 as u16).to_le_bytes()).collect(),
                _ => text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect(),
            };
            hasher.write(&bytes);
            Some(hasher.finish())
        }
        _ => None,
    }
}
