//! `/v0/pipes/{pipe}/nodes/{node}/endpoint` and `PUT /v0/pipes/{pipe}/endpoint`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::TestApp;

/// A pipe of two nodes, none published.
async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_pipe("p", "select 1 as x").await;
    app.append_node("p", "p_1", "select x + 1 as x from p_0").await;
    app
}

async fn data(app: &TestApp) -> String {
    app.get("/v0/pipes/p.csv").send().await.assert_status(200).text().to_owned()
}

#[tokio::test]
async fn publish_and_unpublish() {
    let app = app().await;
    let answer = app.post("/v0/pipes/p/nodes/p_1/endpoint").send().await.assert_status(200);
    assert_snapshot!(answer.shown(), @r#"
    {
      "id": "[id 1]",
      "name": "p",
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
          "id": "[id 3]",
          "name": "p_0",
          "sql": "select 1 as x",
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
          "node_type": "default",
          "type": "standard",
          "dependencies": [],
          "params": []
        },
        {
          "id": "[id 2]",
          "name": "p_1",
          "sql": "select x + 1 as x from p_0",
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
            "p_0"
          ],
          "params": []
        }
      ],
      "url": "http://localhost:7181/v0/pipes/p.json"
    }
    "#);
    assert_eq!(data(&app).await, "\"x\"\n2\n");
    // Publishing one takes the place of the other.
    app.post("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_status(200);
    assert_eq!(data(&app).await, "\"x\"\n1\n");

    app.delete("/v0/pipes/p/nodes/p_1/endpoint").send().await.assert_error(400);
    let pipe = app.delete("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_status(200).json();
    assert_eq!((&pipe["endpoint"], &pipe["type"]), (&Value::Null, &json!("default")));
    let error = app.get("/v0/pipes/p.csv").send().await.assert_error(404);
    assert_eq!(error, "pipe 'p' is not published: publish one of its nodes as an endpoint first");
    app.delete("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_error(400);
}

#[tokio::test]
async fn put_takes_the_node_as_its_body() {
    let app = app().await;
    let pipe = app.get("/v0/pipes/p").send().await.json();
    let ids: Vec<&str> = [0, 1].map(|at| pipe["nodes"][at]["id"].as_str().unwrap()).into();
    let decorated = format!("t_readable_words.{}", &ids[0][2..]);
    for (body, expected) in [(ids[0], 0), (ids[1], 1), (&*decorated, 0), ("p_1", 1), (" p_0\n", 0)] {
        let answer = app.put("/v0/pipes/p/endpoint").form(body).send().await.assert_status(200).json();
        assert_eq!(answer["endpoint"], ids[expected], "{body}");
        assert_eq!(answer["published_version"], ids[expected]);
        assert_eq!(answer["nodes"][expected]["materialized"], false);
        assert_eq!(data(&app).await, format!("\"x\"\n{}\n", expected + 1));
    }
}

#[tokio::test]
async fn an_unknown_node_is_a_bad_request_here() {
    let app = app().await;
    for node in ["absent", "t_ffffffffffffffffffffffffffffffff"] {
        let uri = format!("/v0/pipes/p/nodes/{node}/endpoint");
        let error = app.post(&uri).send().await.assert_error(400);
        assert_eq!(error, format!("pipe 'p' has no node '{node}'"));
        app.delete(&uri).send().await.assert_error(400);
        app.put("/v0/pipes/p/endpoint").form(node).send().await.assert_error(400);
    }
    app.put("/v0/pipes/p/endpoint").send().await.assert_error(400);
    app.post("/v0/pipes/absent/nodes/p_0/endpoint").send().await.assert_error(404);
    app.delete("/v0/pipes/absent/nodes/p_0/endpoint").send().await.assert_error(404);
    app.put("/v0/pipes/absent/endpoint").form("p_0").send().await.assert_error(404);
}

#[tokio::test]
async fn the_one_read_token_is_in_the_answer() {
    let app = app().await;
    let publish = async |client: &crate::support::Client| {
        client.post("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_status(200).json()
    };
    assert_eq!(publish(&app).await.get("token"), None);
    let reader = app.with_scopes(&["PIPES:READ:p"]).await;
    assert_eq!(publish(&app).await["token"], reader.token());
    let put = app.put("/v0/pipes/p/endpoint").form("p_0").send().await.json();
    assert_eq!(put["token"], reader.token());
    // Who may not read tokens does not get one this way.
    let creator = app.with_scopes(&["PIPES:CREATE"]).await;
    assert_eq!(publish(&creator).await.get("token"), None);
    app.with_scopes(&["PIPES:READ:p"]).await;
    assert_eq!(publish(&app).await.get("token"), None, "there are two now");
}

#[tokio::test]
async fn publishing_needs_the_right_to_create() {
    let app = app().await;
    let reader = app.with_scopes(&["PIPES:READ:p", "DATASOURCES:CREATE", "PIPES:DROP:p"]).await;
    reader.post("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_error(403);
    reader.put("/v0/pipes/p/endpoint").form("p_0").send().await.assert_error(403);
    reader.delete("/v0/pipes/p/nodes/p_0/endpoint").send().await.assert_error(403);
}

#[tokio::test]
async fn before_publication_the_first_node_is_the_version() {
    let app = TestApp::new().await;
    let pipe = app.create_pipe("fresh", "select 1 as x").await;
    assert_eq!(pipe["published_version"], pipe["nodes"][0]["id"]);
    assert_eq!(pipe["endpoint"], Value::Null);
    app.get("/v0/pipes/fresh.json").send().await.assert_error(404);
    app.get("/v0/pipes/absent.json").send().await.assert_error(404);
}
