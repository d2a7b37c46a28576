//! A text to the bytes of a type, for formats whose values are all text: CSV, and the keys of JSON objects.

use std::borrow::Cow;

use super::{Encoded, Reject, encode_json, number, scalar, time};
use crate::DataType;
use crate::json::Scanner;
use crate::row_binary::write_string;

/// Appends a text, which must be UTF-8, as a value of the type. NULL is for the caller to tell.
pub(crate) fn encode_text(data_type: &DataType, text: &[u8], out: &mut Vec<u8>) -> Encoded {
    let trimmed = text.trim_ascii();
    match data_type {
        DataType::String => {
            write_string(text, out);
            Ok(())
        }
        DataType::FixedString(length) => scalar::write_fixed(text, *length, out),
        DataType::Nullable(inner) => {
            out.push(0);
            encode_text(inner, text, out)
        }
        DataType::LowCardinality(inner) | DataType::SimpleAggregateFunction(_, inner) => encode_text(inner, text, out),
        DataType::Int { signed, bits } => number::write_int(trimmed, *signed, *bits, out),
        DataType::Float32 | DataType::Float64 | DataType::BFloat16 => number::write_float_text(data_type, trimmed, out),
        DataType::Decimal { precision, scale } => number::write_decimal(trimmed, *precision, *scale, out),
        DataType::Bool => scalar::write_bool_text(trimmed, out),
        DataType::Uuid => scalar::write_uuid(trimmed, out),
        DataType::IPv4 => scalar::write_ipv4(trimmed, out),
        DataType::IPv6 => scalar::write_ipv6(trimmed, out),
        DataType::Enum8(_) | DataType::Enum16(_) => scalar::write_enum_text(data_type, text, out),
        DataType::Date => time::write_date(trimmed, out),
        DataType::Date32 => time::write_date32(trimmed, out),
        DataType::DateTime(zone) => time::write_date_time(trimmed, zone.as_ref(), out),
        DataType::DateTime64 { precision, zone } => time::write_date_time64(trimmed, *precision, zone.as_ref(), out),
        DataType::Array(_) | DataType::Map(..) | DataType::Tuple(_) | DataType::Json(_) => {
            encode_nested(data_type, trimmed, out)
        }
    }
}

/// Arrays and the like stand in CSV as JSON, or as the engine prints them, with texts in single quotes.
fn encode_nested(data_type: &DataType, text: &[u8], out: &mut Vec<u8>) -> Encoded {
    if is_json(text) {
        return encode_json(data_type, text, out);
    }
    let json = double_quoted(text);
    if is_json(&json) { encode_json(data_type, &json, out) } else { Err(Reject::NotOfType) }
}

fn is_json(text: &[u8]) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.skip().is_ok() && scanner.at() == text.len()
}

/// Turns strings in single quotes into strings in double quotes.
fn double_quoted(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\'') {
        return Cow::Borrowed(text);
    }
    let mut json = Vec::with_capacity(text.len() + 8);
    let mut inside = false;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\'' => {
                inside = !inside;
                json.push(b'"');
            }
            b'"' if inside => json.extend_from_slice(b"\\\""),
            b'\\' if inside => match bytes.next() {
                Some(b'\'') => json.push(b'\''),
                Some(escaped) => json.extend_from_slice(&[b'\\', escaped]),
                None => json.push(b'\\'),
            },
            other => json.push(other),
        }
    }
    Cow::Owned(json)
}
