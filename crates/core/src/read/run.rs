//! Runs checked queries with their limits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use standpipe_clickhouse::{Checked, Client, Error as EngineError, Lane, QueryOptions, Sql, codes};
use standpipe_sql::{Door, Policy, Statement, StatementKind, check_settings_beside_filters};
use standpipe_template::{Params, Template};
use tokio::time::{Instant, timeout_at};

use super::admission::{Admission, Place, ReadFigures, ReadPlaces};
use super::answer::{Answer, Gathered, ReadResponse};
use super::cache::{AnswerCache, Key};
use super::column_types::refuse_states;
use super::effort::short_first;
use super::filters::KnownFilters;
use super::format::{Format, OutputSettings};
use super::guard::Guard;
use super::limits::{Allowed, LimitBook, ReadLimits};
use super::names::{self, Names, Resolved, is_sample};
use super::node_sql::{NodeSql, TemplateLimits};
use super::overdue::{GRACE, Overdue, RestartEngine};
use super::rules;
use super::user_names::{in_names, name_tables};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::{Node, Pipe};
use crate::storage::ServiceTables;
use crate::write::Registry;

/// Most rows of a block that a query may ask for: the engine's own default.
const MAX_BLOCK_SIZE: u64 = 65_409;

/// Longest explanation of a query, in bytes.
const MAX_EXPLAIN_BYTES: u64 = 4 << 20;
/// Longest query that the engine takes without being told to, in bytes.
const USUAL_QUERY_BYTES: usize = 256 << 10;

/// What a [`Reader`] goes by.
#[derive(Clone, Debug)]
pub struct ReadRules {
    /// What each read may use.
    pub limits: LimitBook,
    /// How many reads run at once.
    pub places: ReadPlaces,
    /// Limits of templates.
    pub templates: TemplateLimits,
    /// Memory for answers of endpoints that are given again; 0 keeps none.
    pub cache_bytes: u64,
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
    limits: Arc<LimitBook>,
    template_limits: TemplateLimits,
    registry: Registry,
    admission: Admission,
    overdue: Overdue,
    answers: AnswerCache,
    service_tables: Option<ServiceTables>,
    known_filters: KnownFilters,
}

/// A read once its SQL is known.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    pub(super) access: &'a Access,
    pub(super) resolved: &'a Resolved,
    /// The caller's own statement, when it sent one.
    pub(super) statement: Option<&'a Statement>,
    pub(super) door: Door,
    pub(super) query: &'a Query<'a>,
    pub(super) format: Format,
    /// The endpoint whose data it reads.
    pub(super) pipe: Option<&'a Pipe>,
    pub(super) allowed: &'a Allowed,
    /// How long its answer may be given again.
    pub(super) cache_time: Option<Duration>,
}

impl Reader {
    /// A reader over `client`; `registry` knows how many rows tables have, and `restart` restarts the engine.
    pub fn new(client: Client, guard: Guard, rules: ReadRules, registry: Registry, restart: RestartEngine) -> Reader {
        Reader {
            overdue: Overdue::new(client.clone(), restart),
            admission: Admission::new(rules.places),
            answers: AnswerCache::new(rules.cache_bytes),
            limits: Arc::new(rules.limits),
            template_limits: rules.templates,
            client,
            guard,
            registry,
            service_tables: None,
            known_filters: KnownFilters::default(),
        }
    }

    /// The same with the tables behind `tinybird.<name>`, which are made when they are first read.
    pub fn with_service_tables(self, tables: ServiceTables) -> Reader {
        Reader { service_tables: Some(tables), ..self }
    }

    /// How busy it is, and what it refused.
    pub fn figures(&self) -> ReadFigures {
        let (overdue, unkillable) = self.overdue.counts();
        let (cache_hits, cache_misses) = self.answers.counts();
        ReadFigures { overdue, unkillable, cache_hits, cache_misses, ..self.admission.figures() }
    }

    /// What a read by this caller, of this endpoint's data, may use.
    pub(super) fn allowed(&self, access: &Access, pipe: Option<&Pipe>) -> Allowed {
        self.limits.of(access, pipe)
    }

    /// What every read may use.
    pub fn limits(&self) -> &ReadLimits {
        &self.limits.every
    }

    /// Runs statements, for what is no read.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The guard, for the doors that are no reads.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Row filters that the engine took before.
    pub(super) fn known_filters(&self) -> &KnownFilters {
        &self.known_filters
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
        let allowed = self.allowed(access, underscore);
        check_length(sql, &allowed.limits)?;
        let sql = NodeSql::new("query", sql, &self.template_limits)?;
        let (statement, resolved) = short_first(|effort| {
            let rendered = sql.render(query.params, effort)?;
            let statement = standpipe_sql::parse_statement(&rendered.text, &rules::QUERY)?;
            let names = Names::new(access, query.params)
                .with_effort(effort)
                .with_underscore(underscore)
                .with_max_threads(rendered.settings.max_threads);
            let resolved = names.resolve_query(&statement.sql)?;
            Ok((statement, resolved))
        })?;
        let format = match &statement.format {
            None => default_format,
            Some(name) => known_format(name)?,
        };
        let (access, resolved, statement, pipe, allowed) = (access, &resolved, Some(&statement), underscore, &allowed);
        let (door, cache_time) = (Door::Sql, None);
        self.run(&Read { access, resolved, statement, door, query, format, pipe, allowed, cache_time }).await
    }

    /// Runs a pipe's published node.
    pub async fn endpoint(&self, access: &Access, pipe: &Pipe, query: &Query<'_>, format: Format) -> Result<Answer> {
        access.require_pipe_read(pipe)?;
        let node = pipe.endpoint_node().ok_or_else(|| Error::NotPublished { pipe: pipe.name.to_string() })?;
        let resolved =
            short_first(|effort| Names::new(access, query.params).with_effort(effort).resolve_node(pipe, node))?;
        let allowed = self.allowed(access, Some(pipe));
        let cache_time = resolved.cache_time.or_else(|| Some(Duration::from_secs(node.cache_seconds?.into())));
        let (resolved, allowed, pipe, statement, door) = (&resolved, &allowed, Some(pipe), None, Door::Endpoint);
        self.run(&Read { access, resolved, statement, door, query, format, pipe, allowed, cache_time }).await
    }

    /// Checks a node that is about to be saved: with sample values for its parameters it must render, its names must
    /// resolve, and the guard must pass it. `pipe` already holds the node.
    pub async fn inspect_node(&self, access: &Access, pipe: &Pipe, node: &Node) -> Result<Inspected> {
        check_length(node.sql.as_str(), &self.limits.every)?;
        let params = Params::default();
        let rendered = node.sql.render_in_test_mode()?;
        let statement = standpipe_sql::parse_statement(&rendered.text, &rules::NODE)?;
        let used = standpipe_sql::used_tables(&statement.sql)?;
        let resolved = Names::new(access, &params).in_test_mode().resolve_definition(pipe, node)?;
        self.check(access, &resolved, Door::Node).await?;
        self.require_meaning(access, pipe, node, &resolved).await?;
        let used = used.into_iter().filter(|name| !(resolved.names_sample && is_sample(name)));
        let dependencies: BTreeSet<String> = used.map(|name| name.to_string()).collect();
        let params = match node.sql.template() {
            Some(template) => api_parameters(template)?,
            None => Vec::new(),
        };
        Ok(Inspected { dependencies: dependencies.into_iter().collect(), params })
    }

    pub(super) async fn check(&self, access: &Access, resolved: &Resolved, door: Door) -> Result<Checked<Sql>> {
        // Looking at a filter comes back here, with no filter around it.
        Box::pin(self.check_filters(access, resolved)).await?;
        if let Some(tables) = &self.service_tables {
            for table in &resolved.service_tables {
                tables.ensure(access.workspace(), *table).await?;
            }
        }
        let policy = policy(access, &resolved.tables, door);
        self.guard.check(&resolved.sql, &policy).await.map_err(|error| in_names(error, access, resolved))
    }

    async fn run(&self, read: &Read<'_>) -> Result<Answer> {
        if let Some(StatementKind::Explain(_)) = read.statement.map(|statement| &statement.kind) {
            require_sources(read.access, read.resolved)?;
        }
        if let (Some(statement), false) = (read.statement, read.resolved.filters.is_empty()) {
            check_settings_beside_filters("", &statement.settings)?;
        }
        let checked = self.check(read.access, read.resolved, read.door).await?;
        let kind = read.statement.map_or(&StatementKind::Select, |statement| &statement.kind);
        if read.format.is_arrow() && matches!(kind, StatementKind::Select) {
            refuse_states(&self.described(read.access, read.resolved, &checked).await?, "Arrow")?;
        }
        let checked = checked.wrapped(kind);
        let response = match (kind, read.cache_time) {
            (StatementKind::Explain(_), _) => self.explained(&checked, read).await?,
            (_, None) => self.send(&checked, read).await?,
            (_, Some(time)) => {
                let key = Key { sql: checked.as_str().to_owned(), format: read.format, output: read.query.output };
                self.answers.answer(key, time, async || self.send(&checked, read).await).await?
            }
        };
        Ok(Answer { format: read.format, response })
    }

    /// What EXPLAIN says, with data sources by their names. The engine formats the lines once more, whatever the format.
    async fn explained(&self, explain: &Checked<Sql>, read: &Read<'_>) -> Result<ReadResponse> {
        let as_lines = Read { format: Format::by_name("TSVRaw").unwrap_or(Format::JSON), ..*read };
        let lines = match self.send(explain, &as_lines).await?.gather(MAX_EXPLAIN_BYTES).await? {
            Gathered::Whole(lines) => lines,
            Gathered::Larger(_) => return Err(Error::ResultTooLarge { bytes: MAX_EXPLAIN_BYTES }),
        };
        let lines = name_tables(String::from_utf8_lossy(&lines).into_owned(), read.access, read.resolved);
        self.send(&Checked::lines(lines.lines()), read).await
    }

    /// Waits for a place, then runs what the guard passed.
    pub(super) async fn send(&self, sql: &Checked<Sql>, read: &Read<'_>) -> Result<ReadResponse> {
        let (access, allowed) = (read.access, read.allowed);
        let place = self.admission.enter(access, read.pipe, allowed).await?;
        let answer = self.run_in(place, sql, read).await;
        answer.map_err(|error| in_names(error, access, read.resolved))
    }

    async fn run_in(&self, place: Place, sql: &Checked<Sql>, read: &Read<'_>) -> Result<ReadResponse> {
        let limits = &read.allowed.limits;
        let mut options = self.options(read);
        if sql.as_str().len() > USUAL_QUERY_BYTES {
            options = options.setting("max_query_size", sql.as_str().len() + 1);
        }
        // All that the engine is told, so that the very same can be sent to it without us: the benchmark does.
        tracing::debug!(
            target: "standpipe::query",
            query_id = options.query_id,
            format = options.format,
            settings = %serde_json::json!(options.settings),
            sql = sql.as_str(),
            "sent to the engine"
        );
        let deadline = Instant::now() + limits.time + GRACE;
        let mut run = self.overdue.follow(read.query.request_id.to_owned(), deadline);
        let Ok(answered) = timeout_at(deadline, self.client.query(sql, &options)).await else {
            return Err(timed_out(limits));
        };
        match answered {
            Ok(response) => ReadResponse::open(response, read.format, limits, run, place).await,
            Err(error) => {
                run.set_ended();
                Err(refusal(error, limits))
            }
        }
    }

    fn options(&self, read: &Read<'_>) -> QueryOptions {
        let options = QueryOptions::new(Lane::Read).query_id(read.query.request_id).format(read.format.name);
        let threads = self.threads(read.resolved, read.statement, &read.allowed.limits);
        let mut options = read.allowed.limits.settings(options, read.format).setting("max_threads", threads);
        for (name, value) in read.query.output.settings() {
            options = options.setting(name, u8::from(value));
        }
        for (name, value) in read.statement.map_or(&[][..], |statement| &statement.settings) {
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

    pub(super) fn threads(&self, resolved: &Resolved, statement: Option<&Statement>, limits: &ReadLimits) -> u32 {
        let settings = statement.map_or(&[][..], |statement| &statement.settings);
        let asked = settings.iter().rev().find(|(name, _)| name == "max_threads").and_then(|(_, it)| it.parse().ok());
        if let Some(threads) = asked.or(resolved.max_threads) {
            return u32::try_from(threads).unwrap_or(1).clamp(1, limits.max_threads.max(1));
        }
        let rows: u64 = names::ids(&resolved.data_sources).map(|id| self.registry.rows(id)).sum();
        if rows <= limits.single_thread_rows { 1 } else { limits.max_threads }
    }
}

fn check_length(sql: &str, limits: &ReadLimits) -> Result<()> {
    let limit = limits.query_bytes;
    if sql.len() > limit {
        return Err(Error::bad_request(format!(
            "the SQL has {} bytes and at most {limit} are allowed: shorten it, or put parts of it in a pipe",
            sql.len()
        )));
    }
    Ok(())
}

fn timed_out(limits: &ReadLimits) -> Error {
    Error::Timeout { seconds: limits.time.as_secs() }
}

/// The engine's error as a fact about the read's limits, where it is one.
fn refusal(error: EngineError, limits: &ReadLimits) -> Error {
    match error.code() {
        Some(codes::TIMEOUT_EXCEEDED) => timed_out(limits),
        Some(codes::TOO_MANY_ROWS_OR_BYTES) => Error::ResultTooLarge { bytes: limits.result_bytes },
        _ => Error::from_engine(error, "run the query"),
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
    if let Some(table) = resolved.service_tables.first().filter(|_| !access.is_admin()) {
        return Err(Error::NameForbidden { name: table.full_name() });
    }
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
