//! Tells what a statement is and touches, without running it.
//!
//! The order matters: the engine runs every statement of a text also behind EXPLAIN, and EXPLAIN itself writes the file of
//! an INTO OUTFILE. So the text is classified first, and only one statement that is read-only is explained.

use serde::Serialize;

use crate::engine::Engine;
use crate::exception::{BAD_ARGUMENTS, Exception, SYNTAX_ERROR};
use crate::ffi::Connection;
use crate::query::connect_arguments;
use crate::request::UrlParameters;
use crate::statement::Statement;
use crate::ticket::Ticket;

/// The answer of `POST /analyze`.
#[derive(Debug, Serialize)]
pub(crate) struct Analysis {
    /// How many statements the text holds; 0 when it does not parse.
    statements: u32,
    class: Class,
    /// The lines of `EXPLAIN QUERY TREE run_passes=0`, for one read-only statement.
    query_tree: Option<Vec<String>>,
    /// Why there is no tree, where that is an error.
    exception: Option<Reason>,
}

/// What running the text would do to state that outlives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Class {
    ReadOnly,
    Mutating,
    Global,
    Control,
    Unknown,
}

#[derive(Debug, Serialize)]
struct Reason {
    code: u32,
    message: String,
}

/// Analyses `sql` with the request's parameters and settings.
pub(crate) fn analyze(
    engine: &Engine,
    url: &UrlParameters,
    sql: &[u8],
    ticket: &Ticket,
) -> Result<Analysis, Exception> {
    let arguments = connect_arguments(url, ticket, true, None)?;
    let mut connection = engine.connect_for(url, arguments)?;
    let (statements, class) = connection.classify(sql).unwrap_or((0, 4));
    let class = match class {
        0 => Class::ReadOnly,
        1 => Class::Mutating,
        2 => Class::Global,
        3 => Class::Control,
        _ => Class::Unknown,
    };
    let tree = match (statements, class) {
        (1, Class::ReadOnly) => explain(&mut connection, sql, url).map(Some),
        (0, _) => Err(why_not_parsed(&mut connection, sql)),
        (1, _) => Ok(None),
        _ => Err(Exception::new(SYNTAX_ERROR, "SYNTAX_ERROR", "Multi-statements are not allowed")),
    };
    let (query_tree, exception) = match tree {
        Ok(tree) => (tree, None),
        Err(error) => (None, Some(Reason { code: error.code, message: error.text })),
    };
    Ok(Analysis { statements, class, query_tree, exception })
}

fn explain(connection: &mut Connection, sql: &[u8], url: &UrlParameters) -> Result<Vec<String>, Exception> {
    // A FORMAT clause would change how the tree itself is printed.
    if let Statement::Select { format: Some(format) } | Statement::Other { format: Some(format), .. } =
        Statement::of(sql)
    {
        let message = format!("FORMAT {format} cannot stand in a statement that is analyzed, use default_format");
        return Err(Exception::new(BAD_ARGUMENTS, "BAD_ARGUMENTS", &message));
    }
    // run_passes=0, because the passes fold constants, which runs functions such as file().
    let explained = [b"EXPLAIN QUERY TREE run_passes=0\n", sql].concat();
    let tree = connection.query(&explained, "TSVRaw", &url.parameters).map_err(Exception::from_engine)?;
    Ok(String::from_utf8_lossy(tree.as_ref()).lines().map(str::to_owned).collect())
}

/// The engine's words about a text that does not parse. The text goes in as a value, so nothing of it can run.
fn why_not_parsed(connection: &mut Connection, sql: &[u8]) -> Exception {
    let mut escaped = String::with_capacity(sql.len());
    for character in String::from_utf8_lossy(sql).chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\0' => escaped.push_str("\\0"),
            other => escaped.push(other),
        }
    }
    let parameters = [("text".to_owned(), escaped)];
    match connection.query(b"SELECT formatQuerySingleLine({text:String}) FORMAT Null", "Null", &parameters) {
        Err(text) => Exception::from_engine(text),
        Ok(_) => Exception::new(SYNTAX_ERROR, "SYNTAX_ERROR", "The text is not a statement that can be analyzed"),
    }
}
