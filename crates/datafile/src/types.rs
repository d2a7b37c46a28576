//! Column types: which ClickHouse type names exist, and whether a type's text is one whole type.

mod grammar;

pub use grammar::ColumnType;

use crate::scan::{self, Fault, Kind};

/// Type names, written exactly so.
#[rustfmt::skip]
const FAMILIES: &[&str] = &[
    "AggregateFunction", "Array", "BFloat16", "Bool", "Date", "Date32", "DateTime", "DateTime32", "DateTime64",
    "Decimal", "Decimal128", "Decimal256", "Decimal32", "Decimal64", "Dynamic", "Enum", "Enum16", "Enum8",
    "FixedString", "Float32", "Float64", "Geometry", "IPv4", "IPv6", "Int128", "Int16", "Int256", "Int32", "Int64",
    "Int8", "IntervalDay", "IntervalHour", "IntervalMicrosecond", "IntervalMillisecond", "IntervalMinute",
    "IntervalMonth", "IntervalNanosecond", "IntervalQuarter", "IntervalSecond", "IntervalWeek", "IntervalYear",
    "JSON", "LineString", "LowCardinality", "Map", "MultiLineString", "MultiPolygon", "Nested", "Nothing", "Nullable",
    "Object", "Point", "Polygon", "QBit", "Ring", "SimpleAggregateFunction", "String", "Time", "Time64", "Tuple",
    "UInt128", "UInt16", "UInt256", "UInt32", "UInt64", "UInt8", "UUID", "Variant",
];

/// Names that the engine accepts in any case: SQL's own, and a few of ClickHouse's.
#[rustfmt::skip]
const ANY_CASE: &[&str] = &[
    "BIGINT", "BINARY", "BIT", "BLOB", "BYTE", "BYTEA", "CHAR", "CHARACTER", "CLOB", "DATE", "DATE32", "DATETIME",
    "DATETIME32", "DATETIME64", "DEC", "DECIMAL", "DECIMAL128", "DECIMAL256", "DECIMAL32", "DECIMAL64", "DOUBLE",
    "ENUM", "FIXED", "FLOAT", "INET4", "INET6", "INT1", "INTEGER", "JSON", "LONGBLOB", "LONGTEXT", "MEDIUMBLOB",
    "MEDIUMINT", "MEDIUMTEXT", "NCHAR", "NUMERIC", "NVARCHAR", "REAL", "SIGNED", "SINGLE", "SMALLINT", "TEXT", "TIME",
    "TIME64", "TIMESTAMP", "TINYBLOB", "TINYINT", "TINYTEXT", "UNSIGNED", "VARBINARY", "VARCHAR", "VARCHAR2", "YEAR",
];

/// Checks that `text` is one type. The fault's offset counts from the start of `text`.
///
/// # Errors
/// An unknown type name, a type without its mandatory precision, or text behind the type.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    grammar::check_depth(text)?;
    check_shape(text)?;
    grammar::read(text).map(|_| ()).map_err(|fault| Fault { offset: 0, ..fault })
}

/// The first look, with the better messages: families, and brackets around what belongs to the type.
fn check_shape(text: &str) -> Result<(), Fault> {
    let family_end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (family, rest) = (&text[..family_end], text[family_end..].trim());
    check_family(family, rest)?;
    if rest.is_empty() {
        return Ok(());
    }
    let Some(inner) = whole_brackets(rest) else {
        return Err(Fault::new(0, format!("\"{text}\" is not one type: unexpected \"{rest}\" after {family}"))
            .hint("Separate columns by commas."));
    };
    match family {
        "Array" | "Nullable" | "LowCardinality" => check_shape(inner.trim()),
        "Map" | "Variant" => scan::split_list(inner).into_iter().try_for_each(check_shape),
        "Tuple" | "Nested" => scan::split_list(inner).into_iter().try_for_each(check_element),
        _ => Ok(()),
    }
    // Offsets inside are not the caller's: a fault is reported at the start of the whole type.
    .map_err(|fault| Fault { offset: 0, ..fault })
}

/// What is between the brackets of `text` if they open at its start and close at its end.
fn whole_brackets(text: &str) -> Option<&str> {
    let pieces = scan::pieces(text).ok()?;
    let mut depth = 0_usize;
    for (index, piece) in pieces.iter().enumerate() {
        match piece.kind {
            Kind::Open('(') => depth += 1,
            Kind::Close(')') => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            let closes_last = index + 1 == pieces.len() && piece.kind == Kind::Close(')');
            return closes_last.then(|| &text[1..text.len() - 1]);
        }
    }
    None
}

/// An element of a tuple: `name Type` or just `Type`.
fn check_element(text: &str) -> Result<(), Fault> {
    let named = match scan::pieces(text)?.as_slice() {
        [name, space, rest @ ..] if space.kind == Kind::Space && !rest.is_empty() => {
            matches!(name.kind, Kind::Word | Kind::Quoted('`' | '"')).then_some(space.end)
        }
        _ => None,
    };
    check_shape(named.map_or(text, |start| &text[start..]))
}

fn check_family(family: &str, rest: &str) -> Result<(), Fault> {
    let fault = |message: String, hint| Err(Fault { offset: 0, message, hint });
    match family {
        "Int" => fault(
            "precision is mandatory for Int types".into(),
            Some("Use one of Int8, Int16, Int32, Int64, Int128, Int256."),
        ),
        "UInt" => fault(
            "precision is mandatory for UInt types".into(),
            Some("Use one of UInt8, UInt16, UInt32, UInt64, UInt128, UInt256."),
        ),
        "Boolean" => fault("Boolean type is not supported".into(), Some("Use Bool or UInt8 instead.")),
        "DateTime64" if rest.is_empty() => {
            fault("DateTime64 type without precision is not supported".into(), Some("Use DateTime64(3) instead."))
        }
        _ if FAMILIES.contains(&family) || ANY_CASE.contains(&family.to_ascii_uppercase().as_str()) => Ok(()),
        _ => fault(format!("unknown data type family \"{family}\"{}", suggestion(family)), None),
    }
}

fn suggestion(family: &str) -> String {
    match FAMILIES.iter().find(|known| known.eq_ignore_ascii_case(family)) {
        Some(known) => format!(": types are case-sensitive, maybe {known} is meant"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, part: &str) {
        let message = check(text).expect_err(text).message;
        assert!(message.contains(part), "{text}: {message}");
    }

    #[test]
    fn whole_types_pass() {
        for text in [
            "String",
            "Array(Array(Nullable(Int32)))",
            "Map(String, Array(UInt8))",
            "Tuple(x Int8, `a b` String)",
            "Tuple(Int8, DateTime64(3, 'UTC'))",
            "Enum8('a(' = 1, 'b' = 2)",
            "AggregateFunction(uniqIf, String, UInt8)",
            "varchar(20)",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        refused("Strin", "unknown data type family \"Strin\"");
        refused("int32", "maybe Int32");
        refused("Array(Strin)", "\"Strin\"");
        refused("Tuple(x Int, y String)", "precision");
        refused("String b", "unexpected \"b\"");
        refused("String(1) b", "unexpected");
        refused("", "unknown data type family");
    }
}
