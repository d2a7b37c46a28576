//! How many bytes and rows per second one core decodes. `cargo bench -p standpipe-ingest`.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use standpipe_ingest::{Batch, Column, CsvDialect, DataType, Decoder, HeaderMode, JsonPath, Schema};

const ROWS: usize = 20_000;

fn decoder(columns: &[(&str, &str, &str)]) -> Decoder {
    let columns = columns.iter().map(|(name, data_type, path)| Column {
        name: (*name).to_owned(),
        data_type: DataType::parse(data_type).expect("a type"),
        jsonpath: Some(JsonPath::parse(path).expect("a path")),
        has_default: false,
    });
    Decoder::new(&Schema { columns: columns.collect() }).expect("a schema")
}

/// Three fields, 60 bytes a row.
fn small() -> (Decoder, String) {
    let decoder =
        decoder(&[("ts", "DateTime", "$.ts"), ("name", "LowCardinality(String)", "$.name"), ("n", "Int32", "$.n")]);
    let body = lines(|i, out| write!(out, r#"{{"ts":"2024-01-02 03:04:{:02}","name":"click","n":{i}}}"#, i % 60));
    (decoder, body)
}

/// Ten fields of many kinds, 330 bytes a row, partly nested.
fn wide() -> (Decoder, String) {
    let decoder = decoder(&[
        ("id", "UUID", "$.id"),
        ("ts", "DateTime64(3)", "$.ts"),
        ("user", "UInt64", "$.user.id"),
        ("country", "LowCardinality(String)", "$.user.country"),
        ("url", "String", "$.url"),
        ("price", "Decimal(12, 2)", "$.price"),
        ("score", "Float64", "$.score"),
        ("ok", "Bool", "$.ok"),
        ("tags", "Array(String)", "$.tags[:]"),
        ("referrer", "Nullable(String)", "$.referrer"),
    ]);
    let body = lines(|i, out| {
        write!(
            out,
            "{{\"id\":\"61f0c404-5cb3-11e7-907b-a6006ad3{i:04x}\",\"ts\":\"2024-01-02T03:04:05.{:03}Z\",\
             \"user\":{{\"id\":{},\"country\":\"ES\",\"agent\":\"Mozilla/5.0 (X11; Linux x86_64)\"}},\
             \"url\":\"https://example.com/some/long/path/{i}?with=parameters\",\"price\":{}.95,\"score\":0.{i:05},\
             \"ok\":true,\"tags\":[\"one\",\"two\"],\"referrer\":null,\"unknown\":\"a key that is no column\"}}",
            i % 1000,
            i * 7_919,
            i % 100,
        )
    });
    (decoder, body)
}

fn csv() -> (Decoder, String) {
    let (decoder, _) = small();
    (decoder, lines(|i, out| write!(out, "2024-01-02 03:04:{:02},click,{i}", i % 60)))
}

fn lines(mut row: impl FnMut(usize, &mut String) -> std::fmt::Result) -> String {
    let mut body = String::new();
    for i in 0..ROWS {
        row(i, &mut body).expect("a String takes everything");
        body.push('\n');
    }
    body
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    let mut run = |name: &str, (decoder, body): (Decoder, String), decode: fn(&Decoder, &str, &mut Batch)| {
        for (unit, throughput) in
            [("rows", Throughput::Elements(ROWS as u64)), ("bytes", Throughput::Bytes(body.len() as u64))]
        {
            group.throughput(throughput).bench_function(format!("{name}/{unit}"), |bencher| {
                bencher.iter_batched_ref(
                    || Batch { row_binary: Vec::with_capacity(body.len()), ..Batch::default() },
                    |batch| {
                        decode(&decoder, black_box(&body), batch);
                        assert_eq!(batch.rows as usize, ROWS);
                    },
                    BatchSize::LargeInput,
                );
            });
        }
    };
    let ndjson: fn(&Decoder, &str, &mut Batch) =
        |decoder, body, batch| decoder.ndjson(body.as_bytes(), batch).expect("all of it is JSON");
    run("ndjson small", small(), ndjson);
    run("ndjson wide", wide(), ndjson);
    run("csv small", csv(), |decoder, body, batch| {
        let dialect = CsvDialect::default();
        decoder.csv(body.as_bytes(), &dialect, HeaderMode::Detect, batch).expect("a dialect");
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
