//! Tokens that see only some rows: how filters are given, and that nothing else is ever seen.

mod generated;
mod given;
mod meaning;
mod side_channels;

use serde_json::{Value, json};

use crate::support::{Client, TestApp};

/// Rows of three tenants in `events`; `allowed` says which of them a filter may let through.
pub(super) async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "tenant String `json:$.tenant`, n Int32 `json:$.n`, note String `json:$.note`")
        .await;
    let rows: Vec<String> = (0..30)
        .map(|n| {
            let tenant = ["acme", "blue", "core"][n % 3];
            json!({"tenant": tenant, "n": n, "note": format!("{tenant} {n}")}).to_string()
        })
        .collect();
    app.send_events("events", &rows.join("\n")).await;
    app.create_data_source("allowed", "t String `json:$.t`").await;
    app.send_events("allowed", "{\"t\":\"acme\"}\n{\"t\":\"blue\"}").await;
    app
}

/// A caller whose token has this scope for some rows.
pub(super) async fn filtered(app: &TestApp, kind: &str, resource: &str, filter: &str) -> Client {
    with_grants(app, &json!([{"type": kind, "resource": resource, "filter": filter}])).await
}

/// A caller whose token has these scopes, as JSON says them.
pub(super) async fn with_grants(app: &TestApp, scopes: &Value) -> Client {
    let name = format!("filtered {}", app.workspace().tokens.len());
    let body = json!({"name": name, "scopes": scopes});
    let answer = app.post("/v0/tokens").json(&body).send().await.assert_status(200);
    app.with_token(answer.json()["token"].as_str().unwrap())
}

/// A caller that sees the rows of `acme` in `events`.
pub(super) async fn acme(app: &TestApp) -> Client {
    filtered(app, "DATASOURCES:READ", "events", "tenant = 'acme'").await
}
