//! Which rows a token with filters sees, wherever it reads them.

use serde_json::json;

use super::{acme, app, filtered, with_grants};

#[tokio::test]
async fn the_same_rows_at_every_place() {
    let app = app().await;
    app.create_endpoint("p", "SELECT tenant, n FROM events").await;
    app.create_endpoint("pp", "WITH c AS (SELECT * FROM p) SELECT tenant, n FROM c WHERE n >= 0").await;
    let grants = json!([
        {"type": "DATASOURCES:READ", "resource": "events", "filter": "tenant = 'acme'"},
        "PIPES:READ:p", "PIPES:READ:pp", "DATASOURCES:READ:allowed",
    ]);
    let client = with_grants(&app, &grants).await;
    for sql in [
        "SELECT count(), any(tenant) FROM events",
        "SELECT count(), any(e.tenant) FROM events AS e",
        "SELECT count(), any(events.tenant) FROM events",
        "SELECT count(), any(tenant) FROM p",
        "SELECT count(), any(tenant) FROM pp",
        "SELECT count(), any(tenant) FROM (SELECT * FROM events)",
        "WITH c AS (SELECT * FROM events) SELECT count(), any(tenant) FROM c",
        "SELECT count(), any(tenant) FROM events PREWHERE n >= 0",
        "SELECT count(), 'acme' FROM events AS a JOIN events AS b USING n",
        "SELECT count(), 'acme' FROM numbers(30) WHERE number IN (SELECT n FROM events)",
        "SELECT (SELECT count() FROM events), (SELECT any(tenant) FROM p)",
        "SELECT intDiv(count(), 2), any(tenant) FROM (SELECT * FROM events UNION ALL SELECT * FROM events)",
        "SELECT countIf(tenant != ''), 'acme' FROM (SELECT toInt32(number) AS n FROM numbers(30)) AS x LEFT JOIN events AS e ON e.n = x.n",
        "SELECT arrayMap(x -> (SELECT count() FROM events), ['core'])[1], 'acme'",
        "WITH 'core' AS tenant SELECT count(), 'acme' FROM events",
    ] {
        assert_eq!(client.rows(sql).await, "10\tacme\n", "{sql}");
        assert_eq!(client.rows(&sql.replace("events", &events_id(&app))).await, "10\tacme\n", "{sql} by id");
    }
    for pipe in ["p", "pp"] {
        let csv = client.get(&format!("/v0/pipes/{pipe}.csv")).send().await.assert_status(200);
        assert_eq!(csv.text().lines().count(), 11, "{}", csv.text());
        let q = format!("/v0/pipes/{pipe}.csv?q=SELECT%20count()%20AS%20c%20FROM%20_");
        assert_eq!(client.get(&q).send().await.assert_status(200).text(), "\"c\"\n10\n");
    }
    assert_eq!(app.rows("SELECT count() FROM events").await, "30\n", "an admin sees all");
}

fn events_id(app: &crate::support::TestApp) -> String {
    app.workspace().data_source("events").unwrap().id.to_string()
}

#[tokio::test]
async fn a_right_without_a_filter_shows_all_and_filters_add_up() {
    let app = app().await;
    let read = |filter: &str| json!({"type": "DATASOURCES:READ", "resource": "events", "filter": filter});
    let two = with_grants(&app, &json!([read("tenant = 'acme'"), read("n < 3 -- few")])).await;
    assert_eq!(two.rows("SELECT count(), uniq(tenant) FROM events").await, "12\t3\n");
    let all = with_grants(&app, &json!([read("tenant = 'acme'"), "DATASOURCES:READ:events"])).await;
    assert_eq!(all.rows("SELECT count() FROM events").await, "30\n");
    let admin = with_grants(&app, &json!([read("tenant = 'acme'"), "ADMIN"])).await;
    assert_eq!(admin.rows("SELECT count() FROM events").await, "30\n");
    // A pipe lends its right on what the token holds no right on.
    app.create_endpoint("p", "SELECT tenant, n FROM events").await;
    let reader = app.with_scopes(&["PIPES:READ:p"]).await;
    assert_eq!(reader.rows("SELECT count() FROM p").await, "30\n");
}

#[tokio::test]
async fn filters_on_pipes() {
    let app = app().await;
    app.create_endpoint("p", "SELECT tenant, n AS number FROM events -- all of them").await;
    app.create_endpoint("q", "SELECT tenant, max(number) AS top FROM p GROUP BY tenant ORDER BY tenant").await;
    app.append_node("p", "later", "SELECT 1 AS other").await;
    let filter = json!({"type": "PIPES:READ", "resource": "p", "filter": "p.tenant = 'blue' AND number > 10"});
    let client = with_grants(&app, &json!([filter, "PIPES:READ:q"])).await;
    let expected = "13\n16\n19\n22\n25\n28\n";
    assert_eq!(client.rows("SELECT number FROM p ORDER BY number").await, expected);
    assert_eq!(client.rows("SELECT * FROM q").await, "blue\t28\n");
    let endpoint = client.get("/v0/pipes/p.json").send().await.assert_status(200).json();
    assert_eq!(endpoint["rows"], 6);
    let over = client.get("/v0/pipes/p.csv?q=SELECT%20count()%20AS%20c%20FROM%20_").send().await.assert_status(200);
    assert_eq!(over.text(), "\"c\"\n6\n");
    client.sql("SELECT count() FROM events").await.assert_error(403);
    // A pipe's other nodes have no filter that could be true of their rows.
    let error = client.get("/v0/pipes/p/nodes/later/explain").send().await.assert_error(403);
    assert!(error.contains("without a row filter"), "{error}");
}

#[tokio::test]
async fn inside_a_filter_none_applies() {
    let app = app().await;
    app.create_endpoint("tenants", "SELECT DISTINCT tenant FROM events WHERE tenant != 'core'").await;
    // It reads the very data source that it is on, and a pipe that the token sees only some rows of.
    let grants = json!([
        {"type": "DATASOURCES:READ", "resource": "events",
         "filter": "tenant IN tenants AND n >= (SELECT max(n) - 5 FROM events)"},
        {"type": "PIPES:READ", "resource": "tenants", "filter": "tenant = 'acme'"},
    ]);
    let client = with_grants(&app, &grants).await;
    assert_eq!(client.rows("SELECT n FROM events ORDER BY n").await, "24\n25\n27\n28\n");
    assert_eq!(client.rows("SELECT tenant FROM tenants").await, "acme\n");
}

#[tokio::test]
async fn the_quarantine_is_closed_to_them() {
    let app = app().await;
    app.post("/v0/events?name=events&wait=true").body("{\"n\":\"x\",\"tenant\":\"acme\",\"note\":\"\"}").send().await;
    let client = acme(&app).await;
    client.sql("SELECT count() FROM events_quarantine").await.assert_error(403);
    app.create_endpoint("p", "SELECT count() AS c FROM events_quarantine").await;
    let both = json!([{"type": "DATASOURCES:READ", "resource": "events", "filter": "tenant = 'acme'"}, "PIPES:READ:p"]);
    with_grants(&app, &both).await.get("/v0/pipes/p.json").send().await.assert_error(403);
    let all = app.with_scopes(&["DATASOURCES:READ:events"]).await;
    assert_eq!(all.rows("SELECT count() FROM events_quarantine").await, "1\n");
}

#[tokio::test]
async fn final_sample_and_materialized_columns_keep_their_meaning() {
    let app = app().await;
    let body = json!({
        "name": "versions", "engine": "ReplacingMergeTree", "engine_sorting_key": "k", "engine_ver": "v",
        "schema": "k Int32 `json:$.k`, v Int32 `json:$.v`, twice Int32 MATERIALIZED k * 2",
    });
    app.post("/v0/datasources").json(&body).send().await.assert_status(200);
    app.send_events("versions", "{\"k\":1,\"v\":1}\n{\"k\":2,\"v\":1}").await;
    app.send_events("versions", "{\"k\":1,\"v\":2}\n{\"k\":3,\"v\":1}").await;
    let client = filtered(&app, "DATASOURCES:READ", "versions", "v = 1 OR twice = 2").await;
    assert_eq!(client.rows("SELECT k, v FROM versions FINAL ORDER BY k").await, "1\t2\n2\t1\n3\t1\n");
    let newest = filtered(&app, "DATASOURCES:READ", "versions", "v = 1").await;
    // FINAL comes before the filter: an old version of a row does not come back.
    assert_eq!(newest.rows("SELECT k FROM versions FINAL ORDER BY k").await, "2\n3\n");
    assert_eq!(client.rows("SELECT twice FROM versions WHERE v = 2").await, "2\n");
    assert_eq!(client.rows("SELECT * FROM versions WHERE v = 2").await, "1\t2\n");
}

#[tokio::test]
async fn explain_shows_the_query_with_its_filter() {
    let app = app().await;
    app.create_endpoint("p", "SELECT count() AS c FROM events").await;
    let grants = json!([
        {"type": "DATASOURCES:READ", "resource": "events", "filter": "tenant = 'acme'"}, "PIPES:READ:p",
    ]);
    let client = with_grants(&app, &grants).await;
    let explained = client.get("/v0/pipes/p/explain").send().await.assert_status(200).json();
    assert!(explained["debug_query"].as_str().unwrap().contains("WHERE (tenant = 'acme')"), "{explained}");
    let shown = explained.to_string();
    assert!(!shown.contains(&events_id(&app)) && !shown.contains(&app.workspace().database), "{shown}");
    let plan = client.rows("EXPLAIN SELECT count() FROM events").await;
    assert!(plan.contains("Limit"), "{plan}");
}
