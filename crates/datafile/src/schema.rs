//! Column definitions: the text of a SCHEMA block, and of the `schema` field that clients send.

mod codec;
mod parser;

use std::fmt::Write as _;

use serde::ser::{Serialize, SerializeStruct, Serializer};

pub use codec::Codec;
pub(crate) use parser::{Materialized, parse};

/// One column of a data source.
///
/// Serialises to the shape clients read: `name`, `type` (without `Nullable`), `codec`, `default_value`, `jsonpath`,
/// `nullable`, `normalized_name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDef {
    /// The name, without backticks.
    pub name: String,
    /// The type's text as written, without an outer `Nullable(..)`; see [`ColumnDef::full_type`].
    pub data_type: String,
    /// Whether the type was written as `Nullable(..)`.
    pub nullable: bool,
    /// Where in a JSON row the value stands, such as `$.user.id` or `$.items[:]`.
    pub jsonpath: Option<String>,
    /// What the column holds where a row gives no value.
    pub default: Option<ColumnDefault>,
    /// The compression clause, such as `CODEC(ZSTD(1))`.
    pub codec: Option<String>,
}

/// The DEFAULT or MATERIALIZED clause of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDefault {
    /// Which of the two.
    pub kind: DefaultKind,
    /// The SQL expression.
    pub expr: String,
}

/// How a column's default expression applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultKind {
    /// The value where a row has none.
    Default,
    /// Always computed, never inserted.
    Materialized,
}

impl DefaultKind {
    /// The SQL keyword.
    pub fn keyword(self) -> &'static str {
        match self {
            DefaultKind::Default => "DEFAULT",
            DefaultKind::Materialized => "MATERIALIZED",
        }
    }
}

/// Why a schema cannot be read, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the schema at {line}:{column}: {message}")]
pub struct SchemaError {
    /// Line in the schema's text, from 1.
    pub line: usize,
    /// Column in that line in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, as a sentence.
    pub hint: Option<String>,
}

impl ColumnDef {
    /// The type as the engine needs it, with `Nullable(..)` where the column is nullable.
    pub fn full_type(&self) -> String {
        if self.nullable { format!("Nullable({})", self.data_type) } else { self.data_type.clone() }
    }

    /// The default clause with its keyword, such as `DEFAULT now()`.
    pub fn default_value(&self) -> Option<String> {
        self.default.as_ref().map(|default| format!("{} {}", default.kind.keyword(), default.expr))
    }
}

impl Serialize for ColumnDef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shape = serializer.serialize_struct("ColumnDef", 7)?;
        shape.serialize_field("name", &self.name)?;
        shape.serialize_field("type", &self.data_type)?;
        shape.serialize_field("codec", &self.codec)?;
        shape.serialize_field("default_value", &self.default_value())?;
        shape.serialize_field("jsonpath", &self.jsonpath)?;
        shape.serialize_field("nullable", &self.nullable)?;
        shape.serialize_field("normalized_name", &self.name)?;
        shape.end()
    }
}

/// Reads a schema: columns separated by commas, each `name Type` followed by any of `` `json:$.path` ``,
/// `DEFAULT expr` or `MATERIALIZED expr`, and `CODEC(..)`. Comments (`--`, and lines starting with `#`) are skipped.
///
/// # Errors
/// Texts that are not such a list, unknown types, repeated names, and clauses that data sources do not have (`ALIAS`, a
/// column's `TTL`, `NULL`, indexes). An empty schema is an error too.
pub fn parse_schema(text: &str) -> Result<Vec<ColumnDef>, SchemaError> {
    parse(text, Materialized::Accept)
}

/// The canonical text of a schema, which clients compare with their own (blanks aside).
pub fn print_schema(columns: &[ColumnDef]) -> String {
    columns.iter().map(print_column).collect::<Vec<_>>().join(",")
}

/// The canonical text of one column: the name in backticks, type, JSON path, default, codec.
pub(crate) fn print_column(column: &ColumnDef) -> String {
    let mut text = format!("`{}` {}", column.name, column.full_type());
    if let Some(path) = &column.jsonpath {
        write!(text, " `json:{path}`").expect("writing to a String cannot fail");
    }
    for clause in [column.default_value().as_ref(), column.codec.as_ref()].into_iter().flatten() {
        text.push(' ');
        text.push_str(clause);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_reads_back() {
        let text = "ts DateTime DEFAULT now() CODEC(Delta(4), LZ4) `json:$.ts`, -- when\n  arr Array( Nullable(Int32) ) `json:$.arr[:]`,\
                    n Nullable(Int8) DEFAULT NULL";
        let columns = parse_schema(text).unwrap();
        let printed = print_schema(&columns);
        assert_eq!(
            printed,
            "`ts` DateTime `json:$.ts` DEFAULT now() CODEC(Delta(4), LZ4),`arr` Array( Nullable(Int32) ) `json:$.arr[:]`,\
             `n` Nullable(Int8)"
        );
        assert_eq!(parse_schema(&printed).unwrap(), columns);
    }

    #[test]
    fn columns_serialise_to_the_shape_clients_read() {
        let columns = parse_schema("a Nullable(Int8) `json:$.a` DEFAULT 5").unwrap();
        assert_eq!(
            serde_json::to_string(&columns[0]).unwrap(),
            r#"{"name":"a","type":"Int8","codec":null,"default_value":"DEFAULT 5","jsonpath":"$.a","nullable":true,"normalized_name":"a"}"#
        );
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(
            parse_schema(text).unwrap_err().to_string(),
            format!("cannot read the schema at {expected}"),
            "{text}"
        );
    }

    #[test]
    fn faults_say_where() {
        refused("a Int32,\na String", "2:1: column \"a\" is defined twice");
        refused("a Int32 DEFAULT 1) ENGINE = Null", "1:18: ) without its opening bracket");
        refused("a Int32 DEFAULT f(1", "1:20: expected closing )");
        refused("a Int32 /* ( */ )", "1:9: /* */ comments are not supported here");
        refused("a Int32 `json:x`", "1:9: the JSON path \"x\" does not start with $");
        refused("a Int32 DEFAULT 1 DEFAULT 2", "1:19: column \"a\" has two DEFAULT or MATERIALIZED clauses");
        refused("`a\\` Int32", "1:5: expected closing backtick");
        refused("\"a\" Int32", "1:1: column name contains invalid character '\"'");
        refused("", "1:1: the schema has no columns");
    }

    #[test]
    fn a_default_may_name_columns_that_look_like_clauses() {
        let columns = parse_schema("a Int32 DEFAULT 1 + ttl CODEC(LZ4), b String DEFAULT `json` `json:$.b`").unwrap();
        assert_eq!(columns[0].default_value().as_deref(), Some("DEFAULT 1 + ttl"));
        assert_eq!(columns[0].codec.as_deref(), Some("CODEC(LZ4)"));
        assert_eq!(columns[1].default_value().as_deref(), Some("DEFAULT `json`"));
        refused("a Int32 DEFAULT 1 TTL b", "1:19: column TTL is not supported");
    }

    #[test]
    fn names_may_look_like_keywords() {
        let columns = parse_schema("index Int32, type String, `default` String, codec String").unwrap();
        assert_eq!(columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["index", "type", "default", "codec"]);
    }
}
