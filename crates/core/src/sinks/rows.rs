//! What the engine streams, taken apart into rows with the keys of their files.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamDecoder;
use bytes::Bytes;

use crate::error::{Error, Result};

/// Longest row, in bytes: what is longer is no row.
const MAX_ROW: usize = 1 << 30;

/// Takes a stream apart.
pub(super) enum RowReader {
    /// Text that goes into one file as it comes; its rows are counted unless the engine does.
    Whole(Option<LineCount>),
    /// Keys, where there are any, and lines.
    Lines { has_key: bool, rest: Vec<u8> },
    /// Blocks of columns, the first of which is the key where there are any.
    Blocks { has_key: bool, decoder: StreamDecoder },
}

/// What a piece of the stream holds.
pub(super) enum Piece {
    /// Text, and how many rows end in it, if that is counted.
    Text(Bytes, u64),
    /// Rows: where in the bytes the key and the line of each are.
    Lines(Vec<u8>, Vec<(Range<usize>, Range<usize>)>),
    /// A block, and its keys.
    Block(RecordBatch, Option<arrow_array::ArrayRef>),
}

impl RowReader {
    /// The pieces that are whole now.
    pub(super) fn feed(&mut self, bytes: Bytes) -> Result<Vec<Piece>> {
        match self {
            RowReader::Whole(count) => {
                let rows = count.as_mut().map_or(0, |count| count.feed(&bytes));
                Ok(vec![Piece::Text(bytes, rows)])
            }
            RowReader::Lines { has_key, rest } => {
                rest.extend_from_slice(&bytes);
                let (rows, used) = lines(rest, *has_key)?;
                let tail = rest.split_off(used);
                Ok(vec![Piece::Lines(std::mem::replace(rest, tail), rows)])
            }
            RowReader::Blocks { has_key, decoder } => blocks(decoder, *has_key, bytes),
        }
    }

    /// Fails when the stream ended inside a row.
    pub(super) fn finish(&mut self) -> Result<()> {
        let is_whole = match self {
            RowReader::Whole(_) => true,
            RowReader::Lines { rest, .. } => rest.is_empty(),
            RowReader::Blocks { decoder, .. } => decoder.finish().is_ok(),
        };
        if is_whole { Ok(()) } else { Err(Error::internal("the engine's rows end in the middle of one")) }
    }
}

/// The rows that are whole, and how many bytes they take.
#[expect(clippy::type_complexity, reason = "two ranges for each row")]
fn lines(bytes: &[u8], has_key: bool) -> Result<(Vec<(Range<usize>, Range<usize>)>, usize)> {
    let (mut rows, mut used) = (Vec::new(), 0);
    loop {
        let key = if has_key { text(bytes, used)? } else { Some(used..used) };
        let Some(key) = key else { break };
        let Some(line) = text(bytes, key.end)? else { break };
        if line.end == used {
            break;
        }
        used = line.end;
        rows.push((key, line));
    }
    Ok((rows, used))
}

/// Where the text is whose length stands at `at`; none when it is not all there.
fn text(bytes: &[u8], mut at: usize) -> Result<Option<Range<usize>>> {
    let (mut length, mut shift) = (0_usize, 0_u32);
    loop {
        let Some(byte) = bytes.get(at) else { return Ok(None) };
        at += 1;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
        if shift > 35 {
            return Err(Error::internal("the engine's rows have a length that is none"));
        }
    }
    if length > MAX_ROW {
        return Err(Error::bad_request("a row is longer than 1 GiB"));
    }
    Ok((bytes.len() - at >= length).then(|| at..at + length))
}

fn blocks(decoder: &mut StreamDecoder, has_key: bool, bytes: Bytes) -> Result<Vec<Piece>> {
    let mut buffer = arrow_buffer::Buffer::from(bytes);
    let mut pieces = Vec::new();
    while !buffer.is_empty() {
        match decoder.decode(&mut buffer) {
            Ok(Some(block)) => pieces.push(split_key(block, has_key)?),
            Ok(None) => break,
            Err(error) => return Err(Error::bad_request(format!("the rows cannot be written as parquet: {error}"))),
        }
    }
    Ok(pieces)
}

fn split_key(mut block: RecordBatch, has_key: bool) -> Result<Piece> {
    if !has_key {
        return Ok(Piece::Block(block, None));
    }
    let key = block.remove_column(0);
    if key.as_string_opt::<i32>().is_none() || key.null_count() > 0 {
        return Err(Error::internal(format!("the keys of a sink's files are {}", key.data_type())));
    }
    Ok(Piece::Block(block, Some(key)))
}

/// Counts rows of text: line ends outside of quotes.
pub(super) struct LineCount {
    has_quotes: bool,
    is_quoted: bool,
}

impl LineCount {
    /// For CSV, whose values may hold line ends, or for NDJSON.
    pub(super) fn new(has_quotes: bool) -> LineCount {
        LineCount { has_quotes, is_quoted: false }
    }

    fn feed(&mut self, bytes: &[u8]) -> u64 {
        let mut rows = 0;
        for byte in bytes {
            match byte {
                b'"' if self.has_quotes => self.is_quoted = !self.is_quoted,
                b'\n' if !self.is_quoted => rows += 1,
                _ => {}
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_whole_however_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        let long = "x".repeat(300);
        for (key, line) in [("a", "1\n"), ("", "2\n"), ("b", long.as_str()), ("é", "")] {
            for text in [key, line] {
                let length = text.len();
                if length >= 0x80 {
                    bytes.extend([u8::try_from(length & 0x7f).unwrap() | 0x80, u8::try_from(length >> 7).unwrap()]);
                } else {
                    bytes.push(u8::try_from(length).unwrap());
                }
                bytes.extend(text.as_bytes());
            }
        }
        for step in 1..bytes.len() {
            let mut reader = RowReader::Lines { has_key: true, rest: Vec::new() };
            let mut found = Vec::new();
            for part in bytes.chunks(step) {
                for piece in reader.feed(Bytes::copy_from_slice(part)).unwrap() {
                    let Piece::Lines(bytes, rows) = piece else { panic!("not lines") };
                    found.extend(rows.into_iter().map(|(key, line)| (bytes[key].to_vec(), bytes[line].len())));
                }
            }
            reader.finish().unwrap();
            assert_eq!(found, [(b"a".to_vec(), 2), (vec![], 2), (b"b".to_vec(), 300), ("é".into(), 0)], "{step}");
        }
        let mut cut = RowReader::Lines { has_key: true, rest: Vec::new() };
        cut.feed(Bytes::copy_from_slice(&bytes[..4])).unwrap();
        assert!(cut.finish().is_err());
    }

    #[test]
    fn lines_are_counted_outside_of_quotes() {
        let mut csv = LineCount::new(true);
        assert_eq!(csv.feed(b"1,\"a\n") + csv.feed(b"\"\"b\"\n2,c\n"), 2);
        assert_eq!(LineCount::new(false).feed(b"{\"a\":\"\\\"\"}\n{}\n"), 2);
    }
}
