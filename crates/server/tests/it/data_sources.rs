//! `/v0/datasources`: create, list, get, rename, delete, truncate.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::TestApp;

const SCHEMA: &str = "`ts` DateTime `json:$.ts`, `v` Int32 `json:$.v` DEFAULT 1, `tag` LowCardinality(Nullable(String)) `json:$.meta.tag`";

#[tokio::test]
async fn create_from_a_form_as_the_command_line_client_sends_it() {
    let app = TestApp::new().await;
    let form: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("name", "events"),
            ("description", "My events"),
            ("schema", SCHEMA),
            ("format", "ndjson"),
            ("engine", "MergeTree"),
            ("engine_partition_key", "toYYYYMM(ts)"),
            ("engine_sorting_key", "ts, v"),
            ("branch_mode", "None"),
        ])
        .finish();
    let answer = app.post("/v0/datasources?&cli_version=1&from=cli").form(&form).send().await.assert_status(200);
    assert_snapshot!(answer.shown(), @r#"
    {
      "datasource": {
        "id": "[id 1]",
        "name": "events",
        "description": "My events",
        "type": "ndjson",
        "cluster": null,
        "tags": {},
        "created_at": "[time]",
        "updated_at": "[time]",
        "errors_discarded_at": null,
        "replicated": false,
        "version": 0,
        "project": null,
        "headers": {},
        "shared_with": [],
        "engine": {
          "engine": "MergeTree",
          "engine_full": "MergeTree PARTITION BY (toYYYYMM(ts)) ORDER BY (ts, v)",
          "sorting_key": "ts, v",
          "engine_sorting_key": "ts, v",
          "partition_key": "toYYYYMM(ts)",
          "engine_partition_key": "toYYYYMM(ts)",
          "primary_key": "",
          "engine_primary_key": ""
        },
        "used_by": [],
        "indexes": [],
        "columns": [
          {
            "name": "ts",
            "type": "DateTime",
            "codec": null,
            "default_value": null,
            "jsonpath": "$.ts",
            "nullable": false,
            "normalized_name": "ts"
          },
          {
            "name": "v",
            "type": "Int32",
            "codec": null,
            "default_value": "DEFAULT 1",
            "jsonpath": "$.v",
            "nullable": false,
            "normalized_name": "v"
          },
          {
            "name": "tag",
            "type": "LowCardinality(Nullable(String))",
            "codec": null,
            "default_value": null,
            "jsonpath": "$.meta.tag",
            "nullable": false,
            "normalized_name": "tag"
          }
        ],
        "schema": {
          "sql_schema": "`ts` DateTime `json:$.ts`,`v` Int32 `json:$.v` DEFAULT 1,`tag` LowCardinality(Nullable(String)) `json:$.meta.tag`",
          "columns": [
            {
              "name": "ts",
              "type": "DateTime",
              "codec": null,
              "default_value": null,
              "jsonpath": "$.ts",
              "nullable": false,
              "normalized_name": "ts"
            },
            {
              "name": "v",
              "type": "Int32",
              "codec": null,
              "default_value": "DEFAULT 1",
              "jsonpath": "$.v",
              "nullable": false,
              "normalized_name": "v"
            },
            {
              "name": "tag",
              "type": "LowCardinality(Nullable(String))",
              "codec": null,
              "default_value": null,
              "jsonpath": "$.meta.tag",
              "nullable": false,
              "normalized_name": "tag"
            }
          ]
        },
        "statistics": {
          "bytes": 0,
          "row_count": 0
        },
        "stats": {
          "bytes": 0,
          "row_count": 0
        },
        "new_columns_detected": {},
        "quarantine_rows": 0
      }
    }
    "#);
    let table = app.workspace().data_sources.values().next().unwrap().table();
    let sql =
        format!("SELECT partition_key, sorting_key, total_rows FROM system.tables WHERE name = '{}'", table.rows());
    assert_eq!(app.engine_lines(&sql).await, ["(toYYYYMM(ts))\tts, v\t0"]);
}

#[tokio::test]
async fn create_from_json_and_from_the_query() {
    let app = TestApp::new().await;
    let body = json!({"name": "in_json", "schema": "a Int32", "description": "text"});
    let created = app.post("/v0/datasources").json(&body).send().await.assert_status(200).json();
    assert_eq!(
        (&created["datasource"]["description"], &created["datasource"]["type"]),
        (&json!("text"), &json!("csv"))
    );
    app.post("/v0/datasources?name=in_query&schema=a%20Int32&mode=create").send().await.assert_status(200);
    let unnamed = app.post("/v0/datasources?schema=a%20Int32").send().await.assert_status(200).json();
    let name = unnamed["datasource"]["name"].as_str().unwrap();
    app.get(&format!("/v0/datasources/{name}")).send().await.assert_status(200);
}

#[tokio::test]
async fn every_engine_of_the_family() {
    let app = TestApp::new().await;
    for (name, schema, options, full) in [
        ("plain", "a Int32", "", "MergeTree ORDER BY tuple()"),
        ("merge", "a Int32, b String", "&engine=MergeTree&engine_sorting_key=a", "MergeTree ORDER BY (a)"),
        (
            "replacing",
            "a Int32, v UInt32",
            "&engine=ReplacingMergeTree&engine_sorting_key=a&engine_ver=v",
            "ReplacingMergeTree(v) ORDER BY (a)",
        ),
        (
            "summing",
            "a Int32, n UInt64",
            "&engine=SummingMergeTree&engine_sorting_key=a&engine_columns=n",
            "SummingMergeTree((n)) ORDER BY (a)",
        ),
        (
            "aggregating",
            "a Int32, n AggregateFunction(sum, UInt64)",
            "&engine=AggregatingMergeTree&engine_sorting_key=a",
            "AggregatingMergeTree ORDER BY (a)",
        ),
        (
            "ttl",
            "a Int32, ts DateTime",
            "&engine=MergeTree&engine_sorting_key=a&engine_ttl=ts%20%2B%20toIntervalDay(7)",
            "MergeTree ORDER BY (a) TTL (ts + toIntervalDay(7))",
        ),
    ] {
        let uri = format!("/v0/datasources?name={name}{options}");
        let answer = app.post(&uri).json(&json!({"schema": schema})).send().await.assert_status(200).json();
        let id = answer["datasource"]["id"].as_str().unwrap();
        let sql = format!("SELECT engine_full FROM system.tables WHERE name = '{id}_1'");
        let found = app.engine_lines(&sql).await.remove(0);
        // The engine adds its defaults behind.
        assert!(found.starts_with(full), "{name}: {found}");
        assert!(found.contains("non_replicated_deduplication_window = 1000"), "{name}: {found}");
        let sql = format!("SELECT engine_full FROM system.tables WHERE name = '{id}_1_quarantine'");
        assert!(app.engine_lines(&sql).await[0].contains("non_replicated_deduplication_window = 1000"));
    }
}

#[tokio::test]
async fn what_cannot_be_created_is_told_and_leaves_nothing() {
    let app = TestApp::new().await;
    app.create_pipe("p", "select 1").await;
    app.append_node("p", "some_node", "select 1").await;
    app.create_data_source("there", "a Int32").await;
    for (name, schema, options, status) in [
        ("x", "a NoSuchType", "", 400),
        ("x", "a", "", 400),
        ("x", "", "", 400),
        ("x", "a Int32, a Int32", "", 400),
        ("x", "a Int32 DEFAULT no_such_function(1)", "", 400),
        ("x", "a Int32 DEFAULT 'text'", "", 400),
        ("x", "a Int32", "&engine=NoSuchEngine", 400),
        ("x", "a Int32", "&engine=MergeTree&engine_sorting_key=b", 400),
        ("x", "a Int32", "&engine=ReplacingMergeTree&engine_sorting_key=a&engine_ver=b", 400),
        ("x", "a Int32", "&engine=Kafka", 400),
        ("x", "a Int32", "&mode=nonsense", 400),
        ("1x", "a Int32", "", 400),
        ("there", "a Int32", "", 409),
        ("there_quarantine", "a Int32", "", 409),
        ("p", "a Int32", "", 409),
        ("some_node", "a Int32", "", 409),
    ] {
        let uri = format!("/v0/datasources?name={name}{options}");
        app.post(&uri).json(&json!({"schema": schema})).send().await.assert_error(status);
    }
    assert_eq!(app.workspace().data_sources.len(), 1);
    let database = app.workspace().database.clone();
    let tables = app.engine_lines(&format!("SELECT name FROM system.tables WHERE database = '{database}'")).await;
    assert_eq!(tables.len(), 2, "{tables:?}");
}

#[tokio::test]
async fn defaults_fill_what_events_leave_out() {
    let app = TestApp::new().await;
    let schema = "a Int32 `json:$.a`, b Int32 `json:$.b` DEFAULT a * 2, c String `json:$.c` DEFAULT 'none', d Array(Int8) `json:$.d[:]`, e Nullable(Int32) `json:$.x.y`";
    app.create_data_source("events", schema).await;
    app.send_events("events", "{\"a\":1,\"d\":[]}\n{\"a\":2,\"b\":9,\"c\":\"x\",\"d\":[1,2],\"x\":{\"y\":5}}").await;
    assert_eq!(app.rows("SELECT * FROM events ORDER BY a").await, "1\t2\tnone\t[]\t\\N\n2\t9\tx\t[1,2]\t5\n");
}

#[tokio::test]
async fn list_and_get() {
    let app = TestApp::new().await;
    app.create_data_source("b_events", SCHEMA).await;
    app.create_data_source("a_events", "a Int32").await;
    app.create_pipe("reader", "SELECT * FROM b_events").await;
    let list = app.get("/v0/datasources").send().await.assert_status(200).json();
    let names: Vec<&Value> = list["datasources"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["a_events", "b_events"]);
    assert_eq!(list["datasources"][1]["used_by"][0]["name"], "reader");

    app.send_events("b_events", "{\"ts\":\"2024-01-01 00:00:00\"}\n{\"ts\":\"2024-01-01 00:00:00\"}").await;
    app.post("/v0/events?name=b_events").body("{\"ts\":\"no time\"}").send().await.assert_status(202);
    let one = app.get("/v0/datasources/b_events").send().await.assert_status(200).json();
    assert_eq!((&one["statistics"]["row_count"], &one["quarantine_rows"]), (&json!(2), &json!(1)));
    assert_eq!(one["stats"]["row_count"], 2);
    assert!(one["statistics"]["bytes"].as_u64().unwrap() > 0);
    let id = one["id"].as_str().unwrap();
    assert_eq!(app.get(&format!("/v0/datasources/{id}/?&from=cli")).send().await.json()["id"], one["id"]);
    let error = app.get("/v0/datasources/absent").send().await.assert_error(404);
    assert_eq!(error, "data source 'absent' not found");
}

#[tokio::test]
async fn attrs_are_honoured_strictly() {
    let app = TestApp::new().await;
    app.create_data_source("events", "a Int32 `json:$.a`").await;
    let short = app.get("/v0/datasources?attrs=name,type").send().await.json();
    assert_eq!(short["datasources"], json!([{"name": "events", "type": "ndjson"}]));
    // What a client builds closed records of.
    let answer = app.get("/v0/datasources?attrs=id,name,description,columns").send().await.assert_status(200);
    assert_snapshot!(answer.shown(), @r#"
    {
      "datasources": [
        {
          "id": "[id 1]",
          "name": "events",
          "description": "",
          "engine": {
            "engine": "MergeTree",
            "engine_sorting_key": "",
            "engine_partition_key": "",
            "engine_primary_key": ""
          },
          "indexes": [],
          "columns": [
            {
              "name": "a",
              "type": "Int32",
              "codec": null,
              "default_value": null,
              "jsonpath": "$.a",
              "nullable": false,
              "normalized_name": "a"
            }
          ],
          "new_columns_detected": {},
          "quarantine_rows": 0
        }
      ]
    }
    "#);
    let one = app.get("/v0/datasources/events?attrs=name").send().await.json();
    assert_eq!(one, json!({"name": "events"}));
}

#[tokio::test]
async fn a_list_has_only_what_the_token_sees() {
    let app = TestApp::new().await;
    app.create_data_source("seen", "a Int32").await;
    app.create_data_source("unseen", "a Int32").await;
    for scope in ["DATASOURCES:READ:seen", "DATASOURCES:APPEND:seen", "DATASOURCES:DROP:seen"] {
        let client = app.with_scopes(&[scope]).await;
        let list = client.get("/v0/datasources?attrs=name").send().await.assert_status(200).json();
        assert_eq!(list["datasources"], json!([{"name": "seen"}]), "{scope}");
        client.get("/v0/datasources/seen").send().await.assert_status(200);
        client.get("/v0/datasources/unseen").send().await.assert_error(404);
    }
}

#[tokio::test]
async fn a_datafile_is_exactly_plain_text() {
    let app = TestApp::new().await;
    let uri = "/v0/datasources?name=events&description=What+it+is&engine=MergeTree&engine_sorting_key=ts";
    app.post(uri).json(&json!({"schema": SCHEMA})).send().await.assert_status(200);
    let answer = app.get("/v0/datasources/events.datasource").send().await.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_snapshot!(answer.text(), @r#"
    DESCRIPTION >
        What it is

    SCHEMA >
        `ts` DateTime `json:$.ts`,
        `v` Int32 `json:$.v` DEFAULT 1,
        `tag` LowCardinality(Nullable(String)) `json:$.meta.tag`

    ENGINE "MergeTree"
    ENGINE_SORTING_KEY "ts"
    "#);
    app.get("/v0/datasources/absent.datasource").send().await.assert_error(404);
}

#[tokio::test]
async fn rename_keeps_rows_and_readers_learn_the_new_name() {
    let app = TestApp::new().await;
    let before = app.create_data_source("old_name", "a Int32 `json:$.a`").await;
    app.create_data_source("other", "a Int32").await;
    app.send_events("old_name", "{\"a\":5}").await;
    let after = app.put("/v0/datasources/old_name?name=new_name").send().await.assert_status(200).json();
    assert_eq!((&after["id"], &after["name"]), (&before["id"], &json!("new_name")));
    assert_eq!(app.rows("SELECT a FROM new_name").await, "5\n");
    assert_eq!(app.rows("SELECT count() FROM new_name_quarantine").await, "0\n");
    app.sql("SELECT a FROM old_name").await.assert_error(400);
    app.get("/v0/datasources/old_name").send().await.assert_error(404);
    app.put("/v0/datasources/new_name?name=other").send().await.assert_error(409);
    app.put("/v0/datasources/new_name?name=no-name").send().await.assert_error(400);
    let described = app.put("/v0/datasources/new_name").form("description=text").send().await.assert_status(200).json();
    assert_eq!((&described["name"], &described["description"]), (&json!("new_name"), &json!("text")));
    let id = before["id"].as_str().unwrap();
    assert_eq!(app.rows(&format!("SELECT a FROM {id}")).await, "5\n", "ids stay");
}

#[tokio::test]
async fn delete_frees_the_name_and_drops_the_tables() {
    let app = TestApp::new().await;
    app.create_data_source("events", "a Int32 `json:$.a`").await;
    app.create_pipe("reader", "SELECT * FROM events").await;
    let dry = app.delete("/v0/datasources/events?force=false&dry_run=true").send().await.assert_status(200).json();
    assert_eq!(dry["dependent_pipes"], json!(["reader"]));
    app.get("/v0/datasources/events").send().await.assert_status(200);

    app.delete("/v0/datasources/events?force=true&dry_run=false").send().await.assert_status(204);
    app.get("/v0/datasources/events").send().await.assert_error(404);
    app.delete("/v0/datasources/events").send().await.assert_error(404);
    let error = app.sql("SELECT * FROM reader").await.assert_error(400);
    assert!(error.contains("'events'"), "{error}");
    no_tables(&app).await;

    app.create_data_source("events", "b String `json:$.b`").await;
    app.send_events("events", "{\"b\":\"x\"}").await;
    assert_eq!(app.rows("SELECT * FROM reader").await, "x\n", "readers go by the name");
}

#[tokio::test]
async fn a_dry_run_names_the_pipes_that_would_stop() {
    let app = TestApp::new().await;
    app.create_data_source("events", "a Int32 `json:$.a`").await;
    app.create_pipe("reader", "SELECT * FROM events").await;
    app.create_data_source("target", "a Int32").await;
    app.create_pipe("view", "SELECT a FROM events").await;
    app.post("/v0/pipes/view/nodes/view_0/materialization?datasource=target").send().await.assert_status(200);
    app.create_pipe("copy", "SELECT a FROM events").await;
    app.post("/v0/pipes/copy/nodes/copy_0/copy?target_datasource=target").send().await.assert_status(200);
    for (name, pipes) in [("target", ["copy", "view"].as_slice()), ("events", &["copy", "reader", "view"])] {
        let dry = app.delete(&format!("/v0/datasources/{name}?dry_run=true")).send().await.assert_status(200).json();
        assert_eq!(dry["dependent_pipes"], json!(pipes));
    }
    app.get("/v0/datasources/target").send().await.assert_status(200);
}

/// Tables are dropped in the background, once nobody reads them.
async fn no_tables(app: &TestApp) {
    let sql = format!("SELECT name FROM system.tables WHERE database = '{}'", app.workspace().database);
    for _ in 0..1000 {
        if app.engine_lines(&sql).await.is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the tables are still there: {:?}", app.engine_lines(&sql).await);
}

#[tokio::test]
async fn delete_and_change_need_their_scopes() {
    let app = TestApp::new().await;
    app.create_data_source("events", "a Int32").await;
    app.create_data_source("others", "a Int32").await;
    let client = app.with_scopes(&["DATASOURCES:READ:events", "DATASOURCES:APPEND:events", "PIPES:CREATE"]).await;
    client.delete("/v0/datasources/events").send().await.assert_error(403);
    client.delete("/v0/datasources/events?dry_run=true").send().await.assert_error(403);
    client.put("/v0/datasources/events?name=x").send().await.assert_error(403);
    client.post("/v0/datasources/events/truncate").send().await.assert_error(403);
    client.post("/v0/datasources?name=new&schema=a%20Int32").send().await.assert_error(403);
    let dropper = app.with_scopes(&["DATASOURCES:DROP:events"]).await;
    dropper.delete("/v0/datasources/others").send().await.assert_error(404);
    dropper.delete("/v0/datasources/events").send().await.assert_status(204);
    let creator = app.with_scopes(&["DATASOURCE:CREATE"]).await;
    creator.post("/v0/datasources?name=new&schema=a%20Int32").send().await.assert_status(200);
    creator.post("/v0/datasources/others/truncate").send().await.assert_status(205);
    creator.delete("/v0/datasources/others").send().await.assert_status(204);
}

#[tokio::test]
async fn truncate_empties_rows_and_quarantine() {
    let app = TestApp::new().await;
    let before = app.create_data_source("events", "a Int32 `json:$.a`").await;
    app.send_events("events", "{\"a\":1,\"d\":[]}\n{\"a\":2}").await;
    app.post("/v0/events?name=events").body("{\"a\":\"x\"}").send().await.assert_status(202);
    let answer = app.post("/v0/datasources/events/truncate").send().await.assert_status(205);
    assert!(answer.body.is_empty());
    assert_eq!(
        app.rows("SELECT (SELECT count() FROM events), (SELECT count() FROM events_quarantine)").await,
        "0\t0\n"
    );
    let after = app.get("/v0/datasources/events").send().await.json();
    assert_eq!((&after["id"], &after["statistics"]["row_count"]), (&before["id"], &json!(0)));
    app.send_events("events", "{\"a\":3}").await;
    assert_eq!(app.rows("SELECT a FROM events").await, "3\n");
    app.post("/v0/datasources/absent/truncate").send().await.assert_error(404);
}

#[tokio::test]
async fn what_comes_later_says_so() {
    let app = TestApp::new().await;
    app.create_data_source("events", "a Int32").await;
    let error = app.post("/v0/datasources?name=events&mode=replace").body("1\n").send().await.assert_error(400);
    assert!(error.contains("cannot be used yet"), "{error}");
    let error = app.post("/v0/datasources?name=events&mode=append&url=http://x/y.csv").send().await.assert_error(400);
    assert!(error.contains("cannot be made yet"), "{error}");
}
