//! The rows of materialized views: what appends, truncations, copies, populates and crashes make of them.

use serde_json::json;
use standpipe_core::jobs::Runner;
use standpipe_core::storage::Fault;

use crate::support::TestApp;

/// `events` are counted by `k` in `by_k`, of which `all_k` keeps the total.
async fn cascade() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "k UInt8 `json:$.k`, n UInt64 `json:$.n`").await;
    for (pipe, sql, target) in [
        ("first", "SELECT k, countState() AS c, sumState(n) AS s FROM events GROUP BY k", "by_k"),
        ("second", "SELECT countMergeState(c) AS c, sumMergeState(s) AS s FROM by_k", "all_k"),
    ] {
        app.create_pipe(pipe, sql).await;
        let uri = format!("/v0/pipes/{pipe}/nodes/{pipe}_0/materialization?datasource={target}");
        app.post(&uri).send().await.assert_status(200);
    }
    app
}

async fn send(app: &TestApp, numbers: std::ops::Range<u64>) {
    let rows: Vec<String> = numbers.map(|n| json!({"k": n % 5, "n": n}).to_string()).collect();
    app.send_events("events", &rows.join("\n")).await;
}

/// Count and sum of the events, of the view and of the view of it.
async fn state(app: &TestApp) -> [String; 3] {
    let mut found = [const { String::new() }; 3];
    for (found, sql) in found.iter_mut().zip([
        "SELECT count(), sum(n) FROM events",
        "SELECT countMerge(c), sumMerge(s) FROM by_k",
        "SELECT countMerge(c), sumMerge(s) FROM all_k",
    ]) {
        *found = app.rows(sql).await.trim().replace('\t', ":");
    }
    found
}

async fn restart(app: TestApp) -> TestApp {
    let app = app.restart().await;
    app.standpipe().reconcile().await.unwrap();
    Runner::new(app.standpipe().clone()).begin().await.unwrap();
    app.run_jobs().await;
    app
}

/// The engine has the tables of the catalog and the views, and no other.
async fn assert_tidy(app: &TestApp) {
    let workspace = app.workspace();
    let mut expected = Vec::new();
    for data_source in workspace.data_sources.values() {
        expected.extend([data_source.table().rows(), data_source.table().quarantine()]);
    }
    expected.sort();
    let of =
        format!("FROM system.tables WHERE database = '{}' AND NOT startsWith(name, 'service_')", workspace.database);
    let sql = format!("SELECT name {of} AND engine != 'MaterializedView' ORDER BY name");
    assert_eq!(app.engine_lines(&sql).await, expected);
    let views = workspace.pipes.values().filter(|pipe| pipe.materialization().is_some()).count();
    let sql = format!("SELECT name {of} AND engine = 'MaterializedView'");
    assert_eq!(app.engine_lines(&sql).await.len(), views);
}

#[tokio::test]
async fn rows_pass_views_of_views() {
    let app = cascade().await;
    send(&app, 0..10).await;
    send(&app, 10..20).await;
    assert_eq!(state(&app).await, ["20:190", "20:190", "20:190"]);
    let app = restart(app).await;
    send(&app, 20..30).await;
    assert_eq!(state(&app).await, ["30:435", "30:435", "30:435"]);
}

#[tokio::test]
async fn views_outlive_truncations_of_what_they_read_and_fill() {
    let app = cascade().await;
    send(&app, 0..10).await;
    app.post("/v0/datasources/events/truncate").send().await.assert_status(205);
    assert_eq!(state(&app).await, ["0:0", "10:45", "10:45"]);
    send(&app, 10..20).await;
    assert_eq!(state(&app).await, ["10:145", "20:190", "20:190"]);
    app.post("/v0/datasources/by_k/truncate").send().await.assert_status(205);
    assert_eq!(state(&app).await, ["10:145", "0:0", "20:190"]);
    send(&app, 20..30).await;
    assert_eq!(state(&app).await, ["20:390", "10:245", "30:435"]);
    app.post("/v0/datasources/all_k/truncate").send().await.assert_status(205);
    send(&app, 30..31).await;
    assert_eq!(state(&app).await, ["21:420", "11:275", "1:30"]);
    assert_tidy(&app).await;
}

#[tokio::test]
async fn no_row_is_lost_while_tables_are_truncated() {
    let app = cascade().await;
    let writer = async {
        for number in 0..60 {
            send(&app, number..number + 1).await;
        }
    };
    let truncator = async {
        for _ in 0..4 {
            app.post("/v0/datasources/events/truncate").send().await.assert_status(205);
        }
    };
    tokio::join!(writer, truncator);
    let [_, first, second] = state(&app).await;
    assert_eq!((first.as_str(), second.as_str()), ("60:1770", "60:1770"));
}

#[tokio::test]
async fn a_failing_view_is_said_and_the_rows_are_stored() {
    let app = cascade().await;
    app.create_pipe("bad", "SELECT n, throwIf(n = 13, 'unlucky') AS t FROM events").await;
    app.post("/v0/pipes/bad/nodes/bad_0/materialization?datasource=lucky").send().await.assert_status(200);
    send(&app, 0..3).await;
    let uri = "/v0/events?name=events&wait=true";
    let text = app.post(uri).body("{\"k\":1,\"n\":13}").send().await.assert_error(422);
    assert!(
        text.starts_with("the rows are stored in 'events', but the materialized view of pipe 'bad' failed"),
        "{text}"
    );
    assert!(text.contains("unlucky") && !text.contains(&app.workspace().database), "{text}");
    // The other views have them, once.
    assert_eq!(state(&app).await, ["4:16", "4:16", "4:16"]);
    assert_eq!(app.rows("SELECT count() FROM lucky").await, "3\n");
    let append = app.post("/v0/datasources?name=events&mode=append&format=csv").body("1,13\n").send().await;
    append.assert_error(422);
    send(&app, 4..5).await;
    assert_eq!(state(&app).await, ["6:33", "6:33", "6:33"]);
    assert_eq!(app.rows("SELECT count() FROM lucky").await, "4\n");
}

#[tokio::test]
async fn copies_into_a_source_of_views_pass_them_once() {
    let app = cascade().await;
    send(&app, 0..10).await;
    app.create_pipe("cp", "SELECT toUInt8(number % 5) AS k, number AS n FROM numbers(100, 10)").await;
    let uri = "/v0/pipes/cp/nodes/cp_0/copy?target_datasource=events";
    app.post(uri).send().await.assert_status(200);
    app.post("/v0/pipes/cp/copy").send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(state(&app).await, ["20:1090", "20:1090", "20:1090"]);
    app.post("/v0/pipes/cp/copy?_mode=replace").send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(state(&app).await, ["10:1045", "10:1045", "10:1045"]);
    // Where another view fills the target as well, its rows stay, and the new ones come to them.
    app.create_data_source("more", "k UInt8 `json:$.k`, n UInt64 `json:$.n`").await;
    app.create_pipe("third", "SELECT k, countState() AS c, sumState(n) AS s FROM more GROUP BY k").await;
    app.post("/v0/pipes/third/nodes/third_0/materialization?datasource=by_k").send().await.assert_status(200);
    app.send_events("more", "{\"k\":1,\"n\":1000}").await;
    assert_eq!(state(&app).await, ["10:1045", "11:2045", "11:2045"]);
    app.post("/v0/pipes/cp/copy?_mode=replace").send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(state(&app).await, ["10:1045", "21:3090", "21:3090"]);
    send(&app, 0..1).await;
    assert_eq!(state(&app).await, ["11:1045", "22:3090", "22:3090"]);
    assert_tidy(&app).await;
}

#[tokio::test]
async fn a_replacing_copy_keeps_what_another_copy_brought_below() {
    let app = cascade().await;
    send(&app, 0..10).await;
    app.create_pipe("cp", "SELECT toUInt8(number % 5) AS k, number AS n FROM numbers(100, 10)").await;
    app.create_pipe(
        "kp",
        "SELECT toUInt8(7) AS k, countState() AS c, sumState(number) AS s FROM numbers(3) GROUP BY k",
    )
    .await;
    for (pipe, target) in [("cp", "events"), ("kp", "by_k")] {
        let uri = format!("/v0/pipes/{pipe}/nodes/{pipe}_0/copy?target_datasource={target}");
        app.post(&uri).send().await.assert_status(200);
    }
    app.post("/v0/pipes/kp/copy").send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(state(&app).await, ["10:45", "13:48", "13:48"]);
    app.post("/v0/pipes/cp/copy?_mode=replace").send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(state(&app).await, ["10:1045", "23:1093", "23:1093"]);
}

#[tokio::test]
async fn a_populate_goes_on_through_views_of_views() {
    let app = cascade().await;
    for target in ["by_k", "all_k"] {
        app.delete(&format!("/v0/datasources/{target}?force=true")).send().await.assert_status(204);
    }
    send(&app, 0..100).await;
    app.post("/v0/pipes/first/nodes/first_0/materialization?datasource=by_k").send().await.assert_status(200);
    app.post("/v0/pipes/second/nodes/second_0/materialization?datasource=all_k").send().await.assert_status(200);
    app.post("/v0/pipes/first/nodes/first_0/population").send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(state(&app).await, ["100:4950", "100:4950", "100:4950"]);
    send(&app, 100..101).await;
    assert_eq!(state(&app).await, ["101:5050", "101:5050", "101:5050"]);
}

#[tokio::test]
async fn a_populate_happens_once_whatever_crashes() {
    for fault in Fault::POPULATE {
        let app = cascade().await;
        for target in ["by_k", "all_k"] {
            app.post(&format!("/v0/datasources/{target}/truncate")).send().await.assert_status(205);
        }
        send(&app, 0..10).await;
        app.post("/v0/pipes/first/nodes/first_0/population?truncate=true").send().await.assert_status(200);
        app.faults.plan(Some(fault));
        app.run_jobs().await;
        app.faults.plan(None);
        // The gate is open again, and rows come whatever became of the populate.
        let is_later = matches!(fault, Fault::AfterRetire | Fault::BetweenDrops | Fault::BeforeForget);
        let status = app.get("/v0/jobs").send().await.json()["jobs"][0]["status"].clone();
        assert_eq!(status, if is_later { "done" } else { "working" }, "{fault:?}");
        send(&app, 10..20).await;

        let app = restart(app).await;
        let job = app.get("/v0/jobs").send().await.json()["jobs"][0].clone();
        assert_eq!(job["status"], "done", "{fault:?}: {job}");
        let [source, first, _] = state(&app).await;
        assert_eq!((source.as_str(), first.as_str()), ("20:190", "20:190"), "{fault:?}");
        send(&app, 20..30).await;
        assert_eq!(state(&app).await[..2], ["30:435", "30:435"], "{fault:?}");
        assert_tidy(&app).await;
    }
}

#[tokio::test]
async fn a_view_with_a_populate_is_made_whole_or_not_at_all() {
    for fault in [Fault::AfterSnapshot, Fault::AfterIntent, Fault::BetweenTables, Fault::BeforeReady] {
        let app = TestApp::new().await;
        app.create_data_source("events", "k UInt8 `json:$.k`, n UInt64 `json:$.n`").await;
        send(&app, 0..10).await;
        app.create_pipe("first", "SELECT k, countState() AS c, sumState(n) AS s FROM events GROUP BY k").await;
        app.faults.plan(Some(fault));
        let uri = "/v0/pipes/first/nodes/first_0/materialization?datasource=by_k&populate=true";
        let answer = app.access();
        let request = standpipe_core::operations::materializations::MaterializationRequest {
            target: Some("by_k".to_owned()),
            populate: Some(Default::default()),
            ..Default::default()
        };
        let failed = app.standpipe().materialize(&answer, "first", "first_0", None, &request).await.unwrap_err();
        assert_eq!(failed.to_string(), format!("internal error: planned failure: {fault:?}"));
        drop(answer);
        app.faults.plan(None);

        let app = restart(app).await;
        assert_tidy(&app).await;
        assert_eq!(app.get("/v0/jobs").send().await.json()["jobs"], json!([]), "{fault:?}");
        app.post(uri).send().await.assert_status(200);
        send(&app, 10..20).await;
        app.run_jobs().await;
        assert_eq!(app.rows("SELECT countMerge(c), sumMerge(s) FROM by_k").await, "20\t190\n", "{fault:?}");
    }
}

/// Crashes at a place while a job runs, then starts over.
async fn crash(app: TestApp, fault: Fault) -> TestApp {
    app.faults.plan(Some(fault));
    app.run_jobs().await;
    app.faults.plan(None);
    restart(app).await
}

#[tokio::test]
async fn a_view_of_a_view_follows_a_populate_once_whatever_crashes() {
    for fault in Fault::POPULATE {
        let app = cascade().await;
        app.delete("/v0/pipes/first/nodes/first_0/materialization").send().await.assert_status(204);
        send(&app, 0..10).await;
        let uri = "/v0/pipes/first/nodes/first_0/materialization?datasource=by_k&populate=true";
        app.post(uri).send().await.assert_status(200);
        send(&app, 10..20).await;
        let app = crash(app, fault).await;
        send(&app, 20..30).await;
        assert_eq!(state(&app).await, ["30:435", "30:435", "30:435"], "{fault:?}");
        assert_tidy(&app).await;
    }
}

#[tokio::test]
async fn an_appending_copy_passes_views_once_whatever_crashes() {
    crash_copies("append", "25:1150").await;
}

#[tokio::test]
async fn a_replacing_copy_passes_views_once_whatever_crashes() {
    crash_copies("replace", "15:1105").await;
}

async fn crash_copies(mode: &str, expected: &str) {
    for fault in Fault::COPY {
        let app = cascade().await;
        send(&app, 0..10).await;
        app.create_pipe("cp", "SELECT toUInt8(number % 5) AS k, number AS n FROM numbers(100, 10)").await;
        let uri = format!("/v0/pipes/cp/nodes/cp_0/copy?target_datasource=events&mode={mode}");
        app.post(&uri).send().await.assert_status(200);
        app.post("/v0/pipes/cp/copy").send().await.assert_status(200);
        let app = crash(app, fault).await;
        send(&app, 10..15).await;
        assert_eq!(state(&app).await, [expected; 3], "{mode} {fault:?}");
        assert_tidy(&app).await;
    }
}

#[tokio::test]
async fn a_view_reads_pipes_with_parameters_by_their_defaults_and_counts_into_any_count() {
    let app = TestApp::new().await;
    app.create_data_source("hits", "page String `json:$.page`, tenant String `json:$.tenant`").await;
    let parsed = "%\nSELECT page, tenant FROM hits WHERE page != {{String(noise, 'ping')}} \
                  {% if defined(tenant) %} AND tenant = {{String(tenant)}} {% end %}";
    app.create_endpoint("parsed", parsed).await;
    let target = "page String, hits AggregateFunction(count, UInt64)";
    app.create_data_source("pages", target).await;
    app.send_events("hits", "{\"page\":\"/\",\"tenant\":\"a\"}").await;
    app.create_pipe("mv", "SELECT page, countState() AS hits FROM parsed GROUP BY page").await;
    let uri = "/v0/pipes/mv/nodes/mv_0/materialization?datasource=pages&populate=true";
    app.post(uri).send().await.assert_status(200);
    app.run_jobs().await;
    app.send_events("hits", "{\"page\":\"/\",\"tenant\":\"b\"}\n{\"page\":\"ping\",\"tenant\":\"b\"}").await;
    assert_eq!(app.rows("SELECT page, countMerge(hits) FROM pages GROUP BY page").await, "/\t2\n");
}
