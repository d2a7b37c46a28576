//! Reads at once: of a token, of an endpoint, of a workspace.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::{Duration, Instant};

use axum::body::Body;
use serde_json::json;
use standpipe_server::config::Narrow;

use crate::support::{Answer, Client, TestApp};

/// A read that runs until it is dropped: nobody takes its rows.
async fn hold(client: &Client) -> http::Response<Body> {
    let sql = "SELECT number FROM numbers(100000000000) FORMAT JSONEachRow";
    let response = client.post("/v0/sql").plain(sql).begin().await;
    assert_eq!(response.status(), 200);
    response
}

#[track_caller]
fn assert_limited(answer: Answer, limit: &str) {
    let answer = answer.assert_status(429);
    assert_eq!(answer.json()["code"], "too_many_reads");
    for (header, value) in
        [("x-ratelimit-limit", limit), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1"), ("retry-after", "1")]
    {
        assert_eq!(answer.header(header), Some(value), "{header}");
    }
}

async fn until(app: &TestApp, what: &str, condition: impl Fn(u64, u64) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let figures = app.standpipe().reader().figures();
        if condition(figures.running, figures.waiting) {
            return;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}: {figures:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_over_its_reads_is_refused_at_once() {
    let app = TestApp::with(|config| {
        let narrow = Narrow { concurrency: NonZeroU32::new(2), ..Narrow::default() };
        config.limits.tokens.insert("reader".to_owned(), narrow);
    })
    .await;
    app.create_endpoint("p", "SELECT 1 AS x").await;
    let body = json!({"name": "reader", "scopes": ["PIPES:READ:p"]});
    let answer = app.post("/v0/tokens").json(&body).send().await.assert_status(200);
    let reader = app.with_token(answer.json()["token"].as_str().unwrap());
    let held = (hold(&reader).await, hold(&reader).await);
    let refused = reader.get("/v0/pipes/p.json").send().await;
    assert!(refused.text().contains("token 'reader' has 2 reads running or waiting"), "{}", refused.text());
    assert_limited(refused, "2");
    app.get("/v0/pipes/p.json").send().await.assert_status(200);
    drop(held.0);
    reader.get("/v0/pipes/p.json").send().await.assert_status(200);
    let metrics = app.get("/metrics").send().await;
    for line in ["standpipe_reads_running 1", "standpipe_reads_waiting 0", "standpipe_reads_refused_total 1"] {
        assert!(metrics.text().contains(line), "{line}");
    }
}

#[tokio::test]
async fn every_token_can_have_a_limit_and_so_can_an_endpoint() {
    let app = TestApp::with(|config| {
        config.limits.concurrency = 2;
        let narrow = Narrow { concurrency: NonZeroU32::new(1), ..Narrow::default() };
        config.limits.pipes.insert("p".to_owned(), narrow);
    })
    .await;
    app.create_endpoint("p", "SELECT number FROM numbers(100000000000)").await;
    let held = app.get("/v0/pipes/p.ndjson").begin().await;
    assert_eq!(held.status(), 200);
    assert_limited(app.get("/v0/pipes/p.ndjson").send().await, "1");
    let other = hold(&app).await;
    assert_limited(app.sql("SELECT 1").await, "2");
    drop((held, other));
    app.sql("SELECT 1").await.assert_status(200);
}

#[tokio::test]
async fn a_workspace_waits_for_its_turn_and_not_too_long() {
    let app = TestApp::with(|config| {
        config.engine.lanes.read.threads = NonZeroU16::MIN;
        config.limits.workspace_concurrency = NonZeroU32::new(2).unwrap();
        config.limits.queue_seconds = 1;
    })
    .await;
    let held = hold(&app).await;
    let begun = Instant::now();
    let (waited, refused) = tokio::join!(app.sql("SELECT 1"), async {
        until(&app, "one that waits", |_, waiting| waiting == 1).await;
        app.sql("SELECT 2").await
    });
    assert_limited(refused, "2");
    let waited = waited.assert_status(503);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!((waited.header("retry-after"), waited.json()["code"].as_str()), (Some("1"), Some("queue_timeout")));
    let (answer, ()) = tokio::join!(app.sql("SELECT 3 FORMAT TSV"), async {
        until(&app, "one that waits", |_, waiting| waiting == 1).await;
        drop(held);
    });
    assert_eq!(answer.assert_status(200).text(), "3\n");
    until(&app, "the end", |running, waiting| running + waiting == 0).await;
    assert!(app.get("/metrics").send().await.text().contains("standpipe_reads_timed_out_total 1"));
}

#[tokio::test]
async fn who_stops_waiting_leaves_no_trace() {
    let app = TestApp::with(|config| config.engine.lanes.read.threads = NonZeroU16::MIN).await;
    let held = hold(&app).await;
    let waiting = tokio::spawn(app.post("/v0/sql").plain("SELECT 1").begin());
    until(&app, "one that waits", |_, waiting| waiting == 1).await;
    waiting.abort();
    until(&app, "nobody", |running, waiting| (running, waiting) == (1, 0)).await;
    drop(held);
    app.sql("SELECT 1").await.assert_status(200);
}

#[tokio::test]
async fn one_workspace_leaves_places_to_the_others() {
    let app = TestApp::with(|config| {
        config.engine.lanes.read.threads = NonZeroU16::new(3).unwrap();
        config.limits.workspace_share = std::num::NonZeroU8::new(50).unwrap();
        config.limits.queue_seconds = 30;
    })
    .await;
    let other = app.other_workspace().await;
    let held = (hold(&app).await, hold(&app).await);
    let third = tokio::spawn(app.post("/v0/sql").plain("SELECT 1").begin());
    until(&app, "one that waits", |running, waiting| (running, waiting) == (2, 1)).await;
    other.sql("SELECT 1").await.assert_status(200);
    drop(held);
    assert_eq!(third.await.unwrap().status(), 200);
}
