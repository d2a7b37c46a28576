//! One JSON value to the bytes of its column's type.
//!
//! JSON has its own types, and a value of another type is refused (a string is no Int16), except where JSON has no way
//! to write it (dates, UUIDs) or loses digits on the way (64 bits and more, decimals). Nothing is rounded into range or
//! wrapped. `text` reads values of formats that have only text (CSV, and the keys of JSON objects).

mod container;
mod number;
mod scalar;
mod text;
mod time;

use std::borrow::Cow;

use crate::DataType;
use crate::json::{Kind, StringBody, Syntax, unescape_into};
use crate::row_binary::{LaterLength, write_string};

pub(crate) use container::encode_at;
pub(crate) use text::encode_text;

/// Why a value does not fit its type, beyond that it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reject {
    /// It is no value of that type.
    NotOfType,
    /// It is no value of that type, for this reason.
    Because(Cow<'static, str>),
    /// There is no value, and there must be one.
    Missing,
}

impl From<&'static str> for Reject {
    fn from(reason: &'static str) -> Reject {
        Reject::Because(Cow::Borrowed(reason))
    }
}

impl From<Syntax> for Reject {
    fn from(syntax: Syntax) -> Reject {
        Reject::Because(Cow::Owned(format!("expected {} at byte {}", syntax.expected, syntax.at)))
    }
}

impl Reject {
    /// The same, seen from the array, map or tuple that the value is in.
    fn inside(self, data_type: &DataType, value: &[u8]) -> Reject {
        let value = String::from_utf8_lossy(value);
        let value = excerpt(&value);
        Reject::Because(Cow::Owned(match self {
            Reject::NotOfType => format!("'{value}' in it is not {data_type}"),
            Reject::Because(reason) => format!("'{value}' in it is not {data_type}: {reason}"),
            Reject::Missing => format!("a {data_type} in it is missing"),
        }))
    }
}

pub(crate) type Encoded = Result<(), Reject>;

/// The beginning of a text, short enough for a message.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Appends a valid JSON value (without space around it) as a value of the type. On an error, `out` may hold a part.
pub(crate) fn encode_json(data_type: &DataType, value: &[u8], out: &mut Vec<u8>) -> Encoded {
    let kind = Kind::of(value);
    match (data_type, kind) {
        (DataType::LowCardinality(inner) | DataType::SimpleAggregateFunction(_, inner), _) => {
            encode_json(inner, value, out)
        }
        (DataType::Nullable(inner), _) => {
            out.push(u8::from(kind == Kind::Null));
            if kind == Kind::Null { Ok(()) } else { encode_json(inner, value, out) }
        }
        (_, Kind::Null) => Err("it is not Nullable".into()),
        (DataType::String, Kind::String) => {
            encode_string(StringBody::of_value(value), out);
            Ok(())
        }
        (DataType::String, _) => {
            write_string(value, out);
            Ok(())
        }
        (DataType::FixedString(length), Kind::String) => {
            scalar::write_fixed(&StringBody::of_value(value).text(), *length, out)
        }
        (DataType::FixedString(length), _) => scalar::write_fixed(value, *length, out),
        (DataType::Array(element), Kind::Array) => container::encode_array(element, value, out),
        (DataType::Map(key, element), Kind::Object) => container::encode_map(key, element, value, out),
        (DataType::Tuple(fields), Kind::Array) => container::encode_tuple_array(fields, value, out),
        (DataType::Tuple(fields), Kind::Object) => container::encode_tuple_object(fields, value, out),
        (DataType::Json(_), Kind::Object) => {
            write_string(value, out);
            Ok(())
        }
        (_, Kind::Number) => encode_number(data_type, value, out),
        (_, Kind::String) => encode_from_string(data_type, value, out),
        (DataType::Bool, Kind::Bool) => {
            out.push(u8::from(value == b"true"));
            Ok(())
        }
        // Where there is no Bool column, UInt8 has always been the way to store one.
        (DataType::Int { signed: false, bits: 8 }, Kind::Bool) => {
            out.push(u8::from(value == b"true"));
            Ok(())
        }
        (_, kind) => Err(not_a(kind)),
    }
}

/// The reason that a value is of another JSON type.
fn not_a(kind: Kind) -> Reject {
    Reject::Because(Cow::Owned(format!("it is {}", kind.name())))
}

/// Appends what a missing value of a nullable type is stored as.
pub(crate) fn encode_null(out: &mut Vec<u8>) {
    out.push(1);
}

fn encode_number(data_type: &DataType, value: &[u8], out: &mut Vec<u8>) -> Encoded {
    match data_type {
        DataType::Int { signed, bits } => number::write_int(value, *signed, *bits, out),
        DataType::Float32 | DataType::Float64 | DataType::BFloat16 => number::write_float(data_type, value, out),
        DataType::Decimal { precision, scale } => number::write_decimal(value, *precision, *scale, out),
        DataType::DateTime(_) => time::write_epoch(value, out),
        DataType::DateTime64 { precision, .. } => time::write_epoch64(value, *precision, out),
        DataType::Bool => match value {
            b"0" | b"1" => {
                out.push(value[0] - b'0');
                Ok(())
            }
            _ => Err("a number must be 0 or 1 here".into()),
        },
        DataType::Enum8(_) | DataType::Enum16(_) => scalar::write_enum_number(data_type, value, out),
        _ => Err(not_a(Kind::Number)),
    }
}

fn encode_from_string(data_type: &DataType, value: &[u8], out: &mut Vec<u8>) -> Encoded {
    match data_type {
        DataType::Int { bits: 64.., .. }
        | DataType::Decimal { .. }
        | DataType::Date
        | DataType::Date32
        | DataType::DateTime(_)
        | DataType::DateTime64 { .. }
        | DataType::Uuid
        | DataType::IPv4
        | DataType::IPv6
        | DataType::Enum8(_)
        | DataType::Enum16(_) => encode_text(data_type, &StringBody::of_value(value).text(), out),
        _ => Err(not_a(Kind::String)),
    }
}

fn encode_string(body: StringBody<'_>, out: &mut Vec<u8>) {
    if body.escaped {
        let length = LaterLength::reserve(out);
        unescape_into(body.raw, out);
        let written = length.bytes_since(out);
        length.set(written, out);
    } else {
        write_string(body.raw, out);
    }
}
