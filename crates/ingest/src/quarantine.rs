//! The rows that cannot be stored: what was found, what is wrong with it, and their own table.

use crate::Schema;
use crate::row_binary::{write_length, write_string};

/// A row that cannot be stored, with everything that is needed to see why and to repair it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuarantinedRow {
    /// For each column of the schema the text that was found: of a JSON string its content, of any other JSON value its
    /// text. `None` where nothing or null was found.
    pub values: Vec<Option<String>>,
    /// The columns that something is wrong with. Empty text: the row as a whole, whose text is then in the error.
    pub error_columns: Vec<String>,
    /// What is wrong; as many as `error_columns`, in the same order.
    pub errors: Vec<String>,
}

impl QuarantinedRow {
    /// A row of which no column can be told. Its text is kept in the error, since there is no column to keep it in.
    pub(crate) fn whole(columns: usize, why: &str, raw: &[u8]) -> QuarantinedRow {
        QuarantinedRow {
            values: vec![None; columns],
            error_columns: vec![String::new()],
            errors: vec![format!("{why}: {}", readable(raw))],
        }
    }

    pub(crate) fn add(&mut self, column: &str, error: String) {
        self.error_columns.push(column.to_owned());
        self.errors.push(error);
    }
}

/// Bytes as text; those that are not UTF-8 are written as `\xE9`, so that they can be told apart.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
    }
    text
}

/// The columns of the quarantine table of a data source, as (name, type), in the order that [`quarantine_row_binary`]
/// writes them.
#[must_use]
pub fn quarantine_columns(schema: &Schema) -> Vec<(&str, &'static str)> {
    let own = schema.columns.iter().map(|column| (column.name.as_str(), "Nullable(String)"));
    own.chain([
        ("c__error_column", "Array(String)"),
        ("c__error", "Array(String)"),
        ("c__import_id", "Nullable(String)"),
        ("insertion_date", "DateTime"),
    ])
    .collect()
}

/// Quarantined rows as `RowBinary` for the table of [`quarantine_columns`]. `insertion_date` is in seconds since 1970.
#[must_use]
pub fn quarantine_row_binary(rows: &[QuarantinedRow], import_id: Option<&str>, insertion_date: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for row in rows {
        for value in &row.values {
            write_nullable(value.as_deref(), &mut out);
        }
        write_strings(&row.error_columns, &mut out);
        write_strings(&row.errors, &mut out);
        write_nullable(import_id, &mut out);
        out.extend_from_slice(&insertion_date.to_le_bytes());
    }
    out
}

fn write_nullable(text: Option<&str>, out: &mut Vec<u8>) {
    out.push(u8::from(text.is_none()));
    if let Some(text) = text {
        write_string(text.as_bytes(), out);
    }
}

fn write_strings(texts: &[String], out: &mut Vec<u8>) {
    write_length(texts.len(), out);
    for text in texts {
        write_string(text.as_bytes(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::{QuarantinedRow, quarantine_columns, quarantine_row_binary, readable};
    use crate::{Column, DataType, Schema};

    #[test]
    fn rows_are_written_in_the_order_of_the_table() {
        let column = Column { name: "n".to_owned(), data_type: DataType::Bool, jsonpath: None, has_default: false };
        let schema = Schema { columns: vec![column.clone(), Column { name: "m".to_owned(), ..column }] };
        let names: Vec<_> = quarantine_columns(&schema).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["n", "m", "c__error_column", "c__error", "c__import_id", "insertion_date"]);
        let mut row = QuarantinedRow { values: vec![Some("x".to_owned()), None], ..QuarantinedRow::default() };
        row.add("n", "bad".to_owned());
        let bytes = quarantine_row_binary(&[row], Some("id"), 0x0102_0304);
        assert_eq!(bytes, b"\0\x01x\x01\x01\x01n\x01\x03bad\0\x02id\x04\x03\x02\x01");
    }

    #[test]
    fn bytes_that_are_no_text_stay_readable() {
        assert_eq!(readable(b"caf\xe9 \xc3\xa9\xff"), "caf\\xE9 \u{e9}\\xFF");
    }
}
