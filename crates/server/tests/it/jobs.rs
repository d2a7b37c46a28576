//! The Jobs API.

use serde_json::json;

use crate::support::TestApp;

/// Two copy pipes over one target.
async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("target", "n UInt64").await;
    for name in ["one", "two"] {
        app.create_pipe(name, "SELECT toUInt64(1) AS n").await;
        let uri = format!("/v0/pipes/{name}/nodes/{name}_0/copy?target_datasource=target");
        app.post(&uri).send().await.assert_status(200);
    }
    app
}

async fn run(app: &TestApp, pipe: &str) -> String {
    let answer = app.post(&format!("/v0/pipes/{pipe}/copy")).send().await.assert_status(200).json();
    answer["job"]["id"].as_str().unwrap().to_owned()
}

async fn listed(app: &TestApp, query: &str) -> Vec<String> {
    let answer = app.get(&format!("/v0/jobs{query}")).send().await.assert_status(200).json();
    answer["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn jobs_are_listed_and_narrowed() {
    let app = app().await;
    let (one, two) = (run(&app, "one").await, run(&app, "two").await);
    assert_eq!(listed(&app, "").await, [two.clone(), one.clone()]);
    assert_eq!(listed(&app, "?pipe_name=one").await, std::slice::from_ref(&one));
    let id = app.get("/v0/pipes/two").send().await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(listed(&app, &format!("?pipe_id={id}")).await, std::slice::from_ref(&two));
    assert_eq!(listed(&app, "?kind=copy&status=waiting").await.len(), 2);
    assert_eq!(listed(&app, "?kind=import").await, Vec::<String>::new());
    assert_eq!(listed(&app, "?created_after=2020-01-01T00:00:00").await.len(), 2);
    assert_eq!(listed(&app, "?created_before=2020-01-01T00:00:00").await.len(), 0);
    assert_eq!(listed(&app, "?created_before=2100-01-01").await.len(), 2);
    let created = app.get(&format!("/v0/jobs/{two}")).send().await.json()["created_at"].as_str().unwrap().to_owned();
    assert_eq!(
        listed(&app, &format!("?created_after={}", created.replace(' ', "%20"))).await,
        std::slice::from_ref(&two)
    );
    app.get("/v0/jobs?status=finished").send().await.assert_error(400);
    app.get("/v0/jobs?created_after=yesterday").send().await.assert_error(400);
    app.run_jobs().await;
    assert_eq!(listed(&app, "?status=done").await.len(), 2);
    // A client asks for more than there is.
    app.get(&format!("/v0/jobs/{one}?debug=blocks%2Cblock_log&cli_version=6.5.5")).send().await.assert_status(200);
    app.get("/v0/jobs/nothing").send().await.assert_error(404);
    app.get("/v0/jobs/7a3b2c1d-0000-4000-8000-000000000000").send().await.assert_error(404);
    app.other_workspace().await.get(&format!("/v0/jobs/{one}")).send().await.assert_error(404);
}

#[tokio::test]
async fn a_token_sees_the_jobs_of_what_it_sees() {
    let app = app().await;
    let (one, two) = (run(&app, "one").await, run(&app, "two").await);
    let reader = app.with_scopes(&["PIPES:READ:one"]).await;
    let jobs = reader.get("/v0/jobs").send().await.assert_status(200).json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
    reader.get(&format!("/v0/jobs/{one}")).send().await.assert_status(200);
    reader.get(&format!("/v0/jobs/{two}")).send().await.assert_error(404);
    reader.post(&format!("/v0/jobs/{two}/cancel")).send().await.assert_error(404);
    reader.post(&format!("/v0/jobs/{one}/cancel")).send().await.assert_error(403);
    let runner = app.with_scopes(&["PIPES:READ:one", "DATASOURCES:APPEND:target"]).await;
    runner.post(&format!("/v0/jobs/{one}/cancel")).send().await.assert_status(200);
}

#[tokio::test]
async fn a_waiting_job_is_cancelled_at_once_and_run_again() {
    let app = app().await;
    let one = run(&app, "one").await;
    app.post(&format!("/v0/jobs/{one}/retry")).send().await.assert_error(400);
    let cancelled = app.post(&format!("/v0/jobs/{one}/cancel")).send().await.assert_status(200).json();
    assert_eq!((&cancelled["status"], &cancelled["is_cancellable"]), (&json!("cancelled"), &json!(false)));
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT count() FROM target").await, "0\n");
    app.post(&format!("/v0/jobs/{one}/cancel")).send().await.assert_error(400);
    let again = app.post(&format!("/v0/jobs/{one}/retry")).send().await.assert_status(200).json();
    assert_eq!((&again["status"], &again["pipe_name"]), (&json!("waiting"), &json!("one")));
    assert_ne!(again["id"].as_str().unwrap(), one);
    assert_ne!(again["query_id"], cancelled["query_id"]);
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT count() FROM target").await, "1\n");
    let done = again["id"].as_str().unwrap();
    app.post(&format!("/v0/jobs/{done}/retry")).send().await.assert_error(400);
    app.post(&format!("/v0/jobs/{done}/cancel")).send().await.assert_error(400);
}

#[tokio::test]
async fn whoever_runs_a_job_again_lends_it_its_rights() {
    let app = app().await;
    app.create_data_source("numbers", "n UInt64 `json:$.n`").await;
    app.send_events("numbers", "{\"n\":1}\n{\"n\":2}").await;
    app.put("/v0/pipes/one/nodes/one_0").body("SELECT n FROM numbers").send().await.assert_status(200);
    // Their own runs leave out what their filter hides, and so do those of others that they run again.
    let some = ["PIPES:READ:one", "DATASOURCES:APPEND:target", "DATASOURCES:READ:numbers:n > 1"];
    let some = app.with_scopes(&some).await;
    let first = run(&app, "one").await;
    app.post(&format!("/v0/jobs/{first}/cancel")).send().await.assert_status(200);
    let again = some.post(&format!("/v0/jobs/{first}/retry")).send().await.assert_status(200).json();
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT groupArray(n) FROM target").await, "[2]\n");
    let logged = format!(
        "SELECT uniqExact(request_id) FROM tinybird.jobs_log WHERE job_id IN ('{first}', '{}')",
        again["id"].as_str().unwrap()
    );
    assert_eq!(app.recorded(&logged).await, "2\n");
    // A token that is gone took its job along; an admin brings it back.
    let lost = some.post("/v0/pipes/one/copy").send().await.assert_status(200).json();
    let name = app.workspace().tokens.values().find(|it| it.has_value(some.token())).unwrap().name.clone();
    app.delete(&format!("/v0/tokens/{}", name.replace(' ', "%20"))).send().await.assert_status(200);
    app.run_jobs().await;
    let lost = lost["job"]["id"].as_str().unwrap();
    assert_eq!(app.get(&format!("/v0/jobs/{lost}")).send().await.json()["status"], "error");
    let again = app.post(&format!("/v0/jobs/{lost}/retry")).send().await.assert_status(200).json();
    assert_eq!(again.get("error"), None);
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT arraySort(groupArray(n)) FROM target").await, "[1,2,2]\n");
}

#[tokio::test]
async fn a_deleted_pipe_takes_its_waiting_jobs_along() {
    let app = app().await;
    let (one, two) = (run(&app, "one").await, run(&app, "two").await);
    app.delete("/v0/pipes/one").send().await.assert_status(204);
    let status = async |id: &str| app.get(&format!("/v0/jobs/{id}")).send().await.json()["status"].clone();
    assert_eq!((status(&one).await, status(&two).await), (json!("cancelled"), json!("waiting")));
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT count() FROM target").await, "1\n");
}
