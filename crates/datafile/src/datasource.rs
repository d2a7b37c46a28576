//! `.datasource` files.

mod connector;
mod parse;
mod print;

use crate::engine::Engine;
use crate::error::Warning;
use crate::header::{Tags, TokenGrant};
use crate::index::IndexDef;
use crate::schema::ColumnDef;

pub use connector::{BucketSource, Connector, DynamoDbSource, KafkaSource, PostgresSource};
pub(crate) use parse::{engine, sql_block};
pub use parse::{parse_datasource, parse_datasource_with};
pub(crate) use print::{EngineLines, Keywords, Sections};

/// A data source as its file defines it. Displays as such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSourceFile {
    /// The file's name without folders and extension.
    pub name: String,
    /// What the data source is about.
    pub description: Option<String>,
    /// Tokens that may read it or append to it.
    pub tokens: Vec<TokenGrant>,
    /// Labels and operational settings.
    pub tags: Tags,
    /// Its columns, at least one.
    pub columns: Vec<ColumnDef>,
    /// Its data skipping indexes.
    pub indexes: Vec<IndexDef>,
    /// Its engine; `None` where the file does not say.
    pub engine: Option<Engine>,
    /// Names of the workspaces it is shared with.
    pub shared_with: Vec<String>,
    /// The query that carries the rows of the deployed data source over to this schema.
    pub forward_query: Option<String>,
    /// `BACKFILL skip`: rows of the deployed data source are not carried over.
    pub skip_backfill: bool,
    /// Where rows come from by themselves.
    pub connector: Option<Connector>,
    /// Keywords that were read over.
    pub warnings: Vec<Warning>,
}

impl DataSourceFile {
    /// A file that says nothing but its columns.
    pub fn new(name: impl Into<String>, columns: Vec<ColumnDef>) -> DataSourceFile {
        DataSourceFile {
            name: name.into(),
            description: None,
            tokens: Vec::new(),
            tags: Tags::default(),
            columns,
            indexes: Vec::new(),
            engine: None,
            shared_with: Vec::new(),
            forward_query: None,
            skip_backfill: false,
            connector: None,
            warnings: Vec::new(),
        }
    }
}
