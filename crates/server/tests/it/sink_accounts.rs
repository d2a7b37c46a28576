//! Sinks by the key of a Google service account: what it signs is checked by a store of our own.

use serde_json::{Value, json};

use crate::sink_runs::{MANY, large, run_large};
use crate::sinks::{FORM, SinkApp};
use crate::support::{OTHER_PRIVATE_KEY, PRIVATE_KEY, key_file};

fn with(key: &Value, member: &str, value: Value) -> Value {
    let mut key = key.clone();
    key[member] = value;
    key
}

#[tokio::test]
async fn a_service_account_writes() {
    let app = SinkApp::google().await.with_pipe().await;
    app.set("connection=store&path=gs://exports/g&file_template={country}/all&format=ndjson").await.assert_status(200);
    let job = app.run("").await;
    assert_eq!((&job["status"], &job["service"]), (&json!("done"), &json!("gcs_service_account")), "{job}");
    assert_eq!(app.s3.keys("exports"), ["g/ES/all.ndjson", "g/FR/all.ndjson"]);
    assert_eq!(app.s3.text("exports", "g/ES/all.ndjson").lines().count(), 2);
    // Once more: names that are taken are seen.
    app.run("").await;
    assert_eq!(app.s3.keys("exports").len(), 4);
    // A name that has to be written otherwise in an address.
    assert_eq!(app.run("file_template=año/a b&write_strategy=truncate").await["status"], "done");
    assert!(app.s3.keys("exports").contains(&"g/año/a b.ndjson".to_owned()), "{:?}", app.s3.keys("exports"));
}

#[tokio::test]
async fn large_files_of_a_service_account_come_in_parts() {
    let app = SinkApp::google().await;
    large(&app, MANY).await;
    let job = run_large(&app, "").await;
    assert_eq!((&job["status"], &job["written_rows"]), (&json!("done"), &json!(900_000)), "{job}");
    let files = app.s3.files("exports");
    assert_eq!(files["large/f.csv"].len(), job["written_bytes"]);
    let sum = "SELECT count(), sum(cityHash64(toUInt64(id), text)) FROM";
    let found = app.engine_reads(&files, "CSVWithNames", &format!("{sum} files")).await;
    assert_eq!(found, app.engine_lines(&format!("{sum} ({MANY})")).await);
}

#[tokio::test]
async fn what_the_store_refuses_is_said_when_the_sink_is_set() {
    let app = SinkApp::google().await.with_pipe().await;
    let key = key_file(&app.s3.endpoint);
    app.connect_account("wrong", &with(&key, "private_key", OTHER_PRIVATE_KEY.into())).await.assert_status(200);
    let text = app.set("connection=wrong&path=gs://exports/x&file_template=f").await.assert_error(401);
    assert!(text.contains("'wrong'") && text.contains("Invalid Credentials"), "{text}");
    // An emulator's key asks for no signatures. This store wants them.
    let unsigned = with(&with(&key, "private_key", "".into()), "disable_oauth", true.into());
    app.connect_account("unsigned", &unsigned).await.assert_status(200);
    app.set("connection=unsigned&path=gs://exports/x&file_template=f").await.assert_error(401);
    let text = app.set("connection=store&path=gs://no-such-bucket/x&file_template=f").await.assert_error(404);
    assert!(text.contains("'no-such-bucket'"), "{text}");
    app.set(FORM).await.assert_status(200);
    let text = app.post("/v0/pipes/p/sink").form("connection=wrong").send().await.assert_error(401);
    assert!(text.contains("'wrong'"), "{text}");
}

#[tokio::test]
async fn a_key_file_that_cannot_work_is_refused_at_once() {
    let app = SinkApp::google().await;
    let key = key_file(&app.s3.endpoint);
    let encrypted = PRIVATE_KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let flattened = PRIVATE_KEY.replace('\n', " ");
    for (member, value, part) in [
        ("private_key", Value::Null, "has no private_key"),
        ("private_key", "".into(), "has no private_key"),
        ("private_key", 7.into(), "has no private_key"),
        ("private_key", "hush-hush".into(), "private_key"),
        ("private_key", encrypted.into(), "private_key"),
        ("private_key", flattened.into(), "line breaks"),
        ("private_key_id", Value::Null, "private_key_id"),
        ("client_email", " ".into(), "client_email"),
        ("gcs_base_url", 1.into(), "gcs_base_url"),
        ("gcs_base_url", "ftp://x".into(), "'ftp://x'"),
        ("gcs_base_url", "http://a:b@x".into(), "without credentials"),
    ] {
        let broken = with(&key, member, value);
        let text = app.connect_account("broken", &broken).await.assert_error(400);
        assert!(text.contains(part) && !text.contains("hush-hush"), "{member}: {text}");
    }
    assert!(app.connect_account("broken", &json!("[]")).await.assert_error(400).contains("JSON"));
    app.get("/v0/connectors/broken").send().await.assert_error(404);
    // The file as text is as good.
    app.connect_account("as_text", &key.to_string().into()).await.assert_status(200);
}

/// A key file names addresses. They are a user's, like any other.
#[tokio::test]
async fn addresses_in_a_key_file_pass_the_gate() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}/token", listener.local_addr().unwrap());
    let app = SinkApp::google().await.with_pipe().await;
    let mut key = key_file(&app.s3.endpoint);
    for member in ["token_uri", "auth_uri", "auth_provider_x509_cert_url", "universe_domain"] {
        key[member] = elsewhere.as_str().into();
    }
    app.connect_account("elsewhere", &key).await.assert_status(200);
    app.set("connection=elsewhere&path=gs://exports/x&file_template=f").await.assert_status(200);
    assert_eq!(app.run("").await["status"], "done");
    // Tokens are signed here: nobody is asked for one.
    let asked = listener.accept();
    assert!(matches!(&asked, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock), "{asked:?}");

    let before = app.s3.requests();
    let app = app.restart_with(|config| config.outbound.allow_private_networks = false).await;
    let text = app.post("/v0/pipes/p/sink").send().await.assert_error(400);
    assert!(text.contains("allow_private_networks"), "{text}");
    assert_eq!(app.s3.requests(), before);
    for base_url in [app.s3.endpoint.as_str(), "http://localhost:1", "http://[::1]", "http://169.254.169.254"] {
        let text = app.connect_account("inside", &key_file(base_url)).await.assert_error(400);
        assert!(text.contains("allow_private_networks"), "{base_url}: {text}");
    }
}
