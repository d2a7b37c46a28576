//! The column types that rows can be decoded into.

mod parse;

use std::fmt;

use jiff::tz::TimeZone;

pub use parse::TypeError;

/// A `ClickHouse` column type that takes values from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum DataType {
    /// `Int8` to `Int256`, `UInt8` to `UInt256`.
    Int {
        /// Whether it has negative values.
        signed: bool,
        /// 8, 16, 32, 64, 128 or 256.
        bits: u16,
    },
    /// 32-bit floating point.
    Float32,
    /// 64-bit floating point.
    Float64,
    /// 16-bit floating point: the upper half of a `Float32`.
    BFloat16,
    /// Fixed point, exact.
    Decimal {
        /// Significant digits in all, 1 to 76.
        precision: u8,
        /// Digits after the point, at most the precision.
        scale: u8,
    },
    /// Any text.
    String,
    /// Text of exactly that many bytes; shorter values are filled with zero bytes.
    FixedString(usize),
    /// A UUID.
    Uuid,
    /// A day from 1970-01-01 to 2149-06-06.
    Date,
    /// A day from 1900-01-01 to 2299-12-31.
    Date32,
    /// A second from 1970 to 2106-02-07 06:28:15 UTC; the zone says how texts without an offset are read (none: UTC).
    DateTime(Option<TimeZone>),
    /// A point in time from 1900 to 2299 (with nine digits: to 2262-04-11).
    DateTime64 {
        /// Digits of the second, 0 to 9.
        precision: u8,
        /// How texts without an offset are read (none: UTC).
        zone: Option<TimeZone>,
    },
    /// true or false.
    Bool,
    /// One of the named values, stored in 8 bits.
    Enum8(EnumValues),
    /// One of the named values, stored in 16 bits.
    Enum16(EnumValues),
    /// An IPv4 address.
    IPv4,
    /// An IPv6 address.
    IPv6,
    /// A list of values of one type.
    Array(Box<DataType>),
    /// A list of pairs of key and value.
    Map(Box<DataType>, Box<DataType>),
    /// A fixed list of values, named or not.
    Tuple(Vec<TupleField>),
    /// A value or NULL.
    Nullable(Box<DataType>),
    /// A value, stored through a dictionary.
    LowCardinality(Box<DataType>),
    /// A JSON document, with the text of its parameters (empty: none).
    Json(String),
    /// A value that merges by the named function.
    SimpleAggregateFunction(String, Box<DataType>),
}

/// One element of a `Tuple`.
#[derive(Debug, Clone, PartialEq)]
pub struct TupleField {
    /// Its name; in one tuple either all elements have one or none.
    pub name: Option<String>,
    /// Its type.
    pub data_type: DataType,
}

/// The names and numbers of an `Enum8` or `Enum16`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnumValues {
    by_name: Vec<(String, i16)>,
}

impl EnumValues {
    /// Takes the pairs in any order. A name or number given twice keeps its first pair.
    #[must_use]
    pub fn new(mut pairs: Vec<(String, i16)>) -> EnumValues {
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|a, b| a.0 == b.0);
        EnumValues { by_name: pairs }
    }

    /// The number of that name.
    #[must_use]
    pub fn number_of(&self, name: &[u8]) -> Option<i16> {
        let found = self.by_name.binary_search_by(|(n, _)| n.as_bytes().cmp(name)).ok()?;
        Some(self.by_name[found].1)
    }

    /// Whether some name has that number.
    #[must_use]
    pub fn has_number(&self, number: i16) -> bool {
        self.by_name.iter().any(|(_, n)| *n == number)
    }
}

impl DataType {
    /// Whether a column of this type can hold NULL.
    #[must_use]
    pub fn is_nullable(&self) -> bool {
        match self {
            DataType::Nullable(_) => true,
            DataType::LowCardinality(inner) | DataType::SimpleAggregateFunction(_, inner) => inner.is_nullable(),
            _ => false,
        }
    }

    /// Whether some part of it is a JSON document, whose encoding needs a setting of its own.
    pub(crate) fn holds_json(&self) -> bool {
        match self {
            DataType::Json(_) => true,
            DataType::Array(inner)
            | DataType::Nullable(inner)
            | DataType::LowCardinality(inner)
            | DataType::SimpleAggregateFunction(_, inner) => inner.holds_json(),
            DataType::Map(key, value) => key.holds_json() || value.holds_json(),
            DataType::Tuple(fields) => fields.iter().any(|field| field.data_type.holds_json()),
            _ => false,
        }
    }

    /// The type of an array's elements, seen through wrappers that do not change the encoding.
    pub(crate) fn element(&self) -> Option<&DataType> {
        match self {
            DataType::Array(element) => Some(element),
            DataType::LowCardinality(inner) | DataType::SimpleAggregateFunction(_, inner) => inner.element(),
            _ => None,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Int { signed, bits } => write!(f, "{}Int{bits}", if *signed { "" } else { "U" }),
            DataType::Float32 => f.write_str("Float32"),
            DataType::Float64 => f.write_str("Float64"),
            DataType::BFloat16 => f.write_str("BFloat16"),
            DataType::Decimal { precision, scale } => write!(f, "Decimal({precision}, {scale})"),
            DataType::String => f.write_str("String"),
            DataType::FixedString(length) => write!(f, "FixedString({length})"),
            DataType::Uuid => f.write_str("UUID"),
            DataType::Date => f.write_str("Date"),
            DataType::Date32 => f.write_str("Date32"),
            DataType::DateTime(None) => f.write_str("DateTime"),
            DataType::DateTime(Some(zone)) => write!(f, "DateTime('{}')", zone_name(zone)),
            DataType::DateTime64 { precision, zone: None } => write!(f, "DateTime64({precision})"),
            DataType::DateTime64 { precision, zone: Some(zone) } => {
                write!(f, "DateTime64({precision}, '{}')", zone_name(zone))
            }
            DataType::Bool => f.write_str("Bool"),
            DataType::Enum8(values) => write!(f, "Enum8({values})"),
            DataType::Enum16(values) => write!(f, "Enum16({values})"),
            DataType::IPv4 => f.write_str("IPv4"),
            DataType::IPv6 => f.write_str("IPv6"),
            DataType::Array(inner) => write!(f, "Array({inner})"),
            DataType::Map(key, value) => write!(f, "Map({key}, {value})"),
            DataType::Tuple(fields) => write_tuple(f, fields),
            DataType::Nullable(inner) => write!(f, "Nullable({inner})"),
            DataType::LowCardinality(inner) => write!(f, "LowCardinality({inner})"),
            DataType::Json(arguments) if arguments.is_empty() => f.write_str("JSON"),
            DataType::Json(arguments) => write!(f, "JSON({arguments})"),
            DataType::SimpleAggregateFunction(function, inner) => {
                write!(f, "SimpleAggregateFunction({function}, {inner})")
            }
        }
    }
}

fn write_tuple(f: &mut fmt::Formatter<'_>, fields: &[TupleField]) -> fmt::Result {
    f.write_str("Tuple(")?;
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        match &field.name {
            Some(name) if is_plain(name) => write!(f, "{name} ")?,
            Some(name) => write!(f, "`{}` ", name.replace('\\', "\\\\").replace('`', "\\`"))?,
            None => {}
        }
        write!(f, "{}", field.data_type)?;
    }
    f.write_str(")")
}

/// Whether a name can stand without quotes.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

impl fmt::Display for EnumValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pairs: Vec<_> = self.by_name.iter().collect();
        pairs.sort_by_key(|(_, number)| *number);
        for (i, (name, number)) in pairs.into_iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}'{}' = {number}", name.replace('\\', "\\\\").replace('\'', "\\'"))?;
        }
        Ok(())
    }
}
