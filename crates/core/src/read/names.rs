//! What names in SQL stand for: earlier nodes, data sources and pipes become tables and closed subqueries.
//!
//! Rendering is lazy: a node is rendered when something that is read names it, so a node that nothing reads can be
//! broken without harm.

mod filters;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use standpipe_sql::{Filter, Refusal, RefusalKind, Replacement, Resolver, TableName};
use standpipe_template::{Params, SAMPLE_NAME};

pub(super) use filters::unusable;

use super::effort::Effort;
use super::node_sql::RenderedSql;
use super::rules;
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::{DataSource, DataSourceId, Node, NodeId, PhysicalTable, Pipe, Resource, Scope};
use crate::service_data::{self, ServiceTable};

/// How deep nodes and pipes may be nested in one query.
const MAX_DEPTH: usize = 64;

/// Largest SQL after names are resolved, in bytes: nodes that read each other twice grow it exponentially.
const MAX_RESOLVED_BYTES: usize = 4 << 20;

/// Whose right to read applies to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authority {
    /// The caller's own SQL: the token must be able to read what it names.
    Caller,
    /// A pipe's SQL: whoever may read the pipe may read what the pipe reads.
    Pipe,
    /// A row filter: it reads whatever it names, and all rows of it.
    Filter,
    /// A row filter that is about to be saved: its author must be able to read all rows of what it names.
    NewFilter,
}

/// Where a SQL text stands: in no pipe, or in a pipe before one of its nodes.
#[derive(Clone, Copy)]
struct Place<'a> {
    authority: Authority,
    pipe: Option<&'a Pipe>,
    /// How many of the pipe's nodes the text may name.
    visible_nodes: usize,
}

impl<'a> Place<'a> {
    /// In no pipe.
    fn outside(authority: Authority) -> Place<'a> {
        Place { authority, pipe: None, visible_nodes: 0 }
    }

    /// Whether it is the caller's own query.
    fn is_query(&self) -> bool {
        self.authority == Authority::Caller && self.pipe.is_none()
    }
}

/// SQL with every name resolved.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    /// The SQL as the engine gets it.
    pub(super) sql: String,
    /// Tables it may read: database and table.
    pub(super) tables: BTreeSet<(String, String)>,
    /// Data sources it reads, with the incarnation.
    pub(super) data_sources: BTreeSet<PhysicalTable>,
    /// Service data sources it reads.
    pub(super) service_tables: BTreeSet<ServiceTable>,
    /// Threads that a template asked for: the outermost one that did.
    pub(super) max_threads: Option<i64>,
    /// How long a template lets its answer be given again: the outermost one that does.
    pub(super) cache_time: Option<Duration>,
    /// A template had a part in the text.
    pub(super) from_template: bool,
    /// The text reads from where a parameter would name a table, and had only a sample of that name.
    pub(super) names_sample: bool,
    /// The row filters in it.
    pub(super) filters: Vec<AppliedFilter>,
}

/// A row filter in a query, and the same as a query of its own: the engine must be able to run it alone, so that no name in
/// it can come to mean something that the query around it gives.
#[derive(Clone, Debug)]
pub(super) struct AppliedFilter {
    /// What it is a filter on.
    pub(super) name: String,
    /// The id of that, which the SQL calls it by.
    pub(super) id: String,
    /// The rows that it lets through.
    pub(super) sql: String,
}

/// Resolves the names of one query.
pub(super) struct Names<'a> {
    access: &'a Access,
    params: &'a Params,
    /// Sample values instead of `params`, as when SQL is saved.
    test_mode: bool,
    /// Whether the SQL becomes a materialized view, which runs for every block of new rows.
    for_view: bool,
    effort: Effort,
    /// The pipe that `_` stands for.
    underscore: Option<&'a Pipe>,
    place: Place<'a>,
    /// Whether row filters apply: not inside of one.
    filtered: bool,
    /// Nodes being resolved, outermost first, for naming a cycle; and whether row filters apply there.
    stack: Vec<(NodeId, bool, String)>,
    /// Nodes resolved before in this query, with row filters and without.
    done: HashMap<(NodeId, bool), String>,
    /// Row filters met in this query.
    filters: HashMap<Scope, Option<Filter>>,
    applied: Vec<AppliedFilter>,
    tables: BTreeSet<(String, String)>,
    data_sources: BTreeSet<PhysicalTable>,
    service_tables: BTreeSet<ServiceTable>,
    max_threads: Option<i64>,
    cache_time: Option<Duration>,
    /// Whether the text that is being resolved was rendered from a template.
    in_template: bool,
    from_template: bool,
    names_sample: bool,
    bytes: usize,
    /// The text of the latest refusal that an error of ours caused, and that error.
    error: Option<(String, Error)>,
}

impl<'a> Names<'a> {
    /// Names of one query by this caller, with these template parameters.
    pub(super) fn new(access: &'a Access, params: &'a Params) -> Names<'a> {
        Names {
            access,
            params,
            test_mode: false,
            for_view: false,
            effort: Effort::Full,
            underscore: None,
            place: Place::outside(Authority::Caller),
            filtered: true,
            stack: Vec::new(),
            done: HashMap::new(),
            filters: HashMap::new(),
            applied: Vec::new(),
            tables: BTreeSet::new(),
            data_sources: BTreeSet::new(),
            service_tables: BTreeSet::new(),
            max_threads: None,
            cache_time: None,
            in_template: false,
            from_template: false,
            names_sample: false,
            bytes: 0,
            error: None,
        }
    }

    /// `_` stands for this pipe, which the caller may read.
    pub(super) fn with_underscore(mut self, pipe: Option<&'a Pipe>) -> Names<'a> {
        self.underscore = pipe;
        self
    }

    /// Templates are rendered with sample values.
    pub(super) fn in_test_mode(mut self) -> Names<'a> {
        self.test_mode = true;
        self
    }

    /// The SQL becomes a materialized view.
    pub(super) fn for_view(mut self) -> Names<'a> {
        self.for_view = true;
        self
    }

    /// How much each template may do.
    pub(super) fn with_effort(mut self, effort: Effort) -> Names<'a> {
        self.effort = effort;
        self
    }

    /// What the caller's own template asked for.
    pub(super) fn with_max_threads(mut self, threads: Option<i64>) -> Names<'a> {
        self.max_threads = threads;
        self
    }

    /// Resolves the caller's own SQL.
    pub(super) fn resolve_query(mut self, sql: &str) -> Result<Resolved> {
        let sql = self.rewrite(sql)?;
        Ok(self.into_resolved(sql))
    }

    /// Resolves a node of a pipe that the caller may read, with the pipe's row filter around it: that is about the output node,
    /// so a token that has one cannot read another.
    pub(super) fn resolve_node(mut self, pipe: &'a Pipe, node: &'a Node) -> Result<Resolved> {
        let sql = self.node(pipe, node)?;
        let filter = self.filter(Scope::PipesRead(pipe.id), pipe.name.as_str(), &pipe.id.to_string())?;
        if filter.is_some() && pipe.output_node().is_none_or(|output| output.id != node.id) {
            return Err(Error::Forbidden { needed: format!("ADMIN or PIPES:READ:{} without a row filter", pipe.name) });
        }
        let sql = self.filter_query(sql, filter, pipe);
        Ok(self.into_resolved(sql))
    }

    /// Resolves a node that is about to be saved, of which nothing is read.
    pub(super) fn resolve_definition(mut self, pipe: &'a Pipe, node: &'a Node) -> Result<Resolved> {
        let sql = self.node(pipe, node)?;
        Ok(self.into_resolved(sql))
    }

    fn into_resolved(self, sql: String) -> Resolved {
        Resolved {
            sql,
            tables: self.tables,
            data_sources: self.data_sources,
            service_tables: self.service_tables,
            max_threads: self.max_threads,
            cache_time: self.cache_time,
            from_template: self.from_template,
            names_sample: self.names_sample,
            filters: self.applied,
        }
    }

    /// Rewrites a text that stands in the current place.
    fn rewrite(&mut self, sql: &str) -> Result<String> {
        let rewritten = standpipe_sql::rewrite(sql, self).map_err(|refusal| self.carried(refusal))?;
        self.bytes += rewritten.len();
        if self.bytes > MAX_RESOLVED_BYTES {
            return Err(Error::bad_request(format!(
                "the query is larger than {MAX_RESOLVED_BYTES} bytes once its nodes are put in: read fewer nodes, or \
                 each only once"
            )));
        }
        Ok(rewritten)
    }

    /// Our own error says more than the refusal that carried it through the rewriter.
    fn carried(&mut self, refusal: Refusal) -> Error {
        match self.error.take() {
            Some((message, error)) if message == refusal.message => error,
            _ => refusal.into(),
        }
    }

    /// The resolved SQL of a node.
    fn node(&mut self, pipe: &'a Pipe, node: &'a Node) -> Result<String> {
        if let Some(sql) = self.done.get(&(node.id, self.filtered)) {
            return Ok(sql.clone());
        }
        self.enter(node)?;
        let rendered = self.render(node)?;
        // A node is rendered before the ones it reads, so the outermost one comes first.
        self.max_threads = self.max_threads.or(rendered.settings.max_threads);
        let cache_time = rendered.settings.cache_ttl.map(|ttl| Duration::from_secs(ttl.seconds()));
        self.cache_time = self.cache_time.or(cache_time);
        let statement = standpipe_sql::parse_statement(&rendered.text, &rules::NODE)?;
        let position = pipe.nodes.iter().position(|other| other.id == node.id).unwrap_or(pipe.nodes.len());
        let inside = Place { authority: Authority::Pipe, pipe: Some(pipe), visible_nodes: position };
        let outside = std::mem::replace(&mut self.place, inside);
        let outside_template = std::mem::replace(&mut self.in_template, node.sql.is_template());
        self.from_template |= self.in_template;
        let resolved = self.rewrite(&statement.sql);
        self.in_template = outside_template;
        self.place = outside;
        self.stack.pop();
        let resolved = resolved?;
        self.done.insert((node.id, self.filtered), resolved.clone());
        Ok(resolved)
    }

    fn enter(&mut self, node: &Node) -> Result<()> {
        let name = node.name.to_string();
        let is_open = |open: &(NodeId, bool, String)| open.0 == node.id && open.1 == self.filtered;
        if let Some(start) = self.stack.iter().position(is_open) {
            let mut names: Vec<&str> = self.stack[start..].iter().map(|(_, _, name)| name.as_str()).collect();
            names.push(&name);
            return Err(Error::bad_request(format!(
                "nodes read each other in a circle: {}: let one of them read something else",
                names.join(" -> ")
            )));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(Error::bad_request(format!(
                "node '{name}' is nested more than {MAX_DEPTH} nodes deep: read fewer nodes through each other"
            )));
        }
        self.stack.push((node.id, self.filtered, name));
        Ok(())
    }

    fn render(&self, node: &Node) -> Result<RenderedSql> {
        if self.test_mode { node.sql.render_in_test_mode() } else { node.sql.render(self.params, self.effort) }
    }

    /// What a name stands for in the current place: an earlier node of the same pipe, a data source, a pipe; and in the
    /// database `tinybird` a service data source.
    fn lookup(&mut self, name: &TableName) -> Result<Replacement> {
        if name.database.as_deref() == Some(service_data::DATABASE) {
            if self.for_view {
                return Err(not_in_view(&format!("service data source '{}.{}'", service_data::DATABASE, name.name)));
            }
            return self.service_table(&name.name);
        }
        if let Some(database) = &name.database {
            let numbers = (database == "system").then(|| numbers_of(&name.name)).flatten();
            let unknown = || self.not_readable(&format!("{database}.{}", name.name));
            return numbers.map(|sql| Replacement::Subquery { sql: sql.to_owned() }).ok_or_else(unknown);
        }
        if let Some(pipe) = self.underscore.filter(|_| name.name == "_" && self.place.is_query()) {
            return self.pipe(pipe);
        }
        if let Some((pipe, node)) = self.earlier_node(&name.name) {
            return Ok(Replacement::Subquery { sql: self.node(pipe, node)? });
        }
        let access: &'a Access = self.access;
        let workspace = access.workspace();
        match workspace.resource(&name.name) {
            Some(Resource::DataSource(data_source)) => self.table(&data_source, false, &name.name),
            Some(Resource::Quarantine(_)) if self.for_view => Err(not_in_view(&format!("quarantine '{}'", name.name))),
            Some(Resource::Quarantine(data_source)) => self.table(&data_source, true, &name.name),
            Some(Resource::Pipe(found)) => {
                let pipe: &'a Pipe = workspace.pipes.get(&found.id).ok_or_else(|| self.not_readable(&name.name))?;
                if !self.may_read(Scope::PipesRead(pipe.id)) {
                    return Err(self.not_readable(&name.name));
                }
                self.pipe(pipe)
            }
            // While a template is saved, nothing says yet which table a parameter will name.
            None if self.test_mode && self.in_template && is_sample(name) => {
                self.names_sample = true;
                Ok(Replacement::Subquery { sql: "SELECT NULL".to_owned() })
            }
            None => Err(self.not_readable(&name.name)),
        }
    }

    fn earlier_node(&self, name: &str) -> Option<(&'a Pipe, &'a Node)> {
        let pipe = self.place.pipe?;
        let node = pipe.node(name)?;
        let position = pipe.nodes.iter().position(|other| other.id == node.id)?;
        (position < self.place.visible_nodes).then_some((pipe, node))
    }

    fn pipe(&mut self, pipe: &'a Pipe) -> Result<Replacement> {
        let node = pipe
            .output_node()
            .ok_or_else(|| Error::bad_request(format!("pipe '{}' has no nodes: add one first", pipe.name)))?;
        let sql = self.node(pipe, node)?;
        let filter = self.filter(Scope::PipesRead(pipe.id), pipe.name.as_str(), &pipe.id.to_string())?;
        let sql = match filter {
            None if self.is_lent() => standpipe_sql::walled(&sql),
            filter => self.filter_query(sql, filter, pipe),
        };
        Ok(Replacement::Subquery { sql })
    }

    fn table(&mut self, data_source: &DataSource, quarantine: bool, name: &str) -> Result<Replacement> {
        let scope = Scope::DataSourcesRead(data_source.id);
        if !self.may_read(scope) {
            return Err(self.not_readable(name));
        }
        let mut filter = self.filter(scope, data_source.name.as_str(), &data_source.id.to_string())?;
        if quarantine && filter.is_some() {
            // Nothing says whose the rows are that could not be read.
            return Err(Error::NameForbidden { name: name.to_owned() });
        }
        let physical = data_source.table();
        let database = self.access.workspace().database.clone();
        let table = if quarantine { physical.quarantine() } else { physical.rows() };
        self.tables.insert((database.clone(), table.clone()));
        self.data_sources.insert(physical);
        if let Some(filter) = &mut filter {
            let sql = filter.of_table(&database, &table);
            let (name, id) = (data_source.name.to_string(), data_source.id.to_string());
            self.applied.push(AppliedFilter { name, id, sql });
            filter.columns = materialized_columns(data_source);
        }
        Ok(Replacement::Table { database, table, filter })
    }

    /// Service data tells of everybody's requests: own SQL needs ADMIN, a pipe may show it to whoever may read the pipe.
    fn service_table(&mut self, name: &str) -> Result<Replacement> {
        if self.place.authority == Authority::Caller && !self.access.is_admin() {
            return Err(Error::NameForbidden { name: format!("{}.{name}", service_data::DATABASE) });
        }
        let unknown = || Error::ServiceDataUnknown { name: name.to_owned() };
        let table = ServiceTable::by_name(name).ok_or_else(unknown)?;
        let (database, physical) = (self.access.workspace().database.clone(), table.physical());
        self.tables.insert((database.clone(), physical.clone()));
        self.service_tables.insert(table);
        Ok(Replacement::Table { database, table: physical, filter: None })
    }

    /// The error for a name that stands for nothing the text may read. A token with few rights does not learn whether
    /// the resource exists.
    fn not_readable(&self, name: &str) -> Error {
        let name = name.to_owned();
        let is_callers = matches!(self.place.authority, Authority::Caller | Authority::NewFilter);
        if is_callers && !self.access.is_admin() { Error::NameForbidden { name } } else { Error::NameUnknown { name } }
    }
}

/// The error for what a materialized view cannot read.
fn not_in_view(what: &str) -> Error {
    Error::bad_request(format!("{what} cannot be read by a materialized view: read data sources of the workspace"))
}

impl Resolver for Names<'_> {
    fn resolve(&mut self, name: &TableName) -> Result<Replacement, Refusal> {
        self.lookup(name).map_err(|error| {
            // The rewriter takes an unknown name right of IN for a column, and ends at everything else.
            let kind = match error {
                Error::NameUnknown { .. } | Error::NameForbidden { .. } => RefusalKind::UnknownTable,
                _ => RefusalKind::NotAllowed,
            };
            let refusal = Refusal::new(kind, error.to_string());
            self.error = Some((refusal.message.clone(), error));
            refusal
        })
    }

    fn is_reserved(&self, word: &str) -> bool {
        // Databases and physical tables have names of our own making; whoever writes one goes past the catalog.
        // The length keeps ordinary words from being looked for among all workspaces.
        word.len() >= self.access.workspace().database.len()
            && self.access.snapshot().workspaces().any(|workspace| workspace.database == word)
    }
}

/// What the tables of `system` that only count say as queries; the guard lets nobody name that database itself.
fn numbers_of(table: &str) -> Option<&'static str> {
    match table {
        "numbers" => Some("SELECT number FROM numbers()"),
        "numbers_mt" => Some("SELECT number FROM numbers_mt()"),
        _ => None,
    }
}

/// Whether a name is what templates print in test mode where a parameter names a table.
pub(super) fn is_sample(name: &TableName) -> bool {
    name.database.is_none() && name.name == SAMPLE_NAME
}

/// Columns that `*` does not mean.
fn materialized_columns(data_source: &DataSource) -> Vec<String> {
    let is_materialized =
        |default: &standpipe_datafile::ColumnDefault| default.kind == standpipe_datafile::DefaultKind::Materialized;
    let columns = data_source.columns.iter().filter(|column| column.default.as_ref().is_some_and(is_materialized));
    columns.map(|column| column.name.clone()).collect()
}

/// Ids of the data sources among physical tables.
pub(super) fn ids(tables: &BTreeSet<PhysicalTable>) -> impl Iterator<Item = DataSourceId> {
    tables.iter().map(|table| table.data_source)
}
