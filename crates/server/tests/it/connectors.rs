//! Connections over HTTP.

use serde_json::{Value, json};

use crate::support::{TestApp, key_file, redact};

const S3: &str =
    "service=s3&name=store&s3_access_key_id=AKIAVISIBLE&s3_secret_access_key=hush-hush&s3_region=eu-west-3";

async fn create(app: &TestApp, form: &str) -> Value {
    app.post("/v0/connectors").form(form).send().await.assert_status(200).json()
}

#[tokio::test]
async fn a_connection_is_kept_and_its_secrets_are_not_shown() {
    let app = TestApp::new().await;
    let created = create(&app, S3).await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&redact(created.clone())).unwrap(), @r#"
    {
      "id": "[uuid 1]",
      "name": "store",
      "service": "s3",
      "settings": {
        "s3_access_key_id": "AKIAVISIBLE",
        "s3_region": "eu-west-3"
      },
      "linkers": [],
      "sinks": [],
      "created_at": "[time]",
      "updated_at": "[time]"
    }
    "#);
    let id = created["id"].as_str().unwrap();
    for reference in [id, "store"] {
        let uri = format!("/v0/connectors/{reference}");
        assert_eq!(app.get(&uri).send().await.assert_status(200).json(), created);
    }
    let listed = app.get("/v0/connectors").send().await.assert_status(200);
    assert_eq!(listed.json(), json!({"connectors": [created]}));
    assert!(!listed.text().contains("hush-hush"));
    assert_eq!(app.get("/v0/connectors?service=gcs_hmac").send().await.json(), json!({"connectors": []}));
    assert_eq!(app.get("/v0/connectors?service=s3").send().await.json()["connectors"][0]["id"], id);
    app.get("/v0/connectors?service=ftp").send().await.assert_error(400);
    let app = app.restart().await;
    assert_eq!(app.get("/v0/connectors/store").send().await.assert_status(200).json(), created);
    for file in ["metadata.sqlite", "metadata.sqlite-wal"] {
        let Ok(bytes) = std::fs::read(app.app.config.server.data.join(file)) else { continue };
        for secret in ["hush-hush", "AKIAVISIBLE"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{file} holds {secret}");
        }
    }
    app.delete("/v0/connectors/store").send().await.assert_status(204);
    app.get("/v0/connectors/store").send().await.assert_error(404);
    app.delete("/v0/connectors/store").send().await.assert_error(404);
}

#[tokio::test]
async fn every_service_in_every_spelling() {
    let app = TestApp::new().await;
    let role = "arn:aws:iam::123456789012:role/sinks";
    let mut key = key_file("");
    key.as_object_mut().unwrap().remove("gcs_base_url");
    for (number, (body, service, shown)) in [
        (json!({"service": "s3", "s3_access_key": "a", "s3_secret": "hush-hush"}), "s3", json!({"s3_access_key_id": "a"})),
        (json!({"service": "S3", "S3_ACCESS_KEY": "a", "S3_SECRET": "hush-hush", "S3_REGION": "us-east-1"}), "s3",
            json!({"s3_access_key_id": "a", "s3_region": "us-east-1"})),
        (json!({"service": "s3_iamrole", "s3_arn": role, "s3_region": "eu-west-3"}), "s3_iamrole",
            json!({"s3_iamrole_arn": role, "s3_iamrole_region": "eu-west-3"})),
        (json!({"service": "gcs", "gcs_service_account_credentials_json": key}), "gcs_service_account", json!({})),
        (json!({"service": "gcs_service_account", "GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON": key.to_string()}),
            "gcs_service_account", json!({})),
        (json!({"service": "gcs_hmac", "gcs_access_id": "a", "gcs_secret": "hush-hush"}), "gcs_hmac",
            json!({"gcs_hmac_access_id": "a"})),
        (json!({"service": "gcs_hmac", "gcs_hmac_access_id": "a", "gcs_hmac_secret": "hush-hush"}), "gcs_hmac",
            json!({"gcs_hmac_access_id": "a"})),
        (json!({"service": "kafka", "kafka_bootstrap_servers": "k:9092", "kafka_key": "a", "kafka_secret": "hush-hush"}),
            "kafka", json!({"kafka_bootstrap_servers": "k:9092", "kafka_key": "a"})),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = body;
        body["name"] = format!("c{number}").into();
        let answer = app.post("/v0/connectors").json(&body).send().await.assert_status(200);
        let text = answer.text();
        assert!(!text.contains("hush-hush") && !text.contains("PRIVATE KEY"), "{text}");
        let answer = answer.json();
        assert_eq!((&answer["service"], &answer["settings"]), (&json!(service), &shown), "{body}");
    }
    let uri = "/v0/connectors?service=s3&name=by_query&s3_access_key_id=a&s3_secret_access_key=b";
    let tried = app.post(&format!("{uri}&dry_run=true")).send().await.assert_status(200).json();
    assert_eq!(tried, json!({"name": "by_query", "service": "s3", "status": "ok"}));
    app.get("/v0/connectors/by_query").send().await.assert_error(404);
    app.post(uri).send().await.assert_status(200);
}

#[tokio::test]
async fn what_is_no_connection_says_why() {
    let app = TestApp::new().await;
    create(&app, S3).await;
    for (form, status, part) in [
        ("", 400, "service"),
        ("service=ftp&name=x", 400, "'ftp'"),
        ("service=s3", 400, "name"),
        ("service=s3&name=x", 400, "s3_access_key_id"),
        ("service=s3&name=x&s3_access_key=a", 400, "s3_secret_access_key"),
        ("service=s3&name=a/b&s3_access_key=a&s3_secret=b", 400, "'a/b'"),
        ("service=s3&name=x&s3_access_key=a&s3_secret=b&s3_region=moon", 400, "'moon'"),
        ("service=s3_iamrole&name=x", 400, "s3_iamrole_arn"),
        ("service=s3_iamrole&name=x&s3_iamrole_arn=role/x", 400, "'role/x'"),
        ("service=gcs&name=x", 400, "gcs_service_account_credentials_json"),
        ("service=gcs&name=x&gcs_service_account_credentials_json=nope", 400, "JSON"),
        ("service=gcs_hmac&name=x&gcs_access_id=a", 400, "gcs_hmac_secret"),
        ("service=kafka&name=x", 400, "kafka_bootstrap_servers"),
        ("service=s3&name=store&s3_access_key=a&s3_secret=b", 409, "'store'"),
        ("service=s3&name=x&s3_access_key=a&s3_secret=b&s3_endpoint=ftp://x", 400, "'ftp://x'"),
        ("service=s3&name=x&s3_access_key=a&s3_secret=b&s3_endpoint=http://a:b@x", 400, "without credentials"),
        (
            "service=s3&name=x&s3_access_key=a&s3_secret=b&s3_endpoint=http://127.0.0.1:9000",
            400,
            "allow_private_networks",
        ),
        ("service=s3&name=x&s3_access_key=a&s3_secret=b&s3_endpoint=http://localhost", 400, "allow_private_networks"),
        ("service=s3&name=x&s3_access_key=a&s3_secret=b&s3_endpoint=http://[::1]:1", 400, "allow_private_networks"),
        (
            "service=s3&name=x&s3_access_key=a&s3_secret=b&s3_endpoint=http://169.254.169.254",
            400,
            "allow_private_networks",
        ),
        (
            "service=gcs_hmac&name=x&gcs_access_id=a&gcs_secret=b&gcs_endpoint=http://10.0.0.1",
            400,
            "allow_private_networks",
        ),
    ] {
        let text = app.post("/v0/connectors").form(form).send().await.assert_error(status);
        assert!(text.contains(part), "{form}: {text}");
        if !form.is_empty() {
            app.post(&format!("/v0/connectors?dry_run=true&{form}")).send().await.assert_error(status);
        }
    }
    assert_eq!(app.get("/v0/connectors").send().await.json()["connectors"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn connections_are_the_admins_and_the_workspaces() {
    let app = TestApp::new().await;
    create(&app, S3).await;
    let creator = app.with_scopes(&["PIPES:CREATE", "DATASOURCES:CREATE", "TOKENS"]).await;
    creator.get("/v0/connectors").send().await.assert_error(403);
    creator.get("/v0/connectors/store").send().await.assert_error(403);
    creator.post("/v0/connectors").form(S3).send().await.assert_error(403);
    creator.delete("/v0/connectors/store").send().await.assert_error(403);
    let other = app.other_workspace().await;
    assert_eq!(other.get("/v0/connectors").send().await.json(), json!({"connectors": []}));
    other.get("/v0/connectors/store").send().await.assert_error(404);
    other.delete("/v0/connectors/store").send().await.assert_error(404);
    other.post("/v0/connectors").form(S3).send().await.assert_status(200);
}
