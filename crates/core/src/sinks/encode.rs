//! Encoders of files: rows go in, bytes come out as they are ready.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic;
use parquet::file::properties::WriterProperties;

use super::Compression;
use crate::error::{Error, Result};

/// What an open encoder of text holds, in bytes, about: window and tables.
const GZ_BYTES: usize = 300 << 10;
const ZSTD_BYTES: usize = 2 << 20;

/// The encoder of one file.
pub(super) enum Encoder {
    Text(Box<TextEncoder>),
    Parquet(Box<ParquetEncoder>),
}

impl Encoder {
    /// How much memory it holds beyond its output, in bytes.
    pub(super) fn memory(&self) -> usize {
        match self {
            Encoder::Text(text) => text.memory(),
            Encoder::Parquet(parquet) => parquet.writer.in_progress_size(),
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
            Encoder::Text(text) => text.rest(out),
            Encoder::Parquet(parquet) => parquet.finish(out),
        }
    }
}

/// Text, compressed or not. A compressed text of several members is one text to whoever reads it.
pub(super) enum TextEncoder {
    Plain,
    Gz(Option<GzEncoder<Vec<u8>>>),
    Zstd(Option<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl TextEncoder {
    /// Errors: compressions that only Parquet has.
    pub(super) fn new(compression: Compression) -> Result<TextEncoder> {
        match compression {
            Compression::None => Ok(TextEncoder::Plain),
            Compression::Gz => Ok(TextEncoder::Gz(None)),
            Compression::Zstd => Ok(TextEncoder::Zstd(None)),
            Compression::Lz4 | Compression::Snappy => {
                Err(Error::internal("text was to be compressed as only parquet can be"))
            }
        }
    }

    fn memory(&self) -> usize {
        match self {
            TextEncoder::Gz(Some(_)) => GZ_BYTES,
            TextEncoder::Zstd(Some(_)) => ZSTD_BYTES,
            TextEncoder::Plain | TextEncoder::Gz(None) | TextEncoder::Zstd(None) => 0,
        }
    }

    pub(super) fn write(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            TextEncoder::Plain => out.extend_from_slice(text),
            TextEncoder::Gz(open) => {
                let member = open.get_or_insert_with(|| GzEncoder::new(Vec::new(), flate2::Compression::default()));
                member.write_all(text).map_err(|error| broken(&error))?;
                out.append(member.get_mut());
            }
            TextEncoder::Zstd(open) => {
                let frame = match open {
                    Some(frame) => frame,
                    None => {
                        let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                        open.insert(
                            zstd::stream::write::Encoder::new(Vec::new(), level).map_err(|error| broken(&error))?,
                        )
                    }
                };
                frame.write_all(text).map_err(|error| broken(&error))?;
                out.append(frame.get_mut());
            }
        }
        Ok(())
    }

    fn rest(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let ended = match self {
            TextEncoder::Plain => return Ok(()),
            TextEncoder::Gz(open) => open.take().map(GzEncoder::finish),
            TextEncoder::Zstd(open) => open.take().map(zstd::stream::write::Encoder::finish),
        };
        if let Some(bytes) = ended.transpose().map_err(|error| broken(&error))? {
            out.extend(bytes);
        }
        Ok(())
    }
}

/// Parquet: one row group grows at a time.
pub(super) struct ParquetEncoder {
    writer: ArrowWriter<Vec<u8>>,
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
        Ok(ParquetEncoder { writer })
    }

    pub(super) fn write(&mut self, rows: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        self.writer.write(rows).map_err(|error| broken(&error))?;
        self.take(out)
    }

    fn rest(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.writer.flush().map_err(|error| broken(&error))?;
        self.take(out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.writer.finish().map_err(|error| broken(&error))?;
        out.append(self.writer.inner_mut());
        Ok(())
    }

    fn take(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.writer.sync().map_err(|error| broken(&error))?;
        out.append(self.writer.inner_mut());
        Ok(())
    }
}

fn broken(error: &dyn std::fmt::Display) -> Error {
    Error::bad_request(format!("the rows cannot be written in this format: {error}"))
}
