//! `/v0/tokens`, and what each scope allows.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.create_data_source("events", "n Int32 `json:$.n`").await;
    app.create_endpoint("p", "SELECT n FROM events").await;
    app
}

fn scopes(token: &Value) -> Vec<String> {
    let one = |scope: &Value| match scope.get("resource").and_then(Value::as_str) {
        Some(resource) => format!("{}:{resource}", scope["type"].as_str().unwrap()),
        None => scope["type"].as_str().unwrap().to_owned(),
    };
    token["scopes"].as_array().unwrap().iter().map(one).collect()
}

#[tokio::test]
async fn create_with_several_scopes() {
    let app = app().await;
    let uri = "/v0/tokens/?name=my%20token&description=text&origin=C&scope=PIPES:READ:p&scope=DATASOURCES:APPEND:events\
               &scope=DATASOURCES%3ACREATE&cli_version=1";
    let answer = app.post(uri).send().await.assert_status(200);
    assert_snapshot!(answer.shown(), @r#"
    {
      "id": "[uuid 1]",
      "name": "my token",
      "description": "text",
      "scopes": [
        {
          "type": "PIPES:READ",
          "resource": "p"
        },
        {
          "type": "DATASOURCES:APPEND",
          "resource": "events"
        },
        {
          "type": "DATASOURCES:CREATE"
        }
      ],
      "token": "[token 2]",
      "host": "local",
      "origin": {
        "type": "C"
      },
      "is_internal": false,
      "created_at": "[time]"
    }
    "#);
    let form = app.post("/v0/tokens").form("name=form&scope=PIPE:READ:p&scope=DATASOURCE:READ:events").send().await;
    assert_eq!(scopes(&form.assert_status(200).json()), ["PIPES:READ:p", "DATASOURCES:READ:events"]);
    let body = json!({"name": "json", "scopes": [{"type": "PIPES:READ", "resource": "p"}, "TOKENS"]});
    let json = app.post("/v0/tokens").body(body.to_string()).send().await.assert_status(200).json();
    assert_eq!(scopes(&json), ["PIPES:READ:p", "TOKENS"]);
    let id = app.workspace().pipe("p").unwrap().id;
    let by_id =
        app.post(&format!("/v0/tokens?name=by_id&scope=PIPES:READ:{id}")).send().await.assert_status(200).json();
    assert_eq!(scopes(&by_id), ["PIPES:READ:p"]);
}

#[tokio::test]
async fn what_cannot_be_created_is_told() {
    let app = app().await;
    for uri in [
        "/v0/tokens?scope=ADMIN",
        "/v0/tokens?name=x",
        "/v0/tokens?name=x&scope=NONSENSE",
        "/v0/tokens?name=x&scope=PIPES",
        "/v0/tokens?name=x&scope=PIPES:READ",
        "/v0/tokens?name=x&scope=PIPES:READ:absent",
        "/v0/tokens?name=x&scope=PIPES:READ:events",
        "/v0/tokens?name=x&scope=DATASOURCES:READ:p",
        "/v0/tokens?name=x&scope=ADMIN:p",
        "/v0/tokens?name=x&scope=DATASOURCES:APPEND:events:n%20%3E%200",
        "/v0/tokens?name=x&scope=PIPES:READ:p&expiration_time=1",
    ] {
        app.post(uri).send().await.assert_error(400);
    }
    let fixed = json!({"type": "PIPES:READ", "resource": "p", "fixed_params": {"x": 1}});
    app.post("/v0/tokens").json(&json!({"name": "x", "scopes": [fixed]})).send().await.assert_error(400);
    app.post("/v0/tokens?name=x&scope=PIPES:READ:p").send().await.assert_status(200);
    let error = app.post("/v0/tokens?name=x&scope=PIPES:READ:p").send().await.assert_error(409);
    assert!(error.contains("token 'x'"), "{error}");
}

#[tokio::test]
async fn a_token_is_found_by_name_id_and_value() {
    let app = app().await;
    let token = app.post("/v0/tokens?name=some%20name&scope=PIPES:READ:p").send().await.json();
    for reference in ["some%20name", token["id"].as_str().unwrap(), token["token"].as_str().unwrap()] {
        let found = app.get(&format!("/v0/tokens/{reference}")).send().await.assert_status(200).json();
        assert_eq!(found, token, "{reference}");
    }
    let error = app.get("/v0/tokens/absent").send().await.assert_error(404);
    assert_eq!(error, "token 'absent' not found");
    // An error never shows a whole token.
    let error = app.get("/v0/tokens/p.eyJhYmMiOjF9.secret_signature").send().await.assert_error(404);
    assert!(!error.contains("signature"), "{error}");
    let list = app.get("/v0/tokens").send().await.assert_status(200).json();
    let names: Vec<&Value> = list["tokens"].as_array().unwrap().iter().map(|token| &token["name"]).collect();
    assert_eq!(names, ["admin local_testing@tinybird.co", "some name"]);
}

#[tokio::test]
async fn scopes_are_replaced_by_put() {
    let app = app().await;
    let token = app.post("/v0/tokens?name=t&scope=PIPES:READ:p").send().await.json();
    let client = app.with_token(token["token"].as_str().unwrap());
    client.get("/v0/pipes/p.json").send().await.assert_status(200);
    let uri = "/v0/tokens/t?scope=DATASOURCES:READ:events&scope=DATASOURCES:READ:events";
    let changed = app.put(uri).send().await.assert_status(200).json();
    assert_eq!((scopes(&changed), &changed["token"]), (vec!["DATASOURCES:READ:events".to_owned()], &token["token"]));
    client.get("/v0/pipes/p.json").send().await.assert_error(403);
    let renamed = app.put("/v0/tokens/t?name=new&description=text").send().await.assert_status(200).json();
    assert_eq!((&renamed["name"], &renamed["description"]), (&json!("new"), &json!("text")));
    assert_eq!(scopes(&renamed), ["DATASOURCES:READ:events"]);
    let form = app.put("/v0/tokens/new").form("scope=PIPES:READ:p&scope=TOKENS").send().await.assert_status(200).json();
    assert_eq!(scopes(&form), ["PIPES:READ:p", "TOKENS"]);
    app.put("/v0/tokens/absent?name=x").send().await.assert_error(404);
    app.put("/v0/tokens/new?scope=NONSENSE").send().await.assert_error(400);
}

#[tokio::test]
async fn refresh_and_delete_end_a_secret_at_once() {
    let app = app().await;
    let token = app.post("/v0/tokens?name=t&scope=PIPES:READ:p").send().await.json();
    let old = app.with_token(token["token"].as_str().unwrap());
    let fresh = app.post("/v0/tokens/t/refresh").send().await.assert_status(200).json();
    assert_ne!(fresh["token"], token["token"]);
    assert_eq!(fresh["id"], token["id"]);
    old.get("/v0/pipes/p.json").send().await.assert_error(403);
    let new = app.with_token(fresh["token"].as_str().unwrap());
    new.get("/v0/pipes/p.json").send().await.assert_status(200);
    let deleted = app.delete("/v0/tokens/t").send().await.assert_status(200);
    assert_eq!(deleted.json(), json!({"ok": true}));
    new.get("/v0/pipes/p.json").send().await.assert_error(403);
    app.delete("/v0/tokens/t").send().await.assert_error(404);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let app = app().await;
    let admin = "/v0/tokens/admin%20local_testing@tinybird.co";
    app.delete(admin).send().await.assert_error(400);
    app.put(&format!("{admin}?scope=PIPES:READ:p")).send().await.assert_error(400);
    app.post("/v0/tokens?name=second&scope=ADMIN").send().await.assert_status(200);
    app.delete(admin).send().await.assert_status(200);
}

#[tokio::test]
async fn tokens_are_the_business_of_their_scope() {
    let app = app().await;
    let reader = app.with_scopes(&["PIPES:READ:p", "PIPES:CREATE", "DATASOURCES:CREATE"]).await;
    let admin = "/v0/tokens/admin%20local_testing@tinybird.co";
    for request in [
        reader.get("/v0/tokens"),
        reader.get(admin),
        reader.get("/v0/tokens/absent"),
        reader.post("/v0/tokens?name=x&scope=PIPES:READ:p"),
        reader.put(&format!("{admin}?name=x")),
        reader.post(&format!("{admin}/refresh")),
        reader.delete(admin),
    ] {
        request.send().await.assert_error(403);
    }
    let itself = reader.get(&format!("/v0/tokens/{}", reader.token())).send().await.assert_status(200).json();
    assert_eq!(itself["token"], reader.token());
    // TOKENS manages tokens but makes no admin of itself.
    let manager = app.with_scopes(&["TOKENS"]).await;
    manager.get("/v0/tokens").send().await.assert_status(200);
    manager.post("/v0/tokens?name=fine&scope=PIPES:READ:p").send().await.assert_status(200);
    manager.post("/v0/tokens?name=escalated&scope=ADMIN").send().await.assert_error(403);
    manager.put("/v0/tokens/fine?scope=ADMIN").send().await.assert_error(403);
    manager.get("/v0/pipes/p.json").send().await.assert_error(403);
}

#[tokio::test]
async fn tokens_manager_is_not_told_admin_secrets() {
    let app = app().await;
    let manager = app.with_scopes(&["TOKENS"]).await;
    let list = manager.get("/v0/tokens").send().await.assert_status(200).json();
    assert!(!list.to_string().contains(app.token()), "TOKENS must not become ADMIN by reading its secret");
    let admin = "/v0/tokens/admin%20local_testing@tinybird.co";
    let one = manager.get(admin).send().await;
    assert!(!one.text().contains(app.token()));
    manager.post(&format!("{admin}/refresh")).send().await.assert_error(403);
    manager.put(&format!("{admin}?name=mine")).send().await.assert_error(403);
    manager.delete(admin).send().await.assert_error(403);
}

/// What is called, and which of the scopes below allow it.
type Row = (&'static str, fn(&Client) -> crate::support::Request, &'static [&'static str]);

#[tokio::test]
async fn each_scope_allows_what_it_says_and_no_more() {
    let app = app().await;
    app.create_data_source("others", "n Int32 `json:$.n`").await;
    app.create_endpoint("q", "SELECT 1 AS x").await;
    let matrix: &[Row] = &[
        ("read p", |it| it.get("/v0/pipes/p.json"), &["PIPES:READ:p"]),
        ("read q", |it| it.get("/v0/pipes/q.json"), &[]),
        ("define p", |it| it.get("/v0/pipes/p"), &["PIPES:READ:p", "PIPES:CREATE", "PIPES:DROP:p"]),
        ("query p", |it| it.post("/v0/sql").plain("SELECT * FROM p"), &["PIPES:READ:p"]),
        ("query events", |it| it.post("/v0/sql").plain("SELECT * FROM events"), &["DATASOURCES:READ:events"]),
        ("query others", |it| it.post("/v0/sql").plain("SELECT * FROM others"), &[]),
        (
            "send",
            |it| it.post("/v0/events?name=events").body("{\"n\":1}"),
            &["DATASOURCES:APPEND:events", "DATASOURCES:CREATE"],
        ),
        (
            "append",
            |it| it.post("/v0/datasources?mode=append&name=events&format=ndjson").body("{\"n\":1}"),
            &["DATASOURCES:APPEND:events", "DATASOURCES:CREATE"],
        ),
        ("truncate", |it| it.post("/v0/datasources/others/truncate"), &["DATASOURCES:CREATE"]),
        ("add a node", |it| it.post("/v0/pipes/p/nodes").body("SELECT 1"), &["PIPES:CREATE"]),
        ("describe p", |it| it.put("/v0/pipes/p?description=x"), &["PIPES:CREATE"]),
        ("list tokens", |it| it.get("/v0/tokens"), &["TOKENS"]),
    ];
    let all = [
        "PIPES:READ:p",
        "PIPES:CREATE",
        "PIPES:DROP:p",
        "DATASOURCES:READ:events",
        "DATASOURCES:APPEND:events",
        "DATASOURCES:DROP:events",
        "DATASOURCES:CREATE",
        "TOKENS",
    ];
    for scope in all {
        let client = app.with_scopes(&[scope]).await;
        for (what, request, allowed) in matrix {
            let answer = request(&client).send().await;
            let expected = if allowed.contains(&scope) { 200..300 } else { 403..405 };
            assert!(expected.contains(&answer.status), "{what} with {scope}: {} {}", answer.status, answer.text());
        }
    }
}

#[tokio::test]
async fn scopes_follow_a_renamed_resource_and_go_with_a_deleted_one() {
    let app = app().await;
    let client = app.with_scopes(&["PIPES:READ:p", "DATASOURCES:READ:events"]).await;
    let own = format!("/v0/tokens/{}", client.token());
    app.put("/v0/pipes/p?name=renamed").send().await.assert_status(200);
    app.put("/v0/datasources/events?name=log").send().await.assert_status(200);
    client.sql("SELECT * FROM log").await.assert_status(200);
    let shown = client.get(&own).send().await.json();
    assert_eq!(scopes(&shown), ["PIPES:READ:renamed", "DATASOURCES:READ:log"]);
    // A new resource of the old name is not theirs.
    app.create_endpoint("p", "SELECT 'secret' AS x").await;
    client.get("/v0/pipes/p.json").send().await.assert_error(403);

    app.delete("/v0/pipes/renamed").send().await.assert_status(204);
    app.delete("/v0/datasources/log").send().await.assert_status(204);
    app.create_endpoint("renamed", "SELECT 'secret' AS x").await;
    client.get("/v0/pipes/renamed.json").send().await.assert_error(403);
    assert_eq!(client.get(&own).send().await.assert_status(200).json()["scopes"], json!([]));
}

#[tokio::test]
async fn a_pipe_lends_its_rights_on_data_sources() {
    let app = app().await;
    app.send_events("events", "{\"n\":6}").await;
    let reader = app.with_scopes(&["PIPES:READ:p"]).await;
    assert_eq!(reader.get("/v0/pipes/p.csv").send().await.assert_status(200).text(), "\"n\"\n6\n");
    reader.sql("SELECT n FROM events").await.assert_error(403);
    reader.sql("SELECT n FROM p WHERE n IN (SELECT n FROM events)").await.assert_error(403);
}
