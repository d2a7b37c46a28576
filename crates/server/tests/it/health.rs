//! `/health`, `/health/ready`, `/metrics`, `/tokens`, and what happens while there is no engine.

use serde_json::json;
use standpipe_server::app::App;
use standpipe_server::engine_process::EngineState;
use standpipe_server::router;

use crate::support::{Client, TestApp};

#[tokio::test]
async fn health_is_live_and_ready_is_the_engine() {
    let app = TestApp::new().await;
    let anybody = app.anonymous();
    for uri in ["/health", "/v0/health", "/health/ready"] {
        assert_eq!(anybody.get(uri).send().await.assert_status(200).json(), json!({"status": "ok"}), "{uri}");
    }
    for state in [EngineState::Starting, EngineState::Down { since: tokio::time::Instant::now() }] {
        app.engine_state.send_replace(state);
        let answer = anybody.get("/health/ready").send().await.assert_status(503);
        assert_eq!(answer.header("retry-after"), Some("1"));
        anybody.get("/health").send().await.assert_status(200);
    }
}

#[tokio::test]
async fn before_the_start_is_complete_nothing_is_let_in() {
    let app = TestApp::new().await;
    let inner = &app.app;
    let token = app.access().token().id;
    let fresh =
        App::new(inner.config.clone(), inner.engine.clone(), inner.metrics.clone(), inner.standpipe.clone(), token);
    let client = Client::new(router::build(fresh.clone()), Some(app.token().to_owned()));
    for request in [client.get("/health/ready"), client.get("/v0/pipes"), client.post("/v0/sql").body("SELECT 1")] {
        let answer = request.send().await.assert_status(503);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    fresh.set_prepared();
    client.get("/health/ready").send().await.assert_status(200);
    client.get("/v0/pipes").send().await.assert_status(200);
}

#[tokio::test]
async fn without_an_engine_reads_are_503_and_the_catalog_answers() {
    let app = TestApp::with(|config| config.limits.insert_retry_seconds = 0).await;
    app.create_data_source("events", "n Int32 `json:$.n`").await;
    app.create_endpoint("p", "SELECT 1 AS x").await;
    let app = app.restart_without_engine().await;
    for request in [
        app.get("/v0/pipes/p.json"),
        app.post("/v0/sql").body("SELECT 1"),
        app.post("/v0/events?name=events").body("{\"n\":1}"),
        app.get("/health/ready"),
    ] {
        let answer = request.send().await.assert_status(503);
        assert_eq!(answer.header("retry-after"), Some("1"), "{}", answer.what);
    }
    app.get("/v0/pipes/p").send().await.assert_status(200);
    app.get("/v0/pipes").send().await.assert_status(200);
    app.get("/v0/tokens").send().await.assert_status(200);
    app.get("/v0/datasources").send().await.assert_status(200);
    let metrics = app.get("/metrics").send().await.assert_status(200);
    assert!(metrics.text().contains("\nstandpipe_engine_up 0\n"), "{}", metrics.text());
}

#[tokio::test]
async fn metrics_parse_and_tell_the_sandbox() {
    let app = TestApp::new().await;
    app.create_endpoint("p", "SELECT 1 AS x").await;
    app.get("/v0/pipes/p.json").send().await.assert_status(200);
    let answer = app.anonymous().get("/metrics").send().await.assert_status(200);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let text = answer.text();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("'{line}' is no sample"));
        assert!(name.starts_with("standpipe_") || name.starts_with("process_"), "{line}");
        value.parse::<f64>().unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("\nstandpipe_engine_up 1\n"));
    assert!(text.contains("sandbox"), "{text}");
    assert!(text.contains("/v0/pipes/{pipe}"), "requests are counted by route: {text}");
}

#[tokio::test]
async fn local_tokens_go_to_programs_on_this_machine_only() {
    let app = TestApp::new().await;
    let answer = app.anonymous().get("/tokens").send().await.assert_status(200).json();
    assert_eq!(
        answer,
        json!({"user_token": app.token(), "admin_token": app.token(), "workspace_admin_token": app.token()})
    );
    let page = app.anonymous().get("/tokens").header(http::header::ORIGIN, "https://page.example").send().await;
    page.assert_error(403);
    let rebound = app.anonymous().get("/tokens").header(http::header::HOST, "page.example:7181").send().await;
    rebound.assert_error(403);
    let off = TestApp::with(|config| config.server.local_tokens = false).await;
    off.anonymous().get("/tokens").send().await.assert_error(403);
    let open = TestApp::with(|config| config.server.listen = "0.0.0.0:7181".parse().unwrap()).await;
    open.anonymous().get("/tokens").send().await.assert_error(403);
}
