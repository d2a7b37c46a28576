//! Every documented route asks for a token, and says 403 (never 401) without a good one.

use http::Method;
use serde_json::Value;

use crate::support::{Client, Request, TestApp};

/// Routes that anybody may call; all others need a token.
const PUBLIC: &[&str] = &["get_health", "get_health_v0", "get_local_tokens", "get_metrics", "get_readiness"];

/// Routes that answer a token without any right on what is there: lists are empty, and what it may not know of is
/// not found. Questions about SQL texts are everybody's, and these hold no SQL.
const NOT_FORBIDDEN: &[(&str, u16)] = &[
    ("describe_endpoints", 200),
    ("list_data_sources", 200),
    ("list_jobs", 200),
    ("list_pipes", 200),
    ("cancel_job", 404),
    ("get_job", 404),
    ("retry_job", 404),
    ("get_data_source", 404),
    ("delete_data_source", 404),
    ("list_tables", 400),
    ("post_tables", 400),
    ("replace_sql", 400),
    ("post_replace", 400),
    ("format_sql", 400),
    ("post_format", 400),
];

struct Operation {
    id: String,
    method: Method,
    path: String,
    needs_token: bool,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(standpipe_server::router::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Ok(method) = Method::from_bytes(method.to_ascii_uppercase().as_bytes()) else { continue };
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method,
                path: path.clone(),
                needs_token: operation.get("security").is_some(),
            });
        }
    }
    operations
}

impl Operation {
    /// A request that only its token can make fail.
    fn request(&self, client: &Client) -> Request {
        let path = self.path.replace("{datasource}", "events").replace("{pipe}", "p").replace("{node}", "p_node");
        let path = path.replace("{connector}", "store");
        let path = path.replace("{token}", "admin%20local_testing@tinybird.co");
        let (query, body) = match self.id.as_str() {
            "create_or_append" => ("?name=events&mode=append&format=ndjson", "{\"n\":1}"),
            "send_events" => ("?name=events", "{\"n\":1}"),
            "query_sql" => ("?q=SELECT+*+FROM+events", ""),
            "post_sql" => ("", "SELECT * FROM events"),
            "append_node" | "edit_node" => ("", "SELECT 1"),
            "publish_named_node" => ("", "p_node"),
            "set_copy" | "change_copy" => ("?target_datasource=events", ""),
            "create_pipe" => ("?name=new", "SELECT 1"),
            "create_token" | "update_token" => ("?name=new&scope=PIPES:READ:p", ""),
            _ => ("", ""),
        };
        let path = if self.id == "post_pipe_data" { format!("{path}.json") } else { path };
        client.request(self.method.clone(), &format!("{path}{query}")).body(body)
    }
}

async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "n Int32 `json:$.n`").await;
    app.create_data_source("unrelated", "n Int32 `json:$.n`").await;
    app.create_endpoint("p", "SELECT 1 AS x").await;
    app
}

#[tokio::test]
async fn the_public_routes_are_these() {
    let mut public: Vec<String> = operations().into_iter().filter(|it| !it.needs_token).map(|it| it.id).collect();
    public.sort();
    assert_eq!(public, PUBLIC);
    let app = app().await;
    for operation in operations().iter().filter(|it| !it.needs_token) {
        operation.request(&app.anonymous()).send().await.assert_status(200);
    }
}

#[tokio::test]
async fn no_token_and_a_wrong_token_are_refused_everywhere() {
    let app = app().await;
    let mut value = app.token().to_owned();
    value.truncate(value.len() - 2);
    let wrong = [String::new(), "nonsense".to_owned(), value, format!("{} x", app.token()), "p.e30.x".to_owned()];
    let mut seen = 0;
    for operation in operations().iter().filter(|it| it.needs_token) {
        let answer = operation.request(&app.anonymous()).send().await.assert_status(403);
        assert_eq!(answer.json()["code"], "token_missing", "{}", operation.id);
        for token in &wrong {
            let answer = operation.request(&app.with_token(token)).send().await.assert_status(403);
            let code = if token.is_empty() { "token_missing" } else { "token_unknown" };
            assert_eq!(answer.json()["code"], code, "{} with '{token}'", operation.id);
        }
        seen += 1;
    }
    assert!(seen >= 25, "the document has routes");
}

#[tokio::test]
async fn a_token_that_is_too_small_is_refused_everywhere() {
    let app = app().await;
    let client = app.with_scopes(&["DATASOURCES:APPEND:unrelated"]).await;
    for operation in operations().iter().filter(|it| it.needs_token) {
        let expected = NOT_FORBIDDEN.iter().find(|(id, _)| *id == operation.id).map_or(403, |(_, status)| *status);
        let answer = operation.request(&client).send().await.assert_status(expected);
        let text = answer.text();
        assert!(!text.contains("\"p\"") && !text.contains("\"events\""), "{}: {text}", operation.id);
    }
    let pipe = app.get("/v0/pipes/p").send().await.json();
    assert_eq!((&pipe["nodes"].as_array().unwrap().len(), &pipe["type"]), (&1, &Value::from("endpoint")));
    assert_eq!(app.rows("SELECT count() FROM events").await, "0\n", "nothing was done");
}

#[tokio::test]
async fn a_token_may_stand_in_the_query_and_in_both_places() {
    let app = app().await;
    let token = app.token().to_owned();
    app.anonymous().get(&format!("/v0/pipes?token={token}")).send().await.assert_status(200);
    app.get(&format!("/v0/pipes?token={token}")).send().await.assert_status(200);
    let uri = format!("/v0/pipes/?&token={token}&cli_version=1");
    app.anonymous().get(&uri).send().await.assert_status(200);
}
