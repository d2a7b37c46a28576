//! CSV bodies to rows.

mod dialect;
mod header;
mod records;

use crate::batch::{Batch, DecodeError};
use crate::decoder::{Decoder, Found, RowColumn, without_mark};
use crate::quarantine::readable;

pub use dialect::{CsvDialect, guess_delimiter};
pub use header::HeaderMode;

use records::{Record, Records};

impl Decoder {
    /// Adds the rows of a CSV body to the batch.
    ///
    /// An empty field, or `\N`, is the column's DEFAULT where there is one, else NULL where the column can hold it; an
    /// empty field of a String column without either is the empty text. A row with more fields than there are columns
    /// is quarantined; fields that a short row lacks are treated like keys that a JSON row lacks.
    ///
    /// # Errors
    /// [`DecodeError::AmbiguousDialect`]. The batch is then as it was before.
    pub fn csv(
        &self,
        body: &[u8],
        dialect: &CsvDialect,
        header: HeaderMode,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        let body = without_mark(body);
        let columns: Vec<&str> = self.columns().collect();
        let delimiter = dialect.delimiter.unwrap_or_else(|| guess_delimiter(body, Some(columns.len())));
        dialect.check(delimiter)?;
        let mut records = Records::new(body, dialect, delimiter);
        let Some(mut record) = records.next_record() else { return Ok(()) };
        let (layout, first_is_header) = header::layout(&columns, &record, header);
        let csv = CsvRows { decoder: self, layout, is_text: std::str::from_utf8(body).is_ok() };
        if !first_is_header {
            csv.add(&record, batch);
        }
        loop {
            record = match records.next_record() {
                Some(record) => record,
                None => return Ok(()),
            };
            csv.add(&record, batch);
        }
    }
}

/// How the fields of a body's records become columns.
struct CsvRows<'d> {
    decoder: &'d Decoder,
    layout: header::Layout,
    /// Whether the whole body is UTF-8, so that its fields need no look of their own.
    is_text: bool,
}

impl CsvRows<'_> {
    fn add(&self, record: &Record<'_>, batch: &mut Batch) {
        let rows = &self.decoder.rows;
        // Spreadsheets like to end rows with empty fields; they carry nothing.
        let surplus = (self.layout.fields..record.len()).any(|at| !record.field(at).is_empty());
        // The columns are asked for in their order, each once.
        let next = std::cell::Cell::new(0);
        let found = |column: &RowColumn| {
            let at = next.get();
            next.set(at + 1);
            self.found(record, column, self.layout.columns[at])
        };
        if !surplus && rows.encode(found, &mut batch.row_binary) {
            batch.rows += 1;
            return;
        }
        next.set(0);
        let mut quarantined = rows.quarantine(found);
        if surplus {
            batch.invalid_lines += 1;
            let (count, most, raw) = (record.len(), self.layout.fields, readable(record.raw()));
            quarantined.add("", format!("row has {count} fields where at most {most} are expected: {raw}"));
        }
        batch.quarantine.push(quarantined);
    }

    fn found<'r>(&self, record: &'r Record<'_>, column: &RowColumn, field: Option<usize>) -> Found<'r> {
        let Some(field) = field.filter(|field| *field < record.len()) else { return Found::Nothing { null: false } };
        let text = record.field(field);
        let may_be_absent = column.has_default || column.data_type.is_nullable();
        if may_be_absent && matches!(text, b"" | b"\\N") {
            return Found::Nothing { null: true };
        }
        if !self.is_text && std::str::from_utf8(text).is_err() {
            return Found::Bytes(text);
        }
        Found::Text(text)
    }
}
