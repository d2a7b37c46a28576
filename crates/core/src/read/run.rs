//! Runs checked queries with their limits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use standpipe_clickhouse::{Checked, Client, Error as EngineError, Lane, QueryOptions, QueryResponse, Sql, codes};
use standpipe_sql::{Door, Policy, Statement, StatementKind};
use standpipe_template::{Params, Template};

use super::format::{Format, OutputSettings};
use super::guard::Guard;
use super::names::{self, Names, Resolved};
use super::node_sql::{NodeSql, TemplateLimits};
use super::rules;
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::{Node, Pipe};
use crate::write::Registry;

/// Time that the engine gets beyond a query's limit to say so itself.
const GRACE: Duration = Duration::from_secs(2);

/// Most rows of a block that a query may ask for: the engine's own default.
const MAX_BLOCK_SIZE: u64 = 65_409;

/// What one read may use.
#[derive(Clone, Debug)]
pub struct ReadLimits {
    /// Longest SQL taken from a request, in bytes.
    pub query_bytes: usize,
    /// Longest time a query may run.
    pub time: Duration,
    /// Memory of one query in bytes.
    pub memory_bytes: u64,
    /// Largest answer in bytes.
    pub result_bytes: u64,
    /// Tables read that are together at most this many rows are read by one thread: it serves many small requests best,
    /// and rows come in the order they were written.
    pub single_thread_rows: u64,
    /// Threads of a query over more rows.
    pub max_threads: u32,
}

/// A query as a request asks for it.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// Template parameters.
    pub params: &'a Params,
    /// The three settings of the answer.
    pub output: OutputSettings,
    /// The request's id, which becomes the query's.
    pub request_id: &'a str,
}

/// An answer on its way from the engine.
#[derive(Debug)]
pub struct Answer {
    /// Its format.
    pub format: Format,
    /// Its bytes, and what the engine said of them.
    pub response: QueryResponse,
}

/// What saving SQL finds out about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspected {
    /// Names the SQL reads, sorted.
    pub dependencies: Vec<String>,
    /// Parameters of its template, as the API shows them.
    pub params: Vec<serde_json::Value>,
}

/// Reads data for callers.
#[derive(Clone, Debug)]
pub struct Reader {
    client: Client,
    guard: Guard,
    limits: Arc<ReadLimits>,
    template_limits: TemplateLimits,
    registry: Registry,
}

impl Reader {
    /// A reader over `client`; `registry` knows how many rows tables have.
    pub fn new(
        client: Client,
        guard: Guard,
        limits: ReadLimits,
        template_limits: TemplateLimits,
        registry: Registry,
    ) -> Reader {
        Reader { client, guard, limits: Arc::new(limits), template_limits, registry }
    }

    /// The engine's client, for reads with limits of their own.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The guard, for the doors that are no reads.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Limits of templates.
    pub fn template_limits(&self) -> &TemplateLimits {
        &self.template_limits
    }

    /// Runs SQL of the caller's own. `underscore` is the pipe that `_` stands for. Without a FORMAT clause the answer is
    /// in `default_format`.
    pub async fn sql(
        &self,
        access: &Access,
        sql: &str,
        underscore: Option<&Pipe>,
        query: &Query<'_>,
        default_format: Format,
    ) -> Result<Answer> {
        if let Some(pipe) = underscore {
            access.require_pipe_read(pipe)?;
        }
        self.check_length(sql)?;
        let rendered = NodeSql::new("query", sql, &self.template_limits)?.render(query.params)?;
        let statement = standpipe_sql::parse_statement(&rendered.text, &rules::QUERY)?;
        let names = Names::new(access, query.params)
            .with_underscore(underscore)
            .with_max_threads(rendered.settings.max_threads);
        let resolved = names.resolve_query(&statement.sql)?;
        let format = match &statement.format {
            None => default_format,
            Some(name) => known_format(name)?,
        };
        self.run(access, &resolved, Some(&statement), Door::Sql, query, format).await
    }

    /// Runs a pipe's published node.
    pub async fn endpoint(&self, access: &Access, pipe: &Pipe, query: &Query<'_>, format: Format) -> Result<Answer> {
        access.require_pipe_read(pipe)?;
        let node = pipe.endpoint_node().ok_or_else(|| Error::NotPublished { pipe: pipe.name.to_string() })?;
        let resolved = Names::new(access, query.params).resolve_node(pipe, node)?;
        self.run(access, &resolved, None, Door::Endpoint, query, format).await
    }

    /// Checks a node that is about to be saved: with sample values for its parameters it must render, its names must
    /// resolve, and the guard must pass it. `pipe` already holds the node.
    pub async fn inspect_node(&self, access: &Access, pipe: &Pipe, node: &Node) -> Result<Inspected> {
        self.check_length(node.sql.as_str())?;
        let params = Params::default();
        let rendered = node.sql.render_in_test_mode()?;
        let statement = standpipe_sql::parse_statement(&rendered.text, &rules::NODE)?;
        let used = standpipe_sql::used_tables(&statement.sql)?;
        let resolved = Names::new(access, &params).in_test_mode().resolve_node(pipe, node)?;
        self.check(access, &resolved, Door::Node).await?;
        let dependencies: BTreeSet<String> = used.into_iter().map(|name| name.to_string()).collect();
        let params = match node.sql.template() {
            Some(template) => api_parameters(template)?,
            None => Vec::new(),
        };
        Ok(Inspected { dependencies: dependencies.into_iter().collect(), params })
    }

    fn check_length(&self, sql: &str) -> Result<()> {
        let limit = self.limits.query_bytes;
        if sql.len() > limit {
            return Err(Error::bad_request(format!(
                "the SQL has {} bytes and at most {limit} are allowed: shorten it, or put parts of it in a pipe",
                sql.len()
            )));
        }
        Ok(())
    }

    pub(super) async fn check(&self, access: &Access, resolved: &Resolved, door: Door) -> Result<Checked<Sql>> {
        let policy = policy(access, &resolved.tables, door);
        self.guard.check(&resolved.sql, &policy).await.map_err(|error| in_names(error, access, resolved))
    }

    async fn run(
        &self,
        access: &Access,
        resolved: &Resolved,
        statement: Option<&Statement>,
        door: Door,
        query: &Query<'_>,
        format: Format,
    ) -> Result<Answer> {
        if let Some(StatementKind::Explain(_)) = statement.map(|statement| &statement.kind) {
            require_sources(access, resolved)?;
        }
        let checked = self.check(access, resolved, door).await?;
        let checked = statement.map_or_else(|| checked.clone(), |statement| checked.wrapped(&statement.kind));
        let options = self.options(resolved, statement, query, format);
        let response = self.send(&checked, &options).await.map_err(|error| in_names(error, access, resolved))?;
        Ok(Answer { format, response })
    }

    pub(super) async fn send(&self, sql: &Checked<Sql>, options: &QueryOptions) -> Result<QueryResponse> {
        let seconds = self.limits.time.as_secs();
        // All that the engine is told, so that the very same can be sent to it without us: the benchmark does.
        tracing::debug!(
            target: "standpipe::query",
            query_id = options.query_id,
            format = options.format,
            settings = %serde_json::json!(options.settings),
            sql = sql.as_str(),
            "sent to the engine"
        );
        match tokio::time::timeout(self.limits.time + GRACE, self.client.query(sql, options)).await {
            Err(_) => Err(Error::Timeout { seconds }),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(EngineError::Exception(exception))) if exception.code == codes::TIMEOUT_EXCEEDED => {
                Err(Error::Timeout { seconds })
            }
            Ok(Err(EngineError::Exception(exception))) if exception.code == codes::TOO_MANY_ROWS_OR_BYTES => {
                Err(Error::ResultTooLarge { bytes: self.limits.result_bytes })
            }
            Ok(Err(error)) => Err(Error::from_engine(error, "run the query")),
        }
    }

    pub(super) fn options(
        &self,
        resolved: &Resolved,
        statement: Option<&Statement>,
        query: &Query<'_>,
        format: Format,
    ) -> QueryOptions {
        let limits = &self.limits;
        let mut options = QueryOptions::new(Lane::Read)
            .query_id(query.request_id)
            .format(format.name)
            .setting("readonly", 1)
            .setting("max_execution_time", limits.time.as_secs())
            .setting("max_memory_usage", limits.memory_bytes)
            .setting("max_result_bytes", limits.result_bytes)
            .setting("max_threads", self.threads(resolved, statement));
        for (name, value) in query.output.settings() {
            options = options.setting(name, u8::from(value));
        }
        for (name, value) in statement.map_or(&[][..], |statement| &statement.settings) {
            // Of the settings that users may give, these two decide how much of the machine a query takes.
            let value = match name.as_str() {
                "max_threads" => continue,
                "max_block_size" => value.parse().unwrap_or(MAX_BLOCK_SIZE).clamp(1, MAX_BLOCK_SIZE).to_string(),
                _ => value.clone(),
            };
            options = options.setting(name.clone(), value);
        }
        options
    }

    /// Rows of a data source, as they were last counted.
    pub(super) fn rows(&self, id: crate::model::DataSourceId) -> u64 {
        self.registry.rows(id)
    }

    /// What a read may use.
    pub fn limits(&self) -> &ReadLimits {
        &self.limits
    }

    pub(super) fn threads(&self, resolved: &Resolved, statement: Option<&Statement>) -> u32 {
        let settings = statement.map_or(&[][..], |statement| &statement.settings);
        let asked = settings.iter().rev().find(|(name, _)| name == "max_threads").and_then(|(_, it)| it.parse().ok());
        if let Some(threads) = asked.or(resolved.max_threads) {
            return u32::try_from(threads).unwrap_or(1).clamp(1, self.limits.max_threads);
        }
        let rows: u64 = names::ids(&resolved.data_sources).map(|id| self.registry.rows(id)).sum();
        if rows <= self.limits.single_thread_rows { 1 } else { self.limits.max_threads }
    }
}

pub(crate) fn policy(access: &Access, tables: &BTreeSet<(String, String)>, door: Door) -> Policy {
    Policy {
        tables: tables.clone(),
        workspace: access.workspace().id.to_string(),
        door,
        extra_table_functions: BTreeSet::new(),
    }
}

/// EXPLAIN shows the SQL of pipes and the tables that they read: the caller must be able to read those themselves.
pub(super) fn require_sources(access: &Access, resolved: &Resolved) -> Result<()> {
    let sources = names::ids(&resolved.data_sources).filter_map(|id| access.workspace().data_sources.get(&id));
    for data_source in sources {
        if !access.can_read_data_source(data_source) {
            return Err(Error::NameForbidden { name: data_source.name.to_string() });
        }
    }
    Ok(())
}

/// A template's parameters as the API shows them, one entry for each name.
fn api_parameters(template: &Template) -> Result<Vec<serde_json::Value>> {
    template.check_names()?;
    let shown = template.merged_parameters()?.into_iter().map(serde_json::to_value).collect::<Result<_, _>>();
    shown.map_err(|error| Error::internal(format!("template parameters cannot be shown: {error}")))
}

fn known_format(name: &str) -> Result<Format> {
    Format::by_name(name).ok_or_else(|| {
        Error::bad_request(format!("format '{name}' is unknown: use JSON, CSVWithNames, JSONEachRow or Parquet, say"))
    })
}

/// The engine's error with the names that the user knows in the places of tables: addresses are nobody's business.
pub(super) fn in_names(error: Error, access: &Access, resolved: &Resolved) -> Error {
    let Error::Engine { code, mut message } = error else { return error };
    if !access.is_admin()
        && let Some(scope) = message.to_ascii_lowercase().find(" in scope ")
    {
        // What follows is the whole query, with the SQL of pipes that the caller may read but not see.
        message.truncate(scope);
    }
    let mut message = name_tables(message, access, resolved);
    for table in &resolved.data_sources {
        if let Some(data_source) = access.workspace().data_sources.get(&table.data_source) {
            // The alias is of our making.
            let name = &data_source.name;
            message = message.replace(&format!("{name} AS {name}"), name.as_str());
        }
    }
    Error::Engine { code, message }
}

/// A text of the engine's with the names that the user knows in the places of tables.
pub(super) fn name_tables(mut message: String, access: &Access, resolved: &Resolved) -> String {
    let workspace = access.workspace();
    for table in &resolved.data_sources {
        let Some(data_source) = workspace.data_sources.get(&table.data_source) else { continue };
        // The quarantine's name begins with the rows' name.
        let tables =
            [(table.quarantine(), data_source.quarantine_name()), (table.rows(), data_source.name.to_string())];
        for (physical, name) in tables {
            for address in [
                format!("{}.{physical}", workspace.database),
                format!("`{}`.`{physical}`", workspace.database),
                physical,
            ] {
                message = message.replace(&address, &name);
            }
        }
    }
    message.replace(&workspace.database, &workspace.name)
}
