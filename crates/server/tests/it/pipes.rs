//! `/v0/pipes` and `/v0/pipes/{pipe}`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{TestApp, redact};

async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "n Int32 `json:$.n`, kind String `json:$.kind`").await;
    app
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn create_from_json_with_nodes() {
    let app = app().await;
    let body = json!({
        "name": "pipe_name", "description": "my first pipe",
        "nodes": [
            {"sql": "select * from events limit 10", "name": "node_00", "description": "sampled data"},
            {"sql": "select count() from node_00", "name": "node_01"},
        ],
    });
    let answer = app.post("/v0/pipes").json(&body).send().await.assert_status(200);
    assert_snapshot!(answer.shown(), @r#"
    {
      "id": "[id 1]",
      "name": "pipe_name",
      "description": "my first pipe",
      "endpoint": null,
      "created_at": "[time]",
      "updated_at": "[time]",
      "parent": null,
      "type": "default",
      "published_version": "[id 2]",
      "published_date": "[time]",
      "copy_node": null,
      "sink_node": null,
      "stream_node": null,
      "nodes": [
        {
          "id": "[id 2]",
          "name": "node_00",
          "sql": "select * from events limit 10",
          "description": "sampled data",
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
            "events"
          ],
          "params": []
        },
        {
          "id": "[id 3]",
          "name": "node_01",
          "sql": "select count() from node_00",
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
            "node_00"
          ],
          "params": []
        }
      ],
      "url": "http://localhost:7181/v0/pipes/pipe_name.json"
    }
    "#);
}

#[tokio::test]
async fn create_from_name_and_sql_wherever_they_stand() {
    let app = app().await;
    app.post("/v0/pipes?name=in_query&sql=select%20*%20from%20events").send().await.assert_status(200);
    app.post("/v0/pipes").form("name=in_form&sql=select+*+from+events").send().await.assert_status(200);
    app.post("/v0/pipes")
        .json(&json!({"name": "in_json", "sql": "select * from events"}))
        .send()
        .await
        .assert_status(200);
    // The older form: the name in the query, the SQL as the body.
    app.post("/v0/pipes/?name=in_body").body("select * from events").send().await.assert_status(200);
    for name in ["in_query", "in_form", "in_json", "in_body"] {
        let pipe = app.get(&format!("/v0/pipes/{name}")).send().await.assert_status(200).json();
        assert_eq!(pipe["nodes"][0]["sql"], "select * from events", "{name}");
        assert_eq!(pipe["nodes"][0]["name"], format!("{name}_0"));
        assert_eq!(pipe["nodes"][0]["dependencies"], json!(["events"]));
    }
}

#[tokio::test]
async fn create_as_a_copy() {
    let app = app().await;
    app.create_pipe("src_pipe", "select n from events").await;
    app.append_node("src_pipe", "doubled", "select n * 2 as n from src_pipe_0").await;
    let copy = app.post("/v0/pipes?name=copy&from=src_pipe").send().await.assert_status(200).json();
    assert_eq!(names(&copy["nodes"]), ["src_pipe_0", "doubled"]);
    app.send_events("events", "{\"n\":4,\"kind\":\"a\"}").await;
    assert_eq!(app.rows("SELECT n FROM copy").await, "8\n");

    let missing = app.post("/v0/pipes?name=empty&from=no_such_pipe").send().await.assert_status(200).json();
    assert_eq!(missing["nodes"], json!([]));
}

#[tokio::test]
async fn the_noise_of_clients_creates_no_copy() {
    let app = app().await;
    app.create_pipe("ui", "select 1").await;
    let uri = "/v0/pipes?&cli_version=6.5.5+%28rev%205a%29&cli_version=6.5.5&from=cli&debug=blocks&__tb__semver=1.0.0\
               &__tb__client=x&ignore_sql_errors=false&branch_mode=None";
    let body = json!({"name": "by_cli", "nodes": [{"name": "endpoint", "sql": "select 2 as x", "type": "standard"}]});
    app.post(uri).json(&body).send().await.assert_status(200);
    // A body that defines nodes wins over `from`, also where it happens to name a pipe.
    let body = json!({"name": "by_ui", "nodes": [{"name": "other_endpoint", "sql": "select 2 as x"}]});
    let pipe = app.post("/v0/pipes?from=ui").json(&body).send().await.assert_status(200).json();
    assert_eq!(names(&pipe["nodes"]), ["other_endpoint"]);
}

#[tokio::test]
async fn replacing_keeps_ids_and_the_endpoint_of_the_same_name() {
    let app = app().await;
    let before = app.create_endpoint("p", "select 1 as x").await;
    let node = |name: &str, sql: &str| json!({"name": name, "sql": sql});
    let body = json!({"name": "p", "nodes": [node("first", "select 5 as x"), node("p_node", "select x from first")]});
    app.post("/v0/pipes").json(&body).send().await.assert_error(409);

    let after = app.post("/v0/pipes?force=true").json(&body).send().await.assert_status(200).json();
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["endpoint"], before["endpoint"]);
    assert_eq!(after["nodes"][1]["id"], before["nodes"][0]["id"]);
    assert_eq!(after["created_at"], before["created_at"]);
    assert_eq!(app.get("/v0/pipes/p.csv").send().await.assert_status(200).text(), "\"x\"\n5\n");

    let without = json!({"name": "p", "nodes": [node("other", "select 6 as x")]});
    let after = app.post("/v0/pipes?force=true").json(&without).send().await.assert_status(200).json();
    assert_eq!((&after["id"], &after["endpoint"]), (&before["id"], &Value::Null));
    app.get("/v0/pipes/p.csv").send().await.assert_error(404);
}

#[tokio::test]
async fn a_copy_onto_an_existing_name_replaces_its_nodes() {
    let app = app().await;
    let before = app.create_endpoint("target", "select 1 as x").await;
    app.create_endpoint("source", "select 2 as x").await;
    let after = app.post("/v0/pipes?name=target&from=source").send().await.assert_status(200).json();
    assert_eq!(after["id"], before["id"]);
    assert_eq!(names(&after["nodes"]), ["source_node"]);
    assert_eq!(after["endpoint"], Value::Null, "no node of the published node's name is left");
}

#[tokio::test]
async fn a_failed_replacement_changes_nothing() {
    let app = app().await;
    let before = app.create_endpoint("p", "select 1 as x").await;
    let body = json!({"name": "p", "nodes": [{"name": "p_node", "sql": "select * from nowhere"}]});
    app.post("/v0/pipes?force=true").json(&body).send().await.assert_error(400);
    let after = app.get("/v0/pipes/p").send().await.json();
    assert_eq!(after["nodes"][0]["sql"], before["nodes"][0]["sql"]);
    assert_eq!(after["updated_at"], before["updated_at"]);
}

#[tokio::test]
async fn every_kind_of_taken_name_is_a_conflict() {
    let app = app().await;
    app.create_pipe("taken", "select 1").await;
    app.append_node("taken", "some_node", "select 2").await;
    for (name, by) in [
        ("events", "data source 'events'"),
        ("events_quarantine", "quarantine of data source 'events'"),
        ("some_node", "node 'some_node' in pipe 'taken'"),
        ("taken", "pipe 'taken'"),
    ] {
        let error =
            app.post("/v0/pipes").json(&json!({"name": name, "sql": "select 1"})).send().await.assert_error(409);
        assert_eq!(error, format!("there is already a {by}: names are unique in a workspace"));
        // Only a pipe is replaced by force: the last of these.
        let forced = app.post("/v0/pipes?force=true").json(&json!({"name": name, "sql": "select 1"})).send().await;
        assert_eq!(forced.status, if name == "taken" { 200 } else { 409 }, "{name}");
    }
    app.create_pipe("p", "select 1").await;
    for name in ["taken", "events", "events_quarantine"] {
        app.put(&format!("/v0/pipes/p?name={name}")).send().await.assert_error(409);
    }
}

#[tokio::test]
async fn names_follow_the_rules() {
    let app = app().await;
    for name in ["1a", "a-b", "a b", "a.b", "t_bd1c62b5e67142bd9bf9a7f113a2b6ea"] {
        let error =
            app.post("/v0/pipes").json(&json!({"name": name, "sql": "select 1"})).send().await.assert_error(400);
        assert!(error.starts_with(&format!("'{name}' cannot be a name: ")), "{error}");
    }
    let error = app.post("/v0/pipes").json(&json!({"sql": "select 1"})).send().await.assert_error(400);
    assert_eq!(error, "a pipe needs a name: send name=<name>");
    app.post("/v0/pipes").json(&json!({"name": "p", "nodes": "select 1"})).send().await.assert_error(400);
    app.post("/v0/pipes").json(&json!({"name": "p", "nodes": [{"name": "x"}]})).send().await.assert_error(400);
    let two = json!({"name": "p", "nodes": [{"name": "x", "sql": "select 1"}, {"name": "x", "sql": "select 2"}]});
    app.post("/v0/pipes").json(&two).send().await.assert_error(409);
}

#[tokio::test]
async fn a_list_shows_what_is_asked_for() {
    let app = app().await;
    app.create_pipe("b_pipe", "select n from events").await;
    app.create_endpoint("a_pipe", "select n from b_pipe").await;
    let list = async |query: &str| app.get(&format!("/v0/pipes{query}")).send().await.assert_status(200).json();

    let full = list("").await;
    assert_eq!(names(&full["pipes"]), ["a_pipe", "b_pipe"]);
    assert_eq!(full["pipes"][0]["nodes"][0].get("dependencies"), None);
    assert_eq!(full["pipes"][0]["nodes"][0]["materialized"], Value::Null);
    assert_eq!(full["pipes"][0].get("pipeline"), None);

    let with = list("/?dependencies=true").await;
    assert_eq!(with["pipes"][0]["nodes"][0]["dependencies"], json!(["b_pipe"]));
    assert_eq!(with["pipes"][1]["nodes"][0]["dependencies"], json!(["events"]));

    let short = redact(list("?attrs=id,name,description,type,endpoint").await["pipes"][0].clone());
    assert_eq!(
        short,
        json!({
            "id": "[id 1]", "name": "a_pipe", "description": null, "endpoint": "[id 2]", "type": "endpoint",
            "url": "http://localhost:7181/v0/pipes/a_pipe.json",
        })
    );
    let nodes = list("?attrs=name,nodes&node_attrs=id,name").await;
    let keys: Vec<&String> = nodes["pipes"][0]["nodes"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "name"]);
    let both = list("?attrs=name&node_attrs=name&dependencies=true").await;
    assert_eq!(both["pipes"][1]["nodes"][0], json!({"name": "b_pipe_0", "dependencies": ["events"]}));
}

#[tokio::test]
async fn a_list_has_only_what_the_token_sees() {
    let app = app().await;
    app.create_endpoint("seen", "select 1 as x").await;
    app.create_endpoint("unseen", "select 1 as x").await;
    let reader = app.with_scopes(&["PIPES:READ:seen"]).await;
    let list = reader.get("/v0/pipes").send().await.assert_status(200).json();
    assert_eq!(names(&list["pipes"]), ["seen"]);
    let creator = app.with_scopes(&["PIPES:CREATE"]).await;
    assert_eq!(names(&creator.get("/v0/pipes").send().await.json()["pipes"]), ["seen", "unseen"]);
    let stranger = app.with_scopes(&["DATASOURCES:READ:events"]).await;
    assert_eq!(stranger.get("/v0/pipes").send().await.json()["pipes"], json!([]));
    reader.get("/v0/pipes/unseen").send().await.assert_error(403);
}

#[tokio::test]
async fn one_pipe_has_its_nodes_in_both_spellings() {
    let app = app().await;
    app.create_endpoint("events_pipe", "select * from events where n = 1").await;
    let answer = app.get("/v0/pipes/events_pipe").send().await.assert_status(200);
    assert_snapshot!(answer.shown(), @r#"
    {
      "id": "[id 1]",
      "name": "events_pipe",
      "description": null,
      "endpoint": "[id 2]",
      "created_at": "[time]",
      "updated_at": "[time]",
      "parent": null,
      "type": "endpoint",
      "published_version": "[id 2]",
      "published_date": "[time]",
      "copy_node": null,
      "sink_node": null,
      "stream_node": null,
      "nodes": [
        {
          "id": "[id 2]",
          "name": "events_pipe_node",
          "sql": "select * from events where n = 1",
          "description": null,
          "materialized": null,
          "cluster": null,
          "tags": {},
          "created_at": "[time]",
          "updated_at": "[time]",
          "version": 0,
          "project": null,
          "result": null,
          "ignore_sql_errors": false,
          "node_type": "endpoint",
          "type": "endpoint",
          "dependencies": [
            "events"
          ],
          "params": []
        }
      ],
      "url": "http://localhost:7181/v0/pipes/events_pipe.json",
      "pipeline": {
        "nodes": [
          {
            "name": "events_pipe_node",
            "sql": "select * from events where n = 1",
            "materialized": false
          }
        ]
      }
    }
    "#);
}

#[tokio::test]
async fn a_pipe_is_found_by_name_id_and_decorated_id() {
    let app = app().await;
    let pipe = app.create_endpoint("events_pipe", "select 7 as x").await;
    let id = pipe["id"].as_str().unwrap();
    let decorated = format!("t_my_events_table.{}", &id[2..]);
    for reference in
        ["events_pipe", "events_pipe.pipe", id, &format!("{id}.pipe"), &decorated, &format!("{decorated}.pipe")]
    {
        let found = app.get(&format!("/v0/pipes/{reference}")).send().await.assert_status(200).json();
        assert_eq!(found["id"], pipe["id"], "{reference}");
    }
    for reference in [id, &decorated] {
        let answer = app.get(&format!("/v0/pipes/{reference}.csv")).send().await.assert_status(200);
        assert_eq!(answer.text(), "\"x\"\n7\n");
    }
    assert_eq!(app.rows(&format!("SELECT x FROM {id}")).await, "7\n");
    let error = app.get("/v0/pipes/absent").send().await.assert_error(404);
    assert_eq!(error, "pipe 'absent' not found");
    app.get("/v0/pipes/absent.pipe").send().await.assert_error(404);
    app.get("/v0/pipes/t_ffffffffffffffffffffffffffffffff").send().await.assert_error(404);
}

#[tokio::test]
async fn rename_and_describe_keep_the_id() {
    let app = app().await;
    let pipe = app.create_endpoint("old_name", "select 1 as x").await;
    let answer = app.put("/v0/pipes/old_name?name=new_name").send().await.assert_status(200).json();
    assert_eq!((&answer["id"], &answer["name"]), (&pipe["id"], &json!("new_name")));
    app.get("/v0/pipes/old_name").send().await.assert_error(404);
    app.get("/v0/pipes/new_name.json").send().await.assert_status(200);

    let described = app.put("/v0/pipes/new_name.pipe?description=what+it+is").send().await.assert_status(200).json();
    assert_eq!((&described["name"], &described["description"]), (&json!("new_name"), &json!("what it is")));
    let form = app.put("/v0/pipes/new_name").form("name=third&description=both").send().await.assert_status(200).json();
    assert_eq!((&form["name"], &form["description"]), (&json!("third"), &json!("both")));
    let id = pipe["id"].as_str().unwrap();
    let by_id =
        app.put(&format!("/v0/pipes/{id}")).json(&json!({"name": "fourth"})).send().await.assert_status(200).json();
    assert_eq!((&by_id["name"], &by_id["description"]), (&json!("fourth"), &json!("both")));
    app.put("/v0/pipes/absent?name=x").send().await.assert_error(404);
}

#[tokio::test]
async fn delete_and_its_scopes() {
    let app = app().await;
    for name in ["one", "two", "three", "four"] {
        app.create_pipe(name, "select 1 as x").await;
    }
    app.delete("/v0/pipes/one").send().await.assert_status(204);
    app.delete("/v0/pipes/two.pipe").send().await.assert_status(204);
    app.delete("/v0/pipes/one").send().await.assert_error(404);
    let reader = app.with_scopes(&["PIPES:READ:three"]).await;
    reader.delete("/v0/pipes/three").send().await.assert_error(403);
    // The document's old spelling of the scope.
    let dropper = app.with_scopes(&["DROP:three"]).await;
    dropper.delete("/v0/pipes/four").send().await.assert_error(403);
    dropper.delete("/v0/pipes/three").send().await.assert_status(204);
    app.with_scopes(&["PIPE:CREATE"]).await.delete("/v0/pipes/four").send().await.assert_status(204);
    assert_eq!(app.get("/v0/pipes").send().await.json()["pipes"], json!([]));
    // The name is free again.
    app.create_pipe("one", "select 2 as x").await;
}
