//! Where row filters come into a query: around each table and pipe that the token sees only some rows of.

use standpipe_sql::{Filter, rewrite_filter};

use super::{AppliedFilter, Authority, Names, Place, Resolved};
use crate::error::{Error, Result};
use crate::model::token::ScopeResource;
use crate::model::{DataSource, PhysicalTable, Pipe, Scope};

impl<'a> Names<'a> {
    /// Whether the text in the current place may name what this scope is about.
    pub(super) fn may_read(&self, scope: Scope) -> bool {
        match self.place.authority {
            Authority::Caller => self.access.has(scope),
            Authority::Pipe | Authority::Filter => true,
            Authority::NewFilter => self.access.has(scope) && self.access.row_filters(scope).is_empty(),
        }
    }

    /// The rows that the token sees of what a READ scope is about; none where it sees all, and inside of a filter.
    pub(super) fn filter(&mut self, scope: Scope, name: &str, id: &str) -> Result<Option<Filter>> {
        if !self.filtered {
            return Ok(None);
        }
        if let Some(known) = self.filters.get(&scope) {
            return Ok(known.clone());
        }
        let held = self.access.row_filters(scope);
        let conditions: Vec<String> = held
            .iter()
            .map(|filter| self.condition(&filter.bound, Authority::Filter))
            .collect::<Result<_>>()
            .map_err(|error| unusable(name, &error))?;
        // Each stands in brackets of its own once the rewriter has put its brackets around all.
        let condition = (!conditions.is_empty()).then(|| conditions.join(") OR ("));
        let filter = condition.map(|condition| Filter { condition, called: id.to_owned(), columns: Vec::new() });
        self.filters.insert(scope, filter.clone());
        Ok(filter)
    }

    /// Whether the caller's own SQL reads data sources only because a pipe lends its right: the pipe's conditions then say which
    /// rows the caller may see, and its own must not meet others.
    pub(super) fn is_lent(&self) -> bool {
        let is_readable = |table: &PhysicalTable| self.access.has(Scope::DataSourcesRead(table.data_source));
        self.place.authority == Authority::Caller && !self.data_sources.iter().all(is_readable)
    }

    /// A pipe's query with a filter around it, if there is one.
    pub(super) fn filter_query(&mut self, sql: String, filter: Option<Filter>, pipe: &Pipe) -> String {
        let Some(filter) = filter else { return sql };
        let sql = filter.of_query(&sql);
        let (name, id) = (pipe.name.to_string(), pipe.id.to_string());
        self.applied.push(AppliedFilter { name, id, sql: sql.clone() });
        sql
    }

    /// Resolves a row filter that is about to be saved: all that it lets through, and the condition alone. No other filter
    /// applies.
    pub(in crate::read) fn resolve_new_filter(
        mut self,
        resource: ScopeResource,
        bound: &str,
    ) -> Result<(Resolved, Resolved)> {
        let condition = self.condition(bound, Authority::NewFilter)?;
        self.filtered = false;
        let filter = |id: String| Filter { condition, called: id, columns: Vec::new() };
        let access = self.access;
        let (all, alone) = match resource {
            ScopeResource::None => return Err(Error::internal("a row filter on nothing")),
            ScopeResource::DataSource(id) => {
                let data_source = access.workspace().data_sources.get(&id);
                let data_source = data_source.ok_or_else(|| Error::DataSourceNotFound { name: id.to_string() })?;
                let filter = filter(id.to_string());
                (self.new_filter_on_table(data_source, &filter), filter.alone())
            }
            ScopeResource::Pipe(id) => {
                let pipe = access.workspace().pipes.get(&id);
                let pipe = pipe.ok_or_else(|| Error::PipeNotFound { name: id.to_string() })?;
                let filter = filter(id.to_string());
                (self.new_filter_on_pipe(pipe, &filter)?, filter.alone())
            }
        };
        let resolved = self.into_resolved(all);
        let alone = Resolved { sql: alone, ..resolved.clone() };
        Ok((resolved, alone))
    }

    fn new_filter_on_table(&mut self, data_source: &DataSource, filter: &Filter) -> String {
        let physical = data_source.table();
        let (database, table) = (self.access.workspace().database.clone(), physical.rows());
        let sql = filter.of_table(&database, &table);
        self.tables.insert((database, table));
        self.data_sources.insert(physical);
        sql
    }

    fn new_filter_on_pipe(&mut self, pipe: &'a Pipe, filter: &Filter) -> Result<String> {
        let node = pipe.output_node().ok_or_else(|| {
            Error::bad_request(format!("pipe '{}' has no nodes and so no columns to filter: add one first", pipe.name))
        })?;
        Ok(filter.of_query(&self.node(pipe, node)?))
    }

    /// Resolves the names in a filter, where no filter applies.
    fn condition(&mut self, bound: &str, authority: Authority) -> Result<String> {
        let outside = std::mem::replace(&mut self.place, Place::outside(authority));
        let filtered = std::mem::replace(&mut self.filtered, false);
        let condition = rewrite_filter(bound, self).map_err(|refusal| self.carried(refusal));
        (self.place, self.filtered) = (outside, filtered);
        condition
    }
}

/// A filter that cannot be applied ends the query: to leave it out would show all rows.
pub(in crate::read) fn unusable(name: &str, error: &Error) -> Error {
    Error::bad_request(format!(
        "the token's row filter on '{name}' cannot be applied, so nothing of it is read: {error}"
    ))
}
