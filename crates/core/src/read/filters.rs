//! Row filters as the engine sees them: that it takes each by itself, and what its errors may tell.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use standpipe_clickhouse::codes;
use standpipe_sql::{Door, TableName, bind_filter, check_settings_beside_filters};
use standpipe_template::Params;

use super::names::{AppliedFilter, Names, Resolved, unusable};
use super::rules;
use super::run::Reader;
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::data_source::QUARANTINE_SUFFIX;
use crate::model::token::ScopeResource;
use crate::model::{Resource, RowFilter};

/// Filters remembered as good; each is as long as its SQL.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(2_000).expect("the number is not zero");

/// Longer SQL is not remembered: it is looked at each time.
const LONGEST_REMEMBERED: usize = 16 * 1024;

/// Errors of the engine that are about the query and never show a value of a row. The text of any other may show one that
/// the filter hides, as the filter itself reads all rows.
const ABOUT_THE_QUERY: &[i32] = &[
    codes::UNSUPPORTED_METHOD,
    codes::NUMBER_OF_ARGUMENTS_DOESNT_MATCH,
    codes::ILLEGAL_TYPE_OF_ARGUMENT,
    codes::UNKNOWN_FUNCTION,
    codes::UNKNOWN_IDENTIFIER,
    codes::NOT_IMPLEMENTED,
    codes::UNKNOWN_TYPE,
    codes::TYPE_MISMATCH,
    codes::UNKNOWN_TABLE,
    codes::SYNTAX_ERROR,
    codes::TOO_MANY_ROWS,
    codes::READONLY,
    codes::MULTIPLE_EXPRESSIONS_FOR_ALIAS,
    codes::ILLEGAL_FINAL,
    codes::ILLEGAL_AGGREGATION,
    codes::AMBIGUOUS_IDENTIFIER,
    codes::NOT_AN_AGGREGATE,
    codes::MEMORY_LIMIT_EXCEEDED,
    codes::TOO_MANY_BYTES,
    codes::SUPPORT_IS_DISABLED,
    codes::NO_COMMON_TYPE,
    codes::QUERY_WAS_CANCELLED,
    codes::FUNCTION_THROW_IF_VALUE_IS_NON_ZERO,
    codes::INVALID_JOIN_ON_EXPRESSION,
];

/// Filters that the engine took, with the data sources in them as they were then.
#[derive(Debug, Clone)]
pub(super) struct KnownFilters(Arc<Mutex<LruCache<String, ()>>>);

impl Default for KnownFilters {
    fn default() -> KnownFilters {
        KnownFilters(Arc::new(Mutex::new(LruCache::new(REMEMBERED))))
    }
}

impl KnownFilters {
    fn holds(&self, key: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).is_some()
    }

    fn add(&self, key: String) {
        if key.len() <= LONGEST_REMEMBERED {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key, ());
        }
    }
}

impl Reader {
    /// Reads a row filter on a data source or pipe that is about to be saved. The engine must take it, names in it must be
    /// the author's to read, and nothing is read for it.
    pub async fn new_filter(&self, access: &Access, resource: ScopeResource, text: &str) -> Result<RowFilter> {
        let workspace = access.workspace();
        let name = match resource {
            ScopeResource::DataSource(id) => workspace.data_sources.get(&id).map(|it| it.name.to_string()),
            ScopeResource::Pipe(id) => workspace.pipes.get(&id).map(|it| it.name.to_string()),
            ScopeResource::None => None,
        };
        let name = name.ok_or_else(|| Error::internal("a row filter on nothing"))?;
        let mut ids = Vec::new();
        let bound = bind_filter(text, &TableName::plain(name.as_str()), &rules::EXPRESSION, |name| {
            let id = id_of(access, name)?;
            ids.push((id.clone(), name.name.clone()));
            Some(id)
        });
        let refused = |error: Error| match error {
            error @ (Error::EngineUnavailable { .. } | Error::Busy) => error,
            // The author knows it by the name, and need not learn that there is an id.
            Error::NameForbidden { name } => {
                let written = ids.iter().find(|(id, _)| *id == name).map(|(_, written)| written.clone());
                Error::NameForbidden { name: written.unwrap_or(name) }
            }
            error => Error::bad_request(format!("the row filter '{text}' on '{name}' cannot be used: {error}")),
        };
        let bound = bound.map_err(|refusal| refused(refusal.into()))?;
        let params = Params::default();
        let names = Names::new(access, &params).in_test_mode();
        let (all, alone) = names.resolve_new_filter(resource, &bound).map_err(refused)?;
        // What a filter may call is less than what the pipe below it may.
        self.check(access, &alone, Door::Filter).await.map_err(refused)?;
        let filter = AppliedFilter { name: name.clone(), id: String::new(), sql: all.sql.clone() };
        self.try_filter(access, &all, &filter).await.map_err(refused)?;
        Ok(RowFilter { text: text.trim().to_owned(), bound })
    }

    /// Asks the engine whether each row filter of a query can stand alone. Where a column of it is gone, the query around it
    /// could give another thing that name and so decide what is seen.
    pub(super) async fn check_filters(&self, access: &Access, resolved: &Resolved) -> Result<()> {
        if resolved.filters.is_empty() {
            return Ok(());
        }
        check_settings_beside_filters(&resolved.sql, &[])?;
        for filter in &resolved.filters {
            let key = key(access, resolved, filter);
            if !self.known_filters().holds(&key) {
                self.try_filter(access, resolved, filter).await.map_err(|error| match error {
                    error @ (Error::EngineUnavailable { .. } | Error::Busy) => error,
                    error => unusable(&filter.name, &error),
                })?;
                self.known_filters().add(key);
            }
        }
        Ok(())
    }

    /// Whether the engine takes what a filter lets through as a query of its own.
    async fn try_filter(&self, access: &Access, resolved: &Resolved, filter: &AppliedFilter) -> Result<()> {
        let alone = Resolved { sql: filter.sql.clone(), filters: Vec::new(), ..resolved.clone() };
        let checked = self.check(access, &alone, Door::Node).await?;
        self.described(access, resolved, &checked).await.map(drop)
    }
}

/// The id of what a name in a filter stands for, so that the filter survives a rename.
fn id_of(access: &Access, name: &TableName) -> Option<String> {
    if name.database.is_some() {
        return None;
    }
    match access.workspace().resource(&name.name)? {
        Resource::DataSource(data_source) => Some(data_source.id.to_string()),
        Resource::Quarantine(data_source) => Some(format!("{}{QUARANTINE_SUFFIX}", data_source.id)),
        Resource::Pipe(pipe) => Some(pipe.id.to_string()),
    }
}

/// What a verdict on a filter depends on: its SQL, and the columns of what it reads, which change with the data source.
fn key(access: &Access, resolved: &Resolved, filter: &AppliedFilter) -> String {
    let mut key = filter.sql.clone();
    for table in &resolved.data_sources {
        let changed = access.workspace().data_sources.get(&table.data_source).map(|it| it.updated_at.as_microsecond());
        key.push_str(&format!("\0{}@{}", table.data_source, changed.unwrap_or_default()));
    }
    key
}

/// An error of the engine's on a query with row filters: its text, where that shows no value.
pub(super) fn without_values(code: i32, message: String) -> String {
    if ABOUT_THE_QUERY.contains(&code) {
        return message;
    }
    let name = Some(codes::name(code)).filter(|name| !name.is_empty()).unwrap_or("an error");
    format!(
        "the query failed on a value ({name}, ClickHouse's code {code}): more is not told to a token that sees only some \
         rows"
    )
}
