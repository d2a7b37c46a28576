//! Answers of many rows: bounded, broken off where they fail, given up when nobody takes them.

use std::time::{Duration, Instant};

use axum::body::Body;
use http::Method;
use http_body_util::BodyExt;

use crate::support::TestApp;

/// What came of a body, and whether it came to its end.
async fn read(body: Body) -> (Vec<u8>, bool) {
    let mut body = body;
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => all.extend_from_slice(&frame.into_data().unwrap()),
            Err(_) => return (all, false),
        }
    }
    (all, true)
}

/// How long it took from `since` until the engine ran nothing with this word any more.
async fn until_gone(app: &TestApp, word: &str, since: Instant) -> Duration {
    while app.engine_runs(word).await > 0 {
        assert!(since.elapsed() < Duration::from_secs(30), "'{word}' goes on for ever");
    }
    since.elapsed()
}

#[tokio::test]
async fn whole_results_over_the_limit_are_refused_before_any_byte() {
    let app = TestApp::with(|config| config.limits.result.bytes = 200_000).await;
    app.create_endpoint("p", "SELECT number AS n, toString(number) AS text FROM numbers(100000)").await;
    app.create_endpoint("m", "SELECT 'metric' AS name, toFloat64(number) AS value FROM numbers(100000)").await;
    for path in ["p.json", "p.parquet", "m.prometheus", "p.json?q=SELECT+*+FROM+_+FORMAT+XML"] {
        let answer = app.get(&format!("/v0/pipes/{path}")).send().await.assert_status(413);
        assert_eq!(answer.json()["code"], "result_too_large", "{path}");
    }
    // The bytes of the answer count, not those of its columns in memory.
    app.create_endpoint("narrow", "SELECT toUInt8(1) AS a_column_of_a_long_name FROM numbers(20000)").await;
    app.get("/v0/pipes/narrow.json").send().await.assert_status(413);
}

#[tokio::test]
async fn row_streams_over_the_limit_are_refused_or_broken_off() {
    let app = TestApp::with(|config| config.limits.result.bytes = 3_000_000).await;
    app.create_endpoint("p", "% SELECT number AS n FROM numbers({{Int32(rows)}})").await;
    for extension in ["ndjson", "csv"] {
        let path = |rows| format!("/v0/pipes/p.{extension}?rows={rows}");
        app.get(&path(200_000)).send().await.assert_status(200);
        let response = app.get(&path(10_000_000)).begin().await;
        assert_eq!(response.status(), 200, "the first rows were sent before the limit was met");
        let (bytes, whole) = read(response.into_body()).await;
        assert!(!whole && (1_000_000..=3_000_000).contains(&bytes.len()), "{} {whole}", bytes.len());
    }
    let app = TestApp::with(|config| config.limits.result.bytes = 100_000).await;
    app.create_endpoint("p", "SELECT number AS n FROM numbers(1000000)").await;
    for extension in ["ndjson", "csv"] {
        app.get(&format!("/v0/pipes/p.{extension}")).send().await.assert_status(413);
    }
}

#[tokio::test]
async fn an_error_in_mid_stream_breaks_the_answer_off() {
    let app = TestApp::new().await;
    let sql = "SELECT number, throwIf(number = 900000, 'half-way') FROM numbers(1000000)";
    app.create_endpoint("p", sql).await;
    for extension in ["ndjson", "csv"] {
        let response = app.get(&format!("/v0/pipes/p.{extension}")).begin().await;
        assert_eq!(response.status(), 200);
        let (bytes, whole) = read(response.into_body()).await;
        assert!(!whole && bytes.len() > 1_000_000, "{} {whole}", bytes.len());
    }
    let early = app.sql("SELECT throwIf(number = 10, 'at once') FROM numbers(1000000) FORMAT JSONEachRow").await;
    assert!(early.assert_error(400).contains("at once"), "an error before the first rows has a status of its own");
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_query_within_300_milliseconds() {
    let app = TestApp::new().await;
    let mut times = Vec::new();
    for round in 0..5 {
        // In the middle of its rows.
        let word = format!("leaves_{round}");
        let sql = format!("SELECT number AS {word} FROM numbers(100000000000) FORMAT JSONEachRow");
        let response = app.post("/v0/sql").plain(&sql).begin().await;
        let mut body = response.into_body();
        body.frame().await.unwrap().unwrap();
        assert_eq!(app.engine_runs(&word).await, 1);
        drop(body);
        times.push(until_gone(&app, &word, Instant::now()).await);
        // Before its answer begins.
        let word = format!("never_begins_{round}");
        let sql = format!("SELECT sum(sipHash64(number)) AS {word} FROM numbers(100000000000)");
        let asked = tokio::spawn(app.post("/v0/sql").plain(&sql).begin());
        while app.engine_runs(&word).await == 0 {
            tokio::task::yield_now().await;
        }
        asked.abort();
        times.push(until_gone(&app, &word, Instant::now()).await);
    }
    times.sort();
    println!("ten queries ended so long after their clients had left: {times:?}");
    // One of ten may meet a busy machine.
    assert!(times[8] < Duration::from_millis(300), "{times:?}");
}

#[tokio::test]
async fn a_stream_that_nobody_takes_is_given_up() {
    let app = TestApp::with(|config| config.limits.send_seconds = 1).await;
    let sql = "SELECT number AS nobody_takes FROM numbers(100000000000) FORMAT JSONEachRow";
    let response = app.post("/v0/sql").plain(sql).begin().await;
    assert_eq!(app.engine_runs("nobody_takes").await, 1);
    let took = until_gone(&app, "nobody_takes", Instant::now()).await;
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(app.standpipe().reader().figures().running, 0, "its place is free");
    assert!(!read(response.into_body()).await.1, "what is left of it does not look whole");
}

#[tokio::test]
async fn a_stream_ends_at_its_time() {
    let app = TestApp::with(|config| config.limits.query_seconds = 1).await;
    let sql = "SELECT number AS too_long FROM numbers(100000000000) FORMAT JSONEachRow";
    let begun = Instant::now();
    let response = app.post("/v0/sql").plain(sql).begin().await;
    let (_, whole) = read(response.into_body()).await;
    assert!(!whole && begun.elapsed() < Duration::from_secs(8), "{whole} {:?}", begun.elapsed());
    until_gone(&app, "too_long", begun).await;
}

#[tokio::test]
async fn head_runs_the_query_once_and_ends_it() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "SELECT number AS head_only FROM numbers(100000000000)").await;
    let answer = app.request(Method::HEAD, "/v0/pipes/p.ndjson").send().await.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson; charset=utf-8"));
    assert!(answer.body.is_empty());
    until_gone(&app, "head_only", Instant::now()).await;
    app.create_endpoint("small", "SELECT 1 AS x").await;
    let head = app.request(Method::HEAD, "/v0/pipes/small.csv").send().await.assert_status(200);
    assert_eq!(head.header("content-length"), Some("6"), "as for GET");
}
