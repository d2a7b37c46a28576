//! Sinks by a role of the bucket's owner, against an STS endpoint of our own.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::routing::post;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::integrations::with_identity;
use crate::sinks::SinkApp;
use crate::support::{KEY, SECRET};

/// What STS was asked, and whether it refuses.
#[derive(Clone, Default)]
struct Sts(Arc<Mutex<(Vec<String>, bool)>>);

async fn assume(State(sts): State<Sts>, headers: HeaderMap, body: String) -> (http::StatusCode, String) {
    let mut sts = sts.0.lock().unwrap();
    let signature = headers["authorization"].to_str().unwrap();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=own-key/"), "{signature}");
    assert!(signature.contains("/us-east-1/sts/aws4_request"), "{signature}");
    sts.0.push(body);
    if sts.1 {
        let text = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User is not authorized to perform: \
                    sts:AssumeRole.</Message></Error></ErrorResponse>";
        return (http::StatusCode::FORBIDDEN, text.to_owned());
    }
    let text = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>a session</SessionToken>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    (http::StatusCode::OK, text)
}

async fn start() -> (Sts, String) {
    let sts = Sts::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/", post(assume)).with_state(sts.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (sts, endpoint)
}

#[tokio::test]
async fn a_role_is_assumed_with_the_workspaces_external_id() {
    let (sts, endpoint) = start().await;
    let app = SinkApp::with(|config| {
        with_identity(config);
        config.aws.sts_endpoint = Some(endpoint);
    })
    .await
    .with_pipe()
    .await;
    let role = "arn:aws:iam::999999999999:role/sinks";
    let connection =
        json!({"service": "s3_iamrole", "name": "role", "s3_iamrole_arn": role, "s3_endpoint": app.s3.endpoint});
    app.post("/v0/connectors").json(&connection).send().await.assert_status(200);
    let form = "connection=role&path=s3://exports/r&file_template=f&region=eu-west-3";

    sts.0.lock().unwrap().1 = true;
    let text = app.set(form).await.assert_error(403);
    assert!(text.contains(role) && text.contains("not authorized to perform: sts:AssumeRole"), "{text}");

    sts.0.lock().unwrap().1 = false;
    app.set(form).await.assert_status(200);
    assert_eq!(app.run("").await["status"], "done");
    assert_eq!(app.s3.keys("exports"), ["r/f.csv"]);
    let settings: Value = app.get("/v0/integrations/s3/settings").send().await.json();
    let id = settings["external_id"].as_str().unwrap();
    let asked = std::mem::take(&mut sts.0.lock().unwrap().0);
    assert!(!asked.is_empty());
    for request in asked {
        let fields: Vec<(String, String)> = form_urlencoded::parse(request.as_bytes()).into_owned().collect();
        for (name, value) in [("Action", "AssumeRole"), ("RoleArn", role), ("ExternalId", id)] {
            assert!(fields.contains(&(name.to_owned(), value.to_owned())), "{request}");
        }
    }
    // Refused later, the run says so.
    sts.0.lock().unwrap().1 = true;
    app.post("/v0/pipes/p/sink").send().await.assert_error(403);
}
