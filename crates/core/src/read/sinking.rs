//! A sink's query: checked and described first, then asked for rows with the keys of their files.

use std::time::Duration;

use standpipe_clickhouse::quote::{identifier, string_literal};
use standpipe_clickhouse::{Error as EngineError, Lane, QueryOptions, QueryResponse, codes};
use standpipe_sql::Door;
use standpipe_template::Params;

use super::describe::Work;
use super::effort::short_first;
use super::format::OutputSettings;
use super::names::{Names, Resolved};
use super::run::Reader;
use super::user_names::in_names;
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::{Node, Pipe};
use crate::sinks::{FileFormat, FileNames};
use crate::storage::{TableColumn, read_columns};

/// How long the engine waits for a slow object store to take its rows, in seconds.
const SEND_SECONDS: u64 = 600;

/// The name of the column that holds the keys of files.
const KEY_COLUMN: &str = "sink_file_key";

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
        let none = Params::default();
        let resolved = short_first(|effort| {
            let names = Names::new(access, params.unwrap_or(&none)).with_effort(effort);
            let names = if params.is_none() { names.in_test_mode() } else { names };
            names.resolve_node(pipe, node)
        })?;
        let sql = self.check(access, &resolved, Door::Sink).await?;
        let limits = self.limits();
        let work = Work { time: limits.time, rows: None, memory_bytes: limits.memory_bytes };
        let columns = self.ask_for_columns(&sql, &work).await;
        let columns = read_columns(&columns.map_err(|error| in_names(error, access, &resolved))?)?;
        let threads = self.threads(&resolved, None, limits);
        Ok(SinkQuery { resolved, columns, threads })
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
        let mut options = QueryOptions::new(Lane::Background)
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

/// What is asked of the engine: how the rows come, in which format, and the text.
fn statement(
    sql: &str,
    columns: &[TableColumn],
    names: &FileNames,
    format: FileFormat,
) -> (RowStream, &'static str, String) {
    let key = names.key_sql();
    let (whole, line) = match format {
        FileFormat::Csv => ("CSV", "CSV"),
        FileFormat::Ndjson => ("JSONEachRow", "JSONEachRow"),
        FileFormat::Parquet => return blocks(sql, columns, key),
    };
    if key.is_none() && names.split() == 1 {
        return (RowStream::Text, whole, sql.to_owned());
    }
    let key = key.map(|key| format!("{key}, ")).unwrap_or_default();
    let text = format!("SELECT {key}formatRow({}, *) FROM ({sql}\n)", string_literal(line));
    (RowStream::Lines, "RowBinary", text)
}

/// Parquet knows times, which the engine's blocks have only where they have fractions, and no types of addresses: such
/// columns are cast.
fn blocks(sql: &str, columns: &[TableColumn], key: Option<String>) -> (RowStream, &'static str, String) {
    let cast = |column: &TableColumn| {
        let data_type = parquet_type(&column.data_type);
        let name = identifier(&column.name);
        let target = string_literal(&data_type);
        (data_type != column.data_type).then(|| format!("CAST({name}, {target}) AS {name}"))
    };
    let casts: Vec<String> = columns.iter().filter_map(cast).collect();
    let key = key.map(|key| format!("{key} AS {KEY_COLUMN}, "));
    if casts.is_empty() && key.is_none() {
        return (RowStream::Blocks, "ArrowStream", sql.to_owned());
    }
    let replace = if casts.is_empty() { String::new() } else { format!(" REPLACE ({})", casts.join(", ")) };
    let key = key.unwrap_or_default();
    (RowStream::Blocks, "ArrowStream", format!("SELECT {key}*{replace} FROM ({sql}\n)"))
}

/// The type of a column in Parquet, as the engine's: the same but for names that Parquet has no use for.
fn parquet_type(data_type: &str) -> String {
    let mut out = String::with_capacity(data_type.len());
    let mut rest = data_type;
    while !rest.is_empty() {
        let word = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(word);
        match name {
            "DateTime" => {
                let zone = behind.strip_prefix('(').and_then(|inner| inner.split_once(')'));
                let (zone, behind) = zone.map_or((None, behind), |(zone, behind)| (Some(zone), behind));
                out.push_str(&zone.map_or("DateTime64(3)".to_owned(), |zone| format!("DateTime64(3, {zone})")));
                rest = behind;
                continue;
            }
            "Enum8" | "Enum16" => {
                out.push_str("String");
                rest = behind_parentheses(behind);
                continue;
            }
            "IPv4" | "IPv6" | "Int128" | "UInt128" | "Int256" | "UInt256" | "UUID" => out.push_str("String"),
            "Nothing" => out.push_str("String"),
            _ => out.push_str(name),
        }
        // What is quoted names something and is no type.
        let mut characters = behind.chars();
        match characters.next() {
            Some(quote @ ('\'' | '`')) => {
                let end = behind[1..].find(quote).map_or(behind.len(), |end| end + 2);
                out.push_str(&behind[..end]);
                rest = &behind[end..];
            }
            Some(other) => {
                out.push(other);
                rest = characters.as_str();
            }
            None => rest = "",
        }
    }
    out
}

/// What follows the parentheses that a text begins with; quoted ones do not count.
fn behind_parentheses(text: &str) -> &str {
    let (mut depth, mut is_quoted, mut is_escaped) = (0_u32, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted && depth == 1 => return &text[at + 1..],
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sinks::FileTemplate;

    #[test]
    fn types_that_parquet_knows() {
        for (from, to) in [
            ("DateTime", "DateTime64(3)"),
            ("Nullable(DateTime('Europe/Madrid'))", "Nullable(DateTime64(3, 'Europe/Madrid'))"),
            ("DateTime64(6)", "DateTime64(6)"),
            ("Array(Enum8('a)(' = 1, 'it\\'s' = 2))", "Array(String)"),
            ("Tuple(`DateTime` Int8, IPv4)", "Tuple(`DateTime` Int8, String)"),
            ("Map(String, UInt256)", "Map(String, String)"),
            ("Nullable(Nothing)", "Nullable(String)"),
            ("LowCardinality(String)", "LowCardinality(String)"),
        ] {
            assert_eq!(parquet_type(from), to);
        }
    }

    fn check(template: &str, format: FileFormat) -> String {
        let columns = [("c", "String"), ("t", "DateTime")].map(|(name, data_type)| TableColumn {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            default_kind: String::new(),
        });
        let names = FileTemplate::parse(template).unwrap().resolve(&BTreeMap::new(), &["c", "t"]).unwrap();
        let (stream, format, sql) = statement("SELECT c, t FROM x -- all", &columns, &names, format);
        format!("{stream:?} {format}: {sql}")
    }

    #[test]
    fn the_engine_is_asked_for_keys_and_rows() {
        insta::assert_snapshot!(check("a", FileFormat::Csv), @"");
        insta::assert_snapshot!(check("a_{4}", FileFormat::Csv), @"");
        insta::assert_snapshot!(check("{c}", FileFormat::Ndjson), @"");
        insta::assert_snapshot!(check("{t, '%Y'}", FileFormat::Parquet), @"");
        insta::assert_snapshot!(check("a", FileFormat::Parquet), @"");
    }
}
