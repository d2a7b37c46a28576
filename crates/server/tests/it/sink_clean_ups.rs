//! Runs of sinks that end badly beside others: whose files are removed, and whose are not.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use standpipe_core::jobs::Runner;

use crate::sink_runs::{large, run_large};
use crate::sinks::SinkApp;

/// Six rows, each of which has a file of its own.
const SIX: &str = "SELECT number AS id FROM numbers(6)";

/// How files are removed: S3 takes a list of them. Files at once are not posted.
const REMOVAL: Method = Method::POST;

async fn app() -> SinkApp {
    let app = SinkApp::new().await;
    large(&app, SIX).await;
    app
}

async fn start(app: &SinkApp) -> String {
    let answer = app.post("/v0/pipes/large/sink").form("file_template={id}").send().await.assert_status(200).json();
    answer["job"]["id"].as_str().unwrap().to_owned()
}

async fn tick(app: &SinkApp) {
    Runner::new(app.standpipe().clone()).tick().await.unwrap();
}

/// The job once it has ended.
async fn ended(app: &SinkApp, id: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let job = app.job(id).await;
        if !["waiting", "working", "cancelling"].contains(&job["status"].as_str().unwrap()) {
            return job;
        }
        assert!(Instant::now() < deadline, "it does not end: {job}");
        tokio::task::yield_now().await;
    }
}

/// That exactly the files of this run are there.
fn assert_files_of(app: &SinkApp, job: &Value) {
    assert_eq!((&job["status"], &job["written_files"]), (&json!("done"), &json!(6)), "{job}");
    let mut keys: Vec<&str> = job["output"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    keys.sort_unstable();
    assert_eq!(app.s3.keys("exports"), keys);
}

#[tokio::test]
async fn a_cancelled_run_removes_its_own_files_only() {
    let app = app().await;
    app.s3.hold(Method::PUT, 4);
    let cancelled = start(&app).await;
    tick(&app).await;
    // Four files are there, and two are under way.
    app.s3.held(2).await;
    app.post(&format!("/v0/jobs/{cancelled}/cancel")).send().await.assert_status(200);
    app.s3.hold(REMOVAL, 0);
    tick(&app).await;
    app.s3.held(1).await;
    let other = start(&app).await;
    tick(&app).await;
    let job = ended(&app, &other).await;
    assert_eq!(app.job(&cancelled).await["status"], "cancelling");
    app.s3.let_go();
    assert_eq!(ended(&app, &cancelled).await["status"], "cancelled");
    assert_files_of(&app, &job);
    // What had been taken is free again.
    assert_eq!(run_large(&app, "file_template=one").await["output"], json!(["large/one.csv"]));
    app.standpipe().settle().await;
}

#[tokio::test]
async fn a_run_that_its_server_left_is_undone_beside_another() {
    let app = app().await;
    app.s3.hold(Method::PUT, 4);
    let left = start(&app).await;
    tick(&app).await;
    app.s3.held(2).await;
    let other = start(&app).await;
    let app = app.restart().await;
    app.s3.hold(REMOVAL, 0);
    let runner = Runner::new(app.standpipe().clone());
    runner.begin().await.unwrap();
    runner.tick().await.unwrap();
    app.s3.held(1).await;
    let job = ended(&app, &other).await;
    app.s3.let_go();
    assert_eq!(ended(&app, &left).await["error"], "the server stopped while it ran");
    assert_files_of(&app, &job);
    app.standpipe().settle().await;
}

/// Others who share the bucket know nothing of this server's claims.
#[tokio::test]
async fn a_file_that_comes_meanwhile_is_neither_replaced_nor_removed() {
    let app = app().await;
    app.s3.hold(Method::PUT, 0);
    let id = start(&app).await;
    tick(&app).await;
    app.s3.held(4).await;
    app.s3.write("exports", "large/1.csv", "mine");
    app.s3.let_go();
    let job = ended(&app, &id).await;
    assert_eq!((&job["status"], &job["written_files"]), (&json!("done"), &json!(6)), "{job}");
    assert!(job["output"].as_array().unwrap().contains(&json!("large/1.1.csv")), "{job}");
    assert_eq!(app.s3.text("exports", "large/1.csv"), "mine");
    assert_eq!(app.s3.text("exports", "large/1.1.csv"), "\"id\"\n1\n");
    assert_eq!(app.s3.keys("exports").len(), 7);
}

#[tokio::test]
async fn a_store_without_conditions_is_written_to_all_the_same() {
    let app = app().await;
    app.s3.refuse_conditions();
    for _ in 0..2 {
        assert_eq!(run_large(&app, "file_template={id}").await["status"], "done");
    }
    assert_eq!(app.s3.keys("exports").len(), 12);
}

#[tokio::test]
async fn a_connection_stays_while_a_run_uses_it() {
    let app = app().await;
    app.s3.hold(Method::PUT, 0);
    let id = start(&app).await;
    tick(&app).await;
    app.s3.held(4).await;
    app.delete("/v0/pipes/large/nodes/large_0/sink").send().await.assert_status(200);
    let text = app.delete("/v0/connectors/store").send().await.assert_error(409);
    assert_eq!(text, format!("connection 'store' is used by job '{id}': wait until that has ended, or cancel it"));
    app.s3.let_go();
    assert_files_of(&app, &ended(&app, &id).await);
    app.delete("/v0/connectors/store").send().await.assert_status(204);
}

/// What is deleted is dropped when nobody reads it any more: not when the last file of its rows is there.
#[tokio::test]
async fn tables_are_kept_for_a_run_until_its_last_row_is_read() {
    let app = app().await;
    app.s3.hold(Method::PUT, 0);
    let id = start(&app).await;
    tick(&app).await;
    app.s3.held(4).await;
    app.create_data_source("newer", "id Int32").await;
    let catalog = app.standpipe().catalog();
    let unseen = catalog.wait_until_unseen_before(catalog.snapshot().version());
    tokio::time::timeout(Duration::from_secs(20), unseen).await.expect("the run holds what it has read");
    app.s3.let_go();
    assert_files_of(&app, &ended(&app, &id).await);
}
