//! A sink's query: checked and described first, then asked for rows with the keys of their files.

mod statement;

use std::time::Duration;

use standpipe_clickhouse::{Error as EngineError, Lane, QueryOptions, QueryResponse, codes};
use standpipe_sql::Door;
use standpipe_template::Params;

use self::statement::statement;
use super::column_types::refuse_states;
use super::format::OutputSettings;
use super::names::Resolved;
use super::run::Reader;
use super::user_names::in_names;
use crate::access::Access;
use crate::dialect::with_dialect;
use crate::error::{Error, Result};
use crate::model::{Node, Pipe};
use crate::sinks::{FileFormat, FileNames};
use crate::storage::TableColumn;

/// How long the engine waits for a slow object store to take its rows, in seconds.
const SEND_SECONDS: u64 = 600;

/// A query whose rows may be written outside.
#[derive(Clone, Debug)]
pub struct SinkQuery {
    resolved: Resolved,
    /// The columns that it answers.
    pub columns: Vec<TableColumn>,
    threads: u32,
}

/// How rows come from the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowStream {
    /// As the text of the file.
    Text,
    /// A key, if there are keys, and a line for each row.
    Lines,
    /// Blocks of columns, the key first, if there are keys.
    Blocks,
}

impl SinkQuery {
    /// The names of its columns.
    pub fn column_names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    /// The names of its columns with the engine's types.
    pub fn column_types(&self) -> impl Iterator<Item = (&str, &str)> {
        self.columns.iter().map(|column| (column.name.as_str(), column.data_type.as_str()))
    }
}

impl Reader {
    /// Makes a node's query ready to be a sink's; with sample values when there are no `params`.
    pub async fn sink_query(
        &self,
        access: &Access,
        pipe: &Pipe,
        node: &Node,
        params: Option<&Params>,
    ) -> Result<SinkQuery> {
        let query = self.moving_query(access, pipe, node, params, Door::Sink).await?;
        refuse_states(&query.columns, "files")?;
        Ok(SinkQuery { resolved: query.resolved, columns: query.columns, threads: query.threads })
    }

    /// Runs the query for its rows and the keys of their files.
    pub(crate) async fn sink_rows(
        &self,
        access: &Access,
        query: &SinkQuery,
        names: &FileNames,
        format: FileFormat,
        (query_id, time): (&str, Duration),
    ) -> Result<(RowStream, QueryResponse)> {
        let (stream, engine_format, sql) = statement(&query.resolved.sql, &query.columns, names, format);
        let resolved = Resolved { sql, ..query.resolved.clone() };
        let sql = self.check(access, &resolved, Door::Sink).await?;
        let mut options = with_dialect(QueryOptions::new(Lane::Job))
            .query_id(query_id)
            .format(engine_format)
            .setting("readonly", 1)
            .setting("max_execution_time", time.as_secs())
            .setting("max_memory_usage", self.limits().memory_bytes)
            .setting("max_threads", query.threads)
            .setting("send_timeout", SEND_SECONDS);
        for (name, value) in OutputSettings::default().settings() {
            options = options.setting(name, u8::from(value));
        }
        if format == FileFormat::Csv {
            // A tuple is one value of its line: otherwise the values behind it would stand below other columns' names.
            options = options.setting("output_format_csv_serialize_tuple_into_separate_columns", 0);
        }
        if stream == RowStream::Blocks {
            options = options.setting("output_format_arrow_compression_method", "none");
        }
        match self.client().query(&sql, &options).await {
            Ok(response) => Ok((stream, response)),
            Err(EngineError::Exception(exception)) if exception.code == codes::TIMEOUT_EXCEEDED => {
                Err(Error::Timeout { seconds: time.as_secs() })
            }
            Err(error) => Err(in_names(Error::from_engine(error, "read the rows"), access, &resolved)),
        }
    }
}
