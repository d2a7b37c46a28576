//! The recorded behaviour of the reference product: 2,341 templates with their answers.
//!
//! `vectors/differences.txt` lists, by id and with a reason, where this crate answers differently on purpose.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use standpipe_template::batch;

const VECTORS: &str = include_str!("vectors/template-vectors.ndjson");
const DIFFERENCES: &str = include_str!("vectors/differences.txt");

/// Share of the vectors that must agree.
const GOAL: f64 = 0.995;

/// What differs between a vector and the answer, by field.
fn differences(vector: &Value, answer: &Value) -> Vec<String> {
    let flag = |name: &str| vector.get(name).is_some_and(|v| *v == true);
    let mut found = Vec::new();
    let mut check = |field: &str, expected: Option<&Value>, got: Option<&Value>| {
        let (expected, got) = (expected.unwrap_or(&Value::Null), got.unwrap_or(&Value::Null));
        if !same(expected, got) {
            found.push(format!("{field}: expected {expected}, got {got}"));
        }
    };
    let by_name = |field: &'static str| (field, vector.get(field), answer.get(field));
    for field in
        ["result", "error_type", "error_code", "error_arg", "param_meta", "param_meta_error_type", "used_names"]
    {
        let (field, expected, got) = by_name(field);
        check(field, expected, got);
    }
    for field in ["ch_params", "template_params", "warnings", "used_tables", "write_error"] {
        let (field, expected, got) = by_name(field);
        check(field, expected, got);
    }
    let no_settings = Value::Object(serde_json::Map::new());
    if vector.get("result").is_some() {
        check("settings", vector.get("settings").or(Some(&no_settings)), answer.get("settings"));
    }
    let text = |value: Option<&Value>, sorted: bool| {
        let text = value.and_then(Value::as_str).unwrap_or_default().to_owned();
        if sorted { Value::from(sorted_words(&text)) } else { Value::from(text) }
    };
    for (field, class_only) in [("error", "python_text"), ("param_meta_error", "param_meta_python_text")] {
        if !flag(class_only) {
            let unordered = vector.get("hash_order_dependent").is_some();
            let (expected, got) = (text(vector.get(field), unordered), text(answer.get(field), unordered));
            check(field, Some(&expected), Some(&got));
        }
    }
    found
}

fn sorted_words(text: &str) -> String {
    let mut words: Vec<&str> = text.split(['{', '}', ',', ' ']).filter(|w| !w.is_empty()).collect();
    words.sort_unstable();
    words.join(" ")
}

/// Equality of JSON where 1 and 1.0 differ but 1e20 and 1e+20 do not.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || (x.is_f64() && y.is_f64() && x.as_f64() == y.as_f64()),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(a, b)| same(a, b)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}

#[test]
fn vectors_agree() {
    let mut expected: BTreeMap<&str, &str> = BTreeMap::new();
    for entry in DIFFERENCES.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
        let (id, reason) = entry.split_once(' ').unwrap_or_else(|| panic!("{entry:?} has no reason"));
        expected.insert(id, reason.trim());
    }
    let (mut total, mut failures, mut seen) = (0usize, Vec::new(), BTreeSet::new());
    for line in VECTORS.lines() {
        let vector: Value = serde_json::from_str(line).expect("vectors are JSON");
        let id = vector["id"].as_str().expect("vectors have ids");
        let answer: Value = serde_json::from_str(&batch::line(line)).expect("answers are JSON");
        total += 1;
        assert_eq!(answer["id"], vector["id"], "the id is passed through");
        let found = differences(&vector, &answer);
        match (found.is_empty(), expected.contains_key(id)) {
            (true, true) => failures.push(format!("{id} is listed as different but agrees")),
            (false, true) => {
                seen.insert(id.to_owned());
            }
            (false, false) => failures.push(format!("{id} {}\n    {}", vector["template"], found.join("\n    "))),
            (true, false) => {}
        }
    }
    let wrong = failures.len();
    assert!(failures.is_empty(), "{wrong} of {total} vectors:\n{}", failures.join("\n"));
    assert_eq!(seen.len(), expected.len(), "differences.txt names ids that do not exist");
    let agree = (total - seen.len()) as f64 / total as f64;
    assert!(agree >= GOAL, "only {:.2} % of the vectors agree", agree * 100.0);
}
