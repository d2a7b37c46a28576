//! Rows dealt out to files, with bounded memory: encoders that hold too much are made to let go, and bytes that are too
//! few for a part are put aside.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_schema::{Schema, SchemaRef};
use bytes::Bytes;

use super::encode::{Encoder, ParquetEncoder, TextEncoder};
use super::rows::{Piece, RowReader};
use super::spool::{Extent, Spool};
use super::{Compression, FileFormat, FileNames};
use crate::error::{Error, Result};

/// Most files of one run.
const MAX_FILES: usize = 10_000;

/// Smallest part that is sent before its file ends. Later parts are larger, for stores that take 10,000 of them.
const PART_BYTES: usize = 8 << 20;
const PARTS_OF_A_SIZE: usize = 1_000;

/// Memory of all encoders together, and of all bytes that wait for a part.
const ENCODER_BYTES: usize = 128 << 20;
const WAITING_BYTES: usize = 64 << 20;

/// Bytes of one file that are to be sent.
#[derive(Debug)]
pub(super) struct Part {
    /// Which file.
    pub(super) file: usize,
    /// Its name below the sink's path, without an extension.
    pub(super) name: String,
    /// The bytes.
    pub(super) content: Vec<u8>,
}

/// What all files have in common.
pub(super) struct Layout {
    pub(super) names: FileNames,
    pub(super) format: FileFormat,
    pub(super) compression: Compression,
    /// What each file begins with.
    pub(super) header: Vec<u8>,
}

/// The files of a run.
pub(super) struct Files {
    layout: Layout,
    reader: RowReader,
    spool: Spool,
    files: Vec<OpenFile>,
    /// Files by key, and by their place among those that rows are dealt out to.
    by_key: HashMap<Box<[u8]>, Vec<Option<usize>>>,
    by_name: HashMap<String, usize>,
    schema: Option<SchemaRef>,
    rows: u64,
}

struct OpenFile {
    name: String,
    encoder: Encoder,
    output: Vec<u8>,
    aside: Vec<Extent>,
    aside_bytes: usize,
    parts: usize,
    /// When it was last written to: the number of the row.
    used: u64,
}

impl OpenFile {
    fn waiting(&self) -> usize {
        self.output.len() + self.aside_bytes
    }

    fn part_bytes(&self) -> usize {
        PART_BYTES * (1 + self.parts / PARTS_OF_A_SIZE)
    }

    fn take(&mut self, spool: &mut Spool) -> Result<Vec<u8>> {
        self.parts += 1;
        if self.aside.is_empty() {
            return Ok(std::mem::take(&mut self.output));
        }
        let mut content = Vec::with_capacity(self.waiting());
        for extent in self.aside.drain(..) {
            spool.take(extent, &mut content)?;
        }
        self.aside_bytes = 0;
        content.append(&mut self.output);
        Ok(content)
    }
}

impl Files {
    pub(super) fn new(layout: Layout, reader: RowReader, spool: Spool) -> Files {
        let (by_key, by_name) = (HashMap::new(), HashMap::new());
        Files { layout, reader, spool, files: Vec::new(), by_key, by_name, schema: None, rows: 0 }
    }

    /// How many rows were counted so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes the next bytes of the stream, and answers the parts that are full.
    pub(super) fn feed(&mut self, bytes: Vec<Bytes>) -> Result<Vec<Part>> {
        for piece in bytes {
            self.feed_one(piece)?;
        }
        self.let_go()?;
        self.full_parts()
    }

    fn feed_one(&mut self, bytes: Bytes) -> Result<()> {
        for piece in self.reader.feed(bytes)? {
            match piece {
                Piece::Text(text, rows) => {
                    let file = self.file(b"", 0)?;
                    self.write_text(file, &text)?;
                    self.rows += rows;
                }
                Piece::Lines(bytes, rows) => {
                    for (key, line) in rows {
                        let number = self.next_number();
                        let file = self.file(&bytes[key], number)?;
                        self.write_text(file, &bytes[line])?;
                    }
                }
                Piece::Block(block, keys) => self.write_block(block, keys.as_ref())?,
            }
        }
        Ok(())
    }

    /// Ends all files, and answers what is left of them. A run without rows has one file, where its name is known.
    pub(super) fn finish(&mut self) -> Result<Vec<Part>> {
        self.reader.finish()?;
        let is_known = self.layout.names.key_sql().is_none();
        if self.files.is_empty() && is_known && self.layout.format != FileFormat::Parquet {
            self.file(b"", 0)?;
        }
        let mut parts = Vec::with_capacity(self.files.len());
        for (at, file) in self.files.iter_mut().enumerate() {
            file.encoder.finish(&mut file.output)?;
            parts.push(Part { file: at, name: file.name.clone(), content: Vec::new() });
        }
        Ok(parts)
    }

    /// The bytes of a file that wait, after [`Files::finish`].
    pub(super) fn rest_of(&mut self, file: usize) -> Result<Vec<u8>> {
        self.files[file].take(&mut self.spool)
    }

    fn next_number(&mut self) -> u32 {
        let number = self.rows % u64::from(self.layout.names.split());
        self.rows += 1;
        u32::try_from(number).unwrap_or_default()
    }

    /// The file of a key, made when there is none.
    fn file(&mut self, key: &[u8], number: u32) -> Result<usize> {
        let slot = number as usize;
        if let Some(file) = self.by_key.get(key).and_then(|files| files.get(slot).copied().flatten()) {
            return Ok(file);
        }
        let name = self.layout.names.name(&String::from_utf8_lossy(key), number)?;
        let file = match self.by_name.get(&name) {
            Some(file) => *file,
            None => self.open(name)?,
        };
        let files = self.by_key.entry(key.into()).or_default();
        if files.len() <= slot {
            files.resize(slot + 1, None);
        }
        files[slot] = Some(file);
        Ok(file)
    }

    fn open(&mut self, name: String) -> Result<usize> {
        if self.files.len() == MAX_FILES {
            return Err(Error::bad_request(format!(
                "the file template makes more than {MAX_FILES} files: use columns with fewer values in it"
            )));
        }
        let (format, compression) = (self.layout.format, self.layout.compression);
        let mut output = Vec::new();
        let encoder = if format == FileFormat::Parquet {
            let schema = self.schema.clone().unwrap_or_else(|| Arc::new(Schema::empty()));
            Encoder::Parquet(Box::new(ParquetEncoder::new(schema, compression)?))
        } else {
            let mut text = TextEncoder::new(compression);
            text.write(&self.layout.header, &mut output)?;
            Encoder::Text(text)
        };
        let file = self.files.len();
        self.by_name.insert(name.clone(), file);
        let (aside, aside_bytes, parts, used) = (Vec::new(), 0, 0, self.rows);
        self.files.push(OpenFile { name, encoder, output, aside, aside_bytes, parts, used });
        Ok(file)
    }

    fn write_text(&mut self, file: usize, text: &[u8]) -> Result<()> {
        let file = &mut self.files[file];
        file.used = self.rows;
        match &mut file.encoder {
            Encoder::Text(encoder) => encoder.write(text, &mut file.output),
            Encoder::Parquet(_) => Err(Error::internal("text was to be written as parquet")),
        }
    }

    fn write_block(&mut self, block: RecordBatch, keys: Option<&ArrayRef>) -> Result<()> {
        self.schema.get_or_insert_with(|| block.schema());
        if keys.is_none() && self.layout.names.split() == 1 {
            self.rows += block.num_rows() as u64;
            let file = self.file(b"", 0)?;
            return self.write_rows(file, block);
        }
        let keys = keys.and_then(|keys| keys.as_string_opt::<i32>());
        let mut groups: HashMap<usize, Vec<u32>> = HashMap::new();
        for row in 0..block.num_rows() {
            let key = keys.map_or("", |keys| keys.value(row));
            let number = self.next_number();
            let file = self.file(key.as_bytes(), number)?;
            groups.entry(file).or_default().push(u32::try_from(row).unwrap_or(u32::MAX));
        }
        for (file, rows) in groups {
            let taken = arrow_select::take::take_record_batch(&block, &UInt32Array::from(rows));
            let taken = taken.map_err(|error| Error::internal(format!("rows could not be dealt out: {error}")))?;
            self.write_rows(file, taken)?;
        }
        Ok(())
    }

    fn write_rows(&mut self, file: usize, rows: RecordBatch) -> Result<()> {
        let file = &mut self.files[file];
        file.used = self.rows;
        match &mut file.encoder {
            Encoder::Parquet(encoder) => encoder.write(rows, &mut file.output),
            Encoder::Text(_) => Err(Error::internal("blocks were to be written as text")),
        }
    }

    /// Brings memory below its bounds: encoders that were not used for longest rest, the most bytes are put aside.
    fn let_go(&mut self) -> Result<()> {
        let mut held: usize = self.files.iter().map(|file| file.encoder.memory()).sum();
        if held > ENCODER_BYTES {
            let mut order: Vec<usize> =
                (0..self.files.len()).filter(|at| self.files[*at].encoder.memory() > 0).collect();
            order.sort_by_key(|at| self.files[*at].used);
            for at in order {
                if held <= ENCODER_BYTES / 2 {
                    break;
                }
                let file = &mut self.files[at];
                held = held.saturating_sub(file.encoder.memory());
                file.encoder.rest(&mut file.output)?;
            }
        }
        let mut waiting: usize = self.files.iter().map(|file| file.output.len()).sum();
        if waiting <= WAITING_BYTES {
            return Ok(());
        }
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.files[*at].output.len()));
        for at in order {
            let file = &mut self.files[at];
            if waiting <= WAITING_BYTES / 2 || file.waiting() >= file.part_bytes() {
                continue;
            }
            let output = std::mem::take(&mut file.output);
            waiting -= output.len();
            file.aside_bytes += output.len();
            file.aside.extend(self.spool.append(&output)?);
        }
        Ok(())
    }

    fn full_parts(&mut self) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        for (at, file) in self.files.iter_mut().enumerate() {
            if file.waiting() >= file.part_bytes() {
                parts.push(Part { file: at, name: file.name.clone(), content: file.take(&mut self.spool)? });
            }
        }
        Ok(parts)
    }
}
