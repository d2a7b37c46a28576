//! A materialized view's query: resolved and checked when its node is materialized, then kept with ids of data sources in
//! the places of their tables, so that it can be put over whichever tables hold their rows.

use std::collections::{BTreeMap, BTreeSet};

use standpipe_clickhouse::{Checked, Sql};
use standpipe_sql::{
    Door, Policy, ReplaceWith, Replacements, TableName, TokenKind, check_condition, first_table, replace_tables,
    tokenize,
};
use standpipe_template::Params;

use super::effort::{Effort, short_first};
use super::names::{Names, Resolved};
use super::rules;
use super::run::Reader;
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::{DataSource, DataSourceId, Materialization, Node, Pipe, Workspace};
use crate::storage::{TableColumn, ddl};

/// What a node would be as a materialized view.
#[derive(Clone, Debug)]
pub struct ViewQuery {
    /// The query, with ids of data sources in the places of their tables.
    pub sql: String,
    /// The data source whose new rows it takes.
    pub source: DataSourceId,
    /// Every data source that it reads.
    pub reads: BTreeSet<DataSourceId>,
    /// The columns that it answers.
    pub columns: Vec<TableColumn>,
    /// Whether it groups, sorts and so on, as far as its outermost SELECT tells.
    pub text: String,
}

impl Reader {
    /// Resolves, checks and describes a node's query as a materialized view's. Errors: it has parameters, reads what a
    /// view cannot read, or begins with no data source.
    pub async fn view_query(&self, access: &Access, pipe: &Pipe, node: &Node) -> Result<ViewQuery> {
        if !node.params.is_empty() {
            return Err(Error::bad_request(format!(
                "node '{}' has parameters, and a materialized view runs without anybody to give them: write values \
                 into the SQL, or materialize another node",
                node.name
            )));
        }
        // What it reads may have parameters: nobody gives any, so that defaults hold and `defined()` is false.
        let none = Params::default();
        let resolved =
            short_first(|effort| Names::new(access, &none).with_effort(effort).for_view().resolve_node(pipe, node))?;
        let sql = self.check(access, &resolved, Door::Materialization).await?;
        let source = source(access.workspace(), &resolved, node)?;
        let columns = self.described(access, &resolved, &sql).await?;
        let (database, tables) = (&access.workspace().database, &resolved.data_sources);
        let ids = tables.iter().map(|table| (table.rows(), table.data_source.to_string()));
        Ok(ViewQuery {
            sql: put_tables(database, &resolved.sql, ids)?,
            source,
            reads: tables.iter().map(|table| table.data_source).collect(),
            columns,
            text: node.sql.render(&none, Effort::Full)?.text,
        })
    }

    /// A view's query over the tables that hold the rows now; `instead` names tables that stand in for those of their
    /// data sources.
    pub async fn view_sql(
        &self,
        workspace: &Workspace,
        view: &Materialization,
        instead: &BTreeMap<DataSourceId, String>,
    ) -> Result<Checked<Sql>> {
        let mut tables = BTreeMap::new();
        for id in &view.reads {
            let gone = || Error::DataSourceNotFound { name: id.to_string() };
            let table = match instead.get(id) {
                Some(table) => table.clone(),
                None => workspace.data_sources.get(id).ok_or_else(gone)?.table().rows(),
            };
            tables.insert(id.to_string(), table);
        }
        let policy = Policy {
            tables: tables.values().map(|table| (workspace.database.clone(), table.clone())).collect(),
            workspace: workspace.id.to_string(),
            door: Door::Materialization,
            extra_table_functions: BTreeSet::new(),
        };
        let sql = put_tables(&workspace.database, &view.sql, tables.into_iter())?;
        self.guard().check(&sql, &policy).await
    }

    /// Checks the condition of a populate: one expression over the columns of the view's source. Answers it without
    /// comments.
    pub async fn populate_condition(&self, access: &Access, source: &DataSource, condition: &str) -> Result<String> {
        let about = |error: Error| match error {
            Error::Sql { mut refusal } => {
                refusal.message = format!("populate_condition cannot be used: {}", refusal.message);
                (refusal.line, refusal.column) = (0, 0);
                Error::Sql { refusal }
            }
            Error::Engine { code, message } => {
                Error::Engine { code, message: format!("populate_condition cannot be used: {message}") }
            }
            other => other,
        };
        let plain = check_condition(condition, &rules::EXPRESSION).map_err(|refusal| about(refusal.into()))?;
        let words = tokenize(&plain).into_iter().filter(|token| token.kind == TokenKind::BareWord);
        if words.into_iter().any(|token| plain[token.span].eq_ignore_ascii_case("select")) {
            return Err(Error::bad_request(
                "populate_condition cannot have subqueries: compare columns of the view's source with values",
            ));
        }
        let (database, table) = (access.workspace().database.clone(), source.table());
        let resolved = Resolved {
            sql: ddl::rows_where(&database, &table.rows(), &plain),
            tables: [(database, table.rows())].into(),
            data_sources: [table].into(),
            service_tables: BTreeSet::new(),
            max_threads: None,
            cache_time: None,
            from_template: false,
            names_sample: false,
            filters: Vec::new(),
        };
        let sql = self.check(access, &resolved, Door::Populate).await.map_err(about)?;
        self.described(access, &resolved, &sql).await.map_err(about)?;
        Ok(plain)
    }
}

/// The data source whose new rows the view takes.
fn source(workspace: &Workspace, resolved: &Resolved, node: &Node) -> Result<DataSourceId> {
    let first = first_table(&resolved.sql)?;
    let is_first = |table: &&crate::model::PhysicalTable| {
        first.as_ref().is_some_and(|first| {
            first.database.as_deref() == Some(workspace.database.as_str()) && first.name == table.rows()
        })
    };
    resolved.data_sources.iter().find(is_first).map(|table| table.data_source).ok_or_else(|| {
        Error::bad_request(format!(
            "node '{}' cannot be materialized: the first thing in its FROM is no data source. A materialized view takes \
             the new rows of one data source, which stands first",
            node.name
        ))
    })
}

/// The query with other tables of the same database.
fn put_tables(database: &str, sql: &str, tables: impl Iterator<Item = (String, String)>) -> Result<String> {
    let name = |table: String| TableName::qualified(database, table);
    let list = Replacements {
        tables: tables.map(|(old, new)| (name(old), ReplaceWith::Table(name(new)))).collect(),
        ..Replacements::default()
    };
    Ok(replace_tables(sql, &list)?)
}
