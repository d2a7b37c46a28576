//! JSON bodies: one object, an array of objects, several values.

use standpipe_ingest::{Batch, DecodeError};

use crate::support::{decoder, show};

const SCHEMA: &str = "a Int8\nb Nullable(String)";

fn json(body: &str) -> Result<Vec<String>, DecodeError> {
    let mut batch = Batch::default();
    decoder(SCHEMA).json(body.as_bytes(), &mut batch)?;
    Ok(show(SCHEMA, &batch))
}

#[test]
fn an_object_may_span_lines() {
    assert_eq!(json("{\n  \"a\": 1,\n  \"b\": \"x\"\n}\n"), Ok(vec!["1 | x".to_owned()]));
}

#[test]
fn arrays_and_sequences_are_several_rows() {
    let rows = json("[{\"a\": 1}, {\"a\": 2}] {\"a\": 3}\n{\"a\":\"x\"}").expect("JSON");
    assert_eq!(rows[..3], ["1 | NULL", "2 | NULL", "3 | NULL"]);
    assert_eq!(rows[3], "QUARANTINE x | - (a: value 'x' on column 'a' is not Int8: it is a string)");
    assert_eq!(json("[]"), Ok(vec![]));
    let rows = json("[1, [{\"a\": 1}]]").expect("JSON");
    assert_eq!(rows[0], "QUARANTINE - | - (: row is a number, not a JSON object: 1)");
    assert_eq!(rows[1], "QUARANTINE - | - (: row is an array, not a JSON object: [{\"a\": 1}])");
}

#[test]
fn a_body_that_is_no_json_is_refused_as_a_whole() {
    let mut batch = Batch::default();
    let error = decoder(SCHEMA).json(b"{\"a\": 1}\n{\"a\": x}", &mut batch).expect_err("x is no value");
    assert_eq!(error, DecodeError::NotJson { line: 2, column: 7, expected: "a value" });
    assert_eq!(batch, Batch::default());
    let error = decoder(SCHEMA).json(b"{\"b\": \"\xFF\"}", &mut batch).expect_err("it is not UTF-8");
    assert_eq!(error, DecodeError::NotUtf8 { at: 7 });
}
