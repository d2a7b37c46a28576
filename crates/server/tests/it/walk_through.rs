//! "How to create a Tinybird Pipe", the walk-through of the Pipes API's documents, request by request.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{TestApp, redact};

/// The members of `answer` that the document shows, in its order; one that is missing is an error.
fn documented(answer: &Value, names: &[&str], node_names: &[&str]) -> String {
    let take = |value: &Value, names: &[&str]| -> Value {
        names.iter().map(|name| ((*name).to_owned(), value.get(*name).expect(name).clone())).collect()
    };
    let mut shown = take(answer, names);
    if let Some(nodes) = shown.get_mut("nodes") {
        *nodes = nodes.as_array().unwrap().iter().map(|node| take(node, node_names)).collect();
    }
    serde_json::to_string_pretty(&redact(shown)).unwrap()
}

const PIPE: &[&str] = &["id", "name", "published_version", "published_date", "nodes"];
const NODE: &[&str] = &["name", "sql", "id", "dependencies", "materialized", "created_at"];

#[tokio::test]
async fn the_documents_walk_through() {
    let app = TestApp::new().await;
    let schema = "`timestamp` DateTime `json:$.timestamp`, `name` String `json:$.name`";
    app.create_data_source("app_events", schema).await;
    app.send_events(
        "app_events",
        "{\"timestamp\":\"2024-06-14 10:00:00\",\"name\":\"a\"}\n{\"timestamp\":\"2024-06-14 11:00:00\",\"name\":\"b\"}\n\
         {\"timestamp\":\"2024-06-15 10:00:00\",\"name\":\"c\"}",
    )
    .await;

    let body = "name=events_per_day&sql=select * from app_events";
    let created = app.post("/v0/pipes").form(body).send().await.assert_status(200).json();
    assert_snapshot!(documented(&created, PIPE, NODE), @r#"
    {
      "id": "[id 1]",
      "name": "events_per_day",
      "published_version": "[id 2]",
      "published_date": "[time]",
      "nodes": [
        {
          "name": "events_per_day_0",
          "sql": "select * from app_events",
          "id": "[id 2]",
          "dependencies": [
            "app_events"
          ],
          "materialized": false,
          "created_at": "[time]"
        }
      ]
    }
    "#);

    let sql = "select toDate(timestamp) date, count() event_count from events_per_day_0 group by date";
    let appended = app.post("/v0/pipes/events_per_day/nodes").form(sql).send().await.assert_status(200).json();
    assert_snapshot!(documented(&appended, NODE, &[]), @r#"
    {
      "name": "events_per_day_1",
      "sql": "select toDate(timestamp) date, count() event_count from events_per_day_0 group by date",
      "id": "[id 1]",
      "dependencies": [
        "events_per_day_0"
      ],
      "materialized": false,
      "created_at": "[time]"
    }
    "#);

    let node = appended["id"].as_str().unwrap();
    let published = app.put("/v0/pipes/events_per_day/endpoint").form(node).send().await.assert_status(200).json();
    assert_snapshot!(documented(&published, PIPE, NODE), @r#"
    {
      "id": "[id 1]",
      "name": "events_per_day",
      "published_version": "[id 2]",
      "published_date": "[time]",
      "nodes": [
        {
          "name": "events_per_day_0",
          "sql": "select * from app_events",
          "id": "[id 3]",
          "dependencies": [
            "app_events"
          ],
          "materialized": false,
          "created_at": "[time]"
        },
        {
          "name": "events_per_day_1",
          "sql": "select toDate(timestamp) date, count() event_count from events_per_day_0 group by date",
          "id": "[id 2]",
          "dependencies": [
            "events_per_day_0"
          ],
          "materialized": false,
          "created_at": "[time]"
        }
      ]
    }
    "#);

    let data = app.get("/v0/pipes/events_per_day.json").send().await.assert_status(200).json();
    let expected = serde_json::json!([
        {"date": "2024-06-14", "event_count": 2}, {"date": "2024-06-15", "event_count": 1},
    ]);
    assert_eq!(sorted(&data["data"]), expected);

    let sql = "SELECT * FROM events_per_day where date > '2024-06-14'";
    let queried = app.post("/v0/sql").form(sql).send().await.assert_status(200).json();
    assert_eq!(queried["data"], serde_json::json!([{"date": "2024-06-15", "event_count": 1}]));
    app.post("/v0/sql").form("SELECT * FROM events_per_day where date > yesterday()").send().await.assert_status(200);

    let uri = "/v0/tokens/?name=events_per_day_token&scope=PIPES:READ:events_per_day";
    let token = app.post(uri).send().await.assert_status(200).json();
    let reader = app.with_token(token["token"].as_str().unwrap());
    let data = reader.get("/v0/pipes/events_per_day.json").send().await.assert_status(200).json();
    assert_eq!(sorted(&data["data"]), expected);
    reader.get("/v0/pipes/events_per_day").send().await.assert_status(200);
    reader.post("/v0/sql").form(sql).send().await.assert_status(200);
    // With that token only that pipe: neither what it reads nor anything else.
    reader.post("/v0/sql").form("SELECT * FROM app_events").send().await.assert_error(403);
    reader.get("/v0/datasources/app_events").send().await.assert_error(404);

    // Pipes follow their data sources at once.
    app.send_events("app_events", "{\"timestamp\":\"2024-06-15 12:00:00\",\"name\":\"d\"}").await;
    let queried = app.post("/v0/sql").form(sql).send().await.assert_status(200).json();
    assert_eq!(queried["data"], serde_json::json!([{"date": "2024-06-15", "event_count": 2}]));
}

/// GROUP BY promises no order.
fn sorted(rows: &Value) -> Value {
    let mut rows = rows.as_array().unwrap().clone();
    rows.sort_by_key(|row| row["date"].to_string());
    rows.into()
}
