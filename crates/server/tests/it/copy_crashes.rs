//! A crash between any two steps of a copy, and what the next start makes of it: no row is missing, none is there twice.

use standpipe_core::jobs::Runner;
use standpipe_core::storage::Fault;

use crate::support::TestApp;

/// A target of three partitions with a row each, and a pipe that copies three more rows into each of five.
async fn app(mode: &str) -> TestApp {
    let app = TestApp::new().await;
    let body = serde_json::json!({
        "name": "target", "schema": "part UInt64 `json:$.part`, n UInt64 `json:$.n`",
        "engine": "MergeTree", "engine_partition_key": "part", "engine_sorting_key": "n",
    });
    app.post("/v0/datasources").json(&body).send().await.assert_status(200);
    app.send_events("target", "{\"part\":0,\"n\":100}\n{\"part\":1,\"n\":101}\n{\"part\":2,\"n\":102}").await;
    let bad = app.post("/v0/events?name=target&wait=true").body("{\"part\":\"x\"}").send().await.json();
    assert_eq!(bad["quarantined_rows"], 1);
    app.create_pipe("cp", "SELECT number % 5 AS part, number AS n FROM numbers(15)").await;
    let uri = format!("/v0/pipes/cp/nodes/cp_0/copy?target_datasource=target&mode={mode}");
    app.post(&uri).send().await.assert_status(200);
    app
}

async fn state(app: &TestApp) -> String {
    let sql = "SELECT count(), uniqExact(n), sum(n), uniqExact(part) FROM target";
    app.rows(sql).await + &app.rows("SELECT count() FROM target_quarantine").await
}

/// Starts over what a crash left: tables first, then jobs.
async fn start_again(app: TestApp) -> TestApp {
    let app = app.restart().await;
    app.standpipe().reconcile().await.unwrap();
    Runner::new(app.standpipe().clone()).begin().await.unwrap();
    app.run_jobs().await;
    app
}

/// The engine has the tables of the catalog, those of service data, and no other.
async fn assert_tidy(app: &TestApp) {
    let workspace = app.workspace();
    let mut expected = Vec::new();
    for data_source in workspace.data_sources.values() {
        expected.extend([data_source.table().rows(), data_source.table().quarantine()]);
    }
    expected.sort();
    let own = "NOT startsWith(name, 'service_')";
    let sql =
        format!("SELECT name FROM system.tables WHERE database = '{}' AND {own} ORDER BY name", workspace.database);
    assert_eq!(app.engine_lines(&sql).await, expected);
}

#[tokio::test]
async fn an_appending_copy_happens_once_whatever_crashes() {
    crash_everywhere("append", &format!("18\t18\t{}\t5\n1\n", (0..15).sum::<u64>() + 303)).await;
}

#[tokio::test]
async fn a_replacing_copy_happens_once_whatever_crashes() {
    crash_everywhere("replace", &format!("15\t15\t{}\t5\n1\n", (0..15).sum::<u64>())).await;
}

async fn crash_everywhere(mode: &str, done: &str) {
    for fault in Fault::COPY {
        let app = app(mode).await;
        let before = state(&app).await;
        app.post("/v0/pipes/cp/copy").send().await.assert_status(200);
        app.faults.plan(Some(fault));
        // Up to there and no further, as in a killed process: nothing is cleaned up, nothing recorded.
        app.run_jobs().await;
        let after = state(&app).await;
        assert!(after == before || after == done, "{mode} {fault:?}: {after}");
        // Dropping the old tables is no part of the job.
        let is_later = matches!(fault, Fault::AfterRetire | Fault::BetweenDrops | Fault::BeforeForget);
        let status = app.get("/v0/jobs").send().await.json()["jobs"][0]["status"].clone();
        assert_eq!(status, if is_later { "done" } else { "working" }, "{mode} {fault:?}");

        let app = start_again(app).await;
        let job = app.get("/v0/jobs").send().await.json()["jobs"][0].clone();
        assert_eq!(job["status"], "done", "{mode} {fault:?}: {job}");
        assert_eq!(state(&app).await, done, "{mode} {fault:?}");
        assert_tidy(&app).await;
    }
}
