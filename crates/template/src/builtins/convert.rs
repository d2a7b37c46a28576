//! Conversions between numbers and text, arithmetic functions, and questions about values.

use std::rc::Rc;

use num_bigint::BigInt;

use super::Builtin;
use crate::eval::{Args, Machine};
use crate::exception::{Class, Eval, Raise};
use crate::expr::ast::BinOp;
use crate::limits::over;
use crate::py::number::{self, Num, of};
use crate::py::repr;
use crate::value::{self, Value, hash, to_str};

/// `int(value)`
pub(crate) fn to_int(value: &Value) -> Eval<Value> {
    if let Some(text) = value.as_text() {
        return number::parse_int(text, 10).ok_or_else(|| {
            let shown = repr::text(text);
            Raise::value_error(format!("invalid literal for int() with base 10: {shown}"))
        });
    }
    match of(value) {
        Some(Num::Int(n)) => Ok(Value::Int(n)),
        Some(Num::Big(n)) => Ok(Value::Big(n)),
        Some(Num::Float(n)) if n.is_nan() => Err(Raise::value_error("cannot convert float NaN to integer")),
        Some(Num::Float(n)) => number::float_to_int(n)
            .map(Value::big)
            .ok_or_else(|| Raise::new(Class::Overflow, "cannot convert float infinity to integer")),
        None => Err(Raise::type_error(format!(
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            value.type_name()
        ))),
    }
}

fn to_float(value: &Value) -> Eval<f64> {
    if let Some(text) = value.as_text() {
        return number::parse_float(text)
            .ok_or_else(|| Raise::value_error(format!("could not convert string to float: {}", repr::text(text))));
    }
    match of(value) {
        Some(number) => Ok(number.to_f64()),
        None => Err(Raise::type_error(format!(
            "float() argument must be a string or a real number, not '{}'",
            value.type_name()
        ))),
    }
}

/// `int`, `float`, `str`, `repr`, `ascii`
pub(super) fn scalar(builtin: Builtin, mut args: Args) -> Eval<Value> {
    let name = builtin.name();
    let base = args.take("base");
    let object = args.take("object");
    args.count(name, 0, if builtin == Builtin::Int { 2 } else { 1 })?;
    let mut positional = args.positional.into_iter();
    let value = positional.next().or(object);
    let base = positional.next().or(base);
    let text = |text: String| Ok(Value::str(text));
    match (builtin, value) {
        (Builtin::Int, None) => Ok(Value::Int(0)),
        (Builtin::Int, Some(value)) => match base {
            None => to_int(&value),
            Some(base) => int_with_base(&value, &base),
        },
        (Builtin::Float, None) => Ok(Value::Float(0.0)),
        (Builtin::Float, Some(value)) => to_float(&value).map(Value::Float),
        (Builtin::Str, None) => text(String::new()),
        (Builtin::Str, Some(value)) => {
            check_digits(&value)?;
            text(to_str(&value))
        }
        (_, None) => Err(Raise::type_error(format!("{name}() takes exactly one argument (0 given)"))),
        (Builtin::Ascii, Some(value)) => {
            let mut out = String::new();
            for c in value::repr(&value).chars() {
                if c.is_ascii() { out.push(c) } else { repr::push_escape(&mut out, c) }
            }
            text(out)
        }
        (_, Some(value)) => text(value::repr(&value)),
    }
}

fn int_with_base(value: &Value, base: &Value) -> Eval<Value> {
    let Some(text) = value.as_text() else {
        return Err(Raise::type_error("int() can't convert non-string with explicit base"));
    };
    let base = match of(base) {
        Some(Num::Int(n)) if n == 0 || (2..=36).contains(&n) => n as u32,
        Some(Num::Int(_)) => return Err(Raise::value_error("int() base must be >= 2 and <= 36, or 0")),
        _ => {
            return Err(Raise::type_error(format!(
                "'{}' object cannot be interpreted as an integer",
                base.type_name()
            )));
        }
    };
    number::parse_int(text, base).ok_or_else(|| {
        let shown = repr::text(text);
        Raise::value_error(format!("invalid literal for int() with base {base}: {shown}"))
    })
}

/// Python refuses to write integers of more than 4300 digits.
fn check_digits(value: &Value) -> Eval<()> {
    match value {
        Value::Big(n) if n.bits() > number::MAX_DIGITS as u64 * 10 / 3 && n.to_string().len() > number::MAX_DIGITS => {
            Err(Raise::value_error(
                "Exceeds the limit (4300 digits) for integer string conversion; use sys.set_int_max_str_digits() to \
                 increase the limit",
            ))
        }
        _ => Ok(()),
    }
}

/// `bin`, `oct`, `hex`, `chr`, `ord`
pub(super) fn digits(builtin: Builtin, args: Args) -> Eval<Value> {
    let name = builtin.name();
    args.no_keywords(name)?;
    args.count(name, 1, 1)?;
    let value = &args.positional[0];
    if builtin == Builtin::Ord {
        let Some(text) = value.as_text() else {
            let found = value.type_name();
            return Err(Raise::type_error(format!("ord() expected string of length 1, but {found} found")));
        };
        let mut chars = text.chars();
        return match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(Value::Int(i64::from(c as u32))),
            _ => {
                let len = crate::py::text::len(text);
                let message = format!("ord() expected a character, but string of length {len} found");
                Err(Raise::type_error(message))
            }
        };
    }
    let number: BigInt = match of(value) {
        Some(Num::Int(n)) => n.into(),
        Some(Num::Big(n)) => BigInt::clone(&n),
        _ => {
            let message = format!("'{}' object cannot be interpreted as an integer", value.type_name());
            return Err(Raise::type_error(message));
        }
    };
    if builtin == Builtin::Chr {
        if number.bits() > 31 {
            return Err(Raise::new(Class::Overflow, "Python int too large to convert to C int"));
        }
        let c = u32::try_from(&number).ok().and_then(char::from_u32);
        return c
            .map(|c| Value::str(c.to_string()))
            .ok_or_else(|| Raise::value_error("chr() arg not in range(0x110000)"));
    }
    let (prefix, radix) = match builtin {
        Builtin::Bin => ("0b", 2),
        Builtin::Oct => ("0o", 8),
        _ => ("0x", 16),
    };
    let sign = if number.sign() == num_bigint::Sign::Minus { "-" } else { "" };
    Ok(Value::str(format!("{sign}{prefix}{}", number.magnitude().to_str_radix(radix))))
}

/// `abs`, `divmod`, `pow`, `round`, `sum`
pub(super) fn arithmetic(machine: &mut Machine<'_>, builtin: Builtin, mut args: Args) -> Eval<Value> {
    let name = builtin.name();
    match builtin {
        Builtin::Sum => {
            let start = args.take("start");
            args.count(name, 1, 2)?;
            let mut total = args.get(1).cloned().or(start).unwrap_or(Value::Int(0));
            if total.as_text().is_some() {
                return Err(Raise::type_error("sum() can't sum strings [use ''.join(seq) instead]"));
            }
            for item in machine.collect(&args.positional[0])? {
                total = machine.operate(BinOp::Add, &total, &item)?;
            }
            Ok(total)
        }
        Builtin::Abs => {
            args.count(name, 1, 1)?;
            let value = &args.positional[0];
            let number = of(value)
                .ok_or_else(|| Raise::type_error(format!("bad operand type for abs(): '{}'", value.type_name())))?;
            Ok(match number {
                Num::Int(n) => Value::big(BigInt::from(n).magnitude().clone().into()),
                Num::Big(n) => Value::big(n.magnitude().clone().into()),
                Num::Float(n) => Value::Float(n.abs()),
            })
        }
        Builtin::Divmod => {
            args.count(name, 2, 2)?;
            divmod(machine, &args.positional[0], &args.positional[1])
        }
        Builtin::Pow => {
            let modulus = args.take("mod");
            args.count(name, 2, 3)?;
            let (a, b) = (&args.positional[0], &args.positional[1]);
            match args.get(2).cloned().or(modulus) {
                None | Some(Value::None) => machine.operate(BinOp::Pow, a, b),
                Some(modulus) => modpow(a, b, &modulus),
            }
        }
        _ => {
            let digits = args.take("ndigits");
            args.count(name, 1, 2)?;
            round(&args.positional[0], args.get(1).cloned().or(digits))
        }
    }
}

fn divmod(machine: &mut Machine<'_>, a: &Value, b: &Value) -> Eval<Value> {
    if of(a).is_none() || of(b).is_none() {
        let (a, b) = (a.type_name(), b.type_name());
        return Err(Raise::type_error(format!("unsupported operand type(s) for divmod(): '{a}' and '{b}'")));
    }
    let quotient = machine.operate(BinOp::FloorDiv, a, b)?;
    let rest = machine.operate(BinOp::Mod, a, b)?;
    Ok(Value::tuple([quotient, rest]))
}

fn modpow(a: &Value, b: &Value, modulus: &Value) -> Eval<Value> {
    let big = |value: &Value| match of(value) {
        Some(Num::Int(n)) => Ok(BigInt::from(n)),
        Some(Num::Big(n)) => Ok(BigInt::clone(&n)),
        _ => Err(Raise::type_error("pow() 3rd argument not allowed unless all arguments are integers")),
    };
    let (a, b, modulus) = (big(a)?, big(b)?, big(modulus)?);
    if modulus == BigInt::ZERO {
        return Err(Raise::value_error("pow() 3rd argument cannot be 0"));
    }
    if b.sign() == num_bigint::Sign::Minus {
        return Err(Raise::value_error("base is not invertible for the given modulus"));
    }
    if a.bits().max(b.bits()).max(modulus.bits()) > 4096 {
        return Err(over("value_bytes", "4096 bits in pow()".to_owned(), "use smaller numbers").into());
    }
    Ok(Value::big(a.modpow(&b, &modulus)))
}

/// `round()`: halves go to the even neighbour.
fn round(value: &Value, digits: Option<Value>) -> Eval<Value> {
    let places = match digits.as_ref().map(|d| (d, of(d))) {
        None | Some((Value::None, _)) => None,
        Some((_, Some(Num::Int(n)))) => Some(n.clamp(-400, 400)),
        Some((other, _)) => {
            let message = format!("'{}' object cannot be interpreted as an integer", other.type_name());
            return Err(Raise::type_error(message));
        }
    };
    match (of(value), places) {
        (None, _) => Err(Raise::type_error(format!("type {} doesn't define __round__ method", value.type_name()))),
        (Some(Num::Float(n)), None) => to_int(&Value::Float(n.round_ties_even())),
        (Some(Num::Float(n)), Some(places)) => {
            if !n.is_finite() || places > 300 {
                return Ok(Value::Float(n));
            }
            // Rounding the exact decimal value, as Python does.
            let rounded = if places >= 0 {
                format!("{n:.*}", places as usize).parse().unwrap_or(n)
            } else {
                let unit = 10f64.powi(-places as i32);
                (n / unit).round_ties_even() * unit
            };
            Ok(Value::Float(rounded))
        }
        (Some(integer), None) => Ok(number::value(integer)),
        (Some(integer), Some(places)) if places >= 0 => Ok(number::value(integer)),
        (Some(integer), Some(places)) => {
            let unit = BigInt::from(10).pow(-places as u32);
            let exact = match integer {
                Num::Int(n) => BigInt::from(n),
                Num::Big(n) => Rc::unwrap_or_clone(n),
                Num::Float(_) => BigInt::ZERO,
            };
            let half: BigInt = &unit / 2;
            let shifted: BigInt = &exact + &half;
            let mut floor: BigInt = &shifted / &unit;
            if shifted.sign() == num_bigint::Sign::Minus && &floor * &unit != shifted {
                floor -= 1;
            }
            // An exact half that went up to an odd multiple goes down again.
            if &floor * &unit == shifted && floor.bit(0) {
                floor -= 1;
            }
            Ok(Value::big(floor * unit))
        }
    }
}

/// `callable`, `hash`, `isinstance`
pub(super) fn inspect(builtin: Builtin, args: Args) -> Eval<Value> {
    let name = builtin.name();
    args.no_keywords(name)?;
    if builtin == Builtin::IsInstance {
        if args.positional.len() != 2 {
            let given = args.positional.len();
            return Err(Raise::type_error(format!("isinstance expected 2 arguments, got {given}")));
        }
        return is_instance(&args.positional[0], &args.positional[1]).map(Value::Bool);
    }
    args.count(name, 1, 1)?;
    let value = &args.positional[0];
    Ok(match builtin {
        Builtin::Hash => Value::Int(hash(value)? as i64 >> 1),
        _ => Value::Bool(matches!(
            value,
            Value::Function(_)
                | Value::Builtin(_)
                | Value::Lambda(_)
                | Value::Method(_)
                | Value::Class(_)
                | Value::Placeholder(_)
        )),
    })
}

fn is_instance(value: &Value, class: &Value) -> Eval<bool> {
    let mut classes = vec![class.clone()];
    while let Some(class) = classes.pop() {
        if let Value::Tuple(nested) = &class {
            classes.extend(nested.iter().rev().cloned());
        } else if is_of(value, &class)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_of(value: &Value, class: &Value) -> Eval<bool> {
    let number = || if let Value::Typed(typed) = value { typed.number.clone() } else { value.clone() };
    Ok(match class {
        Value::Class(class) => matches!(value, Value::Exception(e) if e.class.is_a(*class)),
        Value::Builtin(Builtin::Str) => value.as_text().is_some(),
        Value::Builtin(Builtin::Int) => matches!(number(), Value::Int(_) | Value::Big(_) | Value::Bool(_)),
        Value::Builtin(Builtin::Float) => matches!(number(), Value::Float(_)),
        Value::Builtin(builtin) if builtin.type_name() == "type" => value.type_name() == builtin.name(),
        // The template's own types are functions, and `bool` is one of them.
        _ => return Err(no_type()),
    })
}

fn no_type() -> Raise {
    Raise::type_error("isinstance() arg 2 must be a type, a tuple of types, or a union")
}
