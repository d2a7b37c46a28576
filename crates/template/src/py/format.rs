//! The format specification of f-strings: `[[fill]align][sign][#][0][width][,][.precision][type]`.

use super::number::{Num, of};
use super::repr;
use crate::exception::{Eval, Raise};
use crate::limits::over;
use crate::value::{Value, to_str};

/// A parsed format specification.
pub(crate) struct Spec {
    pub(crate) fill: char,
    pub(crate) align: Option<char>,
    pub(crate) sign: char,
    pub(crate) alternate: bool,
    pub(crate) width: usize,
    pub(crate) grouping: Option<char>,
    pub(crate) precision: Option<usize>,
    pub(crate) kind: Option<char>,
}

/// Widths and precisions above this are refused: they only make large texts.
const MAX_WIDTH: usize = 1 << 15;

impl Spec {
    fn parse(text: &str) -> Option<Spec> {
        let is_align = |c: char| matches!(c, '<' | '>' | '=' | '^');
        let chars: Vec<char> = text.chars().collect();
        let mut i = 0;
        let mut spec = Spec {
            fill: ' ',
            align: None,
            sign: '-',
            alternate: false,
            width: 0,
            grouping: None,
            precision: None,
            kind: None,
        };
        if chars.get(1).copied().is_some_and(is_align) {
            spec.fill = chars[0];
            spec.align = Some(chars[1]);
            i = 2;
        } else if chars.first().copied().is_some_and(is_align) {
            spec.align = Some(chars[0]);
            i = 1;
        }
        let mut eat = |set: &str| {
            let found = chars.get(i).copied().filter(|c| set.contains(*c));
            i += usize::from(found.is_some());
            found
        };
        spec.sign = eat("+- ").unwrap_or('-');
        spec.alternate = eat("#").is_some();
        if eat("0").is_some() && spec.align.is_none() {
            spec.fill = '0';
            spec.align = Some('=');
        }
        let number = |eat: &mut dyn FnMut(&str) -> Option<char>| {
            let mut value: Option<usize> = None;
            while let Some(d) = eat("0123456789").and_then(|c| c.to_digit(10)) {
                value = Some(value.unwrap_or(0).saturating_mul(10).saturating_add(d as usize));
            }
            value
        };
        spec.width = number(&mut eat).unwrap_or(0);
        spec.grouping = eat(",_");
        if eat(".").is_some() {
            spec.precision = Some(number(&mut eat)?);
        }
        spec.kind = eat("bcdeEfFgGnosxX%");
        (i == chars.len()).then_some(spec)
    }
}

/// `format(value, spec)`
pub(crate) fn format(value: &Value, spec: &str) -> Eval<String> {
    if spec.is_empty() {
        return Ok(to_str(value));
    }
    let type_name = value.type_name();
    let kind_ok = value.as_text().is_some() || of(value).is_some();
    if !kind_ok {
        return Err(Raise::type_error(format!("unsupported format string passed to {type_name}.__format__")));
    }
    let Some(parsed) = Spec::parse(spec) else {
        return Err(Raise::value_error("Invalid format specifier"));
    };
    if parsed.width > MAX_WIDTH || parsed.precision.is_some_and(|p| p > MAX_WIDTH) {
        return Err(over("value_bytes", format!("{MAX_WIDTH} characters of width"), "use a smaller width").into());
    }
    if let Some(text) = value.as_text() {
        return text_with(text, &parsed, type_name);
    }
    let number = of(value).unwrap_or(Num::Int(0));
    number_with(&number, &parsed, type_name)
}

fn unknown_code(kind: char, type_name: &str) -> Raise {
    Raise::value_error(format!("Unknown format code '{kind}' for object of type '{type_name}'"))
}

fn text_with(text: &str, spec: &Spec, type_name: &str) -> Eval<String> {
    if let Some(kind) = spec.kind.filter(|k| *k != 's') {
        return Err(unknown_code(kind, type_name));
    }
    if let Some(separator) = spec.grouping {
        return Err(Raise::value_error(format!("Cannot specify '{separator}' with 's'.")));
    }
    if spec.align == Some('=') && spec.fill != '0' {
        return Err(Raise::value_error("'=' alignment not allowed in string format specifier"));
    }
    let cut: String = match spec.precision {
        Some(n) => text.chars().take(n).collect(),
        None => text.to_owned(),
    };
    Ok(pad("", &cut, spec, '<'))
}

fn number_with(number: &Num, spec: &Spec, type_name: &str) -> Eval<String> {
    let kind = spec.kind;
    let integer = !matches!(number, Num::Float(_));
    if integer && matches!(kind, None | Some('b' | 'c' | 'd' | 'n' | 'o' | 'x' | 'X')) {
        return integer_with(number, spec);
    }
    if matches!(kind, Some('b' | 'c' | 'd' | 'o' | 's' | 'x' | 'X')) {
        return Err(unknown_code(kind.unwrap_or('s'), type_name));
    }
    let float = number.to_f64();
    let magnitude = float.abs();
    let negative = float.is_sign_negative() && !float.is_nan();
    let body = match kind {
        None if spec.precision.is_none() => repr::float(magnitude),
        None => general(magnitude, spec.precision.unwrap_or(6), spec.alternate, true),
        Some('%') => format!("{}%", fixed(magnitude * 100.0, spec.precision.unwrap_or(6))),
        Some('e' | 'E') => scientific(magnitude, spec.precision.unwrap_or(6)),
        Some('g' | 'G' | 'n') => general(magnitude, spec.precision.unwrap_or(6), spec.alternate, false),
        _ => fixed(magnitude, spec.precision.unwrap_or(6)),
    };
    let body = if matches!(kind, Some('E' | 'G' | 'F')) { body.to_uppercase() } else { body };
    Ok(pad(sign(negative, spec), &group(&body, spec), spec, '>'))
}

fn sign(negative: bool, spec: &Spec) -> &'static str {
    match (negative, spec.sign) {
        (true, _) => "-",
        (false, '+') => "+",
        (false, ' ') => " ",
        _ => "",
    }
}

fn integer_with(number: &Num, spec: &Spec) -> Eval<String> {
    if spec.precision.is_some() {
        return Err(Raise::value_error("Precision not allowed in integer format specifier"));
    }
    let big = match number {
        Num::Int(n) => num_bigint::BigInt::from(*n),
        Num::Big(n) => num_bigint::BigInt::clone(n),
        Num::Float(_) => num_bigint::BigInt::ZERO,
    };
    let negative = big.sign() == num_bigint::Sign::Minus;
    let magnitude = big.magnitude();
    let (prefix, body) = match spec.kind {
        Some('b') => ("0b", magnitude.to_str_radix(2)),
        Some('o') => ("0o", magnitude.to_str_radix(8)),
        Some('x') => ("0x", magnitude.to_str_radix(16)),
        Some('X') => ("0X", magnitude.to_str_radix(16).to_uppercase()),
        Some('c') => {
            let c = u32::try_from(magnitude).ok().and_then(char::from_u32);
            let c = c.ok_or_else(|| Raise::new(crate::exception::Class::Overflow, "%c arg not in range(0x110000)"))?;
            ("", c.to_string())
        }
        _ => ("", magnitude.to_string()),
    };
    let prefix = if spec.alternate { prefix } else { "" };
    let lead = format!("{}{prefix}", sign(negative, spec));
    Ok(pad(&lead, &group(&body, spec), spec, '>'))
}

/// Groups the digits before the point by three.
fn group(body: &str, spec: &Spec) -> String {
    let Some(separator) = spec.grouping else { return body.to_owned() };
    let end = body.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(body.len());
    let end =
        if matches!(spec.kind, Some('e' | 'E' | 'g' | 'G')) { end.min(body.find('e').unwrap_or(end)) } else { end };
    let (digits, rest) = body.split_at(end);
    let mut out = String::with_capacity(body.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(c);
    }
    out + rest
}

fn pad(lead: &str, body: &str, spec: &Spec, default: char) -> String {
    let len = lead.chars().count() + body.chars().count();
    let missing = spec.width.saturating_sub(len);
    let fill = |n: usize| std::iter::repeat_n(spec.fill, n).collect::<String>();
    match spec.align.unwrap_or(default) {
        '<' => format!("{lead}{body}{}", fill(missing)),
        '^' => format!("{}{lead}{body}{}", fill(missing / 2), fill(missing - missing / 2)),
        // Text has no sign to put the zeros behind.
        '=' if default == '<' => format!("{body}{}", fill(missing)),
        '=' => format!("{lead}{}{body}", fill(missing)),
        _ => format!("{}{lead}{body}", fill(missing)),
    }
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        return Some("nan");
    }
    value.is_infinite().then_some("inf")
}

/// `%.{precision}f` of a value that is not negative.
pub(crate) fn fixed(value: f64, precision: usize) -> String {
    special(value).map_or_else(|| format!("{value:.precision$}"), str::to_owned)
}

/// `%.{precision}e` of a value that is not negative.
pub(crate) fn scientific(value: f64, precision: usize) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `%.{precision}g` of a value that is not negative. `keep_point` is what a missing type code asks for.
pub(crate) fn general(value: f64, precision: usize, alternate: bool, keep_point: bool) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let precision = precision.max(1);
    let text = format!("{value:.*e}", precision - 1);
    let exponent: i32 = text.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    // Without a type code one digit less fits in front of the point.
    let limit = precision as i32 - i32::from(keep_point && precision > 1);
    if !(-4..limit.max(1)).contains(&exponent) {
        let text = scientific(value, precision - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
        let mantissa = if alternate { mantissa } else { trim_zeros(mantissa) };
        return format!("{mantissa}e{exponent}");
    }
    let decimals = (precision as i32 - 1 - exponent).max(0) as usize;
    let text = format!("{value:.decimals$}");
    let text = if alternate { &text } else { trim_zeros(&text) };
    if keep_point && !text.contains('.') { format!("{text}.0") } else { text.to_owned() }
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, spec: &str, expect: &str) {
        assert_eq!(format(&value, spec).ok().as_deref(), Some(expect), "{spec}");
    }

    #[test]
    fn text() {
        check(Value::str("ab"), ">5", "   ab");
        check(Value::str("ab"), "*^6", "**ab**");
        check(Value::str("abc"), ".2", "ab");
    }

    #[test]
    fn numbers() {
        check(Value::Int(1_234_567), ",", "1,234,567");
        check(Value::Int(5), "03d", "005");
        check(Value::Int(-5), "+04d", "-005");
        check(Value::Int(255), "#x", "0xff");
        check(Value::Float(2.71928), ".2f", "2.72");
        check(Value::Float(1_234.5), ",.1f", "1,234.5");
        check(Value::Float(0.25), ".0%", "25%");
        check(Value::Float(1e20), "g", "1e+20");
        check(Value::Float(12_345.678), ".3g", "1.23e+04");
        check(Value::Float(12.0), "e", "1.200000e+01");
        check(Value::Bool(true), "d", "1");
    }

    #[test]
    fn unknown_codes_are_errors() {
        assert!(format(&Value::str("a"), "d").is_err());
        assert!(format(&Value::None, ">3").is_err());
    }
}
