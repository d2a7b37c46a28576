//! Reading a `.datasource` file.

use super::{DataSourceFile, connector};
use crate::engine::{Engine, EngineError, check_keys};
use crate::error::DatafileError;
use crate::header::{Header, Permission};
use crate::index::{IndexDef, parse_indexes};
use crate::options::{Options, once};
use crate::schema::{self, ColumnDef, Materialized};
use crate::source::{Grammar, Place, Source, Statement};
use crate::value::Inputs;
use crate::{text, value};

#[rustfmt::skip]
pub(super) const GRAMMAR: Grammar = Grammar {
    kind: "datasource",
    keywords: &[
        "BACKFILL", "DESCRIPTION", "ENGINE", "ENGINE_COLUMNS", "ENGINE_IS_DELETED", "ENGINE_PARTITION_KEY",
        "ENGINE_PRIMARY_KEY", "ENGINE_SAMPLING_KEY", "ENGINE_SETTINGS", "ENGINE_SIGN", "ENGINE_SORTING_KEY",
        "ENGINE_SUMMING_COLUMNS", "ENGINE_TTL", "ENGINE_VER", "ENGINE_VERSION", "FORWARD_QUERY", "IMPORT_BUCKET_URI",
        "IMPORT_CONNECTION_NAME", "IMPORT_EXPORT_BUCKET", "IMPORT_EXTERNAL_DATASOURCE", "IMPORT_FORMAT",
        "IMPORT_FROM_TIMESTAMP", "IMPORT_QUERY", "IMPORT_SCHEDULE", "IMPORT_SERVICE", "IMPORT_STRATEGY",
        "IMPORT_TABLE_ARN", "INCLUDE", "INDEXES", "INDICES", "KAFKA_AUTO_OFFSET_RESET", "KAFKA_CONNECTION_NAME",
        "KAFKA_GROUP_ID", "KAFKA_KEY_FORMAT", "KAFKA_STORE_BINARY_HEADERS", "KAFKA_STORE_HEADERS",
        "KAFKA_STORE_RAW_VALUE", "KAFKA_TARGET_PARTITIONS", "KAFKA_TOPIC", "KAFKA_VALUE_FORMAT", "PARTITION_KEY",
        "PG_CONNECTION_NAME", "PG_TABLE", "PRIMARY_KEY", "SAMPLING_KEY", "SCHEMA", "SHARED_WITH", "SORTING_KEY",
        "SOURCE", "TAGS", "TOKEN", "TTL", "VERSION",
    ],
    hints: &[
        ("SETTINGS", "Use ENGINE_SETTINGS instead."),
        ("NODE", "Nodes belong into a .pipe file."),
        ("SQL", "SQL belongs into a node of a .pipe file, or into FORWARD_QUERY."),
        ("KAFKA_BOOTSTRAP_SERVERS", "Put it into a .connection file and name that in KAFKA_CONNECTION_NAME."),
        ("KAFKA_KEY", "Put it into a .connection file and name that in KAFKA_CONNECTION_NAME."),
        ("KAFKA_SECRET", "Put it into a .connection file and name that in KAFKA_CONNECTION_NAME."),
    ],
};

/// Reads a `.datasource` file; `file` is its name, from which the data source gets its own. Variables and secrets stay as
/// written.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse_datasource(file: &str, text: &str) -> Result<DataSourceFile, DatafileError> {
    parse_datasource_with(file, text, &Inputs::default())
}

/// [`parse_datasource`] with variables and secrets put into the values of keywords.
///
/// # Errors
/// As [`parse_datasource`]; also a secret that does not exist and has no default.
pub fn parse_datasource_with(file: &str, text: &str, inputs: &Inputs<'_>) -> Result<DataSourceFile, DatafileError> {
    let source = Source::new(file, text, inputs);
    let mut draft = Draft::default();
    for statement in source.statements(&GRAMMAR)? {
        draft.take(&source, &statement)?;
    }
    draft.finish(&source)
}

/// A data source of which some statements have been read.
#[derive(Default)]
struct Draft {
    header: Header,
    columns: Option<Vec<ColumnDef>>,
    indexes: Option<Vec<IndexDef>>,
    engine: Options,
    connector: Options,
    shared_with: Vec<String>,
    forward_query: Option<String>,
    backfill: Option<()>,
}

impl Draft {
    fn take(&mut self, source: &Source<'_>, statement: &Statement<'_>) -> Result<(), DatafileError> {
        if self.header.take(source, statement, &[Permission::Read, Permission::Append])? {
            return Ok(());
        }
        match statement.keyword.as_str() {
            "SCHEMA" => {
                let columns = schema::parse(&inline_or_code(source, statement)?, Materialized::Refuse)
                    .map_err(|error| source.schema_error(statement, error))?;
                once(source, statement, &mut self.columns, columns)
            }
            "INDEXES" | "INDICES" => {
                let indexes = parse_indexes(&inline_or_code(source, statement)?)
                    .map_err(|error| source.schema_error(statement, error))?;
                once(source, statement, &mut self.indexes, indexes)
            }
            "SHARED_WITH" => {
                let value = source.value(statement, " ")?;
                let names = value.split(|c: char| c == ',' || c.is_whitespace()).filter(|name| !name.is_empty());
                self.shared_with.extend(names.map(|name| value::unquote(name).to_owned()));
                Ok(())
            }
            "FORWARD_QUERY" => {
                let sql = sql_block(source, statement)?;
                once(source, statement, &mut self.forward_query, sql)
            }
            "BACKFILL" => match source.line_value(statement)?.as_str() {
                value if value.eq_ignore_ascii_case("skip") => once(source, statement, &mut self.backfill, ()),
                value => {
                    let error = source.error(statement.at, format!("\"{value}\" is not an allowed value for BACKFILL"));
                    Err(error.hint("Write BACKFILL skip, or leave it out."))
                }
            },
            keyword if keyword == "ENGINE" || keyword.starts_with("ENGINE_") => {
                let value = source.value(statement, " ")?;
                self.engine.add(source, statement, value)
            }
            keyword => match outdated(keyword) {
                Some(Outdated::Ignored(message)) => {
                    self.header.ignored(statement, message);
                    Ok(())
                }
                Some(Outdated::Refused(message)) => Err(source.error(statement.at, message)),
                None => {
                    let value = source.line_value(statement)?;
                    self.connector.add(source, statement, value)
                }
            },
        }
    }

    fn finish(self, source: &Source<'_>) -> Result<DataSourceFile, DatafileError> {
        let top = Place { line: 1, column: 1 };
        let columns = self.columns.ok_or_else(|| {
            source.error(top, "SCHEMA is missing").hint("Write SCHEMA > and a line for each column: name Type, ...")
        })?;
        Ok(DataSourceFile {
            name: source.resource_name(),
            description: self.header.description,
            tokens: self.header.tokens,
            tags: self.header.tags,
            engine: engine(source, self.engine, Some(&columns))?,
            columns,
            indexes: self.indexes.unwrap_or_default(),
            shared_with: self.shared_with,
            forward_query: self.forward_query,
            skip_backfill: self.backfill.is_some(),
            connector: connector::connector(source, self.connector)?,
            warnings: self.header.warnings,
        })
    }
}

/// Builds the engine of a data source (whose `columns` its keys are checked against) or of a materialized node.
pub(crate) fn engine(
    source: &Source<'_>,
    mut options: Options,
    columns: Option<&[ColumnDef]>,
) -> Result<Option<Engine>, DatafileError> {
    let Some(first) = options.first().map(|entry| entry.at) else { return Ok(None) };
    let name = options.take_entry("ENGINE");
    let at = name.as_ref().map_or(first, |entry| entry.at);
    let entries = options.into_entries();
    let locate = |error: EngineError| {
        let place =
            entries.iter().find(|entry| entry.keyword.eq_ignore_ascii_case(error.param)).map_or(at, |entry| entry.at);
        DatafileError { hint: error.hint, ..source.error(place, error.message) }
    };
    let params = entries.iter().map(|entry| (entry.keyword.as_str(), entry.value.as_str()));
    let engine = Engine::from_params(name.as_ref().map(|entry| entry.value.as_str()), params).map_err(locate)?;
    if let Some(columns) = columns {
        check_keys(&engine, columns).map_err(locate)?;
    }
    Ok(Some(engine))
}

/// The SQL of a keyword that takes a block of it.
pub(crate) fn sql_block(source: &Source<'_>, statement: &Statement<'_>) -> Result<String, DatafileError> {
    if statement.block.is_none() {
        let message = format!("{} must be multiline", statement.keyword);
        return Err(source.error(statement.at, message).hint("Use > to start a multiline SQL block."));
    }
    match text::sql(&statement.code()) {
        sql if sql.is_empty() => Err(source.error(statement.at, format!("{} is empty", statement.keyword))),
        sql => Ok(sql),
    }
}

fn inline_or_code(source: &Source<'_>, statement: &Statement<'_>) -> Result<String, DatafileError> {
    let text = match statement.block {
        Some(_) => statement.code(),
        None => value::join(&statement.words),
    };
    if text.is_empty() {
        return Err(source.error(statement.at, format!("{} is empty", statement.keyword)));
    }
    Ok(text)
}

/// Keywords of former versions.
enum Outdated {
    /// Without effect; says so.
    Ignored(&'static str),
    /// To be removed before the file works.
    Refused(&'static str),
}

fn outdated(keyword: &str) -> Option<Outdated> {
    Some(match keyword {
        "IMPORT_SERVICE" => Outdated::Ignored("IMPORT_SERVICE has no effect any more: the connection says what it is"),
        "IMPORT_EXTERNAL_DATASOURCE" => {
            Outdated::Ignored("IMPORT_EXTERNAL_DATASOURCE has no effect any more: remove it")
        }
        "IMPORT_QUERY" => Outdated::Ignored("IMPORT_QUERY has no effect any more: remove it"),
        "KAFKA_TARGET_PARTITIONS" => Outdated::Ignored("KAFKA_TARGET_PARTITIONS has no effect any more: remove it"),
        "PARTITION_KEY" => Outdated::Ignored("PARTITION_KEY has no effect: use ENGINE_PARTITION_KEY"),
        "SORTING_KEY" => Outdated::Ignored("SORTING_KEY has no effect: use ENGINE_SORTING_KEY"),
        "PRIMARY_KEY" => Outdated::Ignored("PRIMARY_KEY has no effect: use ENGINE_PRIMARY_KEY"),
        "SAMPLING_KEY" => Outdated::Ignored("SAMPLING_KEY has no effect: use ENGINE_SAMPLING_KEY"),
        "TTL" => Outdated::Ignored("TTL has no effect: use ENGINE_TTL"),
        "IMPORT_STRATEGY" => Outdated::Refused("IMPORT_STRATEGY is not supported: imports always append"),
        "KAFKA_STORE_BINARY_HEADERS" => Outdated::Refused(
            "KAFKA_STORE_BINARY_HEADERS is not supported: with KAFKA_STORE_HEADERS, __headers is a Map(String, String)",
        ),
        _ => return None,
    })
}
