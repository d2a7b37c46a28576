//! Reads texts with the engine's analyses, one JSON object a line, and prints for each whether the guard passes it.
//! See `tests/tools/fuzz_names.py`.

use std::io::{BufRead, Write};

use serde::Deserialize;
use standpipe_sql::{Analysis, Door, Policy, StatementClass, inspect};

#[derive(Deserialize)]
struct Given {
    sql: String,
    tree: String,
}

fn main() -> std::io::Result<()> {
    let tables = [("d_ws".to_owned(), "t_events".to_owned())].into();
    let policy =
        Policy { tables, workspace: "w".to_owned(), door: Door::Sql, extra_table_functions: Default::default() };
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let passes = serde_json::from_str::<Given>(&line?).is_ok_and(|given| {
            let analysis = Analysis { statements: 1, class: StatementClass::ReadOnly, query_tree: given.tree };
            inspect(&given.sql, &analysis, &policy).is_ok()
        });
        writeln!(out, "{passes}")?;
    }
    Ok(())
}
