//! `/v0/pipes/:pipe/explain`, `…/nodes/:node/explain` and `/v0/pipes/openapi.json`.

use serde_json::json;

use crate::support::TestApp;

async fn employees(app: &TestApp) {
    app.create_data_source("employees", "country String `json:$.country`, department String `json:$.department`").await;
    app.send_events("employees", r#"{"country": "ES", "department": "Engineering"}"#).await;
    let nodes = json!([
        {"name": "people", "sql": "SELECT * FROM employees -- all of them"},
        {"name": "by_department", "type": "endpoint", "sql": "%\nSELECT country, department\nFROM people\nWHERE department = {{String(department, 'Sales', description='Which one')}} LIMIT {{Int32(n, 5)}}"},
    ]);
    app.post("/v0/pipes")
        .json(&json!({"name": "staff", "description": "Who works here", "nodes": nodes}))
        .send()
        .await
        .assert_status(200);
}

#[tokio::test]
async fn a_pipe_and_a_node_are_explained_with_parameters() {
    let app = TestApp::new().await;
    employees(&app).await;
    let answer = app.get("/v0/pipes/staff/explain?department=Engineering").send().await.assert_status(200).json();
    let query = answer["debug_query"].as_str().unwrap();
    assert_eq!(
        query,
        "SELECT country, department FROM (SELECT * FROM employees AS employees) AS people WHERE department = 'Engineering' LIMIT toInt32('5')"
    );
    let plan = answer["query_explain"].as_str().unwrap();
    assert!(plan.contains("ReadFromMergeTree (employees)") || plan.contains("employees"), "{plan}");
    assert!(!plan.contains("t_") && !plan.contains('\n'), "{plan}");
    let node = app.get("/v0/pipes/staff/nodes/people/explain").send().await.assert_status(200).json();
    assert_eq!(node["debug_query"], "SELECT * FROM employees AS employees");
}

#[tokio::test]
async fn explaining_needs_the_sources_too() {
    let app = TestApp::new().await;
    employees(&app).await;
    let reader = app.with_scopes(&["PIPES:READ:staff"]).await;
    reader.get("/v0/pipes/staff/explain").send().await.assert_error(403);
    let both = app.with_scopes(&["PIPES:READ:staff", "DATASOURCES:READ:employees"]).await;
    both.get("/v0/pipes/staff/explain").send().await.assert_status(200);
    app.get("/v0/pipes/nothing/explain").send().await.assert_error(404);
    app.get("/v0/pipes/staff/nodes/nothing/explain").send().await.assert_error(404);
    app.post("/v0/pipes?name=empty").json(&json!({"name": "empty", "nodes": []})).send().await.assert_status(200);
    app.get("/v0/pipes/empty/explain").send().await.assert_error(400);
}

#[tokio::test]
async fn endpoints_are_described_to_those_who_can_read_them() {
    let app = TestApp::new().await;
    employees(&app).await;
    app.create_pipe("unpublished", "SELECT 1").await;
    let reader = app.with_scopes(&["PIPES:READ:staff"]).await;
    let document = reader.get("/v0/pipes/openapi.json").send().await.assert_status(200).json();
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["/v0/pipes/staff.json"]);
    let get = &paths["/v0/pipes/staff.json"]["get"];
    assert_eq!(get["summary"], "Who works here");
    assert_eq!(
        get["parameters"],
        json!([
            {"name": "department", "in": "query", "required": false, "description": "Which one",
             "schema": {"type": "string", "default": "Sales"}},
            {"name": "n", "in": "query", "required": false, "description": "",
             "schema": {"type": "integer", "default": 5}},
        ])
    );
    let nobody = app.with_scopes(&["TOKENS"]).await;
    let document = nobody.get("/v0/pipes/openapi.json").send().await.assert_status(200).json();
    assert_eq!(document["paths"], json!({}));
}
