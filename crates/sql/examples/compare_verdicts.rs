//! Reads texts with the engine's analyses, one JSON object a line, and reports every text that the cache would pass by
//! the verdict on another one although the guard refuses it. See `tests/tools/fuzz_verdicts.py`.

use std::io::{BufRead, Write};
use std::num::NonZeroUsize;

use serde::Deserialize;
use standpipe_sql::{Analysis, Door, Policy, StatementClass, VerdictCache, inspect};

#[derive(Deserialize)]
struct Given {
    sql: String,
    tree: String,
}

fn main() -> std::io::Result<()> {
    let tables = [("d_ws".to_owned(), "t_events".to_owned()), ("d_ws".to_owned(), "t_users".to_owned())].into();
    let policy =
        Policy { tables, workspace: "w".to_owned(), door: Door::Sql, extra_table_functions: Default::default() };
    let capacity = NonZeroUsize::new(1 << 20).expect("not zero");
    let cache = VerdictCache::new(capacity, "fuzz");
    let mut texts = Vec::new();
    for line in std::io::stdin().lock().lines() {
        if let Ok(given) = serde_json::from_str::<Given>(&line?) {
            let analysis = Analysis { statements: 1, class: StatementClass::ReadOnly, query_tree: given.tree };
            texts.push((given.sql, analysis));
        }
    }
    let passed = texts.iter().filter(|(sql, analysis)| cache.inspect(sql, analysis, &policy).is_ok()).count();
    let mut out = std::io::stdout().lock();
    let (mut hits, mut wrong) = (0, 0);
    for (sql, analysis) in &texts {
        let hit = cache.get(sql, &policy).is_some();
        hits += usize::from(hit);
        if let (true, Err(refusal)) = (hit, inspect(sql, analysis, &policy)) {
            wrong += 1;
            writeln!(out, "{refusal}: {sql}")?;
        }
    }
    writeln!(out, "{} texts, {passed} passed, {hits} hits, {wrong} wrong", texts.len())
}
