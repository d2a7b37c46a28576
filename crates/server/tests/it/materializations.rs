//! Materialized views over HTTP: the requests of the Pipes API's documents, their fields and codes.

use http::Method;
use serde_json::{Value, json};
use standpipe_core::storage::Fault;

use crate::support::{Answer, TestApp, redact};

/// What the views of these tests do.
const DAILY: &str = "SELECT day, k, countState() AS n, sumState(v) AS total FROM events GROUP BY day, k";

/// Events of two days, and a pipe whose node may be materialized.
async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "day Date `json:$.day`, k String `json:$.k`, v Int64 `json:$.v`").await;
    app.send_events("events", &event("2024-01-01", "a", 1)).await;
    app.create_pipe("mv", DAILY).await;
    app
}

/// The same with the node materialized into `daily`.
async fn linked_app() -> TestApp {
    let app = app().await;
    link(&app, "datasource=daily").await.assert_status(200);
    app
}

fn event(day: &str, k: &str, v: i64) -> String {
    json!({"day": day, "k": k, "v": v}).to_string()
}

async fn link(app: &TestApp, form: &str) -> Answer {
    app.post("/v0/pipes/mv/nodes/mv_0/materialization").form(form).send().await
}

/// Links up to the planned failure.
async fn crash(app: &TestApp, form: &str) {
    let answer = app.post("/v0/pipes/mv/nodes/mv_0/materialization").form(form).begin().await;
    assert_eq!(answer.status(), 500);
}

/// The target's rows, merged.
async fn daily(app: &TestApp) -> String {
    let sql = "SELECT day, k, countMerge(n), sumMerge(total) FROM daily GROUP BY day, k ORDER BY day, k";
    app.rows(sql).await.replace('\n', " ").replace('\t', ":")
}

/// How many views of nodes the engine has.
async fn views(app: &TestApp) -> usize {
    let of = format!("database = '{}' AND NOT startsWith(name, 'service_')", app.workspace().database);
    app.engine_lines(&format!("SELECT name FROM system.tables WHERE {of} AND engine = 'MaterializedView'")).await.len()
}

#[tokio::test]
async fn a_node_is_materialized_as_the_documents_show() {
    let app = app().await;
    let uri = "/v0/pipes/mv/nodes/mv_0/materialization?datasource=daily";
    let node = app.post(uri).send().await.assert_status(200).json();
    let target = app.get("/v0/datasources/daily").send().await.assert_status(200).json();
    assert_eq!((&node["name"], &node["sql"]), (&json!("mv_0"), &json!(DAILY)));
    assert_eq!((&node["node_type"], &node["materialized"]), (&json!("materialized"), &target["id"]));
    assert_eq!(node["dependencies"], json!(["events"]));
    assert_eq!(node["datasource"], json!({"id": target["id"], "name": "daily"}));
    assert_eq!((&node["created_datasource"], node.get("job")), (&json!(true), None));
    assert_eq!(target["engine"]["engine"], "AggregatingMergeTree");
    assert_eq!(target["engine"]["engine_sorting_key"], "day, k");
    let pipe = app.get("/v0/pipes/mv").send().await.json();
    assert_eq!((&pipe["type"], &pipe["endpoint"]), (&json!("materialized"), &Value::Null));
    assert_eq!(pipe["nodes"][0]["materialized"], target["id"]);
    let listed = app.get("/v0/pipes?attrs=type&node_attrs=materialized").send().await.json();
    assert_eq!(listed["pipes"][0]["type"], "materialized");

    // Only what comes from now on.
    assert_eq!(daily(&app).await, "");
    app.send_events("events", &format!("{}\n{}", event("2024-01-01", "a", 5), event("2024-01-02", "b", 7))).await;
    app.send_events("events", &event("2024-01-01", "a", 10)).await;
    assert_eq!(daily(&app).await, "2024-01-01:a:2:15 2024-01-02:b:1:7 ");
    let csv = app.post("/v0/datasources?name=events&mode=append&format=csv").body("2024-01-03,c,1\n").send().await;
    csv.assert_status(200);
    assert_eq!(daily(&app).await, "2024-01-01:a:2:15 2024-01-02:b:1:7 2024-01-03:c:1:1 ");
}

#[tokio::test]
async fn a_node_is_appended_and_materialized_at_once() {
    let app = app().await;
    let query = "name=sums&description=explanation&type=materialized&datasource=sums_ds&engine=SummingMergeTree\
                 &engine_sorting_key=k&engine_partition_key=";
    let uri = format!("/v0/pipes/mv/nodes?{query}");
    let node = app.post(&uri).form("SELECT k, sum(v) AS total FROM events GROUP BY k").send().await;
    let node = node.assert_status(200).json();
    assert_eq!((&node["name"], &node["description"]), (&json!("sums"), &json!("explanation")));
    assert_eq!(node["datasource"]["name"], "sums_ds");
    let target = app.get("/v0/datasources/sums_ds").send().await.json();
    assert_eq!(target["engine"]["engine"], "SummingMergeTree");
    app.send_events("events", &format!("{}\n{}", event("2024-01-01", "a", 5), event("2024-01-02", "a", 7))).await;
    assert_eq!(app.rows("SELECT k, total FROM sums_ds FINAL").await, "a\t12\n");

    let before = app.get("/v0/pipes/mv").send().await.json();
    let text = app.post(&uri.replace("name=sums", "name=more")).body("SELECT 1").send().await.assert_error(409);
    assert!(text.contains("DELETE /v0/pipes/mv/nodes/sums/materialization"), "{text}");
    app.create_pipe("other", "SELECT 1 AS one").await;
    let uri = "/v0/pipes/other/nodes?name=m&type=materialized";
    let text = app.post(uri).body(DAILY).send().await.assert_error(400);
    assert!(text.contains("datasource=<name or id>"), "{text}");
    app.post(&format!("{uri}&datasource=new")).body("").send().await.assert_error(400);
    app.post(&format!("{uri}&datasource=new")).body("SELECT nothing FROM events").send().await.assert_error(400);
    app.post("/v0/pipes/nope/nodes?type=materialized&datasource=x").body(DAILY).send().await.assert_error(404);
    let taken = "/v0/pipes/other/nodes?name=events&type=materialized&datasource=x";
    app.post(taken).body(DAILY).send().await.assert_error(409);
    for gone in ["new", "x"] {
        app.get(&format!("/v0/datasources/{gone}")).send().await.assert_error(404);
    }
    assert_eq!(app.get("/v0/pipes/mv").send().await.json(), before);
    assert_eq!(app.get("/v0/pipes/other").send().await.json()["nodes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_body_is_a_form_or_the_new_sql() {
    let app = app().await;
    let uri = "/v0/pipes/mv/nodes/mv_0/materialization";
    let sql = "SELECT k, sumState(v) AS total FROM events GROUP BY k";
    let node = app.post(&format!("{uri}?datasource=by_k")).form(sql).send().await.assert_status(200).json();
    assert_eq!((&node["sql"], &node["version"]), (&json!(sql), &json!(1)));
    app.delete(uri).send().await.assert_status(204);
    let form = "datasource=by_sum&engine=AggregatingMergeTree&engine_sorting_key=total";
    let text = app.post(uri).form(form).send().await.assert_error(400);
    assert!(text.contains("total"), "{text}");
    let node = app.post(uri).json(&json!({"datasource": "by_json"})).send().await.assert_status(200).json();
    assert_eq!((&node["sql"], &node["datasource"]["name"]), (&json!(sql), &json!("by_json")));
    app.delete(uri).send().await.assert_status(204);
    // What is no SQL leaves the node as it was.
    app.post(&format!("{uri}?datasource=x")).body("SELECT FROM FROM").send().await.assert_error(400);
    assert_eq!(app.get("/v0/pipes/mv").send().await.json()["nodes"][0]["sql"], sql);
}

#[tokio::test]
async fn removing_it_leaves_node_and_data_source() {
    let app = linked_app().await;
    app.send_events("events", &event("2024-01-01", "a", 5)).await;
    let uri = "/v0/pipes/mv/nodes/mv_0/materialization";
    assert_eq!(app.delete(uri).send().await.assert_status(204).body.len(), 0);
    app.send_events("events", &event("2024-01-01", "a", 6)).await;
    assert_eq!(daily(&app).await, "2024-01-01:a:1:5 ");
    assert_eq!(views(&app).await, 0);
    let pipe = app.get("/v0/pipes/mv").send().await.json();
    assert_eq!((&pipe["type"], &pipe["nodes"][0]["materialized"]), (&json!("default"), &Value::Null));
    let text = app.delete(uri).send().await.assert_error(400);
    assert!(text.contains("not materialized"), "{text}");
    app.delete("/v0/pipes/nope/nodes/mv_0/materialization").send().await.assert_error(404);
    app.delete("/v0/pipes/mv/nodes/nope/materialization").send().await.assert_error(404);
    // Again, into the rows that are there.
    let node = link(&app, "datasource=daily").await.assert_status(200).json();
    assert_eq!(node["created_datasource"], false);
    app.send_events("events", &event("2024-01-01", "a", 7)).await;
    assert_eq!(daily(&app).await, "2024-01-01:a:2:12 ");
}

#[tokio::test]
async fn what_cannot_be_materialized_says_why() {
    let app = app().await;
    assert!(link(&app, "").await.assert_error(400).contains("datasource=<name or id>"));
    app.post("/v0/pipes/nope/nodes/mv_0/materialization?datasource=x").send().await.assert_error(404);
    app.post("/v0/pipes/mv/nodes/nope/materialization?datasource=x").send().await.assert_error(404);
    link(&app, "datasource=9 lives").await.assert_error(400);
    let refused = async |sql: &str, why: &str| {
        let uri = "/v0/pipes/mv/nodes/mv_0/materialization?datasource=x";
        let text = app.post(uri).body(sql.to_owned()).send().await.assert_error(400);
        assert!(text.contains(why), "{sql}: {text}");
        app.get("/v0/datasources/x").send().await.assert_error(404);
    };
    refused("%\nSELECT k FROM events WHERE v > {{Int8(least, 1)}}", "has parameters").await;
    refused("SELECT k FROM tinybird.pipe_stats_rt", "tinybird.pipe_stats_rt").await;
    refused("SELECT k FROM events_quarantine", "quarantine").await;
    refused("SELECT number FROM numbers(3)", "the first thing in its FROM").await;
    refused("SELECT 1 AS one", "the first thing in its FROM").await;
    refused("SELECT count() FROM events", "give it a name with AS").await;
    refused("SELECT k FROM url('http://localhost', 'CSV', 'k String')", "url").await;
    // What other pipes ask for nobody gives.
    app.create_pipe("parted", "%\nSELECT * FROM events WHERE v > {{Int8(least, required=True)}}").await;
    refused("SELECT k FROM parted", "least").await;

    app.create_data_source("narrow", "day String, n AggregateFunction(count), more Int8").await;
    let text = link(&app, "datasource=narrow").await.assert_error(400);
    assert_eq!(
        text,
        "the query does not fit the target data source 'narrow': column 'day' is Date in the query and String in the \
         target: cast it in the query; the target has no column 'k' (String); the target has no column 'total' \
         (AggregateFunction(sum, Int64)); the query has no column 'more' (Int8)"
    );
    let null = json!({"name": "void", "schema": "day Date", "engine": "Null"});
    app.post("/v0/datasources").json(&null).send().await.assert_status(200);
    assert!(link(&app, "datasource=void").await.assert_error(400).contains("Null"));
    assert!(link(&app, "datasource=x&engine=Null").await.assert_error(400).contains("Null"));
    assert!(link(&app, "datasource=x&engine=NoTree").await.assert_error(400).contains("NoTree"));
    let text = link(&app, "datasource=events").await.assert_error(400);
    assert!(text.contains("does not fit"), "{text}");
    let uri = "/v0/pipes/mv/nodes/mv_0/materialization?datasource=events";
    let text = app.post(uri).body("SELECT day, k, v FROM events").send().await.assert_error(400);
    assert!(text.contains("come back"), "{text}");
    assert_eq!(views(&app).await, 0);
}

#[tokio::test]
async fn a_pipe_does_one_thing() {
    let app = linked_app().await;
    let text = link(&app, "datasource=daily").await.assert_error(400);
    assert!(text.contains("already materialized"), "{text}");
    app.append_node("mv", "more", "SELECT day FROM events").await;
    let text = app.post("/v0/pipes/mv/nodes/more/materialization?datasource=x").send().await.assert_error(409);
    assert!(text.contains("DELETE /v0/pipes/mv/nodes/mv_0/materialization"), "{text}");
    app.post("/v0/pipes/mv/nodes/more/endpoint").send().await.assert_error(409);
    let text = app.post("/v0/pipes/mv/nodes/more/copy?target_datasource=daily").send().await.assert_error(409);
    assert!(text.contains("DELETE /v0/pipes/mv/nodes/mv_0/materialization"), "{text}");
    app.create_endpoint("ep", DAILY).await;
    let text = app.post("/v0/pipes/ep/nodes/ep_node/materialization?datasource=x").send().await.assert_error(409);
    assert!(text.contains("DELETE /v0/pipes/ep/nodes/ep_node/endpoint"), "{text}");
    app.get("/v0/datasources/x").send().await.assert_error(404);
}

#[tokio::test]
async fn a_materialized_node_is_neither_changed_nor_deleted() {
    let app = linked_app().await;
    let text = app.put("/v0/pipes/mv/nodes/mv_0").body("SELECT k FROM events").send().await.assert_error(400);
    assert!(text.contains("unlink it first"), "{text}");
    let text = app.delete("/v0/pipes/mv/nodes/mv_0").send().await.assert_error(400);
    assert!(text.contains("unlink it first"), "{text}");
    app.send_events("events", &event("2024-01-01", "a", 5)).await;
    assert_eq!(daily(&app).await, "2024-01-01:a:1:5 ");
    // Deleting the pipe takes the view away, not the target.
    app.delete("/v0/pipes/mv").send().await.assert_status(204);
    assert_eq!(views(&app).await, 0);
    app.send_events("events", &event("2024-01-01", "a", 5)).await;
    assert_eq!(daily(&app).await, "2024-01-01:a:1:5 ");
}

#[tokio::test]
async fn data_sources_of_a_view_are_not_deleted_without_force() {
    for name in ["events", "daily"] {
        let app = linked_app().await;
        let text = app.delete(&format!("/v0/datasources/{name}")).send().await.assert_error(409);
        assert!(text.contains("the materialized views of mv"), "{text}");
        app.delete(&format!("/v0/datasources/{name}?force=true")).send().await.assert_status(204);
        assert_eq!(app.get("/v0/pipes/mv").send().await.json()["type"], "default");
        assert_eq!(views(&app).await, 0);
        if name == "daily" {
            app.send_events("events", &event("2024-01-01", "a", 5)).await;
        }
    }
}

#[tokio::test]
async fn scopes_are_asked_for() {
    let app = linked_app().await;
    let none = app.with_scopes(&["PIPES:READ:mv", "DATASOURCES:READ:events"]).await;
    for (method, path) in [
        (Method::POST, "materialization?datasource=x"),
        (Method::DELETE, "materialization"),
        (Method::POST, "population"),
        (Method::GET, "analysis"),
    ] {
        none.request(method, &format!("/v0/pipes/mv/nodes/mv_0/{path}")).send().await.assert_error(403);
    }
    none.post("/v0/pipes/mv/nodes?type=materialized&datasource=x").body(DAILY).send().await.assert_error(403);
    let creator = app.with_scopes(&["PIPES:CREATE"]).await;
    creator.delete("/v0/pipes/mv/nodes/mv_0/materialization").send().await.assert_status(204);
    creator.post("/v0/pipes/mv/nodes/mv_0/materialization?datasource=daily").send().await.assert_status(200);
    let uri = "/v0/pipes/mv/nodes/mv_0/materialization";
    creator.delete(uri).send().await.assert_status(204);
    creator.post(&format!("{uri}?datasource=daily&override_datasource=true")).send().await.assert_error(403);
}

#[tokio::test]
async fn a_target_is_overridden_unless_others_use_it() {
    let app = app().await;
    app.create_data_source("daily", "other String").await;
    link(&app, "datasource=daily").await.assert_error(400);
    let node = link(&app, "datasource=daily&override_datasource=true").await.assert_status(200).json();
    assert_eq!(node["created_datasource"], false);
    app.send_events("events", &event("2024-01-01", "a", 5)).await;
    assert_eq!(daily(&app).await, "2024-01-01:a:1:5 ");
    let target = app.get("/v0/datasources/daily").send().await.json();
    assert_eq!(target["id"], node["materialized"]);
    assert_eq!(target["engine"]["engine"], "AggregatingMergeTree");

    app.create_pipe("second", "SELECT k AS other FROM events").await;
    let uri = "/v0/pipes/second/nodes/second_0/materialization?datasource=daily&override_datasource=true";
    let text = app.post(uri).send().await.assert_error(409);
    assert!(text.contains("'daily' cannot be overridden: the materialized views of mv"), "{text}");
    let uri = "/v0/pipes/second/nodes/second_0/materialization?datasource=events&override_datasource=true";
    app.post(uri).send().await.assert_error(409);
    assert_eq!(daily(&app).await, "2024-01-01:a:1:5 ");
}

/// A data source with a row, which `override` would make anew.
async fn app_with_other_target() -> TestApp {
    let app = app().await;
    app.create_data_source("daily", "other String `json:$.other`").await;
    app.send_events("daily", "{\"other\":\"kept\"}").await;
    app
}

#[tokio::test]
async fn a_target_is_not_touched_when_its_override_is_refused_at_last() {
    let app = app_with_other_target().await;
    let (app, checks) = app.restart_with_slow_checks().await;
    checks.release();
    app.standpipe().reconcile().await.unwrap();
    // All that is checked before the gates close is known from now on.
    app.faults.plan(Some(Fault::AfterIntent));
    crash(&app, "datasource=daily&override_datasource=true").await;
    app.faults.plan(None);
    checks.hold();
    let change = async {
        checks.until_held(1).await;
        app.put("/v0/pipes/mv?description=changed").send().await.assert_status(200);
        checks.release();
    };
    let (answer, ()) = tokio::join!(link(&app, "datasource=daily&override_datasource=true"), change);
    let text = answer.assert_error(409);
    assert!(text.contains("was changed by another request"), "{text}");
    assert_eq!(app.rows("SELECT other FROM daily").await, "kept\n");
    assert_eq!(views(&app).await, 0);
    app.send_events("events", &event("2024-01-01", "a", 5)).await;
    link(&app, "datasource=daily&override_datasource=true").await.assert_status(200);
    app.send_events("events", &event("2024-01-01", "a", 7)).await;
    assert_eq!(daily(&app).await, "2024-01-01:a:1:7 ");
}

#[tokio::test]
async fn a_crash_overrides_a_target_with_its_view_or_not_at_all() {
    let places = [Fault::AfterIntent, Fault::BetweenTables, Fault::AfterAttach, Fault::AfterSnapshot];
    for place in places {
        let app = app_with_other_target().await;
        app.faults.plan(Some(place));
        crash(&app, "datasource=daily&override_datasource=true&populate=true").await;
        let app = app.restart_prepared_with(|_| {}).await;
        assert_eq!(app.rows("SELECT other FROM daily").await, "kept\n", "{place:?}");
        assert_eq!(app.get("/v0/pipes/mv").send().await.json()["type"], "default");
        assert_eq!(views(&app).await, 0);
        link(&app, "datasource=daily&override_datasource=true&populate=true").await.assert_status(200);
        app.run_jobs().await;
        assert_eq!(daily(&app).await, "2024-01-01:a:1:1 ", "{place:?}");
    }
}

#[tokio::test]
async fn nodes_before_it_and_other_pipes_are_part_of_the_view() {
    let app = app().await;
    app.create_data_source("names", "k String `json:$.k`, name String `json:$.name`").await;
    app.send_events("names", "{\"k\":\"a\",\"name\":\"Anna\"}").await;
    app.create_pipe("named", "SELECT k, name FROM names").await;
    app.create_pipe("chain", "SELECT k, v FROM events WHERE v > 2").await;
    app.append_node("chain", "joined", "SELECT name, v FROM chain_0 LEFT JOIN named USING k").await;
    let uri = "/v0/pipes/chain/nodes/joined/materialization?datasource=by_name";
    let node = app.post(uri).send().await.assert_status(200).json();
    assert_eq!(node["dependencies"], json!(["chain_0", "named"]));
    let target = app.get("/v0/datasources/by_name").send().await.json();
    assert_eq!(target["engine"]["engine"], "MergeTree");
    app.send_events("events", &format!("{}\n{}", event("2024-01-01", "a", 1), event("2024-01-01", "a", 5))).await;
    assert_eq!(app.rows("SELECT name, v FROM by_name").await, "Anna\t5\n");
    // Only new rows of the first table in FROM come to it.
    app.send_events("names", "{\"k\":\"b\",\"name\":\"Bea\"}").await;
    assert_eq!(app.rows("SELECT count() FROM by_name").await, "1\n");
    app.send_events("events", &event("2024-01-01", "b", 6)).await;
    // What it joins may be made anew, too.
    app.post("/v0/datasources/names/truncate").send().await.assert_status(205);
    app.send_events("events", &event("2024-01-01", "a", 7)).await;
    assert_eq!(app.rows("SELECT name, v FROM by_name ORDER BY v").await, "Anna\t5\nBea\t6\n\t7\n");
    app.delete("/v0/datasources/names").send().await.assert_error(409);
}

#[tokio::test]
async fn a_whole_pipe_is_created_with_its_view() {
    let app = app().await;
    let node = |sql: &str| {
        json!({"name": "m", "sql": sql, "type": "materialized", "datasource": "daily", "engine": "AggregatingMergeTree",
               "engine_sorting_key": "day, k"})
    };
    let body = json!({"name": "whole", "nodes": [node(DAILY)]});
    let pipe = app.post("/v0/pipes?populate=true").json(&body).send().await.assert_status(200).json();
    assert_eq!((&pipe["type"], &pipe["datasource"]["name"]), (&json!("materialized"), &json!("daily")));
    assert_eq!((&pipe["created_datasource"], &pipe["job"]["kind"]), (&json!(true), &json!("populateview")));
    assert!(pipe["job"]["job_url"].as_str().unwrap().ends_with(pipe["job"]["job_id"].as_str().unwrap()));
    app.run_jobs().await;
    assert_eq!(daily(&app).await, "2024-01-01:a:1:1 ");
    // Pushed again, with another query: the same target, no row missed, none doubled.
    let other = DAILY.replace("FROM events", "FROM events WHERE v < 100");
    let body = json!({"name": "whole", "nodes": [node(&other)]});
    app.post("/v0/pipes").json(&body).send().await.assert_error(409);
    let pipe = app.post("/v0/pipes?force=true").json(&body).send().await.assert_status(200).json();
    assert_eq!((&pipe["created_datasource"], pipe.get("job")), (&json!(false), None));
    app.send_events("events", &format!("{}\n{}", event("2024-01-01", "a", 5), event("2024-01-01", "a", 500))).await;
    assert_eq!(daily(&app).await, "2024-01-01:a:2:6 ");
    assert_eq!(views(&app).await, 1);
    // Replaced by a pipe that is none: the view goes.
    let plain = json!({"name": "whole", "nodes": [{"name": "m", "sql": "SELECT 1 AS one"}]});
    app.post("/v0/pipes?force=true").json(&plain).send().await.assert_status(200);
    assert_eq!(views(&app).await, 0);
    let two = json!({"name": "two", "nodes": [node(DAILY), {"name": "n", "sql": DAILY, "type": "materialized"}]});
    app.post("/v0/pipes").json(&two).send().await.assert_error(400);
}

#[tokio::test]
async fn an_analysis_says_what_to_mind_and_makes_datafiles() {
    let app = app().await;
    let analyze = async |sql: &str| {
        app.put("/v0/pipes/mv/nodes/mv_0").body(sql.to_owned()).send().await.assert_status(200);
        let uri = "/v0/pipes/mv/nodes/mv_0/analysis?include_datafile=true&dry_run=true";
        app.get(uri).send().await.assert_status(200).json()
    };
    let found = analyze(DAILY).await;
    assert_eq!(found["warnings"], json!([]));
    assert_eq!(found["analysis"]["source"], "events");
    insta::assert_snapshot!(found["analysis"]["datasource"]["datafile"].as_str().unwrap(), @r#"
    SCHEMA >
        `day` Date,
        `k` String,
        `n` AggregateFunction(count),
        `total` AggregateFunction(sum, Int64)

    ENGINE "AggregatingMergeTree"
    ENGINE_SORTING_KEY "day, k"
    "#);
    insta::assert_snapshot!(found["analysis"]["pipe"]["datafile"].as_str().unwrap(), @r#"
    NODE mv_0
    SQL >
        SELECT day, k, countState() AS n, sumState(v) AS total FROM events GROUP BY day, k
    TYPE materialized
    DATASOURCE "mv_0_mv"
    ENGINE "AggregatingMergeTree"
    ENGINE_SORTING_KEY "day, k"
    "#);
    let found = analyze("SELECT DISTINCT k, count() AS n FROM events GROUP BY k ORDER BY k LIMIT 3").await;
    let codes: Vec<&str> =
        found["warnings"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["SIMPLE_AGG", "DISTINCT", "LIMIT", "ORDER_BY"]);
    assert_eq!(found["warnings"][0]["weight"], 3);
    assert!(found["warnings"][0]["documentation"].as_str().unwrap().starts_with("https://"), "{found}");
    assert_eq!(views(&app).await, 0);
    app.get("/v0/pipes/mv/nodes/nope/analysis").send().await.assert_error(404);
    app.put("/v0/pipes/mv/nodes/mv_0").body("SELECT 1 AS one").send().await.assert_status(200);
    app.get("/v0/pipes/mv/nodes/mv_0/analysis").send().await.assert_error(400);
    assert_eq!(redact(found["analysis"]["datasource"]["name"].clone()), "mv_0_mv");
}

#[tokio::test]
async fn an_analysis_takes_the_engine_that_is_asked_for_or_there() {
    let app = app().await;
    let sums = "SELECT k, sum(v) AS total FROM events GROUP BY k";
    app.put("/v0/pipes/mv/nodes/mv_0").body(sums).send().await.assert_status(200);
    let codes = async |query: &str| -> Vec<Value> {
        let found = app.get(&format!("/v0/pipes/mv/nodes/mv_0/analysis?{query}")).send().await;
        let found = found.assert_status(200).json();
        found["warnings"].as_array().unwrap().iter().map(|it| it["code"].clone()).collect()
    };
    assert_eq!(codes("datasource=new").await, ["SIMPLE_AGG"]);
    let asked = "datasource=new&engine=SummingMergeTree&engine_sorting_key=k&engine_partition_key=";
    assert_eq!(codes(asked).await, [""; 0]);
    let found = app.get(&format!("/v0/pipes/mv/nodes/mv_0/analysis?{asked}")).send().await.json();
    assert_eq!(found["analysis"]["datasource"]["engine"], "SummingMergeTree");
    let file = found["analysis"]["pipe"]["datafile"].as_str().unwrap();
    assert!(file.ends_with("ENGINE \"SummingMergeTree\"\nENGINE_SORTING_KEY \"k\"\n"), "{file}");
    app.get("/v0/pipes/mv/nodes/mv_0/analysis?engine=NoTree").send().await.assert_error(400);
    let body = json!({
        "name": "there", "schema": "k String, total Int64", "engine": "SummingMergeTree", "engine_sorting_key": "k",
    });
    app.post("/v0/datasources").json(&body).send().await.assert_status(200);
    assert_eq!(codes("datasource=there").await, [""; 0]);
    assert_eq!(codes("datasource=there&override_datasource=true").await, ["SIMPLE_AGG"]);
    assert_eq!(views(&app).await, 0);
}

#[tokio::test]
async fn explain_shows_the_view_before_the_last_node() {
    let app = linked_app().await;
    app.append_node("mv", "last", "SELECT 'last' AS x").await;
    let explained = app.get("/v0/pipes/mv/explain").send().await.assert_status(200).json();
    assert!(explained["debug_query"].as_str().unwrap().contains("countState"), "{explained}");
}

#[tokio::test]
async fn a_view_stays_whose_text_takes_too_long_to_be_checked() {
    let (app, checks) = linked_app().await.restart_with_slow_checks().await;
    let error = app.standpipe().reconcile().await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert_eq!(views(&app).await, 1);
    let text = app.sql("SELECT 1").await.assert_error(408);
    assert!(text.contains("could not check the query within 3 s"), "{text}");
    checks.release();
    app.standpipe().reconcile().await.unwrap();
    assert_eq!(views(&app).await, 1);
    app.send_events("events", &event("2024-01-01", "a", 5)).await;
    assert_eq!(daily(&app).await, "2024-01-01:a:1:5 ");
}

#[tokio::test]
async fn no_row_comes_in_while_a_new_tables_view_is_not_checked() {
    let (app, checks) = linked_app().await.restart_with_slow_checks().await;
    checks.release();
    app.standpipe().reconcile().await.unwrap();
    checks.hold();
    let truncate = async { app.post("/v0/datasources/events/truncate").send().await.assert_status(205) };
    let write = async {
        // It is asked again when the first question has been given up.
        checks.until_held(1).await;
        let row = event("2024-01-01", "a", 5);
        tokio::join!(app.send_events("events", &row), async {
            checks.until_held(1).await;
            checks.release();
        })
    };
    tokio::join!(truncate, write);
    assert_eq!(daily(&app).await, "2024-01-01:a:1:5 ");
    assert_eq!(views(&app).await, 1);
}
