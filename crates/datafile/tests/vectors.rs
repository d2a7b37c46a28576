//! Recorded answers of the reference product's newer parser (`forward`), and our answers beside them. What differs on
//! purpose stands in `vectors/differences.tsv`, each with its reason.

#[path = "support/forward.rs"]
mod forward;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use standpipe_datafile::DatafileError;

const VECTORS: &str = include_str!("vectors/datafile-vectors.ndjson");
const DIFFERENCES: &str = include_str!("vectors/differences.tsv");

/// Ids and reasons: `id<TAB>reason`.
fn differences() -> BTreeMap<&'static str, &'static str> {
    let lines = DIFFERENCES.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once('\t').expect("a difference is an id, a tab and a reason")).collect()
}

/// What is compared: the file's content in the reference's shape, or the place of the error.
#[derive(Debug, PartialEq)]
enum Answer {
    File(Value),
    Error { line: Option<u64>, column: Option<u64> },
}

fn recorded(vector: &Value) -> Answer {
    let answer = &vector["forward"];
    match answer.get("result") {
        Some(result) => {
            let warnings = answer["parse_warnings"].as_array().map_or(0, Vec::len);
            Answer::File(forward::normalise(result, warnings))
        }
        // Columns count from 1; 0 is how the reference says "the beginning of the line".
        None => Answer::Error {
            line: answer["error_lineno"].as_u64().filter(|_| answer.get("error_pos").is_some()),
            column: answer["error_pos"].as_u64().map(|column| column.max(1)),
        },
    }
}

fn ours(vector: &Value, recorded: &Answer) -> (Answer, String) {
    match forward::parse(vector) {
        Ok(file) => {
            let shown = file.to_string();
            (Answer::File(file), shown)
        }
        Err(DatafileError { line, column, message, .. }) => {
            let (mut place_line, mut place_column) = (Some(line as u64), Some(column as u64));
            if let Answer::Error { line, column } = recorded {
                // The reference has no place for some errors.
                place_line = place_line.filter(|_| line.is_some());
                place_column = place_column.filter(|_| column.is_some());
            }
            (Answer::Error { line: place_line, column: place_column }, format!("{line}:{column}: {message}"))
        }
    }
}

#[test]
fn every_vector_answers_as_recorded_or_is_listed_as_different() {
    let differences = differences();
    let (mut same, mut wrong) = (0, Vec::new());
    let mut unused: Vec<&str> = differences.keys().copied().collect();
    for line in VECTORS.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let id = vector["id"].as_str().unwrap();
        let expected = recorded(&vector);
        let (found, shown) = ours(&vector, &expected);
        let listed = differences.contains_key(id);
        unused.retain(|unused| *unused != id);
        match (found == expected, listed) {
            (true, false) => same += 1,
            (false, true) => {}
            (true, true) => wrong.push(format!("{id} is listed as different, but is the same")),
            (false, false) => wrong.push(format!("{id}: expected {expected:?}\n    found {shown}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(unused.is_empty(), "no such vectors: {unused:?}");
    assert_eq!((same, differences.len()), (SAME, 251 - SAME));
}

/// How many of the 251 vectors agree; to be raised, never lowered.
const SAME: usize = 220;

#[test]
fn every_vector_that_parses_reads_back_from_its_printed_form() {
    for line in VECTORS.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        forward::check_round_trip(&vector);
    }
}

#[test]
fn an_error_is_explained_with_its_line() {
    let vector = json!({"kind": "datasource", "content": "SCHEMA >\n\ta Int32,\n\tb DateTime64\n"});
    assert_eq!(
        forward::parse(&vector).unwrap_err().explain(),
        "dir/f.datasource:3:4: DateTime64 type without precision is not supported\n\n\
         3: \tb DateTime64\n   \t  ^\nUse DateTime64(3) instead."
    );
}
