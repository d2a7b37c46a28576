//! Populates over HTTP: the requests of the Pipes API's documents, their fields and codes.

use serde_json::{Value, json};

use crate::support::{Answer, TestApp, redact};

/// What `app`'s view does.
const SUMS: &str = "SELECT part, countState() AS n, sumState(v) AS total FROM events GROUP BY part";

const POPULATION: &str = "/v0/pipes/mv/nodes/mv_0/population";

/// 300 events in three partitions, and a view over them that has seen none.
async fn app() -> TestApp {
    let app = TestApp::new().await;
    create_events(&app, "part UInt8 `json:$.part`, v Int64 `json:$.v`").await;
    send(&app, 0..300).await;
    app.create_pipe("mv", SUMS).await;
    app.post("/v0/pipes/mv/nodes/mv_0/materialization?datasource=sums").send().await.assert_status(200);
    app
}

async fn create_events(app: &TestApp, schema: &str) {
    let body = json!({
        "name": "events", "schema": schema, "engine": "MergeTree", "engine_partition_key": "part",
        "engine_sorting_key": "v",
    });
    app.post("/v0/datasources").json(&body).send().await.assert_status(200);
}

async fn send(app: &TestApp, numbers: std::ops::Range<u64>) {
    let rows: Vec<String> = numbers.map(|v| json!({"part": v % 3, "v": v}).to_string()).collect();
    app.send_events("events", &rows.join("\n")).await;
}

async fn populate(app: &TestApp, form: &str) -> Answer {
    app.post(POPULATION).form(form).send().await
}

/// Populates and answers the job as it ended.
async fn populated(app: &TestApp, form: &str) -> Value {
    let node = populate(app, form).await.assert_status(200).json();
    app.run_jobs().await;
    job(app, &node["job"]).await
}

async fn job(app: &TestApp, job: &Value) -> Value {
    app.get(&format!("/v0/jobs/{}", job["id"].as_str().unwrap())).send().await.assert_status(200).json()
}

/// What the target says of all events.
async fn sums(app: &TestApp) -> String {
    let sql =
        "SELECT sum(n), sum(total) FROM (SELECT countMerge(n) AS n, sumMerge(total) AS total FROM sums GROUP BY part)";
    app.rows(sql).await.trim().replace('\t', ":")
}

/// Tables of the workspace that belong to jobs.
async fn tables_of_jobs(app: &TestApp) -> Vec<String> {
    let database = app.workspace().database.clone();
    let sql = format!("SELECT name FROM system.tables WHERE database = '{database}' AND startsWith(name, 'job_')");
    app.engine_lines(&sql).await
}

#[tokio::test]
async fn a_populate_answers_a_job() {
    let app = app().await;
    assert_eq!(sums(&app).await, "0:0");
    let node = populate(&app, "truncate=false&unlink_on_populate_error=false").await.assert_status(200).json();
    assert_eq!((&node["name"], &node["node_type"]), (&json!("mv_0"), &json!("materialized")));
    assert_eq!(node["materialized"], node["job"]["datasource"]["id"]);
    let shown = |job: &Value| {
        let text = serde_json::to_string_pretty(&redact(job.clone())).unwrap();
        text.replace(job["id"].as_str().unwrap(), "[job]")
    };
    insta::assert_snapshot!(shown(&node["job"]), @r#"
    {
      "id": "[uuid 1]",
      "job_id": "[uuid 1]",
      "kind": "populateview",
      "status": "waiting",
      "created_at": "[time]",
      "updated_at": "[time]",
      "started_at": null,
      "is_cancellable": true,
      "progress_percentage": 0.0,
      "datasource": {
        "id": "[id 2]",
        "name": "sums"
      },
      "pipe_id": "[id 3]",
      "pipe_name": "mv",
      "job_url": "http://localhost:7181/v0/jobs/[job]",
      "queries": []
    }
    "#);
    app.run_jobs().await;
    insta::assert_snapshot!(shown(&job(&app, &node["job"]).await), @r#"
    {
      "id": "[uuid 1]",
      "job_id": "[uuid 1]",
      "kind": "populateview",
      "status": "done",
      "created_at": "[time]",
      "updated_at": "[time]",
      "started_at": "[time]",
      "is_cancellable": false,
      "progress_percentage": 100.0,
      "datasource": {
        "id": "[id 2]",
        "name": "sums"
      },
      "pipe_id": "[id 3]",
      "pipe_name": "mv",
      "job_url": "http://localhost:7181/v0/jobs/[job]",
      "queries": [
        {
          "query_id": "[uuid 4]",
          "status": "done"
        },
        {
          "query_id": "[uuid 5]",
          "status": "done"
        },
        {
          "query_id": "[uuid 6]",
          "status": "done"
        }
      ],
      "rows": 3
    }
    "#);
    assert_eq!(sums(&app).await, "300:44850");
    assert_eq!(tables_of_jobs(&app).await, [""; 0]);
    let statistics = app.get("/v0/datasources/sums").send().await.json()["statistics"].clone();
    assert_eq!(statistics["row_count"], 3);
    let listed = app.get("/v0/jobs?kind=populateview&pipe_name=mv&status=done").send().await.json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn rows_come_once_each_with_the_view_that_was_made_for_them() {
    let app = app().await;
    app.create_pipe("again", SUMS).await;
    app.create_data_source("unused", "a Int8").await;
    // The snapshot is of the moment in which the view was made; what comes later, the view sees.
    let uri = "/v0/pipes/again/nodes/again_0/materialization?datasource=whole&populate=true";
    let node = app.post(uri).send().await.assert_status(200).json();
    assert_eq!((&node["job"]["kind"], &node["job"]["status"]), (&json!("populateview"), &json!("waiting")));
    send(&app, 300..400).await;
    app.run_jobs().await;
    send(&app, 400..500).await;
    assert_eq!(job(&app, &node["job"]).await["status"], "done");
    let sql = "SELECT sum(n) FROM (SELECT countMerge(n) AS n FROM whole GROUP BY part)";
    assert_eq!(app.rows(sql).await, "500\n");
}

#[tokio::test]
async fn conditions_and_subsets_choose_rows() {
    let app = app().await;
    let job = populated(&app, "populate_condition=part = 1 AND v >= 100").await;
    assert_eq!(job["status"], "done");
    assert_eq!(sums(&app).await, format!("67:{}", (100..300).filter(|v| v % 3 == 1).sum::<u64>()));
    let job = populated(&app, "truncate=true&populate_condition=toString(v) LIKE '1%25' OR v = 2 -- or so").await;
    assert_eq!(job["status"], "done");
    assert_eq!(sums(&app).await.split(':').next(), Some("112"));
    // A subset goes before the condition.
    let job = populated(&app, "truncate=true&populate_subset=0.1&populate_condition=v = -1").await;
    assert_eq!(job["status"], "done");
    assert_eq!(sums(&app).await.split(':').next(), Some("30"));
    let job = populated(&app, "truncate=true&populate_condition=v < 0").await;
    assert_eq!((&job["status"], &job["progress_percentage"]), (&json!("done"), &json!(100.0)));
    assert_eq!(sums(&app).await, "0:0");
    // In JSON and in the query, too.
    let body = json!({"populate_condition": "v = 7"});
    app.post(POPULATION).json(&body).send().await.assert_status(200);
    app.post(&format!("{POPULATION}?populate_condition=v%20%3D%208")).send().await.assert_status(200);
    app.run_jobs().await;
    app.run_jobs().await;
    assert_eq!(sums(&app).await, "2:15");
}

#[tokio::test]
async fn truncate_begins_anew_and_nothing_adds() {
    let app = app().await;
    populated(&app, "").await;
    populated(&app, "").await;
    assert_eq!(sums(&app).await, "600:89700");
    populated(&app, "truncate=true").await;
    assert_eq!(sums(&app).await, "300:44850");
    send(&app, 300..301).await;
    assert_eq!(sums(&app).await, "301:45150");
}

#[tokio::test]
async fn what_cannot_be_populated_says_why() {
    let app = app().await;
    for subset in ["0", "0.11", "1", "-0.05", "NaN"] {
        let text = populate(&app, &format!("populate_subset={subset}")).await.assert_error(400);
        assert!(text.contains("greater than 0 and at most 0.1"), "{subset}: {text}");
    }
    assert!(populate(&app, "populate_subset=some").await.assert_error(400).contains("'some'"));
    for condition in [
        "nothing = 1",
        "v = ",
        "1) OR (1",
        "v = 1; SELECT 1",
        "v IN (SELECT v FROM events)",
        "exists(SELECT 1)",
        "file('/etc/passwd') = ''",
        "v = 1 SETTINGS max_threads = 1",
        "v FORMAT CSV",
        "dictGet('d', 'a', v) = 1",
        "v = 1 UNION ALL SELECT 1",
        "joinGet('events', 'v', 1) = 1",
        "v IN system.users",
        "v IN events",
    ] {
        let text = populate(&app, &form(condition)).await.assert_error(400);
        assert!(text.contains("populate_condition"), "{condition}: {text}");
        let uri = format!("/v0/pipes/mv/nodes/mv_0/materialization?datasource=x&populate=true&{}", form(condition));
        app.post(&uri).send().await.assert_error(400);
    }
    app.append_node("mv", "plain", "SELECT 1 AS one").await;
    let text = app.post("/v0/pipes/mv/nodes/plain/population").send().await.assert_error(400);
    assert!(text.contains("not materialized"), "{text}");
    app.post("/v0/pipes/nope/nodes/mv_0/population").send().await.assert_error(404);
    app.post("/v0/pipes/mv/nodes/nope/population").send().await.assert_error(404);
    let jobs = app.get("/v0/jobs").send().await.json();
    assert_eq!(jobs["jobs"], json!([]));
    // The same at the request that makes the view: then there is no view, and no target.
    app.create_pipe("other", SUMS).await;
    let uri = "/v0/pipes/other/nodes/other_0/materialization?datasource=y&populate=true";
    app.post(&format!("{uri}&populate_subset=2")).send().await.assert_error(400);
    app.post(&format!("{uri}&populate_condition=nothing%3D1")).send().await.assert_error(400);
    app.get("/v0/datasources/y").send().await.assert_error(404);
    assert_eq!(app.get("/v0/pipes/other").send().await.json()["type"], "default");
    let null = json!({"name": "void", "schema": "a Int8 `json:$.a`", "engine": "Null"});
    app.post("/v0/datasources").json(&null).send().await.assert_status(200);
    app.create_pipe("through", "SELECT a FROM void").await;
    let uri = "/v0/pipes/through/nodes/through_0";
    app.post(&format!("{uri}/materialization?datasource=kept&populate=true")).send().await.assert_error(400);
    app.post(&format!("{uri}/materialization?datasource=kept")).send().await.assert_status(200);
    app.send_events("void", "{\"a\":7}").await;
    assert_eq!(app.rows("SELECT a FROM kept").await, "7\n");
    app.post(&format!("{uri}/population")).send().await.assert_error(400);
}

fn form(condition: &str) -> String {
    format!("populate_condition={}", condition.replace('%', "%25").replace(' ', "+").replace(';', "%3B"))
}

/// A view that fails for rows of which `v` is 13.
async fn failing_app() -> TestApp {
    let app = TestApp::new().await;
    create_events(&app, "part UInt8 `json:$.part`, v Int64 `json:$.v`").await;
    send(&app, 0..30).await;
    app.create_pipe("mv", "SELECT part, v, throwIf(v = 13) AS bad FROM events").await;
    app.post("/v0/pipes/mv/nodes/mv_0/materialization?datasource=kept").send().await.assert_status(200);
    app
}

async fn is_linked(app: &TestApp) -> bool {
    app.get("/v0/pipes/mv").send().await.json()["type"] == "materialized"
}

#[tokio::test]
async fn a_first_populate_that_fails_unlinks_the_view() {
    let app = failing_app().await;
    let job = populated(&app, "").await;
    assert_eq!(job["status"], "error");
    assert!(job["error"].as_str().unwrap().contains("throwIf"), "{job}");
    assert!(!is_linked(&app).await);
    assert_eq!(app.rows("SELECT count() FROM kept").await, "0\n");
    assert_eq!(tables_of_jobs(&app).await, [""; 0]);
    send(&app, 13..14).await;
    populate(&app, "").await.assert_error(400);
}

#[tokio::test]
async fn later_ones_only_when_asked_to() {
    let app = failing_app().await;
    assert_eq!(populated(&app, "populate_condition=v < 10").await["status"], "done");
    assert_eq!(populated(&app, "").await["status"], "error");
    assert!(is_linked(&app).await);
    assert_eq!(app.rows("SELECT count() FROM kept").await, "10\n");
    // As the documents write it in their text.
    assert_eq!(populated(&app, "unlink_on_populate_error='true'").await["status"], "error");
    assert!(!is_linked(&app).await);
}

#[tokio::test]
async fn a_populate_is_cancelled_and_the_view_stays() {
    let app = app().await;
    let node = populate(&app, "").await.assert_status(200).json();
    let id = node["job"]["id"].as_str().unwrap();
    app.post(&format!("/v0/jobs/{id}/cancel")).send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(job(&app, &node["job"]).await["status"], "cancelled");
    assert!(is_linked(&app).await);
    assert_eq!(sums(&app).await, "0:0");
    // Once more it takes a snapshot of its own.
    app.post(&format!("/v0/jobs/{id}/retry")).send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(sums(&app).await, "300:44850");
}

#[tokio::test]
async fn a_cancelled_populate_leaves_nothing_and_is_not_done_twice() {
    let app = app().await;
    app.create_pipe("again", SUMS).await;
    let uri = "/v0/pipes/again/nodes/again_0/materialization?datasource=whole&populate=true";
    let node = app.post(uri).send().await.assert_status(200).json();
    assert_eq!(tables_of_jobs(&app).await.len(), 1);
    let id = node["job"]["id"].as_str().unwrap();
    app.post(&format!("/v0/jobs/{id}/cancel")).send().await.assert_status(200);
    app.standpipe().settle().await;
    assert_eq!(tables_of_jobs(&app).await, [""; 0]);
    let text = app.post(&format!("/v0/jobs/{id}/retry")).send().await.assert_error(400);
    assert!(text.contains("truncate=true"), "{text}");
    send(&app, 300..301).await;
    let populate = app.post("/v0/pipes/again/nodes/again_0/population?truncate=true").send().await;
    populate.assert_status(200);
    app.run_jobs().await;
    let sql = "SELECT sum(n) FROM (SELECT countMerge(n) AS n FROM whole GROUP BY part)";
    assert_eq!(app.rows(sql).await, "301\n");
}

#[tokio::test]
async fn what_a_populate_brings_is_older_than_what_the_view_brought() {
    let app = app().await;
    app.create_data_source("states", "id UInt8 `json:$.id`, state String `json:$.state`").await;
    app.send_events("states", "{\"id\":1,\"state\":\"old\"}\n{\"id\":2,\"state\":\"old\"}").await;
    app.create_pipe("latest", "SELECT id, state FROM states").await;
    let uri = "/v0/pipes/latest/nodes/latest_0/materialization?datasource=last&engine=ReplacingMergeTree\
               &engine_sorting_key=id&populate=true";
    app.post(uri).send().await.assert_status(200);
    app.send_events("states", "{\"id\":1,\"state\":\"new\"}").await;
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT id, state FROM last FINAL ORDER BY id").await, "1\tnew\n2\told\n");
}

#[tokio::test]
async fn a_populate_of_a_view_that_is_gone_says_so() {
    let app = app().await;
    let node = populate(&app, "").await.assert_status(200).json();
    app.delete("/v0/pipes/mv/nodes/mv_0/materialization").send().await.assert_status(204);
    app.run_jobs().await;
    // Unlinking cancels what waits.
    assert_eq!(job(&app, &node["job"]).await["status"], "cancelled");
    assert_eq!(sums(&app).await, "0:0");
    assert_eq!(tables_of_jobs(&app).await, [""; 0]);
}

#[tokio::test]
async fn who_may_create_pipes_may_populate() {
    let app = app().await;
    let reader = app.with_scopes(&["PIPES:READ:mv", "DATASOURCES:READ:events", "DATASOURCES:APPEND:sums"]).await;
    reader.post(POPULATION).send().await.assert_error(403);
    let creator = app.with_scopes(&["PIPES:CREATE"]).await;
    creator.post(POPULATION).send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(sums(&app).await, "300:44850");
}

#[tokio::test]
async fn who_empties_a_target_by_a_populate_may_create_data_sources() {
    let app = app().await;
    let creator = app.with_scopes(&["PIPES:CREATE"]).await;
    for form in ["truncate=true", "truncate=true&populate_condition=v = 1"] {
        let text = creator.post(POPULATION).form(form).send().await.assert_error(403);
        assert!(text.contains("DATASOURCES:CREATE"), "{text}");
    }
    let both = app.with_scopes(&["PIPES:CREATE", "DATASOURCES:CREATE"]).await;
    let node = both.post(POPULATION).form("truncate=true").send().await.assert_status(200).json();
    // One that was cancelled is not run again by whoever could not ask for it.
    let uri = format!("/v0/jobs/{}", node["job"]["id"].as_str().unwrap());
    creator.post(&format!("{uri}/cancel")).send().await.assert_status(200);
    let text = creator.post(&format!("{uri}/retry")).send().await.assert_error(403);
    assert!(text.contains("DATASOURCES:CREATE"), "{text}");
    both.post(&format!("{uri}/retry")).send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(sums(&app).await, "300:44850");
}

#[tokio::test]
async fn the_documents_queries_find_populates() {
    let app = app().await;
    app.create_pipe("total", "SELECT sumMergeState(total) AS total FROM sums").await;
    app.post("/v0/pipes/total/nodes/total_0/materialization?datasource=totals").send().await.assert_status(200);
    let job = populated(&app, "").await;
    let (id, target) = (job["id"].as_str().unwrap(), job["datasource"]["id"].as_str().unwrap());
    let found = format!(
        "SELECT event_type, datasource_name, pipe_name, result, rows FROM tinybird.datasources_ops_log \
         WHERE timestamp > now() - INTERVAL 1 DAY AND operation_id IN ( \
         SELECT operation_id FROM tinybird.datasources_ops_log WHERE timestamp > now() - INTERVAL 1 DAY \
         and datasource_id = '{target}' and job_id = '{id}' ) ORDER BY timestamp ASC, event_type DESC, datasource_name"
    );
    let rows = app.recorded(&found).await;
    let mut lines: Vec<&str> = rows.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "populateview\tsums\tmv\tok\t3",
            "populateview\ttotals\ttotal\tok\t\\N",
            "populateview-queued\tsums\tmv\tok\t\\N"
        ]
    );
}

#[tokio::test]
async fn the_documents_queries_find_failed_populates() {
    let app = failing_app().await;
    let job = populated(&app, "").await;
    let target = job["datasource"]["id"].as_str().unwrap();
    let failed = format!(
        "SELECT job_id, error LIKE '%throwIf%' FROM tinybird.datasources_ops_log WHERE datasource_id = '{target}' \
         AND pipe_name = 'mv' AND event_type LIKE 'populateview%' AND result = 'error' ORDER BY timestamp ASC"
    );
    assert_eq!(app.recorded(&failed).await, format!("{}\t1\n", job["id"].as_str().unwrap()));
}

#[tokio::test]
async fn populates_of_a_view_run_in_turn_also_while_its_target_is_emptied() {
    let app = app().await;
    let mut jobs = Vec::new();
    for form in ["", "truncate=true", "truncate=true"] {
        jobs.push(populate(&app, form).await.assert_status(200).json()["job"].clone());
    }
    for number in 0..3 {
        app.run_jobs().await;
        let mut ended = 0;
        for it in &jobs {
            ended += usize::from(job(&app, it).await["status"] == "done");
        }
        assert_eq!(ended, number + 1);
    }
    assert_eq!(sums(&app).await, "300:44850");
    // Whoever truncates the target meanwhile finds the populate's rows there, or none.
    populate(&app, "truncate=true").await.assert_status(200);
    let truncate = async {
        for _ in 0..5 {
            app.post("/v0/datasources/sums/truncate").send().await.assert_status(205);
        }
    };
    let ((), ()) = tokio::join!(app.run_jobs(), truncate);
    assert_eq!(app.get("/v0/jobs?status=done").send().await.json()["jobs"].as_array().unwrap().len(), 4);
    assert!(["300:44850", "0:0"].contains(&sums(&app).await.as_str()), "{}", sums(&app).await);
}

#[tokio::test]
async fn a_view_takes_what_its_maker_may_see() {
    let app = app().await;
    let some = app.with_scopes(&["PIPES:CREATE", "DATASOURCES:READ:events:part = 1"]).await;
    some.create_pipe("few", "SELECT part, v FROM events").await;
    let uri = "/v0/pipes/few/nodes/few_0/materialization?datasource=kept&populate=true";
    some.post(uri).send().await.assert_status(200);
    send(&app, 300..330).await;
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT count(), groupUniqArray(part) FROM kept").await, "110\t[1]\n");
}

/// A populate of three hundred queries that is working, between two of them or in one.
async fn while_working<T>(app: &TestApp, node: &Value, meanwhile: impl Future<Output = T>) -> T {
    let act = async {
        while job(app, &node["job"]).await["progress_percentage"].as_f64().unwrap() < 2.0 {
            tokio::task::yield_now().await;
        }
        meanwhile.await
    };
    tokio::join!(app.run_jobs(), act).1
}

/// A view over three hundred partitions.
async fn partitioned_app() -> TestApp {
    let app = TestApp::new().await;
    let body = json!({
        "name": "events", "schema": "part UInt8 `json:$.part`, v Int64 `json:$.v`", "engine": "MergeTree",
        "engine_partition_key": "v", "engine_sorting_key": "part",
    });
    app.post("/v0/datasources").json(&body).send().await.assert_status(200);
    send(&app, 0..300).await;
    app.create_pipe("mv", SUMS).await;
    app.post("/v0/pipes/mv/nodes/mv_0/materialization?datasource=sums").send().await.assert_status(200);
    app
}

#[tokio::test]
async fn a_working_populate_is_cancelled_and_nothing_of_it_stays() {
    let app = partitioned_app().await;
    let node = populate(&app, "").await.assert_status(200).json();
    let uri = format!("/v0/jobs/{}", node["job"]["id"].as_str().unwrap());
    let cancel = async { app.post(&format!("{uri}/cancel")).send().await.assert_status(200) };
    while_working(&app, &node, cancel).await;
    let cancelled = job(&app, &node["job"]).await;
    assert_eq!(cancelled["status"], "cancelled");
    for query in cancelled["queries"].as_array().unwrap() {
        assert!(["done", "cancelled"].contains(&query["status"].as_str().unwrap()), "{query}");
    }
    assert!(is_linked(&app).await);
    assert_eq!(sums(&app).await, "0:0");
    assert_eq!(tables_of_jobs(&app).await, [""; 0]);
    send(&app, 300..301).await;
    assert_eq!(sums(&app).await, "1:300");
    // Run again, it begins at the beginning.
    let again = app.post(&format!("{uri}/retry")).send().await.assert_status(200).json();
    assert_eq!((&again["queries"], &again["progress_percentage"]), (&json!([]), &json!(0.0)));
    app.run_jobs().await;
    assert_eq!(job(&app, &again).await["queries"].as_array().unwrap().len(), 301);
    assert_eq!(sums(&app).await, "302:45450");
}

#[tokio::test]
async fn a_populate_whose_pipe_is_deleted_says_so_by_its_name() {
    let app = partitioned_app().await;
    let node = populate(&app, "").await.assert_status(200).json();
    let delete = async { app.delete("/v0/pipes/mv").send().await.assert_status(204) };
    while_working(&app, &node, delete).await;
    let job = job(&app, &node["job"]).await;
    assert_eq!((&job["status"], &job["error"]), (&json!("error"), &json!("pipe 'mv' not found")));
    assert_eq!(tables_of_jobs(&app).await, [""; 0]);
    assert_eq!(sums(&app).await, "0:0");
}

#[tokio::test]
async fn a_populate_outlasts_a_check_that_takes_too_long() {
    let app = app().await;
    let node = populate(&app, "").await.assert_status(200).json();
    let (app, checks) = app.restart_with_slow_checks().await;
    checks.release();
    app.standpipe().reconcile().await.unwrap();
    checks.hold();
    app.run_jobs().await;
    assert_eq!(job(&app, &node["job"]).await["status"], "waiting");
    assert!(is_linked(&app).await);
    checks.release();
    app.set_ahead(60);
    app.run_jobs().await;
    assert_eq!(job(&app, &node["job"]).await["status"], "done");
    assert_eq!(sums(&app).await, "300:44850");
}

#[tokio::test]
async fn a_waiting_populate_does_not_enter_what_a_push_put_in_its_views_place() {
    let app = app().await;
    let node = populate(&app, "").await.assert_status(200).json();
    let pushed = json!({"name": "mv_0", "sql": SUMS, "type": "materialized", "datasource": "sums"});
    let body = json!({"name": "mv", "nodes": [pushed]});
    app.post("/v0/pipes?force=true").json(&body).send().await.assert_status(200);
    assert_eq!(job(&app, &node["job"]).await["status"], "cancelled");
    app.run_jobs().await;
    assert_eq!(sums(&app).await, "0:0");
    assert!(is_linked(&app).await);
    // One that is asked for of the new view does.
    populated(&app, "").await;
    assert_eq!(sums(&app).await, "300:44850");
}

#[tokio::test]
async fn a_working_populate_does_not_enter_the_view_that_follows_its_own() {
    let app = partitioned_app().await;
    let node = populate(&app, "unlink_on_populate_error=true").await.assert_status(200).json();
    let uri = "/v0/pipes/mv/nodes/mv_0/materialization";
    let relink = async {
        app.delete(uri).send().await.assert_status(204);
        app.post(&format!("{uri}?datasource=sums")).send().await.assert_status(200);
    };
    while_working(&app, &node, relink).await;
    assert_eq!(job(&app, &node["job"]).await["status"], "cancelled");
    assert!(is_linked(&app).await);
    assert_eq!(sums(&app).await, "0:0");
    assert_eq!(tables_of_jobs(&app).await, [""; 0]);
    // Asked for once more, it is still that of a view that is gone, and leaves the one that is there alone.
    let id = node["job"]["id"].as_str().unwrap();
    let again = app.post(&format!("/v0/jobs/{id}/retry")).send().await.assert_status(200).json();
    app.run_jobs().await;
    let ended = job(&app, &again).await;
    assert_eq!(ended["status"], "error");
    assert!(ended["error"].as_str().unwrap().contains("was unlinked before its populate ended"), "{ended}");
    assert!(is_linked(&app).await);
    assert_eq!(sums(&app).await, "0:0");
}
