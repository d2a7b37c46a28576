//! `/v0/pipes/{pipe}/nodes` and `/v0/pipes/{pipe}/nodes/{node}`.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::TestApp;

async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "n Int32 `json:$.n`, url String `json:$.url`").await;
    app.create_pipe("p", "select * from events").await;
    app
}

#[tokio::test]
async fn append_names_nodes_by_itself() {
    let app = app().await;
    let answer = app.post("/v0/pipes/p/nodes").form("select n from p_0").send().await.assert_status(200);
    assert_snapshot!(answer.shown(), @r#"
    {
      "id": "[id 1]",
      "name": "p_1",
      "sql": "select n from p_0",
      "description": null,
      "materialized": false,
      "cluster": null,
      "tags": {},
      "created_at": "[time]",
      "updated_at": "[time]",
      "version": 0,
      "project": null,
      "result": null,
      "ignore_sql_errors": false,
      "node_type": "default",
      "type": "standard",
      "dependencies": [
        "p_0"
      ],
      "params": []
    }
    "#);
    let next = app.post("/v0/pipes/p/nodes?description=explanation").body("select n from p_1").send().await.json();
    assert_eq!((&next["name"], &next["description"]), (&json!("p_2"), &json!("explanation")));
    let named = app.post("/v0/pipes/p/nodes?name=node_name").body("select 1").send().await.assert_status(200).json();
    assert_eq!(named["name"], "node_name");
}

#[tokio::test]
async fn sql_is_taken_as_it_is_whatever_its_content_type() {
    let app = app().await;
    app.send_events("events", r#"{"n":3,"url":"http://x/?a=1&q=2"}"#).await;
    let sql = "select n + 1 as n, '100%' as percent, 'a%20b+c' as text from events where url = 'http://x/?a=1&q=2'";
    let node = app.post("/v0/pipes/p/nodes?name=odd").form(sql).send().await.assert_status(200).json();
    assert_eq!(node["sql"], sql);
    assert_eq!(app.rows("SELECT * FROM p").await, "4\t100%\ta%20b+c\n");
    let edited = "select n - 1 as n from events where url like '%&q=2' or n = 9";
    let node = app.put("/v0/pipes/p/nodes/odd").form(edited).send().await.assert_status(200).json();
    assert_eq!(node["sql"], edited);
    assert_eq!(app.rows("SELECT * FROM p").await, "2\n");
    app.put("/v0/pipes/p/nodes/odd").plain("select 5 as n").send().await.assert_status(200);
    assert_eq!(app.rows("SELECT * FROM p").await, "5\n");
}

#[tokio::test]
async fn edit_changes_what_is_sent() {
    let app = app().await;
    let before = app.append_node("p", "node_1", "select 1 as x").await;
    let uri = "/v0/pipes/p/nodes/node_1?name=new_name&description=updated+explanation";
    let after = app.put(uri).body("select 2 as x").send().await.assert_status(200).json();
    assert_eq!(after["id"], before["id"]);
    assert_eq!((&after["name"], &after["description"]), (&json!("new_name"), &json!("updated explanation")));
    assert_eq!((&before["version"], &after["version"]), (&json!(0), &json!(1)));
    let id = before["id"].as_str().unwrap();
    let by_id = app.put(&format!("/v0/pipes/p/nodes/{id}")).body("select n from events").send().await.json();
    assert_eq!((&by_id["name"], &by_id["dependencies"]), (&json!("new_name"), &json!(["events"])));
    assert_eq!(by_id["description"], "updated explanation");
}

#[tokio::test]
async fn dependencies_are_data_sources_pipes_and_earlier_nodes() {
    let app = app().await;
    app.create_pipe("other", "select 1 as n").await;
    let sql = "with c as (select n from other) select * from p_0 join c using n where n in (select n from events)";
    let node = app.append_node("p", "joined", sql).await;
    assert_eq!(node["dependencies"], json!(["events", "other", "p_0"]));
}

#[tokio::test]
async fn delete() {
    let app = app().await;
    app.append_node("p", "second", "select n from p_0").await;
    app.delete("/v0/pipes/p/nodes/second").send().await.assert_status(204);
    app.delete("/v0/pipes/p/nodes/second").send().await.assert_error(404);
    let id = app.append_node("p", "third", "select n from p_0").await["id"].as_str().unwrap().to_owned();
    app.delete(&format!("/v0/pipes/p/nodes/t_readable.{}", &id[2..])).send().await.assert_status(204);
    let pipe = app.get("/v0/pipes/p").send().await.json();
    assert_eq!(pipe["nodes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_published_node_cannot_be_deleted() {
    let app = app().await;
    app.post("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_status(200);
    let error = app.delete("/v0/pipes/p/nodes/p_0").send().await.assert_error(400);
    assert_eq!(error, "node 'p_0' is published as the endpoint of pipe 'p': unpublish it first");
}

#[tokio::test]
async fn reading_a_node_whose_source_was_deleted_says_so() {
    let app = app().await;
    app.append_node("p", "second", "select n from p_0").await;
    app.post("/v0/pipes/p/nodes/second/endpoint").send().await.assert_status(200);
    app.delete("/v0/pipes/p/nodes/p_0").send().await.assert_status(204);
    let error = app.get("/v0/pipes/p.json").send().await.assert_error(400);
    assert_eq!(error, "resource 'p_0' not found: it is no data source, pipe or earlier node of this pipe");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told() {
    let app = app().await;
    app.append_node("p", "n2", "select 1").await;
    for uri in ["/v0/pipes/p/nodes", "/v0/pipes/p/nodes?name=x"] {
        for body in ["", " \n"] {
            let error = app.post(uri).body(body).send().await.assert_error(400);
            assert_eq!(error, "the body is empty: send the node's SQL as the body");
        }
    }
    app.put("/v0/pipes/p/nodes/n2").send().await.assert_error(400);
    app.post("/v0/pipes/p/nodes?type=nonsense").body("select 1").send().await.assert_error(400);
    app.post("/v0/pipes/p/nodes").body("select from where").send().await.assert_error(400);
    app.post("/v0/pipes/p/nodes").body("select * from nowhere").send().await.assert_error(400);
    let error = app.post("/v0/pipes/p/nodes").body("select no_column from events").send().await.assert_error(400);
    assert!(error.contains("no_column") && !error.contains("t_"), "{error}");
    app.put("/v0/pipes/p/nodes/n2").body("select n + 'a' from events").send().await.assert_error(400);
    app.post("/v0/pipes/p/nodes").body(&b"select '\xff'"[..]).send().await.assert_error(400);

    app.post("/v0/pipes/absent/nodes").body("select 1").send().await.assert_error(404);
    app.put("/v0/pipes/absent/nodes/x").body("select 1").send().await.assert_error(404);
    app.delete("/v0/pipes/absent/nodes/x").send().await.assert_error(404);
    let error = app.put("/v0/pipes/p/nodes/absent").body("select 1").send().await.assert_error(404);
    assert_eq!(error, "node 'absent' not found in pipe 'p'");
    app.delete("/v0/pipes/p/nodes/absent").send().await.assert_error(404);

    app.create_pipe("q", "select 1").await;
    for taken in ["p", "q", "events", "events_quarantine", "p_0"] {
        app.post(&format!("/v0/pipes/p/nodes?name={taken}")).body("select 1").send().await.assert_error(409);
        app.put(&format!("/v0/pipes/p/nodes/n2?name={taken}")).body("select 1").send().await.assert_error(409);
    }
    // A node's name is its own pipe's business only.
    app.post("/v0/pipes/q/nodes?name=p_0").body("select 1").send().await.assert_status(200);
}

#[tokio::test]
async fn a_node_reads_only_what_comes_before_it() {
    let app = app().await;
    app.append_node("p", "late", "select 1 as n").await;
    let error = app.put("/v0/pipes/p/nodes/p_0").body("select n from late").send().await.assert_error(400);
    assert!(error.contains("'late'"), "{error}");
    let error = app.put("/v0/pipes/p/nodes/late").body("select * from p").send().await.assert_error(400);
    assert!(error.contains("circle") && error.contains("late -> late"), "{error}");
}

#[tokio::test]
async fn type_endpoint_publishes_by_the_same_request() {
    let app = app().await;
    let node = app.post("/v0/pipes/p/nodes?name=out&type=endpoint").body("select 8 as x").send().await;
    let node = node.assert_status(200).json();
    assert_eq!((&node["type"], &node["node_type"]), (&json!("endpoint"), &json!("endpoint")));
    let pipe = app.get("/v0/pipes/p").send().await.json();
    assert_eq!((&pipe["endpoint"], &pipe["type"]), (&node["id"], &json!("endpoint")));
    assert_eq!(app.get("/v0/pipes/p.ndjson").send().await.assert_status(200).text(), "{\"x\":8}\n");
    app.post("/v0/pipes/p/nodes?type=Standard").body("select 9 as x").send().await.assert_status(200);
}

#[tokio::test]
async fn only_who_creates_pipes_changes_nodes() {
    let app = app().await;
    let reader = app.with_scopes(&["PIPES:READ:p", "DATASOURCES:CREATE"]).await;
    for answer in [
        reader.post("/v0/pipes/p/nodes").body("select 1").send().await,
        reader.put("/v0/pipes/p/nodes/p_0").body("select 1").send().await,
        reader.delete("/v0/pipes/p/nodes/p_0").send().await,
    ] {
        let error = answer.assert_error(403);
        assert!(error.contains("PIPES:CREATE"), "{error}");
    }
    let creator = app.with_scopes(&["PIPES:CREATE"]).await;
    creator.post("/v0/pipes/p/nodes").body("select 1").send().await.assert_status(200);
}
