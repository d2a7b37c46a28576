//! The counts in `X-ClickHouse-Summary`.

use serde::Deserialize;
use serde_json::Value;

/// What a statement read and wrote. A count that the server does not send is unknown, not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows read from tables.
    pub read_rows: Option<u64>,
    /// Uncompressed bytes read from tables.
    pub read_bytes: Option<u64>,
    /// Rows written, views included.
    pub written_rows: Option<u64>,
    /// Uncompressed bytes written, views included.
    pub written_bytes: Option<u64>,
    /// Rows in the result.
    pub result_rows: Option<u64>,
    /// Uncompressed bytes in the result.
    pub result_bytes: Option<u64>,
    /// Run time inside the engine, nanoseconds.
    pub elapsed_ns: Option<u64>,
    /// Peak memory of the run in bytes.
    pub memory_usage: Option<u64>,
}

/// The header as it comes: numbers, as strings.
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    read_rows: Value,
    #[serde(default)]
    read_bytes: Value,
    #[serde(default)]
    written_rows: Value,
    #[serde(default)]
    written_bytes: Value,
    #[serde(default)]
    result_rows: Value,
    #[serde(default)]
    result_bytes: Value,
    #[serde(default)]
    elapsed_ns: Value,
    #[serde(default)]
    memory_usage: Value,
}

impl Summary {
    /// Reads the header; `None` when it is not the JSON object that ClickHouse writes.
    pub fn parse(header: &str) -> Option<Self> {
        let header: Header = serde_json::from_str(header).ok()?;
        Some(Summary {
            read_rows: count(&header.read_rows),
            read_bytes: count(&header.read_bytes),
            written_rows: count(&header.written_rows),
            written_bytes: count(&header.written_bytes),
            result_rows: count(&header.result_rows),
            result_bytes: count(&header.result_bytes),
            elapsed_ns: count(&header.elapsed_ns),
            memory_usage: count(&header.memory_usage),
        })
    }
}

fn count(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_strings_and_numbers() {
        let summary =
            Summary::parse(r#"{"read_rows":"3","read_bytes":24,"written_rows":"0","total_rows_to_read":"3"}"#).unwrap();
        assert_eq!(summary.read_rows, Some(3));
        assert_eq!(summary.read_bytes, Some(24));
        assert_eq!(summary.written_rows, Some(0));
        assert_eq!(summary.elapsed_ns, None);
    }

    #[test]
    fn other_text_is_unknown() {
        assert_eq!(Summary::parse("x"), None);
        assert_eq!(Summary::parse("{}"), Some(Summary::default()));
    }
}
