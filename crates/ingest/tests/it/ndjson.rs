//! NDJSON bodies: where values come from, what is quarantined, what is counted.

use standpipe_ingest::{Batch, DecodeError, Decoder, SchemaError};

use crate::support::{decoder, ndjson, schema, show};

const EVENTS: &str = "
    ts DateTime @$.ts
    name String @$.name
    n Nullable(Int16) @$.n
";

#[test]
fn rows_that_fit_are_stored_and_others_quarantined_with_all_errors() {
    let body = r#"{"ts":"1970-01-01 00:00:09","name":"a","n":1}
{"n":null,"name":"b","ts":10}
{"name":"c","ts":"1970-01-01T00:00:11Z"}

{"ts":"yesterday","name":null,"n":"3"}
"#;
    assert_eq!(
        ndjson(EVENTS, body),
        [
            "second 9 | a | 1",
            "second 10 | b | NULL",
            "second 11 | c | NULL",
            "QUARANTINE yesterday | - | 3 (ts: value 'yesterday' on column 'ts' is not DateTime; \
             name: value 'null' on column 'name' is not String: the column is neither Nullable nor has a DEFAULT; \
             n: value '3' on column 'n' is not Nullable(Int16): it is a string)",
        ]
    );
}

#[test]
fn a_bad_row_leaves_nothing_among_the_rows() {
    let mut batch = Batch::default();
    let body = b"{\"ts\":1,\"name\":\"a\"}\n{\"ts\":2,\"name\":\"b\",\"n\":40000}\n{\"ts\":3,\"name\":\"c\"}";
    decoder(EVENTS).ndjson(body, &mut batch).expect("JSON");
    assert_eq!((batch.rows, batch.quarantine.len(), batch.invalid_lines), (2, 1, 0));
    assert_eq!(show(EVENTS, &batch)[..2], ["second 1 | a | NULL", "second 3 | c | NULL"]);
}

#[test]
fn lines_that_are_no_json_are_kept_in_the_error() {
    let mut batch = Batch::default();
    let body =
        b"{\"ts\":1,\"name\":\"a\"\n\n \t\r\n{\"ts\":1,\"name\":\"\xE9\"}\n[1]\n7\n{\"ts\":1,\"name\":\"z\"}\r\n{} {}";
    decoder(EVENTS).ndjson(body, &mut batch).expect("some of it is JSON");
    assert_eq!((batch.rows, batch.quarantine.len(), batch.invalid_lines, batch.blank_lines), (1, 5, 3, 2));
    assert_eq!(
        show(EVENTS, &batch),
        [
            "second 1 | z | NULL",
            "QUARANTINE - | - | - (: line is not JSON, expected ',' or '}' at byte 18: {\"ts\":1,\"name\":\"a\")",
            "QUARANTINE - | - | - (: line is not JSON, expected UTF-8 at byte 16: {\"ts\":1,\"name\":\"\\xE9\"})",
            "QUARANTINE - | - | - (: row is an array, not a JSON object: [1])",
            "QUARANTINE - | - | - (: row is a number, not a JSON object: 7)",
            "QUARANTINE - | - | - (: line is not JSON, expected the end of the line at byte 3: {} {})",
        ]
    );
}

#[test]
fn a_body_without_any_json_is_refused_and_leaves_the_batch_alone() {
    let mut batch = Batch::default();
    decoder(EVENTS).ndjson(b"{\"ts\":1,\"name\":\"a\"}\n{\"ts\":true}\nx\n\n", &mut batch).expect("some of it is JSON");
    let before = batch.clone();
    for (body, expected) in [("\nhello\nworld", "a value"), ("a,b\n1,2", "a value"), ("1\n\"x\"\n", "a JSON object")] {
        let error = decoder(EVENTS).ndjson(body.as_bytes(), &mut batch).expect_err(body);
        assert!(matches!(&error, DecodeError::NothingIsJson { expected: e, .. } if *e == expected), "{error}");
        assert_eq!(batch, before);
    }
    decoder(EVENTS).ndjson(b" \n\n", &mut batch).expect("nothing is refused in nothing");
    assert_eq!((batch.rows, batch.blank_lines), (before.rows, before.blank_lines + 2));
}

#[test]
fn a_row_without_any_field_keeps_its_text() {
    assert_eq!(
        ndjson("a Int8\nb String", "{\"A\": 1}"),
        ["QUARANTINE - | - (a: column 'a' has no value (at '$.a'), and is neither Nullable nor has a DEFAULT; \
             b: column 'b' has no value (at '$.b'), and is neither Nullable nor has a DEFAULT; \
             : row has none of the schema's fields: {\"A\": 1})"]
    );
}

#[test]
fn missing_and_null_take_the_default() {
    let schema = "
        a Int8 DEFAULT
        b Nullable(Int8) DEFAULT
        c Nullable(Int8)
        d Array(Int8) DEFAULT
    ";
    assert_eq!(decoder(schema).insert_format(), "RowBinaryWithDefaults");
    assert_eq!(
        ndjson(
            schema,
            "{}\n{\"a\":null,\"b\":null,\"c\":null,\"d\":null}\n{\"a\":1,\"b\":2,\"c\":3,\"d\":[]}\n{\"a\":\"x\"}"
        ),
        [
            "DEFAULT | DEFAULT | NULL | DEFAULT",
            "DEFAULT | DEFAULT | NULL | DEFAULT",
            "1 | 2 | 3 | []",
            "QUARANTINE x | - | - | - (a: value 'x' on column 'a' is not Int8: it is a string)",
        ]
    );
}

#[test]
fn paths_lead_through_objects_and_arrays() {
    let schema = "
        row String @$
        user UInt32 @$.user.id
        raw String @$.user
        prices Array(Float64) @$.items[:].price
        names Array(Nullable(String)) @$.items[:].info.name
        grid Array(Array(Int8)) @$.grid[:][:]
        odd Nullable(String) @$['a.b']
    ";
    let row = r#"{"user": {"id": 7, "x": [1, 2]}, "items": [{"price": 1.5, "info": {"name": "p"}}, {"price": 2}], "grid": [[1], []], "a.b": true}"#;
    assert_eq!(
        ndjson(schema, row),
        [format!("{row} | 7 | {} | [1.5,2] | [p,NULL] | [[1],[]] | true", r#"{"id": 7, "x": [1, 2]}"#)]
    );
    let schema = "p Array(Float64) @$.items[:].price";
    assert_eq!(
        ndjson(schema, "{\"items\":[{\"price\":1},{}]}\n{\"items\":{\"price\":1}}\n{\"items\":[]}"),
        [
            "[]",
            "QUARANTINE [{\"price\":1},{}] (p: value '[{\"price\":1},{}]' on column 'p' is not Array(Float64): \
             a Float64 in it is missing)",
            "QUARANTINE {\"price\":1} (p: value '{\"price\":1}' on column 'p' is not Array(Float64): it is an object)",
        ]
    );
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(ndjson("a Int8", "\u{feff}{\"a\":1}"), ["1"]);
}

#[test]
fn schemas_that_cannot_work_are_refused() {
    let refused = |text| Decoder::new(&schema(text)).expect_err(text);
    assert_eq!(refused(""), SchemaError::NoColumns);
    assert_eq!(refused("a Int8\na Int16"), SchemaError::DuplicateColumn { column: "a".to_owned() });
    assert!(matches!(refused("a Int8 @$.x[:]"), SchemaError::PathThroughArrays { arrays: 1, .. }));
    assert!(matches!(refused("a Array(Int8) @$.x[:].y[:]"), SchemaError::PathThroughArrays { arrays: 2, .. }));
}

#[test]
fn the_insert_is_told_what_it_needs() {
    let plain = decoder("a Int8\nb String");
    assert_eq!((plain.insert_format(), plain.insert_settings()), ("RowBinary", &[][..]));
    assert_eq!(plain.columns().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(decoder("a Array(JSON)").insert_settings(), [("input_format_binary_read_json_as_string", "1")]);
}

#[test]
fn long_values_are_shortened_in_messages_only() {
    let long = "x".repeat(5000);
    let mut batch = Batch::default();
    decoder("a Int8").ndjson(format!("{{\"a\":\"{long}\"}}").as_bytes(), &mut batch).expect("JSON");
    assert_eq!(batch.quarantine[0].values[0].as_deref(), Some(long.as_str()));
    assert!(batch.quarantine[0].errors[0].len() < 300);
}
