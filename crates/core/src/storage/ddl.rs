//! DDL text from model types. Pure functions; every name and literal goes through the client's quoting, and what users
//! wrote comes as a checked definition, whose parts are printed from what was read.

use std::fmt::Write;

use standpipe_clickhouse::quote::{identifier, qualified, string_literal};
use standpipe_clickhouse::{Checked, Internal, Sql};
use standpipe_datafile::EngineName;

use super::definition::{CheckedColumn, CheckedDefinition, CheckedEngine};
use super::wall;
use crate::error::Result;
use crate::model::PhysicalTable;

/// SQL of our own making.
pub type Statement = Internal<Sql>;

/// Blocks remembered for deduplication: a repeated insert of the same token within them adds nothing.
pub(super) const DEDUPLICATION_WINDOW: u32 = 1000;

/// `CREATE DATABASE`, when it is not there.
pub fn create_database(database: &str) -> Statement {
    Internal::new(format!("CREATE DATABASE IF NOT EXISTS {} ENGINE = Atomic", identifier(database)))
}

/// `CREATE TABLE` of a data source's rows, when it is not there. Fails when the text is not of the shape that all such
/// texts have.
pub fn create_rows(database: &str, table: PhysicalTable, definition: &CheckedDefinition) -> Result<Statement> {
    let name = qualified(database, &table.rows());
    let columns: Vec<String> = definition.columns.iter().map(column).collect();
    let mut sql = format!("CREATE TABLE IF NOT EXISTS {name}\n(\n    {}\n)\n", columns.join(",\n    "));
    engine_clause(&mut sql, &definition.engine);
    wall::check(&sql)?;
    Ok(Internal::new(sql))
}

/// `CREATE TABLE` of a quarantine, when it is not there: every column as text, and what was wrong with the row.
pub fn create_quarantine(database: &str, table: PhysicalTable, definition: &CheckedDefinition) -> Result<Statement> {
    let name = qualified(database, &table.quarantine());
    let mut sql = format!("CREATE TABLE IF NOT EXISTS {name}\n(\n");
    for column in &definition.columns {
        push(&mut sql, format_args!("    {} Nullable(String),\n", identifier(&column.name)));
    }
    sql.push_str("    `c__error_column` Array(String),\n    `c__error` Array(String),\n");
    sql.push_str("    `c__import_id` Nullable(String),\n    `insertion_date` DateTime\n)\n");
    push(
        &mut sql,
        format_args!("ENGINE = MergeTree\nPARTITION BY toYYYYMM(`insertion_date`)\nORDER BY `insertion_date`\n"),
    );
    push(&mut sql, format_args!("SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}"));
    wall::check(&sql)?;
    Ok(Internal::new(sql))
}

/// `DROP TABLE`, when it is there.
pub fn drop_table(database: &str, table: &str) -> Statement {
    Internal::new(format!("DROP TABLE IF EXISTS {}", qualified(database, table)))
}

/// `INSERT` of rows in a binary format, by named columns.
pub fn insert<'a>(database: &str, table: &str, columns: impl Iterator<Item = &'a str>, format: &str) -> Statement {
    let columns: Vec<String> = columns.map(identifier).collect();
    Internal::new(format!("INSERT INTO {} ({}) FORMAT {format}", qualified(database, table), columns.join(", ")))
}

/// `CREATE TABLE` with the structure of another one, when it is not there.
pub fn create_like(database: &str, table: &str, like: &str) -> Statement {
    Internal::new(format!("CREATE TABLE IF NOT EXISTS {} AS {}", qualified(database, table), qualified(database, like)))
}

/// Adds every part of one table to another of the same structure, as hard links.
pub fn attach_all(database: &str, into: &str, from: &str) -> Statement {
    let (into, from) = (qualified(database, into), qualified(database, from));
    Internal::new(format!("ALTER TABLE {into} ATTACH PARTITION ALL FROM {from}"))
}

/// `INSERT` of what a checked query answers, by named columns in the order of its own.
pub fn insert_select<'a>(
    database: &str,
    table: &str,
    columns: impl Iterator<Item = &'a str>,
    query: &Checked<Sql>,
) -> Statement {
    let columns: Vec<String> = columns.map(identifier).collect();
    let table = qualified(database, table);
    Internal::new(format!("INSERT INTO {table} ({})\n{}", columns.join(", "), query.as_str()))
}

/// How many rows a checked query answers.
pub fn count_of(query: &Checked<Sql>) -> Statement {
    // The end of the line ends a comment that may stand last.
    Internal::new(format!("SELECT count()\nFROM (\n{}\n)\nFORMAT TabSeparated", query.as_str()))
}

/// The columns of a table, one per line: name, type, kind of default, and more.
pub fn describe(database: &str, table: &str) -> Statement {
    Internal::new(format!("DESCRIBE TABLE {} FORMAT JSONCompactEachRow", qualified(database, table)))
}

/// The number of rows of a table.
pub fn rows_of(database: &str, table: &str) -> Statement {
    Internal::new(format!(
        "SELECT sum(rows)\nFROM system.parts\nWHERE active AND database = {} AND table = {}\nFORMAT TabSeparated",
        string_literal(database),
        string_literal(table)
    ))
}

/// Every table of our databases, one per line: database, table.
pub fn tables(databases: &[&str]) -> Statement {
    Internal::new(format!(
        "SELECT database, name\nFROM system.tables\nWHERE database IN ({})\nFORMAT JSONCompactEachRow",
        literals(databases)
    ))
}

/// Rows and bytes of every table of our databases, one per line: database, table, rows, bytes.
pub fn table_counts(databases: &[&str]) -> Statement {
    Internal::new(format!(
        "SELECT database, table, sum(rows), sum(bytes_on_disk)\nFROM system.parts\nWHERE active AND database IN ({})\n\
         GROUP BY database, table\nFORMAT JSONCompactEachRow",
        literals(databases)
    ))
}

/// A SQL text in the engine's own form. The text is only read.
pub fn format_query(sql: &str) -> Statement {
    Internal::new(format!("SELECT formatQuery({})\nFORMAT JSONCompactEachRow", string_literal(sql)))
}

fn literals(names: &[&str]) -> String {
    names.iter().map(|name| string_literal(name)).collect::<Vec<_>>().join(", ")
}

fn column(column: &CheckedColumn) -> String {
    let mut text = format!("{} {}", identifier(&column.name), column.data_type);
    if let Some((kind, expression)) = &column.default {
        push(&mut text, format_args!(" {} {expression}", kind.keyword()));
    }
    if let Some(codec) = &column.codec {
        push(&mut text, format_args!(" {codec}"));
    }
    text
}

fn engine_clause(sql: &mut String, engine: &CheckedEngine) {
    push(sql, format_args!("ENGINE = {}", engine.name));
    let arguments = engine.arguments.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ");
    match engine.name {
        _ if arguments.is_empty() => {}
        // Its columns are one argument: a tuple.
        EngineName::SummingMergeTree => push(sql, format_args!("(({arguments}))")),
        _ => push(sql, format_args!("({arguments})")),
    }
    if engine.name == EngineName::Null {
        return;
    }
    if let Some(key) = &engine.partition_key {
        push(sql, format_args!("\nPARTITION BY {key}"));
    }
    match &engine.sorting_key {
        Some(key) => push(sql, format_args!("\nORDER BY {key}")),
        None => sql.push_str("\nORDER BY tuple()"),
    }
    let rest = [("PRIMARY KEY", &engine.primary_key), ("SAMPLE BY", &engine.sampling_key), ("TTL", &engine.ttl)];
    for (clause, expression) in rest {
        if let Some(expression) = expression {
            push(sql, format_args!("\n{clause} {expression}"));
        }
    }
    sql.push_str("\nSETTINGS ");
    for setting in &engine.settings {
        push(sql, format_args!("{} = {}, ", setting.name, setting.value));
    }
    push(sql, format_args!("non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}"));
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests;
