//! Integers, decimals and floating point numbers, from their digits: exact integers never pass through a float.

use num_bigint::BigUint;

use super::{Encoded, Reject};
use crate::DataType;

const OUT_OF_RANGE: &str = "it is out of range";

/// Appends an integer of 8 to 256 bits. `3.0` and `3e2` are integers, `3.5` is none.
pub(super) fn write_int(text: &[u8], signed: bool, bits: u16, out: &mut Vec<u8>) -> Encoded {
    if let Some(value) = small_int(text) {
        return write_small_int(value, signed, bits, out);
    }
    let number = Digits::scaled(text, 0)?;
    if !number.exact {
        return Err("it has a fraction".into());
    }
    write_wide(&number, signed, usize::from(bits / 8), out)
}

/// Appends a decimal. Digits after its last place are cut off, as the engine does.
pub(super) fn write_decimal(text: &[u8], precision: u8, scale: u8, out: &mut Vec<u8>) -> Encoded {
    let width = match precision {
        ..=9 => 4,
        10..=18 => 8,
        19..=38 => 16,
        _ => 32,
    };
    if precision <= 18
        && let Some(value) = small_scaled(text, u32::from(scale))
    {
        if value.unsigned_abs() >= 10u64.pow(u32::from(precision)) {
            return Err(OUT_OF_RANGE.into());
        }
        out.extend_from_slice(&value.to_le_bytes()[..width]);
        return Ok(());
    }
    let number = Digits::scaled(text, i64::from(scale))?;
    if number.digits.len() > usize::from(precision) {
        return Err(OUT_OF_RANGE.into());
    }
    write_wide(&number, true, width, out)
}

/// Appends a JSON number as floating point.
pub(super) fn write_float(data_type: &DataType, text: &[u8], out: &mut Vec<u8>) -> Encoded {
    append_float(data_type, text, false, out)
}

/// Appends a number, `nan` or `inf` as floating point.
pub(super) fn write_float_text(data_type: &DataType, text: &[u8], out: &mut Vec<u8>) -> Encoded {
    append_float(data_type, text, text.iter().any(|byte| matches!(byte, b'n' | b'N')), out)
}

fn append_float(data_type: &DataType, text: &[u8], may_be_infinite: bool, out: &mut Vec<u8>) -> Encoded {
    let text = std::str::from_utf8(text).map_err(|_| Reject::NotOfType)?;
    if matches!(data_type, DataType::Float64) {
        let value: f64 = text.parse().map_err(|_| Reject::NotOfType)?;
        if !value.is_finite() && !may_be_infinite {
            return Err(OUT_OF_RANGE.into());
        }
        out.extend_from_slice(&value.to_le_bytes());
        return Ok(());
    }
    // Not through f64: rounding twice can give another value.
    let value: f32 = text.parse().map_err(|_| Reject::NotOfType)?;
    if !value.is_finite() && !may_be_infinite {
        return Err(OUT_OF_RANGE.into());
    }
    let bytes = value.to_le_bytes();
    out.extend_from_slice(if matches!(data_type, DataType::BFloat16) { &bytes[2..] } else { &bytes });
    Ok(())
}

/// Reads up to 18 digits with or without a minus.
#[inline]
fn small_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

#[inline]
fn write_small_int(value: i64, signed: bool, bits: u16, out: &mut Vec<u8>) -> Encoded {
    if bits < 64 {
        let (min, max) =
            if signed { (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1) } else { (0, (1i64 << bits) - 1) };
        if !(min..=max).contains(&value) {
            return Err(OUT_OF_RANGE.into());
        }
    } else if !signed && value < 0 {
        return Err(OUT_OF_RANGE.into());
    }
    let width = usize::from(bits / 8);
    let bytes = value.to_le_bytes();
    out.extend_from_slice(&bytes[..width.min(8)]);
    let sign = if value < 0 { 0xFF } else { 0 };
    out.resize(out.len() + width.saturating_sub(8), sign);
    Ok(())
}

/// The number times ten to the scale, cut off to an integer, when it is written plainly and has at most 18 digits then.
#[inline]
pub(super) fn small_scaled(text: &[u8], scale: u32) -> Option<i64> {
    let Some(point) = memchr::memchr(b'.', text) else {
        let value = small_int(text)?;
        let factor = 10i64.checked_pow(scale)?;
        return value.checked_mul(factor).filter(|value| value.unsigned_abs() < 1_000_000_000_000_000_000);
    };
    let (whole, fraction) = (&text[..point], &text[point + 1..]);
    let kept = fraction.len().min(scale as usize);
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) || whole.len() + scale as usize > 18 {
        return None;
    }
    let whole_value = small_int(whole)?;
    let kept_value = if kept == 0 { 0 } else { small_int(&fraction[..kept])? };
    let fraction_value = kept_value * 10i64.checked_pow(scale - kept as u32)?;
    let magnitude = whole_value.abs() * 10i64.checked_pow(scale)? + fraction_value;
    Some(if whole.first() == Some(&b'-') { -magnitude } else { magnitude })
}

/// The decimal digits of a number of any size.
struct Digits {
    negative: bool,
    /// Without leading zeros, so empty for zero.
    digits: Vec<u8>,
    /// Whether nothing but zeros was cut off.
    exact: bool,
}

impl Digits {
    /// Reads a number with optional sign, point and exponent, times ten to the scale, cut off to an integer.
    fn scaled(text: &[u8], scale: i64) -> Result<Digits, Reject> {
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
        let (whole, fraction) = (&mantissa[..point], mantissa.get(point + 1..).unwrap_or_default());
        let mut digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Reject::NotOfType);
        }
        let kept = whole.len() as i64 + exponent + scale;
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        if zeros == digits.len() {
            return Ok(Digits { negative, digits: Vec::new(), exact: true });
        }
        if kept - zeros as i64 > MOST_DIGITS {
            return Err(OUT_OF_RANGE.into());
        }
        let kept = usize::try_from(kept).unwrap_or(0);
        let exact = digits.iter().skip(kept).all(|digit| *digit == b'0');
        digits.resize(kept, b'0');
        digits.drain(..zeros.min(kept));
        Ok(Digits { negative, digits, exact })
    }

    /// The magnitude as 32 bytes, lowest first. `None` when it is larger.
    fn magnitude(&self) -> Option<[u8; 32]> {
        let mut bytes = [0; 32];
        if self.digits.is_empty() {
            return Some(bytes);
        }
        let magnitude = BigUint::parse_bytes(&self.digits, 10)?.to_bytes_le();
        bytes.get_mut(..magnitude.len())?.copy_from_slice(&magnitude);
        Some(bytes)
    }
}

/// More digits than any type holds; no more than these are ever written out.
const MOST_DIGITS: i64 = 80;

fn parse_exponent(text: &[u8]) -> Result<i64, Reject> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Reject::NotOfType);
    }
    // Far beyond any number's size it makes no difference how large the exponent is.
    let value = digits.iter().fold(0i64, |value, digit| (value * 10 + i64::from(digit - b'0')).min(1 << 40));
    Ok(if negative { -value } else { value })
}

/// Appends an integer of the width in bytes, in two's complement.
fn write_wide(number: &Digits, signed: bool, width: usize, out: &mut Vec<u8>) -> Encoded {
    let mut bytes = number.magnitude().ok_or(Reject::from(OUT_OF_RANGE))?;
    let negative = number.negative && !number.digits.is_empty();
    if negative {
        // -n is !(n - 1), which also makes the limits of both signs the same.
        for byte in &mut bytes {
            let (less, borrow) = byte.overflowing_sub(1);
            *byte = less;
            if !borrow {
                break;
            }
        }
    }
    let top_is_free = !signed || bytes[width - 1] < 0x80;
    if (negative && !signed) || !top_is_free || bytes[width..].iter().any(|byte| *byte != 0) {
        return Err(OUT_OF_RANGE.into());
    }
    out.extend(bytes[..width].iter().map(|byte| if negative { !byte } else { *byte }));
    Ok(())
}
