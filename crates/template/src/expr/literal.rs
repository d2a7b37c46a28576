//! Decodes number and string literals.

use std::sync::Arc;

use num_bigint::BigInt;

use super::ast::Const;
use super::token::StrToken;

/// The value of a number token.
pub(crate) fn number(text: &str) -> Result<Const, String> {
    let clean: String = text.chars().filter(|c| *c != '_').collect();
    let lower = clean.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return integer(digits, radix).ok_or_else(|| "invalid decimal literal".to_owned());
        }
    }
    let float = |t: &str| t.parse::<f64>().map_err(|_| "invalid decimal literal".to_owned());
    if let Some(imaginary) = lower.strip_suffix('j') {
        return float(imaginary).map(Const::Imaginary);
    }
    if lower.contains(['.', 'e']) {
        return float(&lower).map(Const::Float);
    }
    if lower.len() > 1 && lower.starts_with('0') && lower.bytes().any(|b| b != b'0') {
        return Err("leading zeros in decimal integer literals are not permitted".to_owned());
    }
    if lower.len() > crate::py::number::MAX_DIGITS {
        return Err("Exceeds the limit (4300 digits) for integer string conversion".to_owned());
    }
    integer(&lower, 10).ok_or_else(|| "invalid decimal literal".to_owned())
}

fn integer(digits: &str, radix: u32) -> Option<Const> {
    if let Ok(small) = i64::from_str_radix(digits, radix) {
        return Some(Const::Int(small));
    }
    BigInt::parse_bytes(digits.as_bytes(), radix).map(|big| Const::Big(Arc::new(big)))
}

/// The characters of a `str` literal.
pub(crate) fn text(token: &StrToken<'_>) -> Result<String, String> {
    if token.raw || !token.body.contains('\\') {
        return Ok(normalize_newlines(token.body));
    }
    unescape(token.body)
}

fn normalize_newlines(body: &str) -> String {
    if body.contains('\r') { body.replace("\r\n", "\n").replace('\r', "\n") } else { body.to_owned() }
}

/// Resolves the escapes of a `str` literal.
pub(crate) fn unescape(body: &str) -> Result<String, String> {
    let body = normalize_newlines(body);
    let mut out = String::with_capacity(body.len());
    let mut rest = body.as_str();
    while let Some(i) = rest.find('\\') {
        out.push_str(&rest[..i]);
        rest = &rest[i + 1..];
        let Some(c) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        rest = &rest[c.len_utf8()..];
        if let Some(simple) = simple_escape(c) {
            out.push_str(simple);
            continue;
        }
        let (value, used) = match c {
            '0'..='7' => octal(c, rest),
            'x' => hex(rest, 2, "\\xXX")?,
            'u' => hex(rest, 4, "\\uXXXX")?,
            'U' => hex(rest, 8, "\\UXXXXXXXX")?,
            'N' => return Err("(unicode error) unknown Unicode character name".to_owned()),
            other => {
                out.push('\\');
                out.push(other);
                continue;
            }
        };
        out.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = &rest[used..];
    }
    out.push_str(rest);
    Ok(out)
}

fn simple_escape(c: char) -> Option<&'static str> {
    Some(match c {
        '\n' => "",
        '\\' => "\\",
        '\'' => "'",
        '"' => "\"",
        'a' => "\x07",
        'b' => "\x08",
        'f' => "\x0c",
        'n' => "\n",
        'r' => "\r",
        't' => "\t",
        'v' => "\x0b",
        _ => return None,
    })
}

fn octal(first: char, rest: &str) -> (u32, usize) {
    let mut value = first as u32 - '0' as u32;
    let used = rest.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
    for b in rest.bytes().take(used) {
        value = value * 8 + u32::from(b - b'0');
    }
    (value, used)
}

fn hex(rest: &str, len: usize, shape: &str) -> Result<(u32, usize), String> {
    rest.get(..len)
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .map(|value| (value, len))
        .ok_or_else(|| format!("(unicode error) 'unicodeescape' codec can't decode bytes: truncated {shape} escape"))
}

/// The bytes of a `bytes` literal.
pub(crate) fn bytes(token: &StrToken<'_>) -> Result<Vec<u8>, String> {
    if !token.body.is_ascii() {
        return Err("bytes can only contain ASCII literal characters".to_owned());
    }
    if token.raw {
        return Ok(normalize_newlines(token.body).into_bytes());
    }
    // Unicode escapes stay as written in bytes; doubling their backslash keeps `unescape` off them.
    let mut body = token.body.replace("\\u", "\\\\u").replace("\\U", "\\\\U");
    body = body.replace("\\N", "\\\\N");
    let text = unescape(&body)?;
    Ok(text.chars().map(|c| (c as u32 & 0xff) as u8).collect())
}
