//! Copy pipes over HTTP: the requests of the Pipes API's documents, their fields and codes.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp, redact};

/// Takes minutes and writes nothing before its end.
const SLOW: &str = "SELECT toInt64(max(sipHash64(number))) AS id, 'x' AS name FROM numbers(99999999999)";

/// Employees, where they are copied to, and the pipe that may be a copy pipe.
async fn app() -> TestApp {
    app_with(|_| {}).await
}

async fn app_with(change: impl FnOnce(&mut standpipe_server::config::Config)) -> TestApp {
    let app = TestApp::with(change).await;
    app.create_data_source("employees", "id Int32 `json:$.id`, name String `json:$.name`").await;
    app.create_data_source("target", "id Int64, name String").await;
    app.send_events("employees", "{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b\"}\n{\"id\":3,\"name\":\"c\"}")
        .await;
    let sql = "%\nSELECT name, id FROM employees WHERE id > {{Int32(over, 0)}}";
    let node = json!({"name": "emps", "sql": sql});
    let body = json!({"name": "cp", "description": "This is a pipe to copy", "nodes": [node]});
    app.post("/v0/pipes").json(&body).send().await.assert_status(200);
    app
}

async fn set(app: &TestApp, form: &str) -> Answer {
    app.post("/v0/pipes/cp/nodes/emps/copy").form(form).send().await
}

async fn set_app() -> TestApp {
    let app = app().await;
    set(&app, "target_datasource=target").await.assert_status(200);
    app
}

async fn run(app: &TestApp, query: &str) -> Value {
    let answer = app.post(&format!("/v0/pipes/cp/copy{query}")).send().await.assert_status(200).json();
    app.run_jobs().await;
    let uri = format!("/v0/jobs/{}", answer["job"]["id"].as_str().unwrap());
    app.get(&uri).send().await.assert_status(200).json()
}

/// A job with what differs from run to run replaced.
fn shown_job(job: &Value) -> String {
    let text = serde_json::to_string_pretty(&redact(job.clone())).unwrap();
    text.replace(job["id"].as_str().unwrap(), "[job]")
}

/// Fails unless the answer has all members that the documents show, separated by blanks.
fn assert_has(shown: &Value, members: &str) {
    let missing: Vec<&str> = members.split_whitespace().filter(|name| shown.get(name).is_none()).collect();
    assert_eq!(missing, [""; 0], "{shown}");
}

async fn target(app: &TestApp) -> String {
    app.rows("SELECT id, name FROM target ORDER BY id, name").await.replace('\n', " ").replace('\t', ":")
}

#[tokio::test]
async fn a_pipe_is_set_as_the_documents_show() {
    let app = app().await;
    let answer = set(&app, "target_datasource=target&schedule_cron=*/15 * * * *").await.assert_status(200);
    let shown = answer.json();
    let node = &shown["nodes"][0];
    let target = app.get("/v0/datasources/target").send().await.json()["id"].clone();
    let workspace = json!(app.workspace().id.to_string());
    assert_has(&shown, "id name description type endpoint created_at updated_at parent nodes");
    assert_has(
        node,
        "id name sql description materialized cluster tags created_at updated_at version project result \
         ignore_sql_errors dependencies params",
    );
    for (member, expected) in [
        ("type", json!("copy")),
        ("name", json!("cp")),
        ("description", json!("This is a pipe to copy")),
        ("endpoint", Value::Null),
        ("parent", Value::Null),
        ("copy_node", node["id"].clone()),
        ("copy_target_datasource", target.clone()),
        ("copy_target_workspace", workspace.clone()),
        ("copy_mode", json!("append")),
        ("copy_schedule", json!("*/15 * * * *")),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    assert_eq!(node["tags"], json!({"copy_target_datasource": target, "copy_target_workspace": workspace}));
    assert_eq!((&node["node_type"], &node["dependencies"]), (&json!("copy"), &json!(["employees"])));
    let schedule = redact(shown["schedule"].clone());
    let expected = json!({"cron": "*/15 * * * *", "timezone": "UTC", "status": "running", "next_run": "[time]"});
    assert_eq!(schedule, expected);
    // An edit of the node leaves all that where it is.
    let edited = app.put("/v0/pipes/cp/nodes/emps").body("SELECT id, name FROM employees").send().await;
    assert_eq!(edited.assert_status(200).json()["tags"], node["tags"]);
    let pipe = app.get("/v0/pipes/cp").send().await.json();
    assert_eq!(redact(pipe["copy_node"].clone()), redact(answer.json()["copy_node"].clone()));
    let listed = app.get("/v0/pipes?attrs=type,copy_node,schedule").send().await.json();
    assert_eq!(listed["pipes"][0]["type"], "copy");
    assert_eq!(listed["pipes"][0]["schedule"]["cron"], "*/15 * * * *");
}

#[tokio::test]
async fn a_run_answers_the_node_and_a_job() {
    let app = set_app().await;
    let answer = app.post("/v0/pipes/cp/copy?over=1").send().await.assert_status(200);
    let node = answer.json();
    assert_eq!((&node["name"], &node["type"]), (&json!("emps"), &json!("copy")));
    assert_has(
        &node,
        "id name sql description materialized cluster tags created_at updated_at version project result \
         ignore_sql_errors dependencies params job",
    );
    assert_eq!(node["tags"]["copy_target_datasource"], node["job"]["datasource"]["id"]);
    insta::assert_snapshot!(shown_job(&node["job"]), @r#"
    {
      "id": "[uuid 1]",
      "job_id": "[uuid 1]",
      "kind": "copy",
      "status": "waiting",
      "created_at": "[time]",
      "updated_at": "[time]",
      "started_at": null,
      "is_cancellable": true,
      "datasource": {
        "id": "[id 2]",
        "name": "target"
      },
      "pipe_id": "[id 3]",
      "pipe_name": "cp",
      "job_url": "http://localhost:7181/v0/jobs/[job]",
      "query_id": "[uuid 4]",
      "query_sql": "SELECT name, id FROM employees AS employees WHERE id > toInt32('1')",
      "mode": "append"
    }
    "#);
    app.run_jobs().await;
    let uri = format!("/v0/jobs/{}", node["job"]["id"].as_str().unwrap());
    let job = app.get(&uri).send().await.assert_status(200).json();
    insta::assert_snapshot!(shown_job(&job), @r#"
    {
      "id": "[uuid 1]",
      "job_id": "[uuid 1]",
      "kind": "copy",
      "status": "done",
      "created_at": "[time]",
      "updated_at": "[time]",
      "started_at": "[time]",
      "is_cancellable": false,
      "progress_percentage": 100.0,
      "datasource": {
        "id": "[id 2]",
        "name": "target"
      },
      "pipe_id": "[id 3]",
      "pipe_name": "cp",
      "job_url": "http://localhost:7181/v0/jobs/[job]",
      "query_id": "[uuid 4]",
      "query_sql": "SELECT name, id FROM employees AS employees WHERE id > toInt32('1')",
      "mode": "append",
      "rows": 2
    }
    "#);
    assert_eq!(target(&app).await, "2:b 3:c ");
    assert_eq!(app.get("/v0/datasources/target").send().await.json()["statistics"]["row_count"], 2);
}

#[tokio::test]
async fn append_keeps_rows_and_replace_does_not() {
    let app = set_app().await;
    assert_eq!(run(&app, "").await["status"], "done");
    assert_eq!(run(&app, "?over=2").await["mode"], "append");
    assert_eq!(target(&app).await, "1:a 2:b 3:c 3:c ");
    assert_eq!(run(&app, "?over=1&_mode=replace").await["status"], "done");
    assert_eq!(target(&app).await, "2:b 3:c ");
    let uri = "/v0/pipes/cp/nodes/emps/copy";
    let pipe = app.put(uri).form("mode=replace").send().await.assert_status(200).json();
    assert_eq!(pipe["copy_mode"], "replace");
    assert_eq!(run(&app, "?over=2").await["mode"], "replace");
    assert_eq!(target(&app).await, "3:c ");
    assert_eq!(run(&app, "?copy_mode=append").await["status"], "done");
    assert_eq!(target(&app).await, "1:a 2:b 3:c 3:c ");
    // What is appended between copies, and the quarantine, stay.
    app.send_events("employees", "{\"id\":4,\"name\":\"d\"}").await;
    run(&app, "?over=3&_mode=append").await;
    assert_eq!(target(&app).await, "1:a 2:b 3:c 3:c 4:d ");
    run(&app, "?over=100&_mode=replace").await;
    assert_eq!(target(&app).await, "");
    assert_eq!(app.rows("SELECT count() FROM target_quarantine").await, "0\n");
}

#[tokio::test]
async fn the_time_of_the_job_is_a_parameter() {
    let app = app().await;
    app.create_data_source("times", "at DateTime").await;
    app.create_pipe("tp", "%\nSELECT toDateTime({{DateTime(job_timestamp, '2000-01-01 00:00:00')}}) AS at").await;
    let uri = "/v0/pipes/tp/nodes/tp_0/copy?target_datasource=times";
    app.post(uri).send().await.assert_status(200);
    app.post("/v0/pipes/tp/copy").send().await.assert_status(200);
    app.post("/v0/pipes/tp/copy?job_timestamp=2024-02-03+04:05:06").send().await.assert_status(200);
    app.run_jobs().await;
    let close = "SELECT countIf(abs(at - now()) < 600), countIf(at = '2024-02-03 04:05:06') FROM times";
    assert_eq!(app.rows(close).await, "1\t1\n");
}

#[tokio::test]
async fn what_cannot_be_set_says_why() {
    let app = app().await;
    assert!(set(&app, "").await.assert_error(400).contains("target_datasource"));
    assert!(set(&app, "target_datasource=nothing").await.assert_error(404).contains("'nothing'"));
    let text = set(&app, "target_datasource=target&schedule_cron=1 2 3").await.assert_error(400);
    assert!(text.contains("five fields"), "{text}");
    let text = set(&app, "target_datasource=target&schedule_cron=0 0 30 2 *").await.assert_error(400);
    assert!(text.contains("never comes"), "{text}");
    let zone = "target_datasource=target&schedule_cron=@daily&schedule_timezone=Mars/Base";
    assert!(set(&app, zone).await.assert_error(400).contains("Mars/Base"));
    assert!(set(&app, "target_datasource=target&mode=upsert").await.assert_error(400).contains("'upsert'"));
    let post = |uri: &str| app.post(uri);
    post("/v0/pipes/nope/nodes/emps/copy?target_datasource=target").send().await.assert_error(404);
    post("/v0/pipes/cp/nodes/nope/copy?target_datasource=target").send().await.assert_error(404);
    app.put("/v0/pipes/cp/nodes/emps/copy?target_datasource=target").send().await.assert_error(400);
    app.put("/v0/pipes/nope/nodes/emps/copy?target_datasource=target").send().await.assert_error(404);
    app.put("/v0/pipes/cp/nodes/nope/copy?target_datasource=target").send().await.assert_error(404);
    app.delete("/v0/pipes/nope/nodes/emps/copy").send().await.assert_error(404);
    app.delete("/v0/pipes/cp/nodes/nope/copy").send().await.assert_error(400);
    app.delete("/v0/pipes/cp/nodes/emps/copy").send().await.assert_error(400);
    app.create_data_source("other", "id Int8, text String, at DateTime").await;
    let text = set(&app, "target_datasource=other").await.assert_error(400);
    assert_eq!(
        text,
        "the query does not fit the target data source 'other': the target has no column 'name' (String); column 'id' is \
         Int32 in the query and Int8 in the target: cast it in the query; the query has no column 'text' (String); the \
         query has no column 'at' (DateTime)"
    );
    let null = json!({"name": "void", "schema": "id Int64, name String", "engine": "Null"});
    app.post("/v0/datasources").json(&null).send().await.assert_status(200);
    assert!(set(&app, "target_datasource=void").await.assert_error(400).contains("Null"));
    app.create_pipe("needs", "%\nSELECT toInt64({{Int32(x)}}) AS id, 'a' AS name").await;
    let uri = "/v0/pipes/needs/nodes/needs_0/copy?target_datasource=target";
    let text = app.post(&format!("{uri}&schedule_cron=@daily")).send().await.assert_error(400);
    assert!(text.starts_with("a scheduled copy needs a default"), "{text}");
    app.post(uri).send().await.assert_status(200);
}

#[tokio::test]
async fn a_pipe_does_one_thing() {
    let app = set_app().await;
    let text = set(&app, "target_datasource=target").await.assert_error(409);
    assert_eq!(
        text,
        "pipe 'cp' is a copy pipe already: change it with PUT /v0/pipes/cp/nodes/emps/copy, or unset it first with DELETE \
         /v0/pipes/cp/nodes/emps/copy"
    );
    let text = app.post("/v0/pipes/cp/nodes/emps/endpoint").send().await.assert_error(409);
    assert_eq!(
        text,
        "pipe 'cp' cannot be an endpoint: its node 'emps' is a copy node, and a pipe does one thing. Unset that first \
         with DELETE /v0/pipes/cp/nodes/emps/copy"
    );
    app.put("/v0/pipes/cp/endpoint").body("emps").send().await.assert_error(409);
    app.post("/v0/pipes/cp/nodes?name=more&type=endpoint").body("SELECT 1").send().await.assert_error(409);
    app.get("/v0/pipes/cp.json").send().await.assert_error(404);
    let text = app.delete("/v0/pipes/cp/nodes/emps").send().await.assert_error(400);
    assert!(text.contains("copy"), "{text}");
    let unset = app.delete("/v0/pipes/cp/nodes/emps/copy").send().await.assert_status(200).json();
    assert_eq!((&unset["type"], &unset["copy_node"]), (&json!("default"), &Value::Null));
    assert_eq!(unset.get("copy_target_datasource"), None);
    app.post("/v0/pipes/cp/nodes/emps/endpoint").send().await.assert_status(200);
    let text = set(&app, "target_datasource=target").await.assert_error(409);
    assert!(text.contains("DELETE /v0/pipes/cp/nodes/emps/endpoint"), "{text}");
    app.delete("/v0/pipes/cp/nodes/emps/endpoint").send().await.assert_status(200);
    set(&app, "target_datasource=target").await.assert_status(200);
}

#[tokio::test]
async fn what_cannot_be_run_says_why() {
    let app = app().await;
    assert!(app.post("/v0/pipes/cp/copy").send().await.assert_error(400).contains("not a copy pipe"));
    app.post("/v0/pipes/nope/copy").send().await.assert_error(404);
    set(&app, "target_datasource=target").await.assert_status(200);
    assert!(app.post("/v0/pipes/cp/copy?over=x").send().await.assert_error(400).contains("Int32"));
    assert!(app.post("/v0/pipes/cp/copy?_mode=upsert").send().await.assert_error(400).contains("'upsert'"));
    app.delete("/v0/datasources/target").send().await.assert_status(204);
    app.post("/v0/pipes/cp/copy").send().await.assert_error(404);
    assert_eq!(app.get("/v0/jobs").send().await.json()["jobs"], json!([]));
}

#[tokio::test]
async fn tokens_need_their_scopes() {
    let app = app().await;
    let creator = app.with_scopes(&["PIPES:CREATE"]).await;
    let uri = "/v0/pipes/cp/nodes/emps/copy?target_datasource=target";
    assert!(creator.post(uri).send().await.assert_error(403).contains("DATASOURCES:APPEND:target"));
    let both = app.with_scopes(&["PIPES:CREATE", "DATASOURCES:APPEND:target"]).await;
    both.post(uri).send().await.assert_status(200);
    let reader = app.with_scopes(&["PIPES:READ:cp"]).await;
    assert!(reader.post("/v0/pipes/cp/copy").send().await.assert_error(403).contains("DATASOURCES:APPEND:target"));
    let appender = app.with_scopes(&["DATASOURCES:APPEND:target"]).await;
    appender.post("/v0/pipes/cp/copy").send().await.assert_error(403);
    let runner = app.with_scopes(&["PIPES:READ:cp", "DATASOURCES:APPEND:target"]).await;
    let job = runner.post("/v0/pipes/cp/copy").send().await.assert_status(200).json()["job"].clone();
    // Whoever may only read the pipe sees what the pipe's own definition shows.
    assert!(job["query_sql"].as_str().unwrap().starts_with("%\nSELECT name, id"), "{job}");
    for (method, path) in [
        (Method::PUT, "/v0/pipes/cp/nodes/emps/copy"),
        (Method::DELETE, "/v0/pipes/cp/nodes/emps/copy"),
        (Method::POST, "/v0/pipes/cp/copy/pause"),
        (Method::POST, "/v0/pipes/cp/copy/resume"),
        (Method::POST, "/v0/pipes/cp/copy/cancel"),
    ] {
        assert!(runner.request(method, path).send().await.assert_error(403).contains("PIPES:CREATE"));
    }
    // A token that is gone when the job begins takes the job with it.
    let name = app.workspace().tokens.values().find(|it| it.has_value(runner.token())).unwrap().name.clone();
    app.delete(&format!("/v0/tokens/{}", name.replace(' ', "%20"))).send().await.assert_status(200);
    app.run_jobs().await;
    let job = app.get(&format!("/v0/jobs/{}", job["id"].as_str().unwrap())).send().await.json();
    assert_eq!((&job["status"], &job["error"]), (&json!("error"), &json!("the token is unknown or was deleted")));
}

#[tokio::test]
async fn rights_are_asked_again_when_a_copy_runs() {
    let app = set_app().await;
    let id = async |client: &Client| {
        let answer = client.post("/v0/pipes/cp/copy").send().await.assert_status(200).json();
        answer["job"]["id"].as_str().unwrap().to_owned()
    };
    let runner = app.with_scopes(&["PIPES:READ:cp", "DATASOURCES:APPEND:target"]).await;
    let name =
        app.workspace().tokens.values().find(|it| it.has_value(runner.token())).unwrap().name.replace(' ', "%20");
    let job = id(&runner).await;
    app.put(&format!("/v0/tokens/{name}?scope=PIPES:READ:cp")).send().await.assert_status(200);
    app.run_jobs().await;
    let uri = format!("/v0/jobs/{job}");
    let shown = app.get(&uri).send().await.json();
    assert_eq!(shown["status"], "error");
    assert!(shown["error"].as_str().unwrap().contains("DATASOURCES:APPEND:target"), "{shown}");
    assert_eq!(target(&app).await, "");
    // Who changes pipes may stop a copy, and runs it again only with the right to start it.
    let creator = app.with_scopes(&["PIPES:CREATE", "PIPES:READ:cp"]).await;
    let refused = creator.post(&format!("{uri}/retry")).send().await.assert_error(403);
    assert!(refused.contains("DATASOURCES:APPEND:target"), "{refused}");
    app.post(&format!("{uri}/retry")).send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(target(&app).await, "1:a 2:b 3:c ");
    let waiting = id(&app).await;
    creator.post(&format!("/v0/jobs/{waiting}/cancel")).send().await.assert_status(200);
}

#[tokio::test]
async fn an_unset_copy_does_not_run_what_waits() {
    let app = set_app().await;
    let job = app.post("/v0/pipes/cp/copy").send().await.json()["job"]["id"].as_str().unwrap().to_owned();
    app.delete("/v0/pipes/cp/nodes/emps/copy").send().await.assert_status(200);
    assert_eq!(app.get(&format!("/v0/jobs/{job}")).send().await.json()["status"], "cancelled");
    let retried = app.post(&format!("/v0/jobs/{job}/retry")).send().await.assert_status(200).json();
    app.run_jobs().await;
    let shown = app.get(&format!("/v0/jobs/{}", retried["id"].as_str().unwrap())).send().await.json();
    assert_eq!(shown["status"], "error");
    assert!(shown["error"].as_str().unwrap().starts_with("node 'emps' of pipe 'cp' was unset"), "{shown}");
    assert_eq!(target(&app).await, "");
}

#[tokio::test]
async fn errors_of_copies_show_no_hidden_rows_and_no_addresses() {
    let app = app().await;
    app.create_pipe("bad", "SELECT toInt64(toInt32(name)) AS id, name FROM employees").await;
    app.post("/v0/pipes/bad/nodes/bad_0/copy?target_datasource=target").send().await.assert_status(200);
    app.post("/v0/pipes/bad/copy").send().await.assert_status(200);
    app.run_jobs().await;
    let error = async |client: &Client| client.get("/v0/jobs").send().await.json()["jobs"][0]["error"].clone();
    for seer in [app.with_scopes(&["PIPES:CREATE"]).await, app.with_scopes(&["PIPES:READ:bad"]).await] {
        let error = error(&seer).await;
        let error = error.as_str().unwrap();
        assert!(error.contains("Cannot parse string 'a'"), "{error}");
        assert!(!error.contains(&app.workspace().database) && !error.to_lowercase().contains(" in scope "), "{error}");
    }
    let filtered = app.with_scopes(&["PIPES:READ:bad", "DATASOURCES:READ:employees:id > 1"]).await;
    let hidden = "the job failed: tokens that read all rows of its pipe, or change pipes, see why";
    assert_eq!(error(&filtered).await, hidden);
    assert_eq!(error(&app.with_scopes(&["PIPES:DROP:bad"]).await).await, hidden);
}

#[tokio::test]
async fn limits_hold_at_the_request_and_while_it_runs() {
    let app = app_with(|config| {
        config.jobs.copy_rows = 2;
        config.jobs.copy_active = 2;
    })
    .await;
    set(&app, "target_datasource=target").await.assert_status(200);
    let text = app.post("/v0/pipes/cp/copy").send().await.assert_error(429);
    assert!(text.contains("at most 2 rows"), "{text}");
    app.post("/v0/pipes/cp/copy?over=1").send().await.assert_status(200);
    app.post("/v0/pipes/cp/copy?over=1").send().await.assert_status(200);
    let text = app.post("/v0/pipes/cp/copy?over=1").send().await.assert_error(429);
    assert!(text.contains("2 jobs of kind 'copy'"), "{text}");
    let first = app.get("/v0/jobs").send().await.json()["jobs"][0]["id"].as_str().unwrap().to_owned();
    app.post(&format!("/v0/jobs/{first}/cancel")).send().await.assert_status(200);
    app.post("/v0/pipes/cp/copy?over=1").send().await.assert_status(200);
    app.post(&format!("/v0/jobs/{first}/retry")).send().await.assert_error(429);
    // By the time the jobs begin there are more rows.
    app.send_events("employees", "{\"id\":4,\"name\":\"d\"}").await;
    app.run_jobs().await;
    let jobs = app.get("/v0/jobs?status=error&kind=copy").send().await.json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 2);
    assert_eq!(jobs["jobs"][0]["error"], "a copy may have at most 2 rows: copy less at once");
    assert_eq!(target(&app).await, "");
    assert_no_staging(&app).await;
}

#[tokio::test]
async fn a_copy_that_takes_too_long_ends_in_error() {
    let app = app_with(|config| config.jobs.copy_seconds = 1).await;
    app.create_pipe("slow", SLOW).await;
    let uri = "/v0/pipes/slow/nodes/slow_0/copy?target_datasource=target";
    app.post(uri).send().await.assert_status(200);
    app.post("/v0/pipes/slow/copy").send().await.assert_status(200);
    app.run_jobs().await;
    let jobs = app.get("/v0/jobs").send().await.json();
    let error = jobs["jobs"][0]["error"].as_str().unwrap();
    assert!(error.contains("longer than 1 s"), "{error}");
    assert_eq!(target(&app).await, "");
    assert_no_staging(&app).await;
}

#[tokio::test]
async fn a_running_copy_is_cancelled() {
    let app = app().await;
    app.create_pipe("slow", SLOW).await;
    app.post("/v0/pipes/slow/nodes/slow_0/copy?target_datasource=target").send().await.assert_status(200);
    let job = app.post("/v0/pipes/slow/copy").send().await.json()["job"].clone();
    let uri = format!("/v0/jobs/{}", job["id"].as_str().unwrap());
    let running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO%99999999999%'";
    let jobs = standpipe_core::jobs::Runner::new(app.standpipe().clone());
    jobs.tick().await.unwrap();
    while app.engine_lines(running).await == ["0"] {
        tokio::task::yield_now().await;
    }
    let cancelled = app.post(&format!("{uri}/cancel")).send().await.assert_status(200).json();
    assert_eq!((&cancelled["status"], &cancelled["is_cancellable"]), (&json!("cancelling"), &json!(false)));
    app.standpipe().settle().await;
    assert_eq!(app.get(&uri).send().await.json()["status"], "cancelled");
    while app.engine_lines(running).await != ["0"] {
        tokio::task::yield_now().await;
    }
    assert_eq!(target(&app).await, "");
    assert_no_staging(&app).await;
    app.post(&format!("{uri}/cancel")).send().await.assert_error(400);
}

#[tokio::test]
async fn copies_that_take_long_keep_nobody_waiting() {
    let app = app().await;
    app.create_pipe("slow", SLOW).await;
    app.post("/v0/pipes/slow/nodes/slow_0/copy?target_datasource=target").send().await.assert_status(200);
    // As many as a workspace may have.
    let run = async || app.post("/v0/pipes/slow/copy").send().await.assert_status(200);
    tokio::join!(run(), run(), run(), run());
    standpipe_core::jobs::Runner::new(app.standpipe().clone()).tick().await.unwrap();
    let working = "/v0/jobs?status=working";
    assert_eq!(app.get(working).send().await.json()["jobs"].as_array().unwrap().len(), 4);
    let others = async {
        while app.engine_runs("99999999999").await < 4 {
            tokio::task::yield_now().await;
        }
        app.create_data_source("new", "id Int64, name String").await;
        set(&app, "target_datasource=new").await.assert_status(200);
        app.recorded("SELECT uniqExact(job_id) FROM tinybird.jobs_log").await
    };
    let recorded = tokio::time::timeout(std::time::Duration::from_secs(60), others).await;
    assert_eq!(recorded.expect("nobody waits for copies"), "4\n");
    app.post("/v0/pipes/slow/copy/cancel").send().await.assert_status(200);
    app.standpipe().settle().await;
    assert_eq!(app.get(working).send().await.json()["jobs"], json!([]));
    assert_no_staging(&app).await;
}

#[tokio::test]
async fn schedules_are_paused_and_resumed() {
    let app = set_app().await;
    let post = async |what: &str| app.post(&format!("/v0/pipes/cp/copy/{what}")).send().await;
    assert!(post("pause").await.assert_error(404).contains("no schedule"));
    let uri = "/v0/pipes/cp/nodes/emps/copy";
    let form = "schedule_cron=30 4 * * *&schedule_timezone=Europe/Madrid";
    let pipe = app.put(uri).form(form).send().await.assert_status(200).json();
    assert_eq!(pipe["schedule"]["status"], "running");
    assert_eq!(pipe["schedule"]["timezone"], "Europe/Madrid");
    assert!(pipe["schedule"]["next_run"].as_str().unwrap().contains(":30:00.000000"), "{pipe}");
    let paused = post("pause").await.assert_status(200).json();
    assert_eq!(paused["schedule"]["status"], "paused");
    assert_eq!(paused["schedule"]["next_run"], Value::Null);
    let app = app.restart().await;
    assert_eq!(app.get("/v0/pipes/cp").send().await.json()["schedule"]["status"], "paused");
    let post = async |what: &str| app.post(&format!("/v0/pipes/cp/copy/{what}")).send().await;
    assert_eq!(post("resume").await.assert_status(200).json()["schedule"]["status"], "running");
    // Other changes leave the schedule, `None` takes it away.
    app.put(uri).form("mode=append").send().await.assert_status(200);
    assert_eq!(app.get("/v0/pipes/cp").send().await.json()["schedule"]["cron"], "30 4 * * *");
    // Another time, and a project that is deployed once more, resume nothing.
    post("pause").await.assert_status(200);
    let pipe = app.put(uri).form("schedule_cron=15 4 * * *").send().await.assert_status(200).json();
    let expected = json!({"cron": "15 4 * * *", "timezone": "Europe/Madrid", "status": "paused", "next_run": null});
    assert_eq!(pipe["schedule"], expected);
    let node = json!({
        "name": "emps", "sql": "SELECT id, name FROM employees", "type": "copy", "target_datasource": "target",
        "copy_schedule": "15 4 * * *",
    });
    let pushed = app.post("/v0/pipes?force=true").json(&json!({"name": "cp", "nodes": [node]})).send().await;
    assert_eq!(pushed.assert_status(200).json()["schedule"], expected);
    app.set_ahead(3 * 24 * 3600);
    app.run_jobs().await;
    assert_eq!(app.get("/v0/jobs").send().await.json()["jobs"], json!([]));
    app.set_ahead(0);
    let pipe = app.put(uri).form("schedule_cron=None").send().await.assert_status(200).json();
    assert_eq!(pipe.get("schedule"), None);
    post("pause").await.assert_error(404);
    post("resume").await.assert_error(404);
    app.delete(uri).send().await.assert_status(200);
    post("pause").await.assert_error(400);
    post("resume").await.assert_error(400);
    post("cancel").await.assert_error(400);
    for what in ["pause", "resume", "cancel"] {
        app.post(&format!("/v0/pipes/nope/copy/{what}")).send().await.assert_error(404);
    }
}

#[tokio::test]
async fn a_schedule_runs_the_copy() {
    let app = app().await;
    app.create_data_source("times", "at DateTime").await;
    app.create_pipe("tp", "%\nSELECT toDateTime({{DateTime(job_timestamp, '2000-01-01 00:00:00')}}) AS at").await;
    let uri = "/v0/pipes/tp/nodes/tp_0/copy";
    app.post(uri).form("target_datasource=times&schedule_cron=@hourly").send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT count() FROM times").await, "0\n", "not before its time");
    let next = app.get("/v0/pipes/tp").send().await.json()["schedule"]["next_run"].as_str().unwrap().to_owned();
    app.set_ahead(3600);
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT toString(at) FROM times").await, format!("{}\n", &next[..19]));
    let job = app.get("/v0/jobs?pipe_name=tp").send().await.json()["jobs"][0].clone();
    assert_eq!((&job["status"], &job["kind"], &job["error"]), (&json!("done"), &json!("copy"), &Value::Null));
    assert!(job["query_sql"].as_str().unwrap().contains(&next[..19]), "{job}");
    // Paused, nothing runs; resumed, it goes on from then.
    app.post("/v0/pipes/tp/copy/pause").send().await.assert_status(200);
    app.set_ahead(10 * 3600);
    app.run_jobs().await;
    app.post("/v0/pipes/tp/copy/resume").send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT count() FROM times").await, "1\n");
    app.set_ahead(11 * 3600);
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT count() FROM times").await, "2\n");
    // Without its target a run ends in error; without its pipe there is none.
    app.delete("/v0/datasources/times").send().await.assert_status(204);
    app.set_ahead(12 * 3600);
    app.run_jobs().await;
    let job = app.get("/v0/jobs?status=error").send().await.json()["jobs"][0].clone();
    assert!(job["error"].as_str().unwrap().contains("not found"), "{job}");
    app.delete("/v0/pipes/tp").send().await.assert_status(204);
    app.set_ahead(13 * 3600);
    app.run_jobs().await;
    assert_eq!(app.get("/v0/jobs").send().await.json()["jobs"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn cancelling_a_pipes_copies_pauses_it() {
    let app = app().await;
    set(&app, "target_datasource=target&schedule_cron=@daily").await.assert_status(200);
    let job = app.post("/v0/pipes/cp/copy").send().await.json()["job"]["id"].clone();
    let cancelled = app.post("/v0/pipes/cp/copy/cancel").send().await.assert_status(200).json();
    assert_eq!((&cancelled["jobs"][0]["id"], &cancelled["jobs"][0]["status"]), (&job, &json!("cancelled")));
    assert_eq!(app.get("/v0/pipes/cp").send().await.json()["schedule"]["status"], "paused");
    app.run_jobs().await;
    assert_eq!(target(&app).await, "");
}

#[tokio::test]
async fn a_pushed_pipe_is_a_copy_pipe_at_once() {
    let app = app().await;
    let node = json!({
        "name": "n", "sql": "SELECT id, name FROM employees", "type": "copy", "mode": "replace",
        "target_datasource": "target", "copy_schedule": "0 * * * *",
    });
    let body = json!({"name": "pushed", "nodes": [node], "target_datasource": "target", "schedule_cron": null});
    let pipe = app.post("/v0/pipes?force=true").json(&body).send().await.assert_status(200).json();
    assert_eq!((&pipe["datasource"]["name"], &pipe["created_datasource"]), (&json!("target"), &json!(false)));
    assert_eq!(
        (&pipe["type"], &pipe["copy_mode"], &pipe["copy_schedule"]),
        (&json!("copy"), &json!("replace"), &json!("0 * * * *"))
    );
    let put = format!("/v0/pipes/{}/nodes/{}/copy", pipe["id"].as_str().unwrap(), pipe["copy_node"].as_str().unwrap());
    let pipe = app.put(&put).form("schedule_cron=None&mode=append").send().await.assert_status(200).json();
    assert_eq!((&pipe["copy_mode"], &pipe["copy_schedule"]), (&json!("append"), &json!("@on-demand")));
    // Pushed again without saying what it does, it goes on doing it.
    let node = json!({"name": "n", "sql": "SELECT id, name FROM employees WHERE id < 3"});
    let body = json!({"name": "pushed", "nodes": [node]});
    let pipe = app.post("/v0/pipes?force=true").json(&body).send().await.assert_status(200).json();
    assert_eq!((&pipe["type"], &pipe["copy_mode"]), (&json!("copy"), &json!("append")));
    let two = json!({"name": "two", "nodes": [
        {"name": "n1", "sql": "SELECT id, name FROM employees", "type": "copy", "target_datasource": "target"},
        {"name": "n2", "sql": "SELECT 1", "type": "endpoint"},
    ]});
    assert!(app.post("/v0/pipes").json(&two).send().await.assert_error(400).contains("publishes one node"));
}

#[tokio::test]
async fn a_replaced_target_is_never_seen_empty_or_mixed() {
    let app = app().await;
    app.create_data_source("many", "id Int64, name String").await;
    let sql = "%\nSELECT toInt64(number) AS id, {{String(mark, 'x')}} AS name FROM numbers(200000)";
    app.create_pipe("fill", sql).await;
    app.post("/v0/pipes/fill/nodes/fill_0/copy?target_datasource=many&mode=replace").send().await.assert_status(200);
    app.post("/v0/pipes/fill/copy?mark=first").send().await.assert_status(200);
    app.run_jobs().await;
    let copies = async {
        for mark in ["a", "b", "c", "d", "e"] {
            app.post(&format!("/v0/pipes/fill/copy?mark={mark}")).send().await.assert_status(200);
            app.run_jobs().await;
        }
    };
    let reads = async {
        let mut seen = 0;
        loop {
            let rows = app.rows("SELECT count(), uniqExact(name) FROM many").await;
            assert_eq!(rows, "200000\t1\n");
            seen += 1;
            tokio::task::yield_now().await;
            if seen > 10_000 {
                return;
            }
        }
    };
    tokio::select! {
        () = copies => {}
        () = reads => {}
    }
    assert_eq!(app.rows("SELECT count(), any(name) FROM many").await, "200000\te\n");
}

#[tokio::test]
async fn rows_appended_during_copies_are_kept() {
    let app = app().await;
    app.create_data_source("busy", "id Int64 `json:$.id`, name String `json:$.name`").await;
    let sql = "SELECT toInt64(number) AS id, 'copied' AS name FROM numbers(1000)";
    app.create_pipe("fill", sql).await;
    app.post("/v0/pipes/fill/nodes/fill_0/copy?target_datasource=busy").send().await.assert_status(200);
    let copies = async {
        for _ in 0..5 {
            app.post("/v0/pipes/fill/copy").send().await.assert_status(200);
            app.run_jobs().await;
        }
    };
    let appends = async {
        for id in 0..50 {
            app.send_events("busy", &format!("{{\"id\":{id},\"name\":\"sent\"}}")).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(copies, appends);
    let sql = "SELECT name, count(), uniqExact(id) FROM busy GROUP BY name ORDER BY name";
    assert_eq!(app.rows(sql).await, "copied\t5000\t1000\nsent\t50\t50\n");
}

/// No table is left that no data source uses.
async fn assert_no_staging(app: &TestApp) {
    let sql =
        format!("SELECT name FROM system.tables WHERE database = '{}' AND name LIKE 'job_%'", app.workspace().database);
    assert_eq!(app.engine_lines(&sql).await, Vec::<String>::new());
}

#[tokio::test]
async fn copies_are_recorded_in_service_data() {
    let app = set_app().await;
    // What the client says of itself is no parameter.
    let job = run(&app, "?over=1&cli_version=6.5.5&__tb__semver=1&on_demand_compute=true").await;
    app.post("/v0/datasources/target/truncate").send().await.assert_status(205);
    // The target goes before its turn comes.
    let lost = app.post("/v0/pipes/cp/copy").send().await.assert_status(200).json();
    let gone = app.delete("/v0/datasources/target?force=true").send().await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    app.run_jobs().await;
    let uri = format!("/v0/jobs/{}", lost["job"]["id"].as_str().unwrap());
    assert_eq!(app.get(&uri).send().await.json()["error"], "data source 'target' not found");
    let log = "SELECT event_type, result, rows, written_rows, pipe_name, datasource_name, error IS NULL, \
               Options.Values FROM tinybird.datasources_ops_log WHERE job_id IS NOT NULL ORDER BY event_type, result DESC";
    assert_eq!(
        app.recorded(log).await,
        "copy\tok\t2\t2\tcp\ttarget\t1\t['append']\n\
         copy\terror\t\\N\t0\tcp\ttarget\t0\t['append']\n\
         copy-queued\tok\t\\N\t0\tcp\ttarget\t1\t['append']\n\
         copy-queued\tok\t\\N\t0\tcp\ttarget\t1\t['append']\n"
    );
    let jobs = "SELECT job_id, job_type, argMax(status, (updated_at, status)), \
                max(started_at) >= min(created_at), any(pipe_name), any(JSONExtractString(job_metadata, 'parameters', 'over')) \
                FROM tinybird.jobs_log GROUP BY job_id, job_type ORDER BY min(created_at)";
    let (done, lost) = (job["id"].as_str().unwrap(), lost["job"]["id"].as_str().unwrap());
    assert_eq!(app.rows(jobs).await, format!("{done}\tcopy\tdone\t1\tcp\t1\n{lost}\tcopy\terror\t1\tcp\t\n"));
    let names = format!(
        "SELECT arraySort(JSONExtractKeys(JSONExtractRaw(any(job_metadata), 'parameters'))) FROM tinybird.jobs_log \
         WHERE job_id = '{done}'"
    );
    assert_eq!(app.rows(&names).await, "['job_timestamp','over']\n");
    let created = app.rows(&format!("SELECT max(created_at) FROM tinybird.jobs_log WHERE job_id = '{done}'")).await;
    assert_eq!(created.trim(), &job["created_at"].as_str().unwrap()[..23]);
}

#[tokio::test]
async fn a_copy_outlasts_a_check_that_takes_too_long() {
    let app = set_app().await;
    let node = app.post("/v0/pipes/cp/copy?over=1").send().await.assert_status(200).json();
    let (app, checks) = app.restart_with_slow_checks().await;
    app.run_jobs().await;
    let uri = format!("/v0/jobs/{}", node["job"]["id"].as_str().unwrap());
    assert_eq!(app.get(&uri).send().await.json()["status"], "waiting");
    checks.release();
    app.set_ahead(60);
    app.run_jobs().await;
    assert_eq!(app.get(&uri).send().await.json()["status"], "done");
}
