//! What holds for any bytes.

use proptest::prelude::*;
use standpipe_ingest::{Batch, CsvDialect, DecodeError, HeaderMode};

use crate::support::{decoder, show};

const SCHEMA: &str = "
    a Int8 @$.a
    b Nullable(String) @$.b
    c Array(Nullable(Float64)) @$.c[:].d DEFAULT
    t DateTime64(3) @$.t DEFAULT
    m Map(String, Decimal(9, 2)) @$.m DEFAULT
    r String @$
";

/// Lines of which many are rows, and the rest nearly so.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{\"a\":1}\n".to_owned()),
        Just("{\"a\":1,\"b\":\"\\u00e9\\ud800\",\"c\":[{\"d\":1e3},{}]}\n".to_owned()),
        Just("{\"a\":300,\"t\":\"2024-01-02T03:04:05.6Z\",\"m\":{\"x\":\"1.239\"}}\r\n".to_owned()),
        Just("\n".to_owned()),
        "[-{}\\[\\]\":,abcdtmr0-9eE. \\\\\n]{0,20}",
        "\\PC{0,10}",
    ];
    let bytes = prop_oneof![4 => piece.prop_map(String::into_bytes), 1 => prop::collection::vec(any::<u8>(), 0..8)];
    prop::collection::vec(bytes, 0..12).prop_map(|pieces| pieces.concat())
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

proptest! {
    #[test]
    fn every_line_ends_in_one_place(body in body()) {
        let mut batch = Batch::default();
        let bare = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&body);
        let lines = bare.split(|byte| *byte == b'\n').filter(|line| !is_blank(line)).count();
        match decoder(SCHEMA).ndjson(&body, &mut batch) {
            Ok(()) => {
                show(SCHEMA, &batch);
                prop_assert_eq!(batch.rows as usize + batch.quarantine.len(), lines);
                prop_assert!(batch.invalid_lines as usize <= batch.quarantine.len());
            }
            Err(error) => {
                prop_assert!(matches!(error, DecodeError::NothingIsJson { .. }), "{}", error);
                prop_assert_eq!(batch, Batch::default());
            }
        }
    }

    #[test]
    fn a_body_in_two_halves_gives_the_same_rows(first in body(), second in body()) {
        let one_row = b"{\"a\":1}\n";
        let (first, second) = ([one_row, &first[..], b"\n"].concat(), [one_row, &second[..]].concat());
        let decoder = decoder(SCHEMA);
        let (mut whole, mut halves) = (Batch::default(), Batch::default());
        decoder.ndjson(&[&first[..], &second[..]].concat(), &mut whole).expect("one row at least");
        decoder.ndjson(&first, &mut halves).expect("one row at least");
        decoder.ndjson(&second, &mut halves).expect("one row at least");
        prop_assert_eq!(whole, halves);
    }

    #[test]
    fn json_takes_all_or_nothing(body in body()) {
        let mut batch = Batch::default();
        match decoder(SCHEMA).json(&body, &mut batch) {
            Ok(()) => { show(SCHEMA, &batch); }
            Err(_) => prop_assert_eq!(batch, Batch::default()),
        }
    }

    #[test]
    fn csv_takes_any_bytes(
        body: Vec<u8>,
        text in "[-\"',;\n\r\\\\a-c0-9{}\\[\\]:. ]{0,60}",
        header in prop::sample::select(vec![HeaderMode::Detect, HeaderMode::Present, HeaderMode::Absent]),
    ) {
        for body in [body, text.into_bytes()] {
            let mut batch = Batch::default();
            decoder(SCHEMA).csv(&body, &CsvDialect::default(), header, &mut batch).expect("the default dialect works");
            show(SCHEMA, &batch);
        }
    }

    #[test]
    fn csv_rows_are_counted_exactly(rows in prop::collection::vec(("[ab0-9\",\n]{0,6}", "-?[0-9]{0,5}"), 0..20)) {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let body: String = rows.iter().map(|(a, b)| format!("{},{}\n", quoted(a), quoted(b))).collect();
        let mut batch = Batch::default();
        let schema = "s String\nn Int16";
        decoder(schema).csv(body.as_bytes(), &CsvDialect::default(), HeaderMode::Absent, &mut batch).expect("a dialect");
        prop_assert_eq!(batch.rows as usize + batch.quarantine.len(), rows.len());
        let fit = rows.iter().filter(|(_, n)| n.parse::<i16>().is_ok());
        let fit: Vec<String> = fit.map(|(s, n)| format!("{s} | {}", n.parse::<i16>().expect("fits"))).collect();
        prop_assert_eq!(&show(schema, &batch)[..batch.rows as usize], &fit[..]);
    }
}
