//! Bodies to rows: the entry to this crate.

mod row;

use crate::batch::{Batch, DecodeError};
use crate::encode::excerpt;
use crate::json::{Kind, Scanner, Syntax};
use crate::quarantine::{QuarantinedRow, readable};
use crate::{JsonPath, Schema, Step};

pub(crate) use row::{Found, RowColumn, Rows};

/// What a byte order mark looks like in UTF-8. Some programs put one in front of a file.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Decodes bodies into rows of one schema. It has no state of its own: one decoder can serve many threads.
#[derive(Debug)]
pub struct Decoder {
    pub(crate) rows: Rows,
}

/// A schema that no row could be decoded by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// There are no columns.
    #[error("the schema has no columns")]
    NoColumns,
    /// Two columns have one name.
    #[error("the schema has two columns '{column}'")]
    DuplicateColumn {
        /// The name.
        column: String,
    },
    /// A path leads through more arrays than the type has.
    #[error(
        "column '{column}' has the path '{path}' through {arrays} array(s), but its type is {data_type}; use Array types around it"
    )]
    PathThroughArrays {
        /// The column.
        column: String,
        /// Its path.
        path: String,
        /// How many `[:]` the path has.
        arrays: usize,
        /// Its type.
        data_type: String,
    },
}

impl Decoder {
    /// Prepares to decode by a schema.
    ///
    /// # Errors
    /// [`SchemaError`] when names repeat or a path cannot lead to values of the column's type.
    pub fn new(schema: &Schema) -> Result<Decoder, SchemaError> {
        if schema.columns.is_empty() {
            return Err(SchemaError::NoColumns);
        }
        let mut names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SchemaError::DuplicateColumn { column: pair[0].to_owned() });
        }
        for column in &schema.columns {
            let Some(path) = &column.jsonpath else { continue };
            let arrays = path.steps().iter().filter(|step| **step == Step::Elements).count();
            let depth = std::iter::successors(Some(&column.data_type), |inner| inner.element()).count() - 1;
            if arrays > depth {
                return Err(SchemaError::PathThroughArrays {
                    column: column.name.clone(),
                    path: path.to_string(),
                    arrays,
                    data_type: column.data_type.to_string(),
                });
            }
        }
        Ok(Decoder { rows: Rows::new(schema) })
    }

    /// The format of [`Batch::row_binary`]: `RowBinary`, or `RowBinaryWithDefaults` when a column has a DEFAULT.
    #[must_use]
    pub fn insert_format(&self) -> &'static str {
        if self.rows.with_defaults { "RowBinaryWithDefaults" } else { "RowBinary" }
    }

    /// The columns of the INSERT, in the order in which [`Batch::row_binary`] has their values.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rows.columns.iter().map(|column| column.name.as_str())
    }

    /// The settings, as (name, value), that the INSERT needs for its data to mean what was decoded.
    #[must_use]
    pub fn insert_settings(&self) -> &'static [(&'static str, &'static str)] {
        if self.rows.holds_json { &[("input_format_binary_read_json_as_string", "1")] } else { &[] }
    }

    /// Adds the rows of an NDJSON body to the batch, one line each. Lines that are no JSON are quarantined like rows
    /// that do not fit; blank lines are passed over; a body without any line gives no rows.
    ///
    /// # Errors
    /// [`DecodeError::NothingIsJson`] when no line is a JSON object or array. The batch is then as it was before.
    pub fn ndjson(&self, body: &[u8], batch: &mut Batch) -> Result<(), DecodeError> {
        let mark = batch.mark();
        let body = without_mark(body);
        let is_text = std::str::from_utf8(body).is_ok();
        let mut slots = vec![None; self.rows.slots()];
        let (mut some_json, mut first_failure) = (false, None);
        for line in lines(body) {
            let line = line.trim_ascii();
            if line.is_empty() {
                batch.blank_lines += 1;
                continue;
            }
            slots.fill(None);
            match self.rows.locate(line, is_text, &mut slots) {
                Ok(kind) => {
                    some_json |= matches!(kind, Kind::Object | Kind::Array);
                    self.rows.add(kind, line, &slots, batch);
                    if !some_json {
                        first_failure.get_or_insert((line, Syntax { at: 0, expected: "a JSON object" }));
                    }
                }
                Err(syntax) => {
                    first_failure.get_or_insert((line, syntax));
                    let why = format!("line is not JSON, expected {} at byte {}", syntax.expected, syntax.at);
                    batch.invalid_lines += 1;
                    batch.quarantine.push(QuarantinedRow::whole(self.rows.columns.len(), &why, line));
                }
            }
        }
        match first_failure {
            Some((line, Syntax { at, expected })) if !some_json => {
                batch.return_to(&mark);
                let line = excerpt(&readable(line)).into_owned();
                Err(DecodeError::NothingIsJson { line, at, expected })
            }
            _ => Ok(()),
        }
    }

    /// Adds the rows of a JSON body to the batch: one object, which may span lines, an array of objects, or several of
    /// these one after the other.
    ///
    /// # Errors
    /// [`DecodeError::NotJson`] and [`DecodeError::NotUtf8`]. The batch is then as it was before.
    pub fn json(&self, body: &[u8], batch: &mut Batch) -> Result<(), DecodeError> {
        let body = without_mark(body);
        if let Err(error) = std::str::from_utf8(body) {
            return Err(DecodeError::NotUtf8 { at: error.valid_up_to() });
        }
        let mark = batch.mark();
        self.json_values(body, batch).map_err(|syntax| {
            batch.return_to(&mark);
            let before = &body[..syntax.at];
            let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
            let line = memchr::memchr_iter(b'\n', before).count() + 1;
            DecodeError::NotJson { line, column: syntax.at - line_start + 1, expected: syntax.expected }
        })
    }

    fn json_values(&self, body: &[u8], batch: &mut Batch) -> Result<(), Syntax> {
        let mut scanner = Scanner::new(body);
        let mut slots = vec![None; self.rows.slots()];
        while let Some(first) = scanner.peek() {
            if first == b'[' {
                scanner.elements(|scanner| self.json_value(scanner, &mut slots, batch))?;
            } else {
                self.json_value(&mut scanner, &mut slots, batch)?;
            }
        }
        Ok(())
    }

    fn json_value<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        slots: &mut [Option<&'a [u8]>],
        batch: &mut Batch,
    ) -> Result<(), Syntax> {
        slots.fill(None);
        scanner.peek();
        let start = scanner.at();
        self.rows.tree.locate(scanner, slots)?;
        let row = scanner.since(start);
        self.rows.add(Kind::of(row), row, slots, batch);
        Ok(())
    }
}

/// The body without a byte order mark in front.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)
}

/// The lines of a body. JSON has no raw newline inside a string, so every newline ends a line.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = body;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    })
}

/// The path by which a column's value is found.
fn path_of(column: &crate::Column) -> JsonPath {
    column.jsonpath.clone().unwrap_or_else(|| JsonPath::key(&column.name))
}
