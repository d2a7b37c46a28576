//! What is out of reach, whatever a token may do. Statements that must never run are in `attacks.rs`.

use crate::support::{Client, TestApp};

async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "n Int32 `json:$.n`").await;
    app.create_endpoint("p", "SELECT 1 AS x").await;
    app
}

#[tokio::test]
async fn through_the_expressions_of_a_definition() {
    let app = app().await;
    for (schema, option) in [
        ("a String DEFAULT file('/etc/hostname')", ""),
        ("a String DEFAULT (SELECT 1)", ""),
        ("a Int32", "&engine=MergeTree&engine_sorting_key=a,+file('/etc/hostname')"),
        ("a Int32", "&engine=MergeTree&engine_sorting_key=a)+AS+SELECT+*+FROM+system.one+--"),
        ("a Int32", "&engine=MergeTree&engine_sorting_key=a&engine_partition_key=(SELECT+1)"),
        ("a DateTime", "&engine=MergeTree&engine_sorting_key=a&engine_ttl=a+%2B+toIntervalDay(1)+TO+DISK+'x'"),
        ("a Int32", "&engine=MergeTree&engine_sorting_key=a&engine_settings=storage_policy='x'"),
        ("a Int32 CODEC(NONE)) ENGINE = Memory --", ""),
    ] {
        let uri = format!("/v0/datasources?name=bad{option}");
        app.post(&uri).json(&serde_json::json!({"schema": schema})).send().await.assert_error(400);
        app.get("/v0/datasources/bad").send().await.assert_error(404);
    }
}

#[tokio::test]
async fn another_workspace_is_out_of_reach() {
    let app = app().await;
    let other = app.other_workspace().await;
    let theirs = other.create_data_source("theirs", "n Int32 `json:$.n`").await;
    other.send_events("theirs", "{\"n\":77042}").await;
    let pipe = other.create_endpoint("their_pipe", "SELECT n FROM theirs").await;
    let snapshot = app.standpipe().catalog().snapshot();
    let workspace = snapshot.workspaces().find(|workspace| workspace.name == "other").unwrap();
    let id = theirs["id"].as_str().unwrap();
    let (database, table) = (&workspace.database, format!("{id}_1"));
    let reader = app.with_scopes(&["PIPES:READ:p", "DATASOURCES:READ:events"]).await;
    for name in [
        "theirs",
        id,
        "their_pipe",
        pipe["id"].as_str().unwrap(),
        "theirs_quarantine",
        &table,
        &format!("{database}.{table}"),
        &format!("`{database}`.`{table}`"),
        &format!("\"{database}.{table}\""),
        &format!("merge('{database}', '.*')"),
        &format!("remote('127.0.0.1', {database}, {table})"),
        &format!("`{database}.{table}`"),
    ] {
        refused(&app, &format!("SELECT * FROM {name}"), &[400]).await;
        refused(&app, &format!("SELECT 1 WHERE 1 IN {name}"), &[400]).await;
        refused(&app, &format!("SELECT in(1, {name})"), &[400]).await;
        refused(&reader, &format!("SELECT * FROM {name}"), &[400, 403]).await;
        app.post("/v0/pipes/p/nodes").form(&format!("SELECT * FROM {name}")).send().await.assert_error(400);
    }
    // Not even of one's own: tables have names, never addresses.
    let own = app.workspace();
    let table = own.data_sources.values().next().unwrap().table().rows();
    refused(&app, &format!("SELECT * FROM {}.{table}", own.database), &[400]).await;
    refused(&app, &format!("SELECT * FROM {table}"), &[400]).await;

    app.get("/v0/datasources/theirs").send().await.assert_error(404);
    app.get(&format!("/v0/datasources/{id}")).send().await.assert_error(404);
    app.get("/v0/pipes/their_pipe.json").send().await.assert_error(404);
    app.post(&format!("/v0/events?name={id}")).body("{\"n\":1}").send().await.assert_error(404);
    app.delete(&format!("/v0/datasources/{id}")).send().await.assert_error(404);
    let tokens = app.get("/v0/tokens").send().await.json();
    assert!(!tokens.to_string().contains(other.token()));
    app.get(&format!("/v0/tokens/{}", other.token())).send().await.assert_error(404);
    assert_eq!(other.rows("SELECT n FROM their_pipe").await, "77042\n");
}

async fn refused(client: &Client, sql: &str, statuses: &[u16]) {
    let answer = client.sql(sql).await;
    assert!(statuses.contains(&answer.status), "{sql}: {} {}", answer.status, answer.text());
    assert!(!answer.text().contains("77042"), "{sql}: {}", answer.text());
}

#[tokio::test]
async fn a_name_that_the_token_cannot_read_is_forbidden() {
    let app = app().await;
    app.create_pipe("hidden", "SELECT 1 AS x").await;
    let reader = app.with_scopes(&["PIPES:READ:p"]).await;
    for name in ["events", "hidden", "no_such_thing", "events_quarantine"] {
        let error = reader.sql(&format!("SELECT * FROM {name}")).await.assert_error(403);
        assert_eq!(error, format!("the token cannot read '{name}', or there is no such resource"));
    }
    reader.sql("SELECT * FROM p").await.assert_status(200);
}

/// Columns without an alias are called after their expressions.
#[tokio::test]
async fn names_of_columns_hold_no_addresses() {
    let app = app().await;
    let database = app.workspace().database.clone();
    let table = app.workspace().data_source("events").unwrap().table().rows();
    app.create_pipe("ns", "SELECT n FROM events").await;
    for sql in [
        "SELECT n IN events FROM events",
        "SELECT in(n, events), n NOT IN (events), (n) IN ns FROM events",
        "SELECT count() > 0 AND max(n IN events) FROM events",
        "SELECT (SELECT count() FROM events), EXISTS (SELECT 1 FROM events) FROM events",
        "SELECT events.n, events.*, a.n FROM events JOIN events AS a ON a.n = events.n",
        "SELECT arrayMap(x -> x IN events, [n]) FROM events",
    ] {
        app.append_node("p", "named", sql).await;
        app.post("/v0/pipes/p/nodes/named/endpoint").send().await.assert_status(200);
        for answer in
            [app.sql(sql).await, app.get("/v0/pipes/p.json").send().await, app.sql(&format!("DESCRIBE ({sql})")).await]
        {
            let answer = answer.assert_status(200);
            assert!(!answer.text().contains(&database) && !answer.text().contains(&table), "{sql}: {}", answer.text());
        }
        app.delete("/v0/pipes/p/nodes/named/endpoint").send().await.assert_status(200);
        app.delete("/v0/pipes/p/nodes/named").send().await.assert_status(204);
    }
}
