//! Reads one JSON string per line and prints the tokens of each as JSON, for comparing with the engine's lexer.

use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let Ok(sql) = serde_json::from_str::<String>(&line?) else {
            continue;
        };
        let tokens: Vec<_> = standpipe_sql::tokenize(&sql)
            .into_iter()
            .map(|token| (token.span.start, token.span.end, format!("{:?}", token.kind)))
            .collect();
        writeln!(out, "{}", serde_json::to_string(&tokens)?)?;
    }
    Ok(())
}
