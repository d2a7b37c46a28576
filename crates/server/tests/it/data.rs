//! `/v0/pipes/{pipe}.{json,csv,ndjson,parquet,prometheus}`: the data of endpoints, and what browsers ask before.

use http::Method;
use http::header::{ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use serde_json::{Value, json};
use standpipe_clickhouse::{Lane, QueryOptions};

use crate::support::TestApp;

/// Every type whose text differs between settings: 64-bit integers, what is no number, slashes, nulls, nested values.
const SQL: &str = "SELECT number AS id, toUInt64(18446744073709551615) AS big, 'a/b\"c' AS text, 1 / 0 AS infinite, \
                   CAST(NULL AS Nullable(Int32)) AS nothing, [1, 2] AS list, map('k', 'v') AS labels, \
                   toDateTime('2024-01-02 03:04:05', 'UTC') AS at FROM numbers(3)";

/// What the engine prints for that SQL with these settings.
async fn engine(app: &TestApp, sql: &str, format: &str, changed: &[(&'static str, u8)]) -> Vec<u8> {
    let mut settings = vec![
        ("output_format_json_quote_64bit_integers", 0),
        ("output_format_json_quote_denormals", 0),
        ("output_format_parquet_string_as_string", 0),
    ];
    settings.extend(changed);
    let mut options = QueryOptions::new(Lane::Read).format(format).setting("max_threads", 1);
    for (name, value) in settings {
        options = options.setting(name, value);
    }
    app.engine(sql, options).await
}

async fn data(app: &TestApp, path: &str) -> Vec<u8> {
    app.get(&format!("/v0/pipes/{path}")).send().await.assert_status(200).body.to_vec()
}

/// A JSON answer without the time that the query took.
fn without_elapsed(json: &[u8]) -> String {
    let text = std::str::from_utf8(json).unwrap();
    let lines = text.split_inclusive('\n').map(|line| match line.split_once("\"elapsed\": ") {
        Some((start, _)) => format!("{start}\"elapsed\": 0,\n"),
        None => line.to_owned(),
    });
    lines.collect()
}

#[tokio::test]
async fn json_is_what_the_engine_prints() {
    let app = TestApp::new().await;
    app.create_endpoint("p", SQL).await;
    let answer = data(&app, "p.json").await;
    let expected = engine(&app, SQL, "JSON", &[]).await;
    assert_eq!(without_elapsed(&answer), without_elapsed(&expected));
    let json: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(json["rows"], 3);
    assert!(json["statistics"]["elapsed"].is_number() && json["statistics"]["rows_read"].is_number());
    assert_eq!(json["data"][0]["big"], 18_446_744_073_709_551_615_u64);
    assert_eq!(json["data"][0]["infinite"], Value::Null);
    assert!(std::str::from_utf8(&answer).unwrap().contains(r#""a\/b\"c""#), "slashes are escaped");
}

#[tokio::test]
async fn csv_and_ndjson_are_what_the_engine_prints() {
    let app = TestApp::new().await;
    app.create_endpoint("p", SQL).await;
    for (extension, format, content_type) in [
        ("csv", "CSVWithNames", "text/csv; charset=utf-8"),
        ("ndjson", "JSONEachRow", "application/x-ndjson; charset=utf-8"),
    ] {
        let answer = app.get(&format!("/v0/pipes/p.{extension}")).send().await.assert_status(200);
        assert_eq!(answer.header("content-type"), Some(content_type));
        assert_eq!(answer.text().as_bytes(), engine(&app, SQL, format, &[]).await, "{extension}");
    }
    assert!(data(&app, "p.csv").await.starts_with(b"\"id\",\"big\",\"text\""));
}

#[tokio::test]
async fn the_three_settings_shape_the_answer() {
    let app = TestApp::new().await;
    app.create_endpoint("p", SQL).await;
    for setting in ["output_format_json_quote_64bit_integers", "output_format_json_quote_denormals"] {
        let answer = data(&app, &format!("p.json?{setting}=1")).await;
        let expected = engine(&app, SQL, "JSON", &[(setting, 1)]).await;
        assert_eq!(without_elapsed(&answer), without_elapsed(&expected), "{setting}");
    }
    let setting = "output_format_parquet_string_as_string";
    let answer = data(&app, &format!("p.parquet?{setting}=1")).await;
    assert_eq!(answer, engine(&app, SQL, "Parquet", &[(setting, 1)]).await);
    assert_ne!(answer, data(&app, "p.parquet").await);
}

#[tokio::test]
async fn parquet_has_a_footer_that_reads() {
    let app = TestApp::new().await;
    app.create_endpoint("p", SQL).await;
    let answer = app.get("/v0/pipes/p.parquet").send().await.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("application/vnd.apache.parquet"));
    let bytes = &answer.body;
    assert_eq!(bytes[..], engine(&app, SQL, "Parquet", &[]).await);
    // The format's frame: magic, columns, footer, the footer's length, magic.
    let end = bytes.len() - 8;
    let footer = u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
    assert_eq!((&bytes[..4], &bytes[end + 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
    assert!(footer < end - 4, "the footer lies inside the file");
    for column in ["id", "big", "text"] {
        let names = bytes[end - footer..end].windows(column.len()).filter(|name| *name == column.as_bytes());
        assert!(names.count() > 0, "the footer names column '{column}'");
    }
}

#[tokio::test]
async fn prometheus_text_parses() {
    let app = TestApp::new().await;
    let sql = "SELECT 'requests_total' AS name, toFloat64(number + 1) AS value, 'Requests' AS help, 'counter' AS type, \
               map('code', toString(200 + number)) AS labels FROM numbers(2)";
    app.create_endpoint("p", sql).await;
    let answer = app.get("/v0/pipes/p.prometheus").send().await.assert_status(200);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    assert_eq!(answer.text().as_bytes(), engine(&app, sql, "Prometheus", &[]).await);
    let mut samples = Vec::new();
    for line in answer.text().lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (metric, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = metric.split_once('{').unwrap();
        samples.push((name.to_owned(), labels.trim_end_matches('}').to_owned(), value.parse::<f64>().unwrap()));
    }
    let expected = |code: &str, value| ("requests_total".to_owned(), format!("code=\"{code}\""), value);
    assert_eq!(samples, [expected("200", 1.0), expected("201", 2.0)]);
    assert!(answer.text().contains("# HELP requests_total Requests\n# TYPE requests_total counter\n"));
}

#[tokio::test]
async fn q_runs_over_the_endpoint() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "SELECT number AS n FROM numbers(5)").await;
    let q = |sql: &str| form_urlencoded::byte_serialize(sql.as_bytes()).collect::<String>();
    for sql in ["SELECT sum(n) AS s FROM _", "SELECT sum(n) AS s FROM p", "SELECT sum(a.n) AS s FROM _ AS a"] {
        let answer = app.get(&format!("/v0/pipes/p.csv?q={}", q(sql))).send().await.assert_status(200);
        assert_eq!(answer.text(), "\"s\"\n10\n", "{sql}");
    }
    let tsv = app.get(&format!("/v0/pipes/p.json?q={}", q("SELECT count() FROM _ FORMAT TSV"))).send().await;
    assert_eq!(tsv.assert_status(200).text(), "5\n", "a FORMAT of the query's own wins");
    let reader = app.with_scopes(&["PIPES:READ:p"]).await;
    reader.get(&format!("/v0/pipes/p.csv?q={}", q("SELECT n FROM _"))).send().await.assert_status(200);
    app.create_data_source("secret", "a Int8").await;
    reader.get(&format!("/v0/pipes/p.csv?q={}", q("SELECT * FROM secret"))).send().await.assert_error(403);
    app.get(&format!("/v0/pipes/p.csv?q={}", q("SELECT file('/etc/hostname')"))).send().await.assert_error(400);
}

#[tokio::test]
async fn post_takes_what_get_takes() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "SELECT number AS n FROM numbers(5)").await;
    let expected = "\"s\"\n10\n";
    let form = app.post("/v0/pipes/p.csv").form("q=SELECT+sum(n)+AS+s+FROM+_").send().await.assert_status(200);
    assert_eq!(form.text(), expected);
    let json = app.post("/v0/pipes/p.csv").json(&json!({"q": "SELECT sum(n) AS s FROM _"})).send().await;
    assert_eq!(json.assert_status(200).text(), expected);
    let empty = app.post("/v0/pipes/p.csv?cli_version=1&from=charts").send().await.assert_status(200);
    assert_eq!(empty.text(), "\"n\"\n0\n1\n2\n3\n4\n");
    app.post("/v0/pipes/p").send().await.assert_error(400);
    app.post("/v0/pipes/p.xlsx").send().await.assert_error(400);
    app.post("/v0/pipes/absent.json").send().await.assert_error(404);
}

#[tokio::test]
async fn the_noise_of_clients_changes_nothing() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "SELECT 1 AS x").await;
    let noise =
        "?&cli_version=1&cli_version=6.5.5+%28rev%29&from=cli&debug=1&__tb__semver=0.0.1&pipe_checker=true&x=&%20=1";
    assert_eq!(data(&app, &format!("p.csv{noise}")).await, b"\"x\"\n1\n");
    let token = app.token().to_owned();
    let answer = app.anonymous().get(&format!("/v0/pipes/p.csv?&token={token}&from=ui")).send().await;
    assert_eq!(answer.assert_status(200).text(), "\"x\"\n1\n");
}

#[tokio::test]
async fn large_answers_stream_and_half_ones_do_not_look_whole() {
    let app = TestApp::new().await;
    app.create_endpoint("large", "SELECT number AS n FROM numbers(300000)").await;
    let answer = data(&app, "large.ndjson").await;
    assert_eq!(answer.iter().filter(|byte| **byte == b'\n').count(), 300_000);
    assert!(answer.ends_with(b"{\"n\":299999}\n"));
    let csv = data(&app, "large.csv").await;
    assert_eq!(csv.iter().filter(|byte| **byte == b'\n').count(), 300_001, "one header for all blocks");
}

#[tokio::test]
async fn errors_of_the_engine_carry_its_code() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "SELECT throwIf(number = 1, 'no luck') AS x FROM numbers(2)").await;
    let answer = app.get("/v0/pipes/p.json").send().await.assert_status(400);
    assert_eq!(answer.header("x-db-exception-code"), Some("395"));
    assert!(answer.assert_error(400).contains("no luck"));
}

#[tokio::test]
async fn limits_have_their_own_statuses() {
    let app = TestApp::with(|config| {
        config.limits.query_seconds = 1;
        config.limits.result.bytes = 100_000;
    })
    .await;
    app.create_endpoint("slow", "SELECT sum(sipHash64(number)) AS x FROM numbers(100000000000)").await;
    let error = app.get("/v0/pipes/slow.json").send().await.assert_error(408);
    assert_eq!(error, "the query took longer than 1 s: read less data, or ask for a higher limit");
    app.create_endpoint("large", "SELECT number AS n FROM numbers(300000)").await;
    let error = app.get("/v0/pipes/large.json").send().await.assert_error(413);
    assert!(error.starts_with("the answer is larger than 100000 bytes"), "{error}");
}

#[tokio::test]
async fn head_answers_without_a_body() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "SELECT 1 AS x").await;
    let answer = app.request(Method::HEAD, "/v0/pipes/p.json").send().await.assert_status(200);
    assert_eq!((answer.header("content-type"), answer.body.len()), (Some("application/json"), 0));
    let answer = app.request(Method::HEAD, "/v0/pipes/absent.json").send().await.assert_status(404);
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn pages_of_any_origin_may_call() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "SELECT 1 AS x").await;
    for uri in ["/v0/pipes/p.json", "/v0/events", "/v0/sql"] {
        let preflight = app
            .anonymous()
            .request(Method::OPTIONS, uri)
            .header(ORIGIN, "https://page.example")
            .header(ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type")
            .send()
            .await
            .assert_status(200);
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
        assert!(preflight.header("access-control-allow-methods").unwrap().contains("POST"));
        let allowed = preflight.header("access-control-allow-headers").unwrap();
        assert!(allowed.contains("authorization") && allowed.contains("content-type"), "{allowed}");
    }
    let answer = app.get("/v0/pipes/p.json").header(ORIGIN, "https://page.example").send().await.assert_status(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let error = app.get("/v0/pipes/absent.json").header(ORIGIN, "https://page.example").send().await.assert_status(404);
    assert_eq!(error.header("access-control-allow-origin"), Some("*"), "pages must be able to read errors");
}
