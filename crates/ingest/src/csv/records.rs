//! A CSV body as records of unquoted fields.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::CsvDialect;

/// Reads a body record by record into buffers of its own. Blank lines are no records.
pub(super) struct Records<'b> {
    reader: Reader,
    body: &'b [u8],
    at: usize,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

/// One record; valid until the next one is read.
pub(super) struct Record<'r> {
    fields: &'r [u8],
    ends: &'r [usize],
    raw: &'r [u8],
}

impl<'b> Records<'b> {
    pub(super) fn new(body: &'b [u8], dialect: &CsvDialect, delimiter: u8) -> Records<'b> {
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .quote(dialect.quote)
            .escape(dialect.escape.filter(|escape| *escape != dialect.quote))
            .terminator(dialect.newline.map_or(Terminator::CRLF, Terminator::Any))
            .build();
        Records { reader, body, at: 0, fields: vec![0; 1024], ends: vec![0; 64] }
    }

    pub(super) fn next_record(&mut self) -> Option<Record<'_>> {
        let start = self.at;
        let (mut bytes, mut count) = (0, 0);
        loop {
            let (result, read, written, ended) =
                self.reader.read_record(&self.body[self.at..], &mut self.fields[bytes..], &mut self.ends[count..]);
            self.at += read;
            bytes += written;
            count += ended;
            match result {
                // At the end of the body the reader is asked once more, with nothing, to close the last record.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return None,
            }
        }
        let raw = self.body[start..self.at].trim_ascii();
        Some(Record { fields: &self.fields[..bytes], ends: &self.ends[..count], raw })
    }
}

impl Record<'_> {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field's text, without its quotes.
    pub(super) fn field(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.fields[start..self.ends[at]]
    }

    /// The record as it stands in the body.
    pub(super) fn raw(&self) -> &[u8] {
        self.raw
    }
}
