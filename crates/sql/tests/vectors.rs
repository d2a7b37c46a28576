//! The recorded rewrites of the product we follow: tables found, names replaced, errors where it has errors.
//!
//! Texts are compared in the engine's own form, recorded by `tests/tools/record_rewrites.py`. A change in what we
//! write shows as a stale recording first.

use std::collections::BTreeMap;

use serde::Deserialize;
use standpipe_sql::{replace_tables, used_tables_with};

#[path = "support/vectors.rs"]
mod vectors;

/// Where we differ on purpose.
const DIFFERENCES: &[(&str, &str)] = &[
    ("rw-028", "nothing is replaced; the recording's older formatter prints IN ((1, 2)) as IN tuple((1, 2))"),
    (
        "rw-100",
        "an inlined node that mentions a name never means a CTE of the query around it; the recorded answer is captured",
    ),
];

#[derive(Deserialize)]
struct Recorded {
    id: String,
    ours: String,
    ours_formatted: String,
    expected_formatted: String,
}

fn recorded() -> BTreeMap<String, Recorded> {
    let lines = include_str!("fixtures/rewrites.ndjson").lines();
    let records = lines.map(|line| serde_json::from_str::<Recorded>(line).expect("a recording is JSON"));
    records.map(|record| (record.id.clone(), record)).collect()
}

#[test]
fn rewrites_are_equal_in_the_engines_form() {
    let recorded = recorded();
    let mut wrong = Vec::new();
    for vector in vectors::load() {
        let ours = replace_tables(&vector.sql, &vector.replacements());
        if DIFFERENCES.iter().any(|(id, _)| *id == vector.id) {
            continue;
        }
        let fine = match (vector.json["result"].as_str(), &ours) {
            (None, Err(_)) => true,
            (Some(_), Ok(sql)) => recorded.get(&vector.id).is_some_and(|record| {
                assert_eq!(&record.ours, sql, "{}: record again with tests/tools/record_rewrites.py", vector.id);
                record.ours_formatted == record.expected_formatted && !record.ours_formatted.starts_with("ERROR")
            }),
            _ => false,
        };
        if !fine {
            wrong.push(format!("{}: {:?} for {}", vector.id, ours, vector.sql));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn used_tables_are_equal() {
    let mut wrong = Vec::new();
    for vector in vectors::load() {
        let ours = used_tables_with(&vector.sql, &vector.tables_rules());
        let expected: Option<Vec<Vec<String>>> =
            serde_json::from_value(vector.json["tables"].clone()).expect("tables are lists of texts");
        let fine = match (&expected, &ours) {
            (None, Err(_)) => true,
            (Some(expected), Ok(ours)) => {
                let ours = ours.iter().map(|t| vec![t.database.clone(), t.table.clone(), t.function.clone()]);
                ours.collect::<Vec<_>>() == *expected
            }
            _ => false,
        };
        if !fine {
            wrong.push(format!("{}: {:?}, expected {:?}, for {}", vector.id, ours, expected, vector.sql));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
