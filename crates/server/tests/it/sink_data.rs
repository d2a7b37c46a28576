//! Unusual data in sinks' files, and names of files made of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sink_runs::{large, run_large};
use crate::sinks::{FORM, SinkApp};

const FORMATS: [&str; 3] = ["csv", "ndjson", "parquet"];

/// The files below a folder.
fn below(app: &SinkApp, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = app.s3.files("exports");
    files.retain(|key, _| key.starts_with(&format!("{folder}/")));
    files
}

/// Each type is read back as it was, by a reader that is told its name.
#[tokio::test]
async fn unusual_types_are_read_back() {
    let app = SinkApp::new().await;
    let columns = [
        ("before", "UInt64", "number"),
        ("pair", "Tuple(UInt64, String)", "(number, 'a, \"b\"')"),
        ("named", "Tuple(UUID UInt8, y String)", "CAST((1, 'it''s'), 'Tuple(UUID UInt8, y String)')"),
        ("pairs", "Array(Tuple(UInt8, String))", "[(1, 'a'), (2, '')]"),
        ("map", "Map(String, Array(UInt8))", "map('a', [1, 2], 'é', [])"),
        ("maybe", "Array(Nullable(Int16))", "[NULL, -1]"),
        ("coded", "LowCardinality(Nullable(String))", "toLowCardinality(if(number = 1, NULL, 'x'))"),
        ("price", "Decimal(38, 10)", "toDecimal128('12345678901234567890.0123456789', 10)"),
        ("at", "DateTime64(6, 'Europe/Madrid')", "toDateTime64('2024-03-31 03:30:00.123456', 6, 'Europe/Madrid')"),
        ("old", "Date32", "toDate32('1930-01-01')"),
        ("answer", "String", "CAST('it\\'s, \"x\"', 'Enum8(\\'it\\\\\\'s, \"x\"\\' = 1)')"),
        ("answers", "Array(String)", "[CAST('b', 'Enum16(''b'' = 300)')]"),
        ("id", "String", "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')"),
        ("address", "String", "toIPv6('2001:db8::1')"),
        ("wide", "String", "toInt128('-170141183460469231731687303715884105728')"),
        ("any", "Nullable(String)", "CAST('text', 'Variant(String, UInt8)')"),
        ("json", "String", "CAST('{\"a\":{\"b\":[1,2]}}', 'JSON')"),
        ("nothing", "Nullable(String)", "NULL"),
        ("lines", "String", "'a\\r\\nb\\n\\n\\t\\\\'"),
        ("long", "String", "repeat('ñ', 100000)"),
        ("after", "UInt64", "number"),
    ];
    let select: Vec<String> = columns.iter().map(|(name, _, sql)| format!("{sql} AS {name}")).collect();
    let sql = format!("SELECT {} FROM numbers(3)", select.join(", "));
    large(&app, &sql).await;
    let sums = columns.map(|(name, _, sql)| match (name, sql) {
        // Two spellings of one object.
        ("json", _) => "max(replaceAll(toString(json), ' ', ''))".to_owned(),
        (name, _) => format!("sum(cityHash64(toString({name})))"),
    });
    let sum = |from: &str| format!("SELECT count(), {} FROM {from}", sums.join(", "));
    let expected = app.engine_lines(&sum(&format!("({sql})"))).await;
    let types = |format: &str| {
        // The engine's own reader looks for the parts of a tuple in columns of their own, unless it is told otherwise.
        let shown = |data_type: &'static str| match format {
            "csv" if data_type.starts_with("Tuple(") => "String",
            _ => data_type,
        };
        let types: Vec<String> = columns.iter().map(|(name, it, _)| format!("{name} {}", shown(it))).collect();
        format!("'{}'", types.join(", ").replace('\'', "\\'"))
    };
    for (format, reader) in [("csv", "CSVWithNames"), ("ndjson", "JSONEachRow"), ("parquet", "Parquet")] {
        for template in ["all", "{before}/x"] {
            let path = format!("{format}_{}", template.len());
            let form = format!("path=s3://exports/{path}&file_template={template}&format={format}");
            let job = run_large(&app, &form).await;
            assert_eq!((&job["status"], &job["written_rows"]), (&json!("done"), &json!(3)), "{path}: {job}");
            let reader = format!("{reader}, {}", types(format));
            let found = app.engine_reads(&below(&app, &path), &reader, &sum("files")).await;
            assert_eq!(found, expected, "{path}");
        }
    }
}

/// A reader that is told nothing finds types in Parquet that are as near as it has them.
#[tokio::test]
async fn types_that_parquet_lacks_have_a_substitute() {
    let app = SinkApp::new().await;
    let sql = "SELECT CAST(1, 'Dynamic') AS any, CAST(NULL, 'Variant(String, UInt8)') AS none, \
               [CAST(2, 'Variant(String, UInt8)')] AS list, toBFloat16(1.5) AS half, \
               CAST((1, 2), 'Tuple(UUID UInt8, IPv4 UInt8)') AS names, toTime64('12:34:56.5', 3) AS at";
    large(&app, sql).await;
    let job = run_large(&app, "format=parquet").await;
    assert_eq!(job["status"], "done", "{job}");
    let shown = "SELECT toTypeName(any), any, isNull(none), list[1], half, names.UUID, names.IPv4, formatDateTime(at, '%T') FROM files";
    let found = app.engine_reads(&below(&app, "large"), "Parquet", shown).await;
    assert_eq!(found, ["Nullable(String)\t1\t1\t2\t1.5\t1\t2\t12:34:56"]);
}

/// In CSV a tuple is one value: those behind it stay below their names.
#[tokio::test]
async fn tuples_do_not_move_what_is_behind_them() {
    let app = SinkApp::new().await;
    large(&app, "SELECT 1 AS a, (2, 'x, y') AS t, 3 AS b").await;
    for template in ["all", "{a}"] {
        assert_eq!(run_large(&app, &format!("file_template={template}")).await["status"], "done");
        let file = if template == "all" { "large/all.csv" } else { "large/1.csv" };
        assert_eq!(app.s3.text("exports", file), "\"a\",\"t\",\"b\"\n1,\"(2,'x, y')\",3\n");
    }
}

/// The engine's formats have its memory's bytes for them.
#[tokio::test]
async fn states_of_aggregate_functions_are_refused() {
    let app = SinkApp::new().await.with_pipe().await;
    app.set(FORM).await.assert_status(200);
    for (number, (sql, column)) in [
        ("SELECT sumState(id) AS s FROM visits", "'s'"),
        ("SELECT 1 AS a, [uniqState(country)] AS b FROM visits", "'b'"),
        ("SELECT (1, sumState(id)) AS c FROM visits", "'c'"),
    ]
    .into_iter()
    .enumerate()
    {
        let pipe = format!("states{number}");
        app.create_pipe(&pipe, sql).await;
        let uri = format!("/v0/pipes/{pipe}/nodes/{pipe}_0/sink");
        let text = app.post(&uri).form(FORM).send().await.assert_error(400);
        assert!(text.contains(column) && text.contains("finalizeAggregation()"), "{text}");
        // A node that is changed later.
        app.put("/v0/pipes/p/nodes/p_0").plain(sql).send().await.assert_status(200);
        for format in FORMATS {
            let text = app.post("/v0/pipes/p/sink").form(&format!("format={format}")).send().await.assert_error(400);
            assert!(text.contains(column), "{format}: {text}");
        }
    }
    assert_eq!(app.s3.keys("exports"), Vec::<String>::new());
    let merged = "SELECT finalizeAggregation(sumState(id)) AS s, CAST(1, 'SimpleAggregateFunction(sum, UInt64)') AS t \
                  FROM visits";
    app.put("/v0/pipes/p/nodes/p_0").plain(merged).send().await.assert_status(200);
    assert_eq!(app.run("").await["status"], "done");
}

#[tokio::test]
async fn only_times_are_formatted_as_times() {
    let app = SinkApp::new().await.with_pipe().await;
    for template in ["{country, '%Y'}", "{at, '%Y'}/{id, '%Y-%m'}"] {
        let form = format!("connection=store&path=s3://exports/x&file_template={template}");
        let text = app.set(&form).await.assert_error(400);
        assert!(text.contains("as a time"), "{text}");
    }
    app.set(FORM).await.assert_status(200);
    let text = app.post("/v0/pipes/p/sink").form("file_template={country, '%Y'}").send().await.assert_error(400);
    assert!(text.contains("'country'") && text.contains("String"), "{text}");
    assert_eq!(app.get("/v0/jobs").send().await.json()["jobs"], json!([]));
}

/// Whatever a value is, its file has the same name in every format.
#[tokio::test]
async fn files_are_named_after_any_value() {
    let app = SinkApp::new().await;
    let texts = "['a/b', 'ñandú/ü', '..', '.', '', '%2F', 'x y', '日本語', 'a\\nb', '\\'\"{}', 'a\\\\b?*#&+=']";
    let sql = format!(
        "SELECT arrayJoin({texts}) AS text, NULL AS none, toDateTime('2024-01-31 23:30:00', 'Asia/Tokyo') AS at, \
         toDate('2024-02-29') AS day, CAST('y', 'Enum8(''y'' = 1)') AS answer, toIPv4('1.2.3.4') AS address, \
         [1, 2] AS list, (1, 'x/y') AS pair, toInt128(7) AS wide, 'k' AS sink_file_key, 1.5 AS ratio"
    );
    large(&app, &sql).await;
    let rows = async |format: &str, template: &str, expected: &[&str]| {
        let folder = format!("{format}{}", template.bytes().map(u32::from).sum::<u32>());
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs([("format", format), ("file_template", template)]);
        form.append_pair("path", &format!("s3://exports/{folder}")).append_pair("team", "red/blue");
        let job = run_large(&app, &form.finish()).await;
        assert_eq!((&job["status"], &job["written_rows"]), (&json!("done"), &json!(11)), "{template}: {job}");
        let keys: Vec<String> = below(&app, &folder).into_keys().collect();
        let mut expected: Vec<String> = expected.iter().map(|name| format!("{folder}/{name}.{format}")).collect();
        expected.sort();
        assert_eq!(keys, expected, "{template}");
    };
    let texts =
        ["a%2Fb", "ñandú%2Fü", "%2E%2E", "%2E", "empty", "%252F", "x y", "日本語", "a%0Ab", "'\"{}", "a%5Cb?*#&+="];
    for format in FORMATS {
        let folders = texts.map(|text| format!("{text}/x"));
        let folders = folders.each_ref().map(String::as_str);
        rows(format, "{text}/x", &folders).await;
        rows(format, "{text}", &texts).await;
        rows(format, "{at}_{day}", &["2024-01-31 23:30:00_2024-02-29"]).await;
        rows(format, "{at, '%Y/%m'}/{day, '%d'}{none}", &["2024/01/29null"]).await;
        rows(format, "{answer}{address}{wide}{ratio}", &["y1.2.3.471.5"]).await;
        rows(format, "{list}-{pair}", &["[1,2]-(1,'x%2Fy')"]).await;
        rows(format, "{sink_file_key}/{`sink_file_key`}", &["k/k"]).await;
        rows(format, "{team}_{3}", &["red%2Fblue_0", "red%2Fblue_1", "red%2Fblue_2"]).await;
    }
}

/// A name that no store takes ends the run, and nothing of it stays.
#[tokio::test]
async fn names_that_are_too_long_end_the_run() {
    let app = SinkApp::new().await;
    large(&app, "SELECT number AS id, repeat('k', if(number = 2, 2000, 3)) AS text FROM numbers(3)").await;
    for format in FORMATS {
        let job = run_large(&app, &format!("file_template={{text}}&format={format}")).await;
        let error: &Value = &job["error"];
        assert!(error.as_str().is_some_and(|text| text.contains("2000 bytes")), "{job}");
        assert_eq!((app.s3.keys("exports"), app.s3.half_written()), (vec![], vec![]));
    }
}
