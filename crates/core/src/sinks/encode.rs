//! Encoders of files: rows go in, bytes come out as they are ready.

use std::io::Write;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic;
use parquet::file::properties::WriterProperties;

use super::Compression;
use crate::error::{Error, Result};

/// The level that ClickHouse writes files with, at less work than gzip's own default.
const GZIP_LEVEL: flate2::Compression = flate2::Compression::new(3);

/// So much text is compressed at once: longer would be no smaller, as the compressions look no further back.
const PIECE_BYTES: usize = 4 << 20;

/// So many bytes of rows become a row group, or fewer where there are many files.
const GROUP_BYTES: usize = 32 << 20;

/// The encoder of one file.
pub(super) enum Encoder {
    Text(TextEncoder),
    Parquet(Box<ParquetEncoder>),
}

impl Encoder {
    /// How much memory it holds beyond its output, in bytes.
    pub(super) fn memory(&self) -> usize {
        match self {
            Encoder::Text(text) => text.waiting.len(),
            Encoder::Parquet(parquet) => parquet.waiting_bytes,
        }
    }

    /// Gives that memory back: what it holds goes to `out`, and more may follow.
    pub(super) fn rest(&mut self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Encoder::Text(text) => text.rest(out),
            Encoder::Parquet(parquet) => parquet.rest(out),
        }
    }

    /// Ends the file.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            // A file without rows is compressed, too.
            Encoder::Text(text) if !text.has_begun => text.compress(out),
            Encoder::Text(text) => text.rest(out),
            Encoder::Parquet(parquet) => parquet.finish(out),
        }
    }
}

/// Text, compressed or not, piece by piece: a compressed text of several pieces is one text to whoever reads it, and between
/// them nothing but the text itself has to be kept.
pub(super) struct TextEncoder {
    compression: Compression,
    /// What is to be compressed.
    waiting: Vec<u8>,
    /// Whether there was a piece.
    has_begun: bool,
}

impl TextEncoder {
    pub(super) fn new(compression: Compression) -> TextEncoder {
        TextEncoder { compression, waiting: Vec::new(), has_begun: false }
    }

    /// Errors: compressions that only Parquet has.
    pub(super) fn write(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if self.compression == Compression::None {
            out.extend_from_slice(text);
            return Ok(());
        }
        self.waiting.extend_from_slice(text);
        if self.waiting.len() >= PIECE_BYTES { self.rest(out) } else { Ok(()) }
    }

    fn rest(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.waiting.is_empty() { Ok(()) } else { self.compress(out) }
    }

    fn compress(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.has_begun = true;
        let text = std::mem::take(&mut self.waiting);
        match self.compression {
            Compression::None => out.extend(text),
            Compression::Gz => {
                let mut piece = GzEncoder::new(out, GZIP_LEVEL);
                piece.write_all(&text).and_then(|()| piece.finish().map(drop)).map_err(|error| broken(&error))?;
            }
            Compression::Zstd => {
                let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                out.extend(zstd::bulk::compress(&text, level).map_err(|error| broken(&error))?);
            }
            Compression::Lz4 | Compression::Snappy => {
                return Err(Error::internal("text was to be compressed as only parquet can be"));
            }
        }
        Ok(())
    }
}

/// Parquet, row group by row group. What is open while a row group is written (dictionaries, compressors for each column) is
/// large, so rows wait until they are enough for one.
pub(super) struct ParquetEncoder {
    writer: ArrowWriter<Vec<u8>>,
    waiting: Vec<RecordBatch>,
    waiting_bytes: usize,
}

impl ParquetEncoder {
    pub(super) fn new(schema: SchemaRef, compression: Compression) -> Result<ParquetEncoder> {
        let compression = match compression {
            Compression::None => basic::Compression::UNCOMPRESSED,
            Compression::Gz => basic::Compression::GZIP(basic::GzipLevel::default()),
            Compression::Zstd => basic::Compression::ZSTD(basic::ZstdLevel::default()),
            Compression::Lz4 => basic::Compression::LZ4_RAW,
            Compression::Snappy => basic::Compression::SNAPPY,
        };
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_created_by(concat!("standpipe version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties)).map_err(|error| broken(&error))?;
        Ok(ParquetEncoder { writer, waiting: Vec::new(), waiting_bytes: 0 })
    }

    pub(super) fn write(&mut self, rows: RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        self.waiting_bytes += memory_of(&rows);
        self.waiting.push(rows);
        if self.waiting_bytes >= GROUP_BYTES { self.rest(out) } else { Ok(()) }
    }

    fn rest(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.waiting_bytes = 0;
        for rows in std::mem::take(&mut self.waiting) {
            self.writer.write(&rows).map_err(|error| broken(&error))?;
        }
        self.writer.flush().map_err(|error| broken(&error))?;
        self.writer.sync().map_err(|error| broken(&error))?;
        self.take(out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.rest(out)?;
        self.writer.finish().map_err(|error| broken(&error))?;
        self.take(out);
        Ok(())
    }

    /// Takes what the writer has written, and leaves it no memory.
    fn take(&mut self, out: &mut Vec<u8>) {
        let bytes = std::mem::take(self.writer.inner_mut());
        if out.is_empty() { *out = bytes } else { out.extend(bytes) }
    }
}

/// The memory of these rows, without that of others that share a buffer with them.
fn memory_of(rows: &RecordBatch) -> usize {
    let of_column = |column: &ArrayRef| {
        let exact = column.to_data().get_slice_memory_size();
        exact.unwrap_or_else(|_| column.get_array_memory_size())
    };
    rows.columns().iter().map(of_column).sum()
}

fn broken(error: &dyn std::fmt::Display) -> Error {
    Error::bad_request(format!("the rows cannot be written in this format: {error}"))
}
