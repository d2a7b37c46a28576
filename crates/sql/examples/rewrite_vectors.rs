//! Prints what `replace_tables` answers to each recorded vector, for the tool that has the engine format it.

use std::io::Write;

#[path = "../tests/support/vectors.rs"]
#[expect(dead_code, reason = "shared with the test, which uses all of it")]
mod vectors;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for vector in vectors::load() {
        let answer = match standpipe_sql::replace_tables(&vector.sql, &vector.replacements()) {
            Ok(sql) => serde_json::json!({"id": vector.id, "ours": sql}),
            Err(refusal) => serde_json::json!({"id": vector.id, "error": refusal.to_string()}),
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}
