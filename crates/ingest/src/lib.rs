//! Turns the bytes that users send (NDJSON, JSON, CSV) into `ClickHouse`'s `RowBinary`, by the schema of a data source.
//!
//! Every row of a body ends in exactly one place: encoded in [`Batch::row_binary`], or, with all its errors and the text
//! that was found, in [`Batch::quarantine`]. Counts are exact before any engine has seen a byte.
//!
//! This crate never does I/O, never reads a clock, never blocks on anything and knows neither HTTP nor the engine: bytes
//! and a [`Schema`] go in, bytes and counts come out. A [`Batch`] is self-contained, so it can be sent or logged as it is.
//!
//! Start reading at [`Decoder`]; then `paths` (where the columns' values stand in a row) and `encode` (one value to
//! bytes, by type). `json` scans text and knows nothing of schemas.

mod batch;
mod csv;
mod data_type;
mod decoder;
mod encode;
mod json;
mod json_path;
mod paths;
mod quarantine;
mod row_binary;
mod schema;

pub use batch::{Batch, DecodeError};
pub use csv::{CsvDialect, HeaderMode, guess_delimiter};
pub use data_type::{DataType, EnumValues, TupleField, TypeError};
pub use decoder::{Decoder, SchemaError};
pub use json_path::{JsonPath, JsonPathError, Step};
pub use quarantine::{QuarantinedRow, quarantine_columns, quarantine_row_binary};
pub use schema::{Column, Schema};
