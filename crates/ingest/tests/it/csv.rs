//! CSV bodies: headers, quotes, empty fields, rows of the wrong length.

use standpipe_ingest::{Batch, CsvDialect, HeaderMode};

use crate::support::{decoder, show};

const SCHEMA: &str = "
    day Date
    station String
    abslevel Float32
    volume Nullable(Float64)
";

fn csv_as(schema: &str, dialect: CsvDialect, header: HeaderMode, body: &[u8]) -> Vec<String> {
    let mut batch = Batch::default();
    decoder(schema).csv(body, &dialect, header, &mut batch).expect("a dialect");
    show(schema, &batch)
}

fn csv(schema: &str, body: &str) -> Vec<String> {
    csv_as(schema, CsvDialect::default(), HeaderMode::Detect, body.as_bytes())
}

#[test]
fn a_header_is_told_from_a_row() {
    let row = "1970-01-02,a,1.5,2";
    let swapped = "station,day,volume,abslevel\na,1970-01-02,2,1.5";
    for body in [row, &format!("day,station,abslevel,volume\n{row}"), &format!("{row}\r\n"), swapped] {
        assert_eq!(csv(SCHEMA, body), ["day 1 | a | 1.5 | 2"], "{body}");
    }
    assert_eq!(csv(SCHEMA, "Day,\"STATION\", abslevel \n1970-01-02,a,1"), ["day 1 | a | 1 | NULL"]);
    assert_eq!(
        csv(SCHEMA, "x,day,station,abslevel,volume\n?,1970-01-02,a,1,"),
        ["day 1 | a | 1 | NULL"],
        "fields that are no column are left out"
    );
    assert_eq!(csv("a String\nb String", "a,c\n"), ["a | c"], "one name is no header");
    assert_eq!(csv("a String\nb String", ""), [""; 0]);
    assert_eq!(csv("a String\nb String", "a,b\n"), [""; 0]);
}

#[test]
fn a_caller_may_know_better() {
    let schema = "a String\nb String";
    let as_mode = |mode, body: &str| csv_as(schema, CsvDialect::default(), mode, body.as_bytes());
    assert_eq!(as_mode(HeaderMode::Absent, "a,b\n"), ["a | b"]);
    assert_eq!(as_mode(HeaderMode::Present, "x,y\n1,2\n"), ["1 | 2"]);
    assert_eq!(as_mode(HeaderMode::Present, "x,b,a\n1,2,3\n"), ["3 | 2"]);
}

#[test]
fn a_wrong_row_is_quarantined_as_the_reference_words_it() {
    assert_eq!(
        csv(SCHEMA, "2014-07-30,Siurana,,11.57\n1970-01-02,b,1,x\n"),
        [
            "QUARANTINE 2014-07-30 | Siurana |  | 11.57 (abslevel: value '' on column 'abslevel' is not Float32)",
            "QUARANTINE 1970-01-02 | b | 1 | x (volume: value 'x' on column 'volume' is not Nullable(Float64))",
        ]
    );
}

#[test]
fn empty_fields_are_null_or_default_where_possible() {
    let schema = "a String\nb Nullable(String)\nc String DEFAULT\nd Int8 DEFAULT";
    assert_eq!(
        csv(schema, "\"\",,,\n\\N,\\N,\\N,\\N\nx,y,z,1\n"),
        [" | NULL | DEFAULT | DEFAULT", "\\N | NULL | DEFAULT | DEFAULT", "x | y | z | 1",]
    );
}

#[test]
fn rows_of_another_length() {
    let schema = "a Int8\nb Nullable(Int8)\nc Int8 DEFAULT";
    assert_eq!(
        csv(schema, "1\n1,2,3,,\n1,2,3,4\n,2\n"),
        [
            "1 | NULL | DEFAULT",
            "1 | 2 | 3",
            "QUARANTINE 1 | 2 | 3 (: row has 4 fields where at most 3 are expected: 1,2,3,4)",
            "QUARANTINE  | 2 | - (a: value '' on column 'a' is not Int8)",
        ]
    );
    assert_eq!(
        csv("a Int8\nb Int8", "1\n"),
        ["QUARANTINE 1 | - (b: column 'b' has no value (at '$.b'), and is neither Nullable nor has a DEFAULT)"]
    );
}

#[test]
fn quotes_and_dialects() {
    let schema = "a String\nb String";
    assert_eq!(csv(schema, "\"x,\"\"y\"\"\n\",z\n"), ["x,\"y\"\n | z"]);
    assert_eq!(csv(schema, "x;y\nz;w\n"), ["x | y", "z | w"]);
    let dialect = CsvDialect { delimiter: Some(b'|'), quote: b'\'', escape: Some(b'\\'), newline: Some(b'~') };
    assert_eq!(csv_as(schema, dialect, HeaderMode::Detect, b"'a\\'|'|b~c|d~"), ["a'| | b", "c | d"]);
    let dialect = CsvDialect { delimiter: Some(b'"'), ..CsvDialect::default() };
    assert!(decoder(schema).csv(b"x", &dialect, HeaderMode::Detect, &mut Batch::default()).is_err());
}

#[test]
fn bytes_that_are_no_text_are_quarantined() {
    let schema = "a String\nb Int8";
    assert_eq!(
        csv_as(schema, CsvDialect::default(), HeaderMode::Detect, b"caf\xE9,1\nx,2\n"),
        ["x | 2", "QUARANTINE caf\\xE9 | 1 (a: value 'caf\\xE9' on column 'a' is not String: it is not UTF-8)"]
    );
}

#[test]
fn nested_values_are_json_or_as_the_engine_prints_them() {
    let schema = "a Array(String)\nb Map(String, Array(Int8))\nc JSON";
    assert_eq!(
        csv(schema, "\"['it\\'s','\"\"']\";\"{'k':[1,2]}\";{}\n[];{};\"{\"\"x\"\":1}\"\n[;{};{}\n"),
        [
            "[it's,\"] | {k:[1,2]} | {}",
            "[] | {} | {\"x\":1}",
            "QUARANTINE [ | {} | {} (a: value '[' on column 'a' is not Array(String))",
        ]
    );
}
