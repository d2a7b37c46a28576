//! What the classic command line client sends when it pushes pipes that fill data sources, request by request.

use serde_json::{Value, json};

use crate::support::TestApp;

/// What the client adds to its requests.
const NOISE: &str = "cli_version=6.5.5+%28rev+5a6cd1d%29&description=&ignore_sql_errors=false";

const MORE_NOISE: &str = "unlink_on_populate_error=false&branch_mode=None&cli_version=6.5.5%20%28rev%205a6cd1d%29";

/// Events of which two may be summed up, and where the sums go.
async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "day Date `json:$.day`, v Int32 `json:$.v`").await;
    let rows = ["2024-01-01", "2024-01-02"].map(|day| json!({"day": day, "v": 7}).to_string());
    app.send_events("events", &rows.join("\n")).await;
    let form = "name=daily&description=&schema=%60day%60+Date%2C%60total%60+AggregateFunction%28sum%2C+Int32%29&format=csv\
                &engine=AggregatingMergeTree&engine_partition_key=toYYYYMM%28day%29&engine_sorting_key=day&branch_mode=None";
    app.post("/v0/datasources").form(form).send().await.assert_status(200);
    app
}

/// A node as the client sends it, which says what is not there, too.
fn node(kind: &str, members: &Value) -> Value {
    let mut node = json!({
        "export_params": null, "type": kind, "description": "", "target_datasource": null, "copy_schedule": null,
        "mode": "append",
    });
    node.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    node
}

async fn push(app: &TestApp, query: &str, body: &Value) -> Value {
    let uri = format!("/v0/pipes?{NOISE}&{query}{MORE_NOISE}");
    app.post(&uri).json(body).send().await.assert_status(200).json()
}

async fn total(app: &TestApp) -> String {
    app.rows("SELECT sumMerge(total) FROM daily").await.trim().to_owned()
}

#[tokio::test]
async fn a_materialized_pipe_is_checked_pushed_and_pushed_again() {
    let app = app().await;
    let sum = json!({
        "name": "m", "sql": "SELECT day, sumState(v) AS total FROM filtered GROUP BY day", "datasource": "daily",
    });
    let first = node("standard", &json!({"name": "filtered", "sql": "SELECT day, v FROM events WHERE v > 0"}));
    let body = |name: &str, kind: &str| json!({"name": name, "description": "", "nodes": [first, node(kind, &sum)]});
    app.get(&format!("/v0/pipes/mv?{NOISE}")).send().await.assert_error(404);
    // The checker is a pipe of plain nodes beside it.
    let checker = push(&app, "force=true&", &body("mv__checker", "standard")).await;
    assert_eq!((&checker["type"], &checker["nodes"][1]["description"]), (&json!("default"), &Value::Null));
    let uri = "/v0/pipes/mv__checker/nodes/m/analysis?include_datafile=true&dry_run=true&name=m&type=materialized\
               &description=&target_datasource=None&copy_schedule=None&datasource=daily&override_datasource=false";
    let analysis = app.get(uri).send().await.assert_status(200).json();
    assert_eq!(analysis["warnings"], json!([]));
    // What it would be pushed as reads back the same in the client, which takes quotes in a description for text.
    let file = analysis["analysis"]["pipe"]["datafile"].as_str().unwrap();
    insta::assert_snapshot!(file, @r#"
    NODE filtered
    SQL >
        SELECT day, v FROM events WHERE v > 0

    NODE m
    SQL >
        SELECT day, sumState(v) AS total FROM filtered GROUP BY day
    TYPE materialized
    DATASOURCE "daily"
    ENGINE "AggregatingMergeTree"
    ENGINE_SORTING_KEY "day"
    ENGINE_PARTITION_KEY "toYYYYMM(day)"
    "#);
    assert_eq!(app.delete("/v0/pipes/mv__checker").send().await.assert_status(204).body.len(), 0);
    let pushed = push(&app, "", &body("mv", "materialized")).await;
    assert_eq!((&pushed["type"], &pushed["created_datasource"]), (&json!("materialized"), &json!(false)));
    assert_eq!((&pushed["datasource"]["name"], pushed.get("job")), (&json!("daily"), None));
    assert_eq!(total(&app).await, "0");

    let query = "force=true&populate=true&populate_condition=v+%3E+5&";
    let pushed = push(&app, query, &body("mv", "materialized")).await;
    let job = &pushed["job"];
    assert_eq!(job["id"], job["job_id"]);
    app.run_jobs().await;
    let uri = format!("/v0/jobs/{}?debug=blocks%2Cblock_log", job["job_id"].as_str().unwrap());
    let job = app.get(&uri).send().await.assert_status(200).json();
    assert_eq!((&job["status"], job.get("error")), (&json!("done"), None));
    assert_eq!(total(&app).await, "14");
    let uri = "/v0/pipes/mv/nodes/m/population?truncate=true&unlink_on_populate_error=false&populate_condition=v+%3E+8";
    app.post(uri).send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(total(&app).await, "0");
}

#[tokio::test]
async fn a_copy_pipe_is_pushed_changed_and_run() {
    let app = app().await;
    app.create_data_source("snap", "day Date, v Int32").await;
    let copy = json!({
        "name": "c", "sql": "%\n    SELECT day, v FROM events WHERE day != {{Date(without, '2000-01-01')}}",
        "target_datasource": "snap", "copy_schedule": "30 4 * * *", "mode": "replace",
    });
    let nodes = [node("copy", &copy)];
    let body = json!({
        "name": "cp", "description": "", "nodes": nodes, "target_datasource": "snap", "schedule_cron": null,
    });
    let pushed = push(&app, "", &body).await;
    let (pipe, node) = (pushed["id"].as_str().unwrap(), pushed["copy_node"].as_str().unwrap());
    let put = app.put(&format!("/v0/pipes/{pipe}/nodes/{node}/copy?cli_version=6.5.5"));
    let changed = put.form("schedule_cron=30+4+%2A+%2A+%2A&mode=replace").send().await.assert_status(200).json();
    let target = app.get("/v0/datasources/snap").send().await.json()["id"].clone();
    for shown in [&pushed, &changed] {
        assert_eq!((&shown["type"], &shown["copy_mode"]), (&json!("copy"), &json!("replace")));
        assert_eq!((&shown["copy_target_datasource"], &shown["schedule"]["cron"]), (&target, &json!("30 4 * * *")));
    }
    let run = app.post("/v0/pipes/cp/copy?without=2024-01-01&_mode=append&cli_version=6.5.5").send().await;
    let run = run.assert_status(200).json();
    assert_eq!((&run["job"]["id"], &run["tags"]["copy_target_datasource"]), (&run["job"]["job_id"], &target));
    app.get(&format!("/v0/datasources/{}?attrs=", target.as_str().unwrap())).send().await.assert_status(200);
    app.run_jobs().await;
    assert_eq!(app.rows("SELECT day FROM snap").await, "2024-01-02\n");
}
