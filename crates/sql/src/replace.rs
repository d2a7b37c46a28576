//! Replacing tables by tables and subqueries in a text, for callers that keep their own list (`/v0/sql_replace`).

use std::collections::BTreeSet;

use crate::name::{TableName, quote_if_needed};
use crate::outline::{Place, Source, outline};
use crate::refusal::{Refusal, RefusalKind};
use crate::rewrite::{Qualifier, Writer};
use crate::statement::read_one;
use crate::tables::{check_functions, query_of};

/// What takes the place of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplaceWith {
    /// Another table, whose name is looked up in the list again.
    Table(TableName),
    /// A query, without brackets around it; tables in it are replaced too.
    Subquery(String),
}

impl ReplaceWith {
    /// Reads the short form: a text that begins with `(` is a query, any other is the name of one table, dots and all.
    pub fn parse(database: Option<&str>, text: &str) -> Self {
        let trimmed = text.trim();
        match trimmed.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            Some(query) => Self::Subquery(query.to_owned()),
            None => Self::Table(TableName { database: database.map(str::to_owned), name: text.to_owned() }),
        }
    }
}

/// A list of replacements and how to read names.
#[derive(Debug, Clone, Default)]
pub struct Replacements {
    /// Tables and what takes their place. A plain name belongs to the default database.
    pub tables: Vec<(TableName, ReplaceWith)>,
    /// The database of plain names.
    pub default_database: String,
    /// If given, a name that is neither replaced nor in this list is unknown; `tinybird.*` always passes.
    pub valid_tables: Option<Vec<TableName>>,
    /// Table functions that are allowed beyond the ordinary ones.
    pub extra_table_functions: BTreeSet<String>,
}

/// Puts replacements in the place of tables. The answer is SQL, not yet in the engine's canonical form.
///
/// # Errors
///
/// `Cycle` where replacements need each other, `UnknownTable` for names outside of the valid ones, `NotAllowed` for a
/// query right of IN and for restricted functions, `Syntax` for what is no query.
pub fn replace_tables(sql: &str, replacements: &Replacements) -> Result<String, Refusal> {
    let query = query_of(sql)?;
    replace_in(&query, replacements, &mut Vec::new())
}

/// `open` are the names whose queries are being read.
fn replace_in(sql: &str, list: &Replacements, open: &mut Vec<(String, String)>) -> Result<String, Refusal> {
    let text = read_one(sql)?;
    let outline = outline(&text, 0)?;
    check_functions(&text, &outline, &list.extra_table_functions)?;
    if let (Some(format), false) = (outline.format, open.is_empty()) {
        return Err(text.unexpected(format - 1, "the end of a subquery"));
    }
    let mut writer = Writer::new(&text, &outline);
    for source in &outline.sources {
        if writer.is_bound(source) || writer.is_column(source) {
            continue;
        }
        match list.target(source, open)? {
            None => {}
            Some(ReplaceWith::Table(table)) => put_table(&mut writer, source, &table),
            Some(ReplaceWith::Subquery(_)) if source.place == Place::In => {
                let message = format!("can't replace \"{}\" with a subquery", source.name);
                return Err(text.refuse_at(source.at.start, message));
            }
            Some(ReplaceWith::Subquery(query)) => {
                open.push(list.key(&source.name));
                let query = replace_in(&query, list, open)?;
                open.pop();
                writer.put_query(source, &query);
            }
        }
    }
    Ok(writer.finish())
}

fn put_table(writer: &mut Writer<'_, '_>, source: &Source, table: &TableName) {
    let short = quote_if_needed(&table.name);
    let long = match &table.database {
        Some(database) if !database.is_empty() => format!("{}.{short}", quote_if_needed(database)),
        _ => short.clone(),
    };
    if source.alias.is_none() {
        writer.add_qualifier(Qualifier::replaced(source, short, long.clone()));
    }
    writer.put_table(source, &long);
}

impl Replacements {
    fn key(&self, name: &TableName) -> (String, String) {
        (name.database.clone().unwrap_or_else(|| self.default_database.clone()), name.name.clone())
    }

    fn find(&self, key: &(String, String)) -> Option<&ReplaceWith> {
        self.tables.iter().find(|(name, _)| self.key(name) == *key).map(|(_, with)| with)
    }

    /// What takes the place of a table, following tables that are replaced in their turn.
    fn target(&self, source: &Source, open: &[(String, String)]) -> Result<Option<ReplaceWith>, Refusal> {
        let first = self.key(&source.name);
        // A query may read the very table that it replaces.
        if open.last() == Some(&first) {
            return Ok(None);
        }
        let mut seen = vec![first.clone()];
        let mut found = self.find(&first).cloned();
        while let Some(ReplaceWith::Table(table)) = &found {
            let next = self.key(table);
            let Some(with) = self.find(&next) else {
                break;
            };
            if seen.contains(&next) {
                break;
            }
            seen.push(next);
            found = Some(with.clone());
        }
        if open.iter().any(|name| seen.contains(name)) && matches!(found, Some(ReplaceWith::Subquery(_))) {
            let names: Vec<_> = open.iter().map(|(_, name)| format!("\"{name}\"")).collect();
            let message = format!("\"{}\" needs itself by way of {}", source.name, names.join(", "));
            return Err(Refusal::new(RefusalKind::Cycle, message));
        }
        match (&found, self.is_valid(&first)) {
            (None, false) => {
                Err(Refusal::new(RefusalKind::UnknownTable, format!("resource \"{}\" not found", source.name)))
            }
            _ => Ok(found),
        }
    }

    fn is_valid(&self, key: &(String, String)) -> bool {
        match &self.valid_tables {
            Some(valid) => key.0 == "tinybird" || valid.iter().any(|name| self.key(name) == *key),
            None => true,
        }
    }
}
