//! Limits of reads: of everybody, of one token, of one endpoint.

use std::num::{NonZeroU32, NonZeroU64};

use serde_json::json;
use standpipe_server::config::{Narrow, Size};

use crate::support::{Client, TestApp};

fn size(bytes: u64) -> Option<Size> {
    Some(Size { bytes })
}

/// Every limit of a token, each on an app of its own: what is asked, and what is answered.
fn cases() -> Vec<(Narrow, &'static str, u16, &'static str)> {
    let hashes = "SELECT sum(sipHash64(number)) FROM numbers(100000000000)";
    let numbers = "SELECT count() FROM numbers(100000)";
    vec![
        (Narrow { query: size(20), ..Narrow::default() }, numbers, 400, "at most 20 are allowed"),
        (Narrow { query_seconds: NonZeroU32::new(1), ..Narrow::default() }, hashes, 408, "took longer than 1 s"),
        (
            Narrow { query_memory: size(20_000_000), ..Narrow::default() },
            "SELECT count() FROM (SELECT number FROM numbers(10000000) GROUP BY number)",
            400,
            "MEMORY_LIMIT_EXCEEDED",
        ),
        (Narrow { rows_read: NonZeroU64::new(1000), ..Narrow::default() }, numbers, 400, "TOO_MANY_ROWS"),
        (Narrow { bytes_read: size(1000), ..Narrow::default() }, numbers, 400, "TOO_MANY_BYTES"),
        (
            Narrow { result: size(1000), ..Narrow::default() },
            "SELECT number FROM numbers(10000)",
            413,
            "the answer is larger than 1000 bytes",
        ),
    ]
}

/// A reader whose token's name is `reader`.
async fn reader(app: &TestApp) -> Client {
    let body = json!({"name": "reader", "scopes": ["PIPES:READ:p"]});
    let answer = app.post("/v0/tokens").json(&body).send().await.assert_status(200);
    app.with_token(answer.json()["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_token_has_limits_of_its_own() {
    for (narrow, sql, status, text) in cases() {
        let app = TestApp::with(|config| {
            config.limits.tokens.insert("reader".to_owned(), narrow);
        })
        .await;
        app.create_endpoint("p", "SELECT 1 AS x").await;
        let error = reader(&app).await.sql(sql).await.assert_error(status);
        assert!(error.contains(text), "{error}");
        if status != 408 {
            app.sql(sql).await.assert_status(200);
        }
    }
}

#[tokio::test]
async fn an_endpoint_has_limits_of_its_own() {
    for (narrow, sql, status, text) in cases() {
        let is_query = narrow.query.is_some();
        let app = TestApp::with(|config| {
            config.limits.pipes.insert("p".to_owned(), narrow);
        })
        .await;
        app.create_endpoint("p", sql).await;
        if is_query {
            // The limit is on the SQL that a request sends.
            app.get("/v0/pipes/p.json?q=SELECT+*+FROM+_+LIMIT+1").send().await.assert_error(400);
            app.get("/v0/pipes/p.json").send().await.assert_status(200);
            continue;
        }
        let error = app.get("/v0/pipes/p.json").send().await.assert_error(status);
        assert!(error.contains(text), "{error}");
        app.get("/v0/pipes/p.json?q=SELECT+*+FROM+_").send().await.assert_error(status);
        if status != 408 {
            app.sql(sql).await.assert_status(200);
        }
    }
}

#[tokio::test]
async fn the_smallest_limit_wins() {
    let rows = |rows| Narrow { rows_read: NonZeroU64::new(rows), ..Narrow::default() };
    let app = TestApp::with(|config| {
        config.limits.rows_read = 5_000;
        config.limits.pipes.insert("p".to_owned(), rows(4_000));
        config.limits.pipes.insert("wide".to_owned(), rows(1_000_000));
        config.limits.tokens.insert("reader".to_owned(), rows(3_000));
    })
    .await;
    let sql = "% SELECT count() AS c FROM numbers({{Int32(n)}})";
    app.create_endpoint("p", sql).await;
    app.create_endpoint("wide", sql).await;
    let reader = reader(&app).await;
    for (caller, pipe, most) in [(&*app, "p", 4_000), (&reader, "p", 3_000), (&*app, "wide", 5_000)] {
        caller.get(&format!("/v0/pipes/{pipe}.csv?n={most}")).send().await.assert_status(200);
        let more = caller.get(&format!("/v0/pipes/{pipe}.csv?n={}", most + 1)).send().await.assert_status(400);
        assert_eq!(more.header("x-db-exception-code"), Some("158"), "{}", more.text());
        assert_eq!(more.json()["code"], "engine_refused");
    }
}

#[tokio::test]
async fn limits_of_ids_hold_as_those_of_names() {
    let first = TestApp::new().await;
    let pipe = first.create_endpoint("p", "SELECT count() FROM numbers(10)").await;
    let id = pipe["id"].as_str().unwrap().to_owned();
    first.get("/v0/pipes/p.json").send().await.assert_status(200);
    let app = first
        .restart_prepared_with(|config| {
            let narrow = Narrow { rows_read: NonZeroU64::new(5), ..Narrow::default() };
            config.limits.pipes.insert(id, narrow);
        })
        .await;
    app.get("/v0/pipes/p.json").send().await.assert_error(400);
}

#[tokio::test]
async fn users_cannot_widen_limits() {
    let app = TestApp::with(|config| config.limits.query_seconds = 1).await;
    for setting in ["max_execution_time = 100", "max_memory_usage = 0", "max_result_bytes = 0", "max_rows_to_read = 0"]
    {
        let error = app.sql(&format!("SELECT 1 SETTINGS {setting}")).await.assert_error(400);
        assert!(error.contains(setting.split(' ').next().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn errors_of_limits_have_their_shapes() {
    let app = TestApp::with(|config| config.limits.query_seconds = 1).await;
    let answer = app.sql("SELECT sum(sipHash64(number)) FROM numbers(100000000000)").await.assert_status(408);
    assert_eq!(answer.header("x-db-exception-code"), Some("159"));
    assert_eq!(answer.json()["code"], "timeout");
}
