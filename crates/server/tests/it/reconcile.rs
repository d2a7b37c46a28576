//! A crash between any two steps of creating, truncating or dropping a data source, and what the next start makes of it.

use standpipe_core::operations::data_sources::NewDataSource;
use standpipe_core::storage::{Fault, Reconciled};
use standpipe_datafile::parse_schema;

use crate::support::TestApp;

/// With a data source of two rows that nothing happens to, and `events`, also of two rows, when it is `there`.
async fn app(there: bool) -> TestApp {
    let app = TestApp::new().await;
    for name in ["bystander", "events"].into_iter().filter(|name| there || *name == "bystander") {
        app.create_data_source(name, "n Int32 `json:$.n`").await;
        app.send_events(name, "{\"n\":1}\n{\"n\":2}").await;
    }
    app
}

/// Starts over what a crash left, reconciles, and checks that catalog and engine agree.
async fn start_again(app: TestApp) -> TestApp {
    let app = app.restart().await;
    app.standpipe().reconcile().await.unwrap();
    let workspace = app.workspace();
    let mut expected = Vec::new();
    for data_source in workspace.data_sources.values() {
        assert!(data_source.is_ready(), "'{}' is neither there nor gone", data_source.name);
        expected.extend([data_source.table().rows(), data_source.table().quarantine()]);
    }
    expected.sort();
    let sql = format!(
        "SELECT name FROM system.tables WHERE database = '{}' AND name LIKE 't%' ORDER BY name",
        workspace.database
    );
    assert_eq!(app.engine_lines(&sql).await, expected, "no table is missing, none is left over");
    assert_eq!(app.rows("SELECT count() FROM bystander").await, "2\n");
    let live = workspace.data_sources.len();
    let again = app.standpipe().reconcile().await.unwrap();
    assert_eq!(again, Reconciled { undone: 0, dropped: 0, live }, "a second time does nothing");
    app
}

/// Whatever happened to it, the name can be used.
async fn assert_usable(app: &TestApp, rows: &str) {
    if app.workspace().data_source("events").is_none() {
        app.create_data_source("events", "n Int32 `json:$.n`").await;
    }
    assert_eq!(app.rows("SELECT count() FROM events").await, rows);
    assert_eq!(app.rows("SELECT count() FROM events_quarantine").await, "0\n");
    app.send_events("events", "{\"n\":3}").await;
    app.post("/v0/datasources/events/truncate").send().await.assert_status(205);
    app.delete("/v0/datasources/events").send().await.assert_status(204);
}

#[tokio::test]
async fn a_creation_that_a_crash_cut_off_never_happened() {
    for fault in [Fault::AfterIntent, Fault::BetweenTables, Fault::BeforeReady] {
        let app = app(false).await;
        app.faults.plan(Some(fault));
        let columns = parse_schema("n Int32 `json:$.n`").unwrap();
        let new = NewDataSource { name: Some("events".to_owned()), columns, ..NewDataSource::default() };
        let failed = app.standpipe().create_data_source(&app.access(), new).await.unwrap_err();
        assert_eq!(failed.to_string(), format!("internal error: planned failure: {fault:?}"));
        app.get("/v0/datasources/events").send().await.assert_error(404);
        app.sql("SELECT * FROM events").await.assert_error(400);

        let app = start_again(app).await;
        assert!(app.workspace().data_source("events").is_none(), "{fault:?}");
        assert_usable(&app, "0\n").await;
    }
}

#[tokio::test]
async fn a_truncation_that_a_crash_cut_off_happened_or_not() {
    for fault in Fault::ALL {
        let app = app(true).await;
        app.faults.plan(Some(fault));
        let done = app.standpipe().truncate_data_source(&app.access(), "events").await;
        // Once the catalog has switched, the old tables are dropped behind the answer's back.
        let switched = matches!(fault, Fault::AfterRetire | Fault::BetweenDrops | Fault::BeforeForget);
        assert_eq!(done.is_ok(), switched, "{fault:?}");
        let rows = if switched { "0\n" } else { "2\n" };
        assert_eq!(app.rows("SELECT count() FROM events").await, rows, "{fault:?}");

        let app = start_again(app).await;
        assert_usable(&app, rows).await;
    }
}

#[tokio::test]
async fn a_deletion_that_a_crash_cut_off_happened() {
    for fault in [Fault::AfterRetire, Fault::BetweenDrops, Fault::BeforeForget] {
        let app = app(true).await;
        app.faults.plan(Some(fault));
        app.delete("/v0/datasources/events").send().await.assert_status(204);
        app.get("/v0/datasources/events").send().await.assert_error(404);

        let app = start_again(app).await;
        assert!(app.workspace().data_source("events").is_none(), "{fault:?}");
        assert_usable(&app, "0\n").await;
    }
}

#[tokio::test]
async fn a_reconciliation_that_a_crash_cut_off_is_done_again() {
    for fault in [Fault::BetweenDrops, Fault::BeforeForget] {
        let app = app(true).await;
        app.faults.plan(Some(Fault::AfterRetire));
        app.delete("/v0/datasources/events").send().await.assert_status(204);
        let app = app.restart().await;
        app.faults.plan(Some(fault));
        app.standpipe().reconcile().await.unwrap_err();
        start_again(app).await;
    }
}

#[tokio::test]
async fn a_start_keeps_everything() {
    let app = app(true).await;
    app.create_endpoint("p", "SELECT sum(n) AS s FROM events").await;
    let reader = app.with_scopes(&["PIPES:READ:p"]).await;
    let before = app.get("/v0/pipes/p").send().await.json();
    let app = start_again(app).await;
    assert_eq!(app.get("/v0/pipes/p").send().await.json(), before);
    let reader = app.with_token(reader.token());
    assert_eq!(reader.get("/v0/pipes/p.csv").send().await.assert_status(200).text(), "\"s\"\n3\n");
}
