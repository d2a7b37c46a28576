//! The bytes written are those that the real engine was seen to store as it stores the same JSON (see
//! tests/engine/record.py, which recorded it).

use serde_json::Value;
use standpipe_ingest::{Batch, Column, DataType, Decoder, Schema};

/// Where the engine by itself refuses what we store: numbers with a point that JSON's one number type allows.
const REFUSED_BY_THE_ENGINE: [&str; 2] = ["{\"x\":3.0}", "{\"x\":1704164645.123}"];

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn bytes_are_those_that_the_engine_was_seen_to_store() {
    let recorded = lines(include_str!("../engine/recorded.ndjson"));
    for case in &recorded {
        let columns = case["columns"].as_array().expect("a list").iter().map(|column| Column {
            name: column[0].as_str().expect("a name").to_owned(),
            data_type: DataType::parse(column[1].as_str().expect("a type")).expect("a type"),
            jsonpath: None,
            has_default: column.get(2).is_some(),
        });
        let decoder = Decoder::new(&Schema { columns: columns.collect() }).expect("a schema");
        let (body, mut batch) = (case["body"].as_str().expect("a text"), Batch::default());
        decoder.ndjson(body.as_bytes(), &mut batch).expect(body);
        let hex: String = batch.row_binary.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, case["hex"].as_str().expect("a text"), "{case}");
        assert_eq!(decoder.insert_format(), case["format"], "{case}");
        assert_eq!(batch.rows as usize, case["stored"].as_array().expect("a list").len(), "{case}");
    }
}

#[test]
fn the_engine_by_itself_reads_the_same() {
    for case in lines(include_str!("../engine/recorded.ndjson")) {
        let differs = case.get("itself").is_some();
        let body = case["body"].as_str().expect("a text");
        assert_eq!(differs, REFUSED_BY_THE_ENGINE.contains(&body), "{case}");
    }
}

#[test]
fn every_case_is_recorded() {
    let cases = lines(include_str!("../engine/cases.ndjson"));
    let recorded = lines(include_str!("../engine/recorded.ndjson"));
    assert_eq!(cases.len(), recorded.len());
    for (case, recorded) in cases.iter().zip(&recorded) {
        assert_eq!((&case["columns"], &case["body"]), (&recorded["columns"], &recorded["body"]));
    }
}
