//! Answers that endpoints give again.

use serde_json::{Value, json};

use crate::support::TestApp;

/// An app with the data source `events`, which holds one row, and an endpoint that counts it.
async fn app(change: impl FnOnce(&mut standpipe_server::config::Config)) -> TestApp {
    let app = TestApp::with(change).await;
    app.post("/v0/datasources?name=events&schema=tenant+String").send().await.assert_status(200);
    add(&app, "a").await;
    app
}

async fn add(app: &TestApp, tenant: &str) {
    let row = json!({ "tenant": tenant }).to_string();
    app.post("/v0/events?name=events&wait=true").body(row).send().await.assert_status(200);
}

async fn data(app: &TestApp, query: &str) -> Value {
    app.get(&format!("/v0/pipes/{query}")).send().await.assert_status(200).json()["data"].clone()
}

const COUNT: &str = "% {{cache_ttl('1h')}} SELECT count() AS n FROM events \
                     {% if defined(tenant) %} WHERE tenant = {{String(tenant)}} {% end %}";

#[tokio::test]
async fn a_template_keeps_its_answers_by_parameters_and_format() {
    let app = app(|_| {}).await;
    app.create_endpoint("total", COUNT).await;
    assert_eq!(data(&app, "total.json").await, json!([{"n": 1}]));
    add(&app, "b").await;
    // The same bytes, with the time and counters of the query that was run.
    let kept = app.get("/v0/pipes/total.json").send().await.assert_status(200);
    assert_eq!(kept.json()["data"], json!([{"n": 1}]));
    assert_eq!(kept.body, app.get("/v0/pipes/total.json?from=cli").send().await.body);
    assert_eq!(kept.headers["content-type"], "application/json");
    // Others are other answers.
    assert_eq!(data(&app, "total.json?tenant=b").await, json!([{"n": 1}]));
    assert_eq!(app.get("/v0/pipes/total.csv").send().await.text(), "\"n\"\n2\n");
    let over = "total.json?q=SELECT+n+FROM+_";
    assert_eq!(data(&app, over).await, json!([{"n": 2}]), "SQL over an endpoint is the caller's own");
}

#[tokio::test]
async fn an_edited_node_and_a_truncated_data_source_are_read_anew() {
    let app = app(|_| {}).await;
    app.create_endpoint("total", COUNT).await;
    assert_eq!(data(&app, "total.json").await, json!([{"n": 1}]));
    let edited = COUNT.replace("count()", "count() + 10");
    app.put("/v0/pipes/total/nodes/total_node").plain(&edited).send().await.assert_status(200);
    assert_eq!(data(&app, "total.json").await, json!([{"n": 11}]));
    app.post("/v0/datasources/events/truncate").send().await.assert_status(205);
    assert_eq!(data(&app, "total.json").await, json!([{"n": 10}]));
}

#[tokio::test]
async fn a_kept_answer_is_for_callers_that_may_ask() {
    let app = app(|_| {}).await;
    app.create_endpoint("total", COUNT).await;
    data(&app, "total.json").await;
    app.anonymous().get("/v0/pipes/total.json").send().await.assert_status(403);
}

#[tokio::test]
async fn without_memory_nothing_is_kept() {
    let app = app(|config| config.limits.cache.bytes = 0).await;
    app.create_endpoint("total", COUNT).await;
    assert_eq!(data(&app, "total.json").await, json!([{"n": 1}]));
    add(&app, "b").await;
    assert_eq!(data(&app, "total.json").await, json!([{"n": 2}]));
}

#[tokio::test]
async fn what_is_larger_than_a_share_of_the_memory_is_whole_and_not_kept() {
    let app = app(|config| config.limits.cache.bytes = 16 << 10).await;
    let sql = "% {{cache_ttl('1h')}} SELECT number, (SELECT count() FROM events) AS n FROM numbers(30000)";
    app.create_endpoint("many", sql).await;
    for (format, last) in [("csv", "29999,1"), ("ndjson", "{\"number\":29999,\"n\":2}")] {
        for _ in 0..2 {
            let answer = app.get(&format!("/v0/pipes/many.{format}")).send().await.assert_status(200);
            assert_eq!(answer.text().lines().last().unwrap(), last);
        }
        add(&app, "b").await;
    }
}

#[tokio::test]
async fn a_datafile_keeps_its_endpoint_s_answers() {
    let app = app(|_| {}).await;
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("pipes")).unwrap();
    let pipe = "NODE count\nSQL >\n    SELECT count() AS n FROM events\n\nTYPE endpoint\nCACHE 3600\n";
    std::fs::write(folder.path().join("pipes/total.pipe"), pipe).unwrap();
    standpipe_server::sample::load(app.standpipe(), &app.access(), folder.path()).await.unwrap();
    assert_eq!(data(&app, "total.json").await, json!([{"n": 1}]));
    add(&app, "b").await;
    assert_eq!(data(&app, "total.json").await, json!([{"n": 1}]));
    let app = app.restart().await;
    app.app.set_prepared();
    assert_eq!(data(&app, "total.json").await, json!([{"n": 2}]), "answers do not outlive the process");
    add(&app, "c").await;
    assert_eq!(data(&app, "total.json").await, json!([{"n": 2}]), "that they are kept does");
}
