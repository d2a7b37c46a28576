//! Which tables a query reads, by the names it was written with.

use std::collections::BTreeSet;

use crate::allow::table_functions;
use crate::keyword::Keyword;
use crate::name::TableName;
use crate::outline::{Outline, outline};
use crate::refusal::Refusal;
use crate::rewrite::Writer;
use crate::statement::{StatementRules, parse_statement, read_one};
use crate::text::Text;
use crate::token::TokenKind;

/// A table or table function that a query reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsedTable {
    /// What stands before the dot; the default database for plain names; empty for most functions.
    pub database: String,
    /// The table; empty for most functions.
    pub table: String,
    /// The table function, empty for tables.
    pub function: String,
}

/// How `used_tables_with` reads a query.
#[derive(Debug, Clone, Default)]
pub struct UsedTablesRules {
    /// What plain names carry as their database.
    pub default_database: String,
    /// Whether table functions are listed too.
    pub table_functions: bool,
    /// Table functions that are allowed beyond the ordinary ones, for copy pipes.
    pub extra_table_functions: BTreeSet<String>,
}

/// The names of all tables that a query reads, sorted, each once; without CTEs, aliases and table functions.
///
/// # Errors
///
/// `Syntax` for what is no query, `NotAllowed` for what users may not send at all, such as restricted table functions.
pub fn used_tables(sql: &str) -> Result<Vec<TableName>, Refusal> {
    let used = used_tables_with(sql, &UsedTablesRules::default())?;
    let names = used.into_iter().map(|used| match used.database.as_str() {
        "" => TableName::plain(used.table),
        _ => TableName::qualified(used.database, used.table),
    });
    Ok(names.collect())
}

/// The same with databases and table functions, as `/v0/sql_tables` answers.
///
/// # Errors
///
/// As `used_tables`.
pub fn used_tables_with(sql: &str, rules: &UsedTablesRules) -> Result<Vec<UsedTable>, Refusal> {
    let query = query_of(sql)?;
    let text = read_one(&query)?;
    let outline = outline(&text, 0)?;
    check_functions(&text, &outline, &rules.extra_table_functions)?;
    let mut used = BTreeSet::new();
    let writer = Writer::new(&text, &outline);
    for source in &outline.sources {
        if !writer.is_bound(source) && !writer.is_column(source) {
            let database = source.name.database.clone().unwrap_or_else(|| rules.default_database.clone());
            used.insert(UsedTable { database, table: source.name.name.clone(), function: String::new() });
        }
    }
    if rules.table_functions {
        used.extend(outline.functions.iter().map(|function| used_function(&text, &function.name, function.at)));
    }
    Ok(used.into_iter().collect())
}

/// The SELECT of a statement: DESCRIBE reads tables too.
pub(crate) fn query_of(sql: &str) -> Result<String, Refusal> {
    let text = read_one(sql)?;
    let describes = text.is_keyword(0, Keyword::Describe) || text.is_keyword(0, Keyword::Desc);
    if describes {
        let rules = StatementRules { max_length: usize::MAX, may_format: true, may_settings: true };
        return parse_statement(sql, &rules).map(|statement| statement.sql);
    }
    let begins = matches!(text.keyword(0), Some(Keyword::Select | Keyword::With | Keyword::From));
    if !begins && text.raw(0) != "(" {
        let message =
            format!("only SELECT or DESCRIBE queries are supported, and this begins with \"{}\"", text.raw(0));
        return Err(Refusal::not_allowed(message).at(sql, text.start(0)));
    }
    Ok(sql.to_owned())
}

/// Table functions on the list and the extra ones only; and no function that names a table in a text.
pub(crate) fn check_functions(text: &Text<'_>, outline: &Outline, extra: &BTreeSet<String>) -> Result<(), Refusal> {
    for function in &outline.functions {
        if !table_functions::is_known_here(&function.name, extra) {
            return Err(table_functions::refusal(&function.name).at(text.sql, text.start(function.at)));
        }
    }
    let join_get = (0..text.len()).find(|&at| text.raw(at).starts_with("joinGet") && text.raw(at + 1) == "(");
    match join_get {
        Some(at) => {
            let message = format!("usage of function {} is restricted", text.raw(at));
            Err(Refusal::not_allowed(message).at(text.sql, text.start(at)))
        }
        None => Ok(()),
    }
}

/// `cluster('c', db, t)` reads a table that it names; the others make up their rows.
fn used_function(text: &Text<'_>, name: &str, at: usize) -> UsedTable {
    let mut used = UsedTable { database: String::new(), table: String::new(), function: name.to_owned() };
    if name == "cluster" && text.is(at + 3, TokenKind::Comma) {
        used.database = text.name(at + 4);
        match text.is(at + 5, TokenKind::Dot) || text.is(at + 5, TokenKind::Comma) {
            true => used.table = text.name(at + 6),
            false => std::mem::swap(&mut used.database, &mut used.table),
        }
    }
    used
}
