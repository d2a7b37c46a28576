//! The text of a data project: `.datasource`, `.pipe` and `.connection` files to plain structs and back.
//!
//! This crate is pure: it opens no file, asks no engine, renders no template and checks no SQL of a node; it knows what a
//! datafile says, not whether the names in it exist. Column types, engine options and key expressions are checked far
//! enough that their text can stand in a CREATE TABLE without closing its parentheses or commenting out what follows;
//! which *functions* such an expression may call is for the SQL guard to say.
//!
//! Start with [`parse_schema`] and [`Engine`] for what the HTTP API sends field by field, and with [`parse_datasource`] for
//! files: `source` cuts a text into statements, `datasource`, `pipe` and `connection` make structs of them. Every file
//! struct displays as its file.

mod connection;
mod datasource;
mod engine;
mod error;
mod header;
mod index;
mod options;
mod pipe;
mod scan;
mod schedule;
mod schema;
mod source;
mod text;
mod types;
mod value;

pub use connection::{ConnectionFile, ConnectionKind, ConnectionParam, parse_connection, parse_connection_with};
pub use datasource::{
    BucketSource, Connector, DataSourceFile, DynamoDbSource, KafkaSource, PostgresSource, parse_datasource,
    parse_datasource_with,
};
pub use engine::{Engine, EngineError, EngineName, TableSetting, check_keys};
pub use error::{DatafileError, Warning};
pub use header::{Permission, Tags, TokenGrant};
pub use index::{IndexDef, parse_indexes};
pub use pipe::{
    BucketSink, Copy, CopyMode, Endpoint, Materialized, NodeDef, NodeKind, PipeFile, Sink, SinkTarget, Stream,
    parse_pipe, parse_pipe_with,
};
pub use schedule::{Schedule, ScheduleError};
pub use schema::{Codec, ColumnDef, ColumnDefault, DefaultKind, SchemaError, parse_schema, print_schema};
pub use types::ColumnType;
pub use value::{Inputs, Lookup, resolve_secrets};
