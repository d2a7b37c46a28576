//! What decoding produces, and why it can refuse a whole body.

use crate::QuarantinedRow;

/// Decoded rows, ready for one INSERT each into the data source and into its quarantine. Several bodies can be decoded
/// into one batch, one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// How many rows stand in `row_binary`.
    pub rows: u64,
    /// The rows, in the format that [`Decoder::insert_format`](crate::Decoder::insert_format) names.
    pub row_binary: Vec<u8>,
    /// The rows that cannot be stored, in the order they came.
    pub quarantine: Vec<QuarantinedRow>,
    /// How many of the quarantined rows could not even be read as a row (not JSON, not UTF-8). The others could be
    /// read but do not fit the schema.
    pub invalid_lines: u64,
    /// Lines without anything in them, which count as no row.
    pub blank_lines: u64,
}

/// How far a batch had come, to return to when a body is refused.
pub(crate) struct Mark {
    rows: u64,
    bytes: usize,
    quarantine: usize,
    invalid_lines: u64,
    blank_lines: u64,
}

impl Batch {
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            rows: self.rows,
            bytes: self.row_binary.len(),
            quarantine: self.quarantine.len(),
            invalid_lines: self.invalid_lines,
            blank_lines: self.blank_lines,
        }
    }

    pub(crate) fn return_to(&mut self, mark: &Mark) {
        self.rows = mark.rows;
        self.row_binary.truncate(mark.bytes);
        self.quarantine.truncate(mark.quarantine);
        self.invalid_lines = mark.invalid_lines;
        self.blank_lines = mark.blank_lines;
    }
}

/// A body that is refused as a whole: nothing of it is in the batch, and its sender must be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No line of an NDJSON body is a JSON object or array.
    #[error("no line of the body is JSON: expected {expected} at byte {at} of the first line, '{line}'")]
    NothingIsJson {
        /// The beginning of the first line that is not blank.
        line: String,
        /// Where in that line, in bytes.
        at: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// A JSON body is not JSON.
    #[error("the body is not JSON: expected {expected} at line {line}, column {column}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// A JSON body is not UTF-8.
    #[error("the body is not UTF-8: the bytes from {at} on are none")]
    NotUtf8 {
        /// How many bytes of the body are valid.
        at: usize,
    },
    /// The dialect names one byte for two purposes.
    #[error("the CSV dialect uses '{byte}' both as {first} and as {second}")]
    AmbiguousDialect {
        /// The byte, as text.
        byte: String,
        /// Its one purpose.
        first: &'static str,
        /// Its other purpose.
        second: &'static str,
    },
}
