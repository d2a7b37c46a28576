//! The scalar types: `Int8` to `UInt256`, floats, `String`, the dates and `Boolean`.

use std::rc::Rc;
use std::sync::Arc;

use num_bigint::BigInt;

use crate::eval::{Args, Bound, Machine, Signature};
use crate::exception::{Eval, Raise};
use crate::py::{digits, number};
use crate::value::{Typed, Value, to_str};

/// A scalar type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// An integer of `bits`; its index into [`INTEGERS`].
    Int(u8),
    /// `Int` and `Integer`: an `Int32` that prints as bare digits.
    BareInt,
    Integer,
    Float32,
    Float64,
    String,
    Date,
    DateTime,
    DateTime64,
}

/// Name, width in bits, and whether the type has a sign.
const INTEGERS: [(&str, u32, bool); 12] = [
    ("Int8", 8, true),
    ("Int16", 16, true),
    ("Int32", 32, true),
    ("Int64", 64, true),
    ("Int128", 128, true),
    ("Int256", 256, true),
    ("UInt8", 8, false),
    ("UInt16", 16, false),
    ("UInt32", 32, false),
    ("UInt64", 64, false),
    ("UInt128", 128, false),
    ("UInt256", 256, false),
];

/// Significant digits of the longest integer of 256 bits.
const MAX_DIGITS: usize = 78;

const PARAMS: [&str; 8] = ["x", "default", "defined", "required", "description", "enum", "example", "format"];

impl Scalar {
    pub(crate) fn from_name(name: &str) -> Option<Scalar> {
        Some(match name {
            "Int" => Scalar::BareInt,
            "Integer" => Scalar::Integer,
            "Float32" => Scalar::Float32,
            "Float64" => Scalar::Float64,
            "String" => Scalar::String,
            "Date" => Scalar::Date,
            "DateTime" => Scalar::DateTime,
            "DateTime64" => Scalar::DateTime64,
            _ => Scalar::Int(INTEGERS.iter().position(|(n, ..)| *n == name)? as u8),
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Scalar::Int(i) => INTEGERS[i as usize].0,
            Scalar::BareInt => "Int",
            Scalar::Integer => "Integer",
            Scalar::Float32 => "Float32",
            Scalar::Float64 => "Float64",
            Scalar::String => "String",
            Scalar::Date => "Date",
            Scalar::DateTime => "DateTime",
            Scalar::DateTime64 => "DateTime64",
        }
    }

    /// The name error texts use.
    fn shown(self) -> &'static str {
        if matches!(self, Scalar::BareInt | Scalar::Integer) { "Int32" } else { self.name() }
    }

    /// What a missing parameter without default becomes in test mode.
    pub(crate) fn sample(self) -> &'static str {
        match self {
            Scalar::String => crate::placeholder::TEXT,
            Scalar::Date => "2019-01-01",
            Scalar::DateTime => "2019-01-01 00:00:00",
            Scalar::DateTime64 => "2019-01-01 00:00:00.000",
            _ => "0",
        }
    }

    /// The value of `text` in this type, or `None` when it fails the type's test.
    pub(crate) fn parse(self, text: &Arc<str>) -> Option<Value> {
        match self {
            Scalar::Int(i) => {
                let (type_name, bits, signed) = INTEGERS[i as usize];
                let number = parse_integer(text, bits, signed)?;
                Some(Value::Typed(Rc::new(Typed { type_name, number })))
            }
            Scalar::BareInt | Scalar::Integer => parse_integer(text, 32, true),
            Scalar::Float32 | Scalar::Float64 => {
                let number = number::parse_float(text).filter(|_| !text.contains('_'))?;
                Some(Value::Typed(Rc::new(Typed { type_name: self.name(), number: Value::Float(number) })))
            }
            Scalar::String => Some(Value::Str(Arc::clone(text))),
            Scalar::Date => shape(text, "dddd-dd-dd", End::Whole).then(|| Value::Str(Arc::clone(text))),
            Scalar::DateTime => is_date_time(text, false).then(|| Value::Str(Arc::clone(text))),
            Scalar::DateTime64 => is_date_time(text, true).then(|| Value::Str(Arc::clone(text))),
        }
    }

    /// The bare form an element of `Array` prints in.
    pub(crate) fn bare(value: Value) -> Value {
        match value {
            Value::Typed(typed) => typed.number.clone(),
            value => value,
        }
    }
}

/// `T(x, default=None, defined=True, ...)`
pub(crate) fn call(machine: &mut Machine<'_>, scalar: Scalar, args: Args) -> Eval<Value> {
    let signature = Signature { name: scalar.name(), params: &PARAMS, required: 1 };
    let mut bound = signature.bind(args)?;
    let Some(value) = given(machine, &mut bound, 0, 1, 2)? else { return Ok(Value::None) };
    let value = match value {
        Given::Value(value) => value,
        Given::Sample => Value::str(scalar.sample()),
    };
    convert(scalar, &value)
}

/// The value of `value` in the type, or the error of its test.
pub(crate) fn convert(scalar: Scalar, value: &Value) -> Eval<Value> {
    let text = match value {
        Value::Str(text) => Arc::clone(text),
        other => to_str(other).into(),
    };
    scalar.parse(&text).ok_or_else(|| Raise::template(format!("Error validating '{text}' to type {}", scalar.shown())))
}

/// What a typed function works on.
pub(crate) enum Given {
    Value(Value),
    /// Test mode, and no default that counts.
    Sample,
}

/// The parameter, its default, a sample, or nothing; `x`, `default` and `defined` are positions in `bound`.
pub(crate) fn given(
    machine: &mut Machine<'_>,
    bound: &mut Bound,
    x: usize,
    default: usize,
    defined: usize,
) -> Eval<Option<Given>> {
    let (x, default) = (bound.value(x), bound.value(default));
    match x {
        Value::Placeholder(_) if default.truthy() => Ok(Some(Given::Value(default))),
        Value::Placeholder(_) => Ok(Some(Given::Sample)),
        Value::None if !default.is_none() => Ok(Some(Given::Value(default))),
        Value::None => {
            let required = bound.take(defined).is_none_or(|flag| flag.truthy());
            if required { Err(machine.required_error()) } else { Ok(None) }
        }
        value => Ok(Some(Given::Value(value))),
    }
}

/// `^[+-]?\d+$`, or `^\d+$` for the unsigned types up to 64 bits; then the range.
fn parse_integer(text: &str, bits: u32, signed: bool) -> Option<Value> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let may_have_sign = signed || bits > 64;
    let (negative, body) = match body.as_bytes().first() {
        Some(b'-') if may_have_sign => (true, &body[1..]),
        Some(b'+') if may_have_sign => (false, &body[1..]),
        _ => (false, body),
    };
    if body.is_empty() || !body.chars().all(digits::is_digit) {
        return None;
    }
    let plain = digits::to_ascii(body);
    let plain = plain.trim_start_matches('0');
    if plain.len() > MAX_DIGITS {
        return None;
    }
    if plain.is_empty() {
        return Some(Value::Int(0));
    }
    if bits <= 64 {
        let magnitude: i128 = plain.parse().ok()?;
        let value = if negative { -magnitude } else { magnitude };
        let (low, high) =
            if signed { (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) };
        return (low..=high).contains(&value).then(|| Value::big(BigInt::from(value)));
    }
    let magnitude: BigInt = plain.parse().ok()?;
    let value = if negative { -magnitude } else { magnitude };
    let one = BigInt::from(1);
    let (low, high) =
        if signed { (-(&one << (bits - 1)), (&one << (bits - 1)) - 1) } else { (BigInt::ZERO, (&one << bits) - 1) };
    (low <= value && value <= high).then(|| Value::big(value))
}

/// Where a shape must end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// At the end of the text, or in front of one newline there.
    Whole,
    Anywhere,
}

/// Whether `text` begins like `pattern`: `d` a digit, `.` any character but a newline, `s` a `T` or a blank, `n` one or
/// two digits, `m` one to three digits.
fn shape(text: &str, pattern: &str, end: End) -> bool {
    let Some((p, rest)) = pattern.split_at_checked(1) else {
        return end == End::Anywhere || text.is_empty() || text == "\n";
    };
    let Some(c) = text.chars().next() else { return false };
    let after = &text[c.len_utf8()..];
    match p {
        "d" => digits::is_digit(c) && shape(after, rest, end),
        "." => c != '\n' && shape(after, rest, end),
        "s" => (c == 'T' || crate::py::text::is_space(c)) && shape(after, rest, end),
        "n" | "m" => {
            let shorter = if p == "m" { "n" } else { "" };
            digits::is_digit(c)
                && (shape(after, rest, end)
                    || if shorter.is_empty() {
                        shape(after, &format!("d{rest}"), end)
                    } else {
                        shape(after, &format!("n{rest}"), end)
                    })
        }
        literal => text.starts_with(literal) && shape(after, rest, end),
    }
}

/// The prefix the two date-time types look for, with or without a fraction.
fn is_date_time(text: &str, fraction: bool) -> bool {
    let (long, short) = if fraction {
        ("dddd.dd.ddsdd:dd:dd.ddd", "dd.dd.dddd.n:n:n.m")
    } else {
        ("dddd.dd.ddsdd:dd:dd", "dd.dd.dddd.n:n:n")
    };
    shape(text, long, End::Anywhere) || shape(text, short, End::Anywhere)
}

/// `Boolean(x, default=None)`
pub(crate) fn boolean(args: Args) -> Eval<Value> {
    let signature = Signature { name: "boolean", params: &["x", "default"], required: 1 };
    let mut bound = signature.bind(args)?;
    let (x, default) = (bound.value(0), bound.value(1));
    let value = match x {
        Value::None | Value::Placeholder(_) => default,
        value => value,
    };
    Ok(Value::Int(i64::from(is_true(&value))))
}

/// Truth as the `Boolean` type sees it: of texts only `0`, `false` and the empty one are false.
pub(crate) fn is_true(value: &Value) -> bool {
    match value.as_text() {
        Some(text) => !text.is_empty() && **text != *"0" && !text.eq_ignore_ascii_case("false"),
        None => value.truthy(),
    }
}
