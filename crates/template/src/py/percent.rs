//! `text % values`

use std::rc::Rc;

use super::format::{fixed, general, scientific};
use super::number::{Num, of};
use crate::exception::{Eval, Raise};
use crate::limits::over;
use crate::value::{Tuple, Value, hash, repr, to_str};

/// One conversion, such as `%(name)-5.2f`.
#[derive(Default)]
struct Conversion {
    left: bool,
    zero: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

/// Widths and precisions above this are refused.
const MAX_WIDTH: usize = 1 << 15;

struct Values<'a> {
    all: &'a Value,
    tuple: Option<Rc<Tuple>>,
    next: usize,
    by_name: bool,
}

impl Values<'_> {
    fn next(&mut self) -> Eval<Value> {
        let missing = || Raise::type_error("not enough arguments for format string");
        let value = match &self.tuple {
            Some(items) => items.get(self.next).cloned(),
            None => (self.next == 0).then(|| self.all.clone()),
        };
        self.next += 1;
        value.ok_or_else(missing)
    }

    fn named(&mut self, name: &str) -> Eval<Value> {
        self.by_name = true;
        let Value::Dict(dict) = self.all else { return Err(Raise::type_error("format requires a mapping")) };
        let key = Value::str(name);
        let found = dict.borrow().get(hash(&key)?, &key).cloned();
        found.ok_or_else(|| Raise::new(crate::exception::Class::Key, repr(&key)))
    }

    fn check_all_used(&self) -> Eval<()> {
        let given = match (&self.tuple, self.all) {
            (Some(items), _) => items.len(),
            (None, Value::Dict(_) | Value::List(_) | Value::Range(_) | Value::Bytes(_)) => 0,
            (None, _) => 1,
        };
        if self.by_name || self.next >= given {
            return Ok(());
        }
        Err(Raise::type_error("not all arguments converted during string formatting"))
    }
}

/// `format % values`
pub(crate) fn percent(format: &str, values: &Value) -> Eval<String> {
    let tuple = if let Value::Tuple(items) = values { Some(Rc::clone(items)) } else { None };
    let mut values = Values { all: values, tuple, next: 0, by_name: false };
    let mut out = String::with_capacity(format.len() + 16);
    let mut rest = format;
    while let Some(i) = rest.find('%') {
        out.push_str(&rest[..i]);
        rest = conversion(&rest[i + 1..], &mut values, &mut out)?;
    }
    out.push_str(rest);
    values.check_all_used()?;
    Ok(out)
}

/// Handles one conversion and returns the text behind it.
fn conversion<'a>(mut rest: &'a str, values: &mut Values<'_>, out: &mut String) -> Eval<&'a str> {
    let mut name = None;
    if let Some(after) = rest.strip_prefix('(') {
        let end = after.find(')').ok_or_else(|| Raise::value_error("incomplete format key"))?;
        name = Some(&after[..end]);
        rest = &after[end + 1..];
    }
    let mut spec = Conversion::default();
    while let Some(c) = rest.chars().next().filter(|c| "-0+ #".contains(*c)) {
        match c {
            '-' => spec.left = true,
            '0' => spec.zero = true,
            '+' => spec.plus = true,
            ' ' => spec.space = true,
            _ => spec.alternate = true,
        }
        rest = &rest[1..];
    }
    let (width, after) = size(rest, values)?;
    rest = after;
    if let Some(width) = width {
        spec.left |= width < 0;
        spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX);
    }
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = size(after, values)?;
        spec.precision = Some(usize::try_from(precision.unwrap_or(0)).unwrap_or(0));
        rest = after;
    }
    rest = rest.trim_start_matches(['h', 'l', 'L']);
    let kind = rest.chars().next().ok_or_else(|| Raise::value_error("incomplete format"))?;
    if spec.width > MAX_WIDTH || spec.precision.is_some_and(|p| p > MAX_WIDTH) {
        return Err(over("value_bytes", format!("{MAX_WIDTH} characters of width"), "use a smaller width").into());
    }
    if kind == '%' {
        out.push('%');
    } else {
        let value = match name {
            Some(name) => values.named(name)?,
            None => values.next()?,
        };
        spec.write(kind, &value, out)?;
    }
    Ok(&rest[kind.len_utf8()..])
}

/// A width or precision: digits, or `*` for the next value.
fn size<'a>(rest: &'a str, values: &mut Values<'_>) -> Eval<(Option<i64>, &'a str)> {
    if let Some(after) = rest.strip_prefix('*') {
        let Value::Int(n) = values.next()? else { return Err(Raise::type_error("* wants int")) };
        return Ok((Some(n), after));
    }
    let len = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number = if len == 0 { None } else { Some(rest[..len].parse().unwrap_or(i64::MAX)) };
    Ok((number, &rest[len..]))
}

impl Conversion {
    fn write(&self, kind: char, value: &Value, out: &mut String) -> Eval<()> {
        let (lead, body) = match kind {
            's' | 'r' | 'a' => {
                let text = if kind == 's' { to_str(value) } else { repr(value) };
                let cut = self.precision.map(|n| text.chars().take(n).collect()).unwrap_or(text);
                self.pad("", &cut, false, out);
                return Ok(());
            }
            'c' => (String::new(), character(value)?),
            'd' | 'i' | 'u' | 'x' | 'X' | 'o' => self.integer(kind, value)?,
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => self.float(kind, value)?,
            other => {
                let code = other as u32;
                let message = format!("unsupported format character '{other}' (0x{code:x})");
                return Err(Raise::value_error(message));
            }
        };
        self.pad(&lead, &body, self.zero && !self.left && kind != 'c', out);
        Ok(())
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
    }

    fn integer(&self, kind: char, value: &Value) -> Eval<(String, String)> {
        let number = match of(value) {
            Some(Num::Float(n)) if matches!(kind, 'd' | 'i' | 'u') => super::number::float_to_int(n),
            Some(Num::Float(_)) | None => None,
            Some(Num::Int(n)) => Some(n.into()),
            Some(Num::Big(n)) => Some(num_bigint::BigInt::clone(&n)),
        };
        let Some(number) = number else {
            let wanted = if matches!(kind, 'd' | 'i' | 'u') { "a real number" } else { "an integer" };
            let message = format!("%{kind} format: {wanted} is required, not {}", value.type_name());
            return Err(Raise::type_error(message));
        };
        let magnitude = number.magnitude();
        let (prefix, mut body) = match kind {
            'x' => ("0x", magnitude.to_str_radix(16)),
            'X' => ("0X", magnitude.to_str_radix(16).to_uppercase()),
            'o' => ("0o", magnitude.to_str_radix(8)),
            _ => ("", magnitude.to_string()),
        };
        if let Some(precision) = self.precision {
            body = format!("{body:0>precision$}");
        }
        let sign = self.sign(number.sign() == num_bigint::Sign::Minus);
        Ok((format!("{sign}{}", if self.alternate { prefix } else { "" }), body))
    }

    fn float(&self, kind: char, value: &Value) -> Eval<(String, String)> {
        let Some(number) = of(value) else {
            return Err(Raise::type_error(format!("must be real number, not {}", value.type_name())));
        };
        let number = number.to_f64();
        let (magnitude, precision) = (number.abs(), self.precision.unwrap_or(6));
        let body = match kind {
            'e' | 'E' => scientific(magnitude, precision),
            'g' | 'G' => general(magnitude, precision, self.alternate, false),
            _ => fixed(magnitude, precision),
        };
        let body = if kind.is_uppercase() { body.to_uppercase() } else { body };
        Ok((self.sign(number.is_sign_negative() && !number.is_nan()).to_owned(), body))
    }

    fn pad(&self, lead: &str, body: &str, zero: bool, out: &mut String) {
        let missing = self.width.saturating_sub(lead.chars().count() + body.chars().count());
        if self.left {
            out.push_str(lead);
            out.push_str(body);
            out.extend(std::iter::repeat_n(' ', missing));
        } else if zero {
            out.push_str(lead);
            out.extend(std::iter::repeat_n('0', missing));
            out.push_str(body);
        } else {
            out.extend(std::iter::repeat_n(' ', missing));
            out.push_str(lead);
            out.push_str(body);
        }
    }
}

fn character(value: &Value) -> Eval<String> {
    if let Some(text) = value.as_text().filter(|t| t.chars().count() == 1) {
        return Ok(text.to_string());
    }
    let code = match value {
        Value::Int(n) => u32::try_from(*n).ok().and_then(char::from_u32),
        _ => None,
    };
    code.map(String::from).ok_or_else(|| Raise::type_error("%c requires int or char"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: &str, values: Value, expect: &str) {
        assert_eq!(percent(format, &values).ok().as_deref(), Some(expect), "{format}");
    }

    #[test]
    fn conversions() {
        let tuple = |items: Vec<Value>| Value::tuple(items);
        check("%s-%s", tuple(vec![Value::Int(1), Value::str("a")]), "1-a");
        check("%5.2f|", Value::Float(2.71928), " 2.72|");
        check("%-4d|%04d", tuple(vec![Value::Int(7), Value::Int(-7)]), "7   |-007");
        check("%r 100%%", Value::str("it's"), "\"it's\" 100%");
        check("%x", Value::Int(255), "ff");
    }

    #[test]
    fn counts_must_fit() {
        assert!(percent("%s %s", &Value::Int(1)).is_err());
        assert!(percent("none", &Value::Int(1)).is_err());
    }
}
