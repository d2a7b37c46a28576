//! The lexer cuts texts where the engine cuts them: compared with recordings of `tokenizeQuery()`.

use serde::Deserialize;
use standpipe_sql::tokenize;

#[derive(Deserialize)]
struct Recorded {
    sql: String,
    tokens: String,
}

#[test]
fn tokens_are_the_engines() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for line in include_str!("fixtures/tokens.ndjson").lines() {
        let recorded: Recorded = serde_json::from_str(line).expect("a recording is JSON");
        let ours: Vec<_> =
            tokenize(&recorded.sql).iter().map(|token| format!("{:?}:{}", token.kind, token.span.end)).collect();
        if !agree(&ours, &recorded.tokens) {
            wrong.push(format!("{:?}\n  ours   {}\n  engine {}", recorded.sql, ours.join(" "), recorded.tokens));
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 1000, "only {seen} recordings");
}

/// Equal up to the first token that both cannot read: behind it nothing can be compared.
fn agree(ours: &[String], engine: &str) -> bool {
    let engine: Vec<_> = engine.split(' ').filter(|token| !token.is_empty()).collect();
    for (left, right) in ours.iter().zip(&engine) {
        if left.starts_with("Error") && right.starts_with("Error") {
            return true;
        }
        if left != right {
            return false;
        }
    }
    ours.len() == engine.len()
}
