//! `POST /v0/datasources?mode=append`.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{TestApp, gzip, redact};

const CSV: &str = "n,name\n1,a\n2,\"b, c\"\n";
const NDJSON: &str = "{\"n\":1,\"name\":\"a\"}\n{\"n\":2,\"name\":\"b, c\"}\n";

async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("plain", "n Int32, name String").await;
    app.create_data_source("paths", "n Int32 `json:$.n`, name String `json:$.name`").await;
    app
}

async fn check(app: &TestApp, data_source: &str) {
    let rows = app.rows(&format!("SELECT * FROM {data_source} ORDER BY n")).await;
    assert_eq!(rows, "1\ta\n2\tb, c\n", "{data_source}");
    app.post(&format!("/v0/datasources/{data_source}/truncate")).send().await.assert_status(205);
}

#[tokio::test]
async fn the_answer_has_what_clients_read() {
    let app = app().await;
    let uri = "/v0/datasources?name=plain&mode=append&format=csv&debug=blocks_block_log";
    let answer = app.post(uri).file("csv", "csv", CSV.as_bytes()).send().await.assert_status(200);
    let mut json = answer.json();
    assert_eq!(json["datasource"]["name"], "plain");
    json["datasource"] = json!("…");
    let block = &mut json["blocks"][0];
    assert!(block["processing_time"].is_number() && block["process_return"][0]["time"].is_number());
    (block["processing_time"], block["process_return"][0]["time"]) = (json!(0), json!(0));
    assert_snapshot!(serde_json::to_string_pretty(&redact(json)).unwrap(), @r#"
    {
      "import_id": "[ulid 1]",
      "datasource": "…",
      "quarantine_rows": 0,
      "invalid_lines": 0,
      "error": false,
      "successful_rows": 2,
      "quarantined_rows": 0,
      "blocks": [
        {
          "block_id": "[ulid 1]",
          "processing_time": 0,
          "process_return": [
            {
              "parser": "csv",
              "lines": 2,
              "quarantine": 0,
              "invalid_lines": 0,
              "empty_lines": 0,
              "bytes": 20,
              "time": 0,
              "db_stats": []
            }
          ]
        }
      ]
    }
    "#);
    check(&app, "plain").await;
}

#[tokio::test]
async fn csv_and_ndjson_raw_and_multipart() {
    let app = app().await;
    let csv = "/v0/datasources?name=plain&mode=append&format=csv";
    let ndjson = "/v0/datasources?name=paths&mode=append&format=ndjson";
    for (data_source, request) in [
        ("plain", app.post(csv).body(CSV)),
        ("plain", app.post("/v0/datasources?name=plain&mode=append").body(CSV)),
        ("plain", app.post(csv).header(CONTENT_TYPE, "text/html; charset=utf-8").body(CSV)),
        ("plain", app.post(csv).form(CSV)),
        ("plain", app.post(csv).body(CSV.replace('\n', "\r\n"))),
        ("plain", app.post(csv).body(CSV.trim_start_matches("n,name\n"))),
        ("plain", app.post(csv).file("csv", "rows.csv", CSV.as_bytes())),
        ("plain", app.post(csv).body(gzip(CSV))),
        ("plain", app.post(csv).file("csv", "rows.csv.gz", &gzip(CSV))),
        ("plain", app.post(&format!("{csv}&dialect_delimiter=;")).body("1;a\n2;b, c\n")),
        ("plain", app.post(&format!("{csv}&dialect_delimiter=%5Ct")).body("1\ta\n2\tb, c\n")),
        ("paths", app.post(ndjson).body(NDJSON)),
        ("paths", app.post(ndjson).header(CONTENT_TYPE, "application/x-ndjson; charset=utf-8").body(NDJSON)),
        ("paths", app.post(ndjson).file("ndjson", "ndjson", NDJSON.as_bytes())),
        ("paths", app.post("/v0/datasources?name=paths&mode=append").file("csv", "rows.ndjson", NDJSON.as_bytes())),
        ("paths", app.post(ndjson).header(CONTENT_ENCODING, "gzip").body(gzip(NDJSON))),
        ("paths", app.post(ndjson).file("ndjson", "rows.ndjson.gz", &gzip(NDJSON))),
    ] {
        let answer = request.send().await.assert_status(200).json();
        let counts = (&answer["successful_rows"], &answer["quarantined_rows"], &answer["error"]);
        assert_eq!(counts, (&json!(2), &json!(0), &json!(false)), "{data_source}");
        check(&app, data_source).await;
    }
}

#[tokio::test]
async fn wrong_rows_are_counted_and_kept() {
    let app = app().await;
    let uri = "/v0/datasources?name=plain&mode=append&format=csv";
    let answer = app.post(uri).body("1,a\nx,b\n3,c\n").send().await.assert_status(200).json();
    assert_eq!((&answer["successful_rows"], &answer["quarantine_rows"]), (&json!(2), &json!(1)));
    let sql = "SELECT n, name, c__error_column FROM plain_quarantine FORMAT JSONCompactEachRow";
    assert_eq!(app.sql(sql).await.text(), "[\"x\", \"b\", [\"n\"]]\n");
    let import = answer["import_id"].as_str().unwrap();
    let sql = format!("SELECT count() FROM plain_quarantine WHERE c__import_id = '{import}'");
    assert_eq!(app.rows(&sql).await, "1\n");
    let uri = "/v0/datasources?name=paths&mode=append&format=ndjson";
    let answer = app.post(uri).body(format!("{NDJSON}oops\n")).send().await.assert_status(200).json();
    assert_eq!((&answer["successful_rows"], &answer["invalid_lines"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told() {
    let app = app().await;
    let rows = "1,a\n";
    app.post("/v0/datasources?mode=append").body(rows).send().await.assert_error(400);
    app.post("/v0/datasources?name=plain&mode=append").send().await.assert_error(400);
    app.post("/v0/datasources?name=plain&mode=append&format=xml").body(rows).send().await.assert_error(400);
    app.post("/v0/datasources?name=plain&mode=append&format=parquet").body("PAR1").send().await.assert_error(400);
    app.post("/v0/datasources?name=plain&mode=append&dialect_delimiter=ab").body(rows).send().await.assert_error(400);
    app.post("/v0/datasources?name=absent&mode=append").body(rows).send().await.assert_error(404);
    let broken =
        app.post("/v0/datasources?name=plain&mode=append").header(CONTENT_TYPE, "multipart/form-data; boundary=x");
    broken.body("--y nonsense").send().await.assert_error(400);
    let appender = app.with_scopes(&["DATASOURCES:APPEND:plain"]).await;
    appender.post("/v0/datasources?name=plain&mode=append").body(rows).send().await.assert_status(200);
    appender.post("/v0/datasources?name=paths&mode=append").body(rows).send().await.assert_error(403);
    // Only who may create data sources learns that there is none.
    appender.post("/v0/datasources?name=absent&mode=append").body(rows).send().await.assert_error(403);
}

#[tokio::test]
async fn create_with_rows_at_once() {
    let app = TestApp::new().await;
    let uri = "/v0/datasources?name=new&schema=n%20Int32,%20name%20String&format=csv";
    let answer = app.post(uri).body(CSV).send().await.assert_status(200).json();
    assert_eq!(answer["successful_rows"], 2);
    check(&app, "new").await;
}
