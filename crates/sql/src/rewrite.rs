//! Step 2 of the guard: names become tables and subqueries.
//!
//! Only the names change; everything between them is left byte for byte.

mod edits;
mod hygiene;
mod qualifiers;
mod zeros;

use edits::Edits;
pub(crate) use qualifiers::Qualifier;

use crate::filter::Filter;
use crate::name::{TableName, quote, quote_if_needed};
use crate::outline::{Outline, Place, Source, outline};
use crate::refusal::{Refusal, RefusalKind};
use crate::statement::read_one;
use crate::text::{Text, short};

/// Answers what a name in a query stands for. It may do so by rewriting other queries first.
pub trait Resolver {
    /// What a name stands for. Called once for each place that names it, in the order of the text.
    ///
    /// # Errors
    ///
    /// `UnknownTable` for a name that stands for nothing: right of IN such a name is then taken for a column. Any
    /// other refusal ends the rewriting.
    fn resolve(&mut self, name: &TableName) -> Result<Replacement, Refusal>;

    /// Whether a word is the name of a physical database, which no user text may mention anywhere.
    ///
    /// This is what keeps a user from naming a table past its row filter.
    fn is_reserved(&self, word: &str) -> bool;
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// A physical table, seen through a filter where there is one.
    Table {
        /// The physical database.
        database: String,
        /// The physical table.
        table: String,
        /// The rows that may be seen.
        filter: Option<Filter>,
    },
    /// A query that is rewritten already, without brackets around it.
    Subquery {
        /// The query.
        sql: String,
    },
}

/// Puts tables and subqueries in the place of names, wherever a table may stand and no CTE in scope has that name.
///
/// A table becomes `` `database`.`table` AS name ``, a filtered one `(SELECT * FROM .. WHERE .. LIMIT ..) AS name`, a query
/// `(query) AS name`. An alias that is written stays. Right of IN, a name that the resolver does not know becomes
/// `identity(name)`, so that the engine can take it for a column only.
///
/// # Errors
///
/// What the resolver refuses; `Syntax` for what is no query; `NotAllowed` for words the resolver calls reserved.
pub fn rewrite(sql: &str, resolver: &mut dyn Resolver) -> Result<String, Refusal> {
    let text = read_one(sql)?;
    check_reserved(&text, resolver)?;
    let outline = outline(&text, 0)?;
    if let Some(at) = outline.format {
        let refusal = Refusal::not_allowed("a FORMAT clause is not allowed here");
        return Err(refusal.at(sql, text.start(at - 1)));
    }
    let mut writer = Writer::new(&text, &outline);
    for source in &outline.sources {
        writer.resolve(source, resolver)?;
    }
    for function in &outline.functions {
        zeros::replace(&mut writer, function);
    }
    Ok(writer.finish())
}

fn check_reserved(text: &Text<'_>, resolver: &dyn Resolver) -> Result<(), Refusal> {
    for (at, lexeme) in text.lexemes.iter().enumerate() {
        if !lexeme.kind.is_name() || lexeme.keyword.is_some() {
            continue;
        }
        let reserved = match text.raw(at) {
            raw if raw.starts_with(['`', '"']) => text.name(at).split('.').any(|word| resolver.is_reserved(word)),
            raw => resolver.is_reserved(raw),
        };
        if reserved {
            let refusal = Refusal::not_allowed(format!("\"{}\" is an internal name", short(text.raw(at))));
            return Err(refusal.at(text.sql, lexeme.start).hint("Use the name of the data source or pipe."));
        }
    }
    Ok(())
}

/// Collects the edits of one text.
pub(crate) struct Writer<'t, 'a> {
    text: &'t Text<'a>,
    outline: &'t Outline,
    edits: Edits,
    qualifiers: Vec<Qualifier>,
}

impl<'t, 'a> Writer<'t, 'a> {
    pub(crate) fn new(text: &'t Text<'a>, outline: &'t Outline) -> Self {
        Self { text, outline, edits: Edits::default(), qualifiers: Vec::new() }
    }

    fn resolve(&mut self, source: &Source, resolver: &mut dyn Resolver) -> Result<(), Refusal> {
        if self.is_bound(source) {
            return Ok(());
        }
        if self.is_column(source) {
            self.make_column(source);
            return Ok(());
        }
        match resolver.resolve(&source.name) {
            Ok(replacement) => self.replace(source, &replacement),
            Err(refusal) if source.place == Place::In && refusal.kind == RefusalKind::UnknownTable => {
                self.make_column(source);
                Ok(())
            }
            Err(refusal) if refusal.line == 0 => Err(refusal.at(self.text.sql, self.text.start(source.at.start))),
            Err(refusal) => Err(refusal),
        }
    }

    /// A name that the query itself declares.
    pub(crate) fn is_bound(&self, source: &Source) -> bool {
        if source.name.database.is_some() || source.lambda {
            return false;
        }
        let name = &source.name.name;
        let is_value = source.place == Place::In && self.outline.is_value_alias(source.scope, name, source.at.start);
        is_value || self.outline.find_cte(source.scope, name).is_some()
    }

    /// Right of IN: an argument of a lambda, or a column that is written with its table.
    pub(crate) fn is_column(&self, source: &Source) -> bool {
        if source.place != Place::In {
            return false;
        }
        let table = source.name.database.as_ref();
        source.lambda || table.is_some_and(|table| self.outline.is_table_alias(source.scope, table))
    }

    fn make_column(&mut self, source: &Source) {
        let (start, end) = self.span(source);
        self.edits.put(start..start, "identity(");
        self.edits.put(end..end, ")");
    }

    fn span(&self, source: &Source) -> (usize, usize) {
        (self.text.start(source.at.start), self.text.end_before(source.at.end))
    }

    fn replace(&mut self, source: &Source, replacement: &Replacement) -> Result<(), Refusal> {
        let called = match source.alias {
            Some(alias) => self.text.raw(alias).to_owned(),
            None => self.name_of(source),
        };
        self.qualifiers.push(Qualifier::renamed(source, called));
        match replacement {
            Replacement::Table { database, table, filter: None } => {
                let table = format!("{}.{}", quote(database), quote(table));
                match source.place {
                    Place::From => self.put_table(source, &table),
                    // A bare table would show in the name of the column.
                    Place::In => self.put_query(source, &format!("SELECT * FROM {table}")),
                }
            }
            Replacement::Table { database, table, filter: Some(filter) } => {
                let modifiers = self.take_modifiers(source);
                let table = format!("{}.{}", quote(database), quote(table));
                let mut filter = filter.clone();
                filter.columns.retain(|column| self.names(column));
                let sql = hygiene::close(&filter.over(&table, &modifiers), self.outline)?;
                self.put_query(source, &sql);
            }
            Replacement::Subquery { sql } => {
                let sql = hygiene::close(sql, self.outline)?;
                match source.place {
                    Place::From => self.put_query(source, &sql),
                    Place::In => self.put_query(source, &format!("SELECT * FROM ({sql})")),
                }
            }
        }
        Ok(())
    }

    /// Whether the text has this name in it, whatever it means there.
    fn names(&self, name: &str) -> bool {
        (0..self.text.len()).any(|at| self.text.is_name(at) && self.text.name(at) == name)
    }

    /// Puts a table where a name stands.
    pub(crate) fn put_table(&mut self, source: &Source, table: &str) {
        let alias = self.missing_alias(source);
        let (start, end) = self.span(source);
        self.put(start..end, format!("{table}{alias}"));
    }

    /// Puts a query where a name stands. A PREWHERE of that SELECT becomes part of its WHERE: only tables have one.
    pub(crate) fn put_query(&mut self, source: &Source, sql: &str) {
        let alias = self.missing_alias(source);
        let (start, end) = self.span(source);
        self.put(start..end, format!("({sql}){alias}"));
        if source.place == Place::From {
            self.merge_prewhere(source);
        }
    }

    fn missing_alias(&self, source: &Source) -> String {
        match source.place {
            Place::From if source.alias.is_none() => format!(" AS {}", self.name_of(source)),
            _ => String::new(),
        }
    }

    /// What a table without an alias is called: its name, unless a column is given that very name, which the engine takes
    /// for two tables of one name.
    fn name_of(&self, source: &Source) -> String {
        let scope = &self.outline.scopes[source.scope];
        let is_taken = |name: &str| scope.aliases.iter().any(|alias| alias.bare && alias.name == name);
        let name = &source.name.name;
        if !is_taken(name) {
            return quote_if_needed(name);
        }
        let free = (2..).map(|number| format!("{name}_{number}"));
        let mut free = free.filter(|free| !is_taken(free) && !scope.table_aliases.contains(free));
        quote_if_needed(&free.next().unwrap_or_default())
    }

    /// Takes FINAL and SAMPLE out of the text: they belong to the table, not to the query around it.
    fn take_modifiers(&mut self, source: &Source) -> String {
        if source.modifiers.is_empty() {
            return String::new();
        }
        let span = self.text.start(source.modifiers.start)..self.text.end_before(source.modifiers.end);
        let modifiers: Vec<_> = source.modifiers.clone().map(|at| self.text.raw(at)).collect();
        self.edits.put(span, "");
        format!(" {}", modifiers.join(" "))
    }

    fn merge_prewhere(&mut self, source: &Source) {
        let scope = &self.outline.scopes[source.scope];
        let Some(prewhere) = &scope.prewhere else {
            return;
        };
        let keyword = self.text.start(prewhere.start)..self.text.end_before(prewhere.start + 1);
        if self.edits.touches(&keyword) {
            return;
        }
        self.edits.put(keyword, "WHERE (");
        let end = self.text.end_before(prewhere.end);
        self.edits.put(end..end, ")");
        if let Some(other) = &scope.r#where {
            self.edits.put(self.text.start(other.start)..self.text.end_before(other.start + 1), "AND (");
            let end = self.text.end_before(other.end);
            self.edits.put(end..end, ")");
        }
    }

    /// Puts a text in the place of another, with spaces where it would grow together with its neighbours.
    fn put(&mut self, span: std::ops::Range<usize>, text: String) {
        let glues = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '`' | '"');
        let mut text = text;
        if self.text.sql[..span.start].ends_with(glues) {
            text.insert(0, ' ');
        }
        if self.text.sql[span.end..].starts_with(glues) {
            text.push(' ');
        }
        self.edits.put(span, text);
    }

    pub(crate) fn add_qualifier(&mut self, qualifier: Qualifier) {
        self.qualifiers.push(qualifier);
    }

    /// The text with all edits, without what stands behind its last lexeme.
    pub(crate) fn finish(mut self) -> String {
        qualifiers::apply(self.text, self.outline, &self.qualifiers, &mut self.edits);
        self.edits.apply(&self.text.sql[..self.text.end_before(self.text.len())])
    }
}
