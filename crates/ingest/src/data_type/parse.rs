//! The text of a type to a [`DataType`].

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{DataType, EnumValues, TupleField};

/// Types nest at most this deep, so that no schema can exhaust the stack.
const MAX_DEPTH: usize = 32;

/// A type that rows cannot be decoded into.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("type '{data_type}' cannot be used: {reason}")]
pub struct TypeError {
    /// The part of the text that is meant.
    pub data_type: String,
    /// What is wrong with it, and what to write instead where that is known.
    pub reason: String,
}

impl DataType {
    /// Reads a type as a schema writes it, with `ClickHouse`'s common aliases (`BOOLEAN`, `BIGINT`, `VARCHAR(255)`...).
    ///
    /// # Errors
    /// [`TypeError`] for a text that is no type, and for types whose values cannot come from outside.
    pub fn parse(text: &str) -> Result<DataType, TypeError> {
        parse(text, 0)
    }
}

fn error<T>(text: &str, reason: impl Into<String>) -> Result<T, TypeError> {
    Err(TypeError { data_type: text.to_owned(), reason: reason.into() })
}

fn parse(text: &str, depth: usize) -> Result<DataType, TypeError> {
    let text = text.trim();
    if depth > MAX_DEPTH {
        return error(text, format!("it nests deeper than {MAX_DEPTH} types"));
    }
    let (name, arguments) = split_call(text)?;
    let call = Call { text, name, arguments, depth };
    if let Some(data_type) = call.simple()? {
        return Ok(data_type);
    }
    match name {
        "FixedString" => call.fixed_string(),
        "Array" => Ok(DataType::Array(Box::new(call.only_inner()?))),
        "Nullable" => call.nullable(),
        "LowCardinality" => call.low_cardinality(),
        "Map" => call.map(),
        "Tuple" => call.tuple(),
        "SimpleAggregateFunction" => call.simple_aggregate(),
        "AggregateFunction" => error(
            text,
            "its states cannot be sent from outside, only be computed by a materialization; \
             send to the data source that feeds it, or use SimpleAggregateFunction",
        ),
        "Nested" => error(text, "write one Array column per field instead, such as `n.a` Array(String)"),
        _ => call.case_insensitive(),
    }
}

/// One `Name(argument, argument)`.
struct Call<'a> {
    text: &'a str,
    name: &'a str,
    arguments: Option<Vec<&'a str>>,
    depth: usize,
}

impl<'a> Call<'a> {
    /// The types whose name says it all.
    fn simple(&self) -> Result<Option<DataType>, TypeError> {
        let data_type = match self.name {
            "String" => return Ok(Some(DataType::String)), // A length, String(5), is allowed and means nothing.
            "Float32" => DataType::Float32,
            "Float64" => DataType::Float64,
            "BFloat16" => DataType::BFloat16,
            "UUID" => DataType::Uuid,
            "IPv4" => DataType::IPv4,
            "IPv6" => DataType::IPv6,
            name => match integer(name) {
                Some(data_type) => data_type,
                None => return Ok(None),
            },
        };
        self.takes_nothing()?;
        Ok(Some(data_type))
    }

    fn takes_nothing(&self) -> Result<(), TypeError> {
        match &self.arguments {
            None => Ok(()),
            Some(_) => error(self.text, format!("{} takes no parameters", self.name)),
        }
    }

    fn arguments(&self) -> &[&'a str] {
        self.arguments.as_deref().unwrap_or_default()
    }

    fn inner(&self, text: &str) -> Result<DataType, TypeError> {
        parse(text, self.depth + 1)
    }

    fn only_inner(&self) -> Result<DataType, TypeError> {
        match self.arguments() {
            [inner] => self.inner(inner),
            _ => error(self.text, format!("{} takes one type", self.name)),
        }
    }

    fn fixed_string(&self) -> Result<DataType, TypeError> {
        match self.arguments() {
            [length] => match length.parse() {
                Ok(length) if (1..=0xFF_FFFF).contains(&length) => Ok(DataType::FixedString(length)),
                _ => error(self.text, "its length must be a number from 1 to 16777215"),
            },
            _ => error(self.text, "it takes a length, such as FixedString(3)"),
        }
    }

    fn nullable(&self) -> Result<DataType, TypeError> {
        let inner = self.only_inner()?;
        match inner {
            DataType::Nullable(_) | DataType::Array(_) | DataType::Map(..) | DataType::Tuple(_) => {
                error(self.text, format!("{inner} cannot be Nullable"))
            }
            DataType::LowCardinality(inner) => {
                error(self.text, format!("write LowCardinality(Nullable({inner})) instead"))
            }
            inner => Ok(DataType::Nullable(Box::new(inner))),
        }
    }

    fn low_cardinality(&self) -> Result<DataType, TypeError> {
        let inner = self.only_inner()?;
        match inner {
            DataType::Array(_)
            | DataType::Map(..)
            | DataType::Tuple(_)
            | DataType::LowCardinality(_)
            | DataType::Json(_) => error(self.text, format!("{inner} cannot be LowCardinality")),
            inner => Ok(DataType::LowCardinality(Box::new(inner))),
        }
    }

    fn map(&self) -> Result<DataType, TypeError> {
        let [key, value] = self.arguments() else { return error(self.text, "it takes the types of key and value") };
        let key = self.inner(key)?;
        if key.is_nullable() || matches!(key, DataType::Array(_) | DataType::Map(..) | DataType::Tuple(_)) {
            return error(self.text, format!("{key} cannot be the key of a Map"));
        }
        Ok(DataType::Map(Box::new(key), Box::new(self.inner(value)?)))
    }

    fn tuple(&self) -> Result<DataType, TypeError> {
        let mut fields = Vec::new();
        for argument in self.arguments() {
            let (name, data_type) = match split_field(argument) {
                Some((name, data_type)) => (Some(name), data_type),
                None => (None, *argument),
            };
            fields.push(TupleField { name, data_type: self.inner(data_type)? });
        }
        if fields.is_empty() {
            return error(self.text, "it has no elements");
        }
        if fields.iter().any(|field| field.name.is_some() != fields[0].name.is_some()) {
            return error(self.text, "either all of its elements have a name or none");
        }
        Ok(DataType::Tuple(fields))
    }

    fn simple_aggregate(&self) -> Result<DataType, TypeError> {
        match self.arguments() {
            [function, inner] => {
                Ok(DataType::SimpleAggregateFunction((*function).to_owned(), Box::new(self.inner(inner)?)))
            }
            _ => error(self.text, "it takes a function and a type"),
        }
    }

    /// The families whose names the engine reads in any case, and SQL's own names.
    fn case_insensitive(&self) -> Result<DataType, TypeError> {
        match self.name.to_ascii_uppercase().as_str() {
            "BOOL" | "BOOLEAN" => self.takes_nothing().map(|()| DataType::Bool),
            "DATE" => self.takes_nothing().map(|()| DataType::Date),
            "DATE32" => self.takes_nothing().map(|()| DataType::Date32),
            "DATETIME" | "DATETIME32" | "TIMESTAMP" => self.date_time(),
            "DATETIME64" => self.date_time64(),
            "DECIMAL" | "DEC" | "NUMERIC" | "FIXED" => self.decimal(),
            "DECIMAL32" => self.sized_decimal(9),
            "DECIMAL64" => self.sized_decimal(18),
            "DECIMAL128" => self.sized_decimal(38),
            "DECIMAL256" => self.sized_decimal(76),
            "ENUM" => self.enumeration(None),
            "ENUM8" => self.enumeration(Some(8)),
            "ENUM16" => self.enumeration(Some(16)),
            "JSON" => Ok(DataType::Json(self.arguments().join(", "))),
            "TEXT" | "VARCHAR" | "CHAR" | "BLOB" | "CLOB" | "LONGTEXT" | "MEDIUMTEXT" | "TINYTEXT" => {
                Ok(DataType::String)
            }
            "TINYINT" | "INT1" | "BYTE" => Ok(DataType::Int { signed: true, bits: 8 }),
            "SMALLINT" => Ok(DataType::Int { signed: true, bits: 16 }),
            "INT" | "INTEGER" | "MEDIUMINT" => Ok(DataType::Int { signed: true, bits: 32 }),
            "BIGINT" => Ok(DataType::Int { signed: true, bits: 64 }),
            "FLOAT" | "REAL" | "SINGLE" => Ok(DataType::Float32),
            "DOUBLE" => Ok(DataType::Float64),
            "INET4" => self.takes_nothing().map(|()| DataType::IPv4),
            "INET6" => self.takes_nothing().map(|()| DataType::IPv6),
            _ => error(
                self.text,
                format!(
                    "rows cannot be decoded into '{}'; see the documentation for the types that data sources take",
                    self.name
                ),
            ),
        }
    }

    fn date_time(&self) -> Result<DataType, TypeError> {
        match self.arguments() {
            [] => Ok(DataType::DateTime(None)),
            [zone] => Ok(DataType::DateTime(Some(self.zone(zone)?))),
            _ => error(self.text, "it takes at most a time zone"),
        }
    }

    fn date_time64(&self) -> Result<DataType, TypeError> {
        let (precision, zone) = match self.arguments() {
            [] => ("3", None),
            [precision] => (*precision, None),
            [precision, zone] => (*precision, Some(self.zone(zone)?)),
            _ => return error(self.text, "it takes a precision and a time zone"),
        };
        match precision.parse() {
            Ok(precision) if precision <= 9 => Ok(DataType::DateTime64 { precision, zone }),
            _ => error(self.text, "its precision must be a number from 0 to 9"),
        }
    }

    fn zone(&self, text: &str) -> Result<TimeZone, TypeError> {
        let Some(name) = unquote(text) else {
            return error(self.text, "the time zone must be in single quotes, such as 'Europe/Madrid'");
        };
        // The database built into the program, not the machine's: what a text means must not depend on the machine.
        TimeZoneDatabase::bundled()
            .get(&name)
            .or_else(|_| error(self.text, format!("there is no time zone '{name}'; names are such as 'Europe/Madrid'")))
    }

    fn decimal(&self) -> Result<DataType, TypeError> {
        let (precision, scale) = match self.arguments() {
            [] => (Some(10), Some(0)),
            [precision] => (precision.parse().ok(), Some(0)),
            [precision, scale] => (precision.parse().ok(), scale.parse().ok()),
            _ => (None, None),
        };
        self.checked_decimal(precision, scale)
    }

    fn sized_decimal(&self, precision: u8) -> Result<DataType, TypeError> {
        match self.arguments() {
            [scale] => self.checked_decimal(Some(precision), scale.parse().ok()),
            _ => error(self.text, format!("{} takes a scale", self.name)),
        }
    }

    fn checked_decimal(&self, precision: Option<u8>, scale: Option<u8>) -> Result<DataType, TypeError> {
        match (precision, scale) {
            (Some(precision @ 1..=76), Some(scale)) if scale <= precision => Ok(DataType::Decimal { precision, scale }),
            _ => error(self.text, "the precision must be from 1 to 76 and the scale from 0 to the precision"),
        }
    }

    /// An enum of the given width, or of the narrowest that fits its numbers.
    fn enumeration(&self, bits: Option<u8>) -> Result<DataType, TypeError> {
        let mut pairs: Vec<(String, i16)> = Vec::new();
        for argument in self.arguments() {
            let Some((name, after)) = read_string(argument) else {
                return error(self.text, "its values are names in single quotes, such as 'red' = 1");
            };
            let number = match after.trim_start().strip_prefix('=') {
                Some(number) => number.trim().parse().ok(),
                None if after.trim().is_empty() => Some(pairs.last().map_or(1, |(_, last)| last.saturating_add(1))),
                None => None,
            };
            let Some(number) = number else { return error(self.text, format!("'{name}' needs a number after '='")) };
            pairs.push((name, number));
        }
        let narrow = pairs.iter().all(|(_, number)| i8::try_from(*number).is_ok());
        match (pairs.is_empty(), bits) {
            (true, _) => error(self.text, "it has no values"),
            (_, Some(8)) if !narrow => error(self.text, "its numbers must be from -128 to 127; use Enum16"),
            (_, None) if narrow => Ok(DataType::Enum8(EnumValues::new(pairs))),
            (_, Some(8)) => Ok(DataType::Enum8(EnumValues::new(pairs))),
            _ => Ok(DataType::Enum16(EnumValues::new(pairs))),
        }
    }
}

fn integer(name: &str) -> Option<DataType> {
    let (signed, bits) = match name.strip_prefix('U') {
        Some(rest) => (false, rest),
        None => (true, name),
    };
    let bits = match bits {
        "Int8" => 8,
        "Int16" => 16,
        "Int32" => 32,
        "Int64" => 64,
        "Int128" => 128,
        "Int256" => 256,
        _ => return None,
    };
    Some(DataType::Int { signed, bits })
}

/// Splits `Name(a, b)` into its name and arguments.
fn split_call(text: &str) -> Result<(&str, Option<Vec<&str>>), TypeError> {
    let Some(open) = text.find('(') else {
        return if text.is_empty() { error(text, "a type is missing") } else { Ok((text, None)) };
    };
    let Some(inside) = text[open + 1..].strip_suffix(')') else { return error(text, "it must end with ')'") };
    match split_arguments(inside) {
        Some(arguments) => Ok((text[..open].trim_end(), Some(arguments))),
        None => error(text, "its parentheses or quotes do not match"),
    }
}

/// Splits at the commas that are outside quotes and parentheses. `None` when these do not match.
fn split_arguments(text: &str) -> Option<Vec<&str>> {
    let mut arguments = Vec::new();
    let (mut depth, mut start, mut at) = (0usize, 0, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            quote @ (b'\'' | b'`') => at = end_of_quoted(bytes, at, quote)?,
            b',' if depth == 0 => {
                arguments.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    let last = text[start..].trim();
    if !last.is_empty() || !arguments.is_empty() {
        arguments.push(last);
    }
    (depth == 0).then_some(arguments)
}

/// The position of the quote that closes the one at `open`.
fn end_of_quoted(bytes: &[u8], open: usize, quote: u8) -> Option<usize> {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Splits the quoted string that the text begins with from the rest.
fn read_string(text: &str) -> Option<(String, &str)> {
    let quote = *text.as_bytes().first().filter(|byte| matches!(byte, b'\'' | b'`'))?;
    let end = end_of_quoted(text.as_bytes(), 0, quote)?;
    let mut value = String::new();
    let mut chars = text[1..end].chars();
    while let Some(c) = chars.next() {
        // Both spellings of a special character: a backslash in front, or the quote twice.
        let escape = c == '\\' || c == char::from(quote);
        value.push(if escape { chars.next()? } else { c });
    }
    Some((value, &text[end + 1..]))
}

fn unquote(text: &str) -> Option<String> {
    match read_string(text) {
        Some((value, "")) => Some(value),
        _ => None,
    }
}

/// Splits `name Type`; `None` for a type alone.
fn split_field(text: &str) -> Option<(String, &str)> {
    if text.starts_with('`') {
        return read_string(text);
    }
    let (name, data_type) = text.split_once(char::is_whitespace)?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !data_type.trim_start().starts_with('(')).then(|| (name.to_owned(), data_type))
}

#[cfg(test)]
mod tests {
    use super::DataType;

    #[test]
    fn types_print_as_the_engine_names_them() {
        let cases = [
            ("Int8", "Int8"),
            ("UInt256", "UInt256"),
            ("bool", "Bool"),
            ("BIGINT", "Int64"),
            ("varchar(255)", "String"),
            ("TIMESTAMP", "DateTime"),
            ("Decimal", "Decimal(10, 0)"),
            ("Decimal(10)", "Decimal(10, 0)"),
            ("decimal(10,2)", "Decimal(10, 2)"),
            ("Decimal64(4)", "Decimal(18, 4)"),
            ("Decimal256(76)", "Decimal(76, 76)"),
            ("DateTime64", "DateTime64(3)"),
            ("DateTime64(6,'Europe/Madrid')", "DateTime64(6, 'Europe/Madrid')"),
            ("datetime('UTC')", "DateTime('UTC')"),
            ("FixedString( 3 )", "FixedString(3)"),
            ("Enum('a','b'=5,'c')", "Enum8('a' = 1, 'b' = 5, 'c' = 6)"),
            ("Enum('a'=1000)", "Enum16('a' = 1000)"),
            ("Enum8('it''s'=-1, 'x,)'=2)", "Enum8('it\\'s' = -1, 'x,)' = 2)"),
            ("Array( Nullable( Int8 ) )", "Array(Nullable(Int8))"),
            ("Map(LowCardinality(String),Array(UInt8))", "Map(LowCardinality(String), Array(UInt8))"),
            ("Tuple(a Int8, `b c` Array(String))", "Tuple(a Int8, `b c` Array(String))"),
            ("Tuple(Int8, Decimal (9, 2))", "Tuple(Int8, Decimal(9, 2))"),
            ("SimpleAggregateFunction(sum, UInt64)", "SimpleAggregateFunction(sum, UInt64)"),
            ("JSON(a.b UInt32, SKIP x)", "JSON(a.b UInt32, SKIP x)"),
            ("LowCardinality(Nullable(String))", "LowCardinality(Nullable(String))"),
        ];
        for (text, printed) in cases {
            let data_type = DataType::parse(text).expect(text);
            assert_eq!(data_type.to_string(), printed);
            assert_eq!(DataType::parse(printed).as_ref(), Ok(&data_type), "{printed}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_a_reason() {
        let cases = [
            ("", "a type is missing"),
            ("string", "cannot be decoded"),
            ("Int8(3)", "takes no parameters"),
            ("Array(Int8", "must end with ')'"),
            ("Array(Int8))(", "must end with ')'"),
            ("Array(Int8,Int8)", "takes one type"),
            ("Tuple()", "no elements"),
            ("Tuple(a Int8, Int8)", "either all"),
            ("Nullable(Array(Int8))", "cannot be Nullable"),
            ("Nullable(LowCardinality(String))", "LowCardinality(Nullable(String))"),
            ("Decimal(77, 1)", "from 1 to 76"),
            ("Decimal(5, 6)", "from 1 to 76"),
            ("DateTime64(10)", "from 0 to 9"),
            ("DateTime('Nowhere/X')", "no time zone 'Nowhere/X'"),
            ("DateTime(UTC)", "single quotes"),
            ("FixedString(0)", "from 1"),
            ("Enum8('a'=200)", "use Enum16"),
            ("Enum8('a=1)", "do not match"),
            ("AggregateFunction(sum, UInt64)", "materialization"),
            ("Nested(a Int8)", "one Array column per field"),
            ("Variant(Int8, String)", "cannot be decoded"),
        ];
        for (text, reason) in cases {
            let error = DataType::parse(text).expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let deep = "Array(".repeat(100_000) + &")".repeat(100_000);
        assert!(DataType::parse(&deep).is_err());
    }
}
