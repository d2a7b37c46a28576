//! `/health`, `/health/ready`, `/v0/health`

use axum::http::StatusCode;
use serde_json::json;
use standpipe_server::engine_process::EngineState;
use tokio::time::Instant;

use crate::test_app::TestApp;

#[tokio::test]
async fn the_server_lives_whatever_the_engine_does() {
    let app = TestApp::without_engine().await;
    for path in ["/health", "/v0/health"] {
        let answer = app.get(path).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "status": "ok" })));
    }
}

#[tokio::test]
async fn ready_while_the_engine_answers() {
    let app = TestApp::new().await;
    let answer = app.get("/health/ready").await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "status": "ok" })));
}

#[tokio::test]
async fn not_ready_while_the_engine_starts_or_restarts() {
    let app = TestApp::new().await;
    for (state, error) in [
        (EngineState::Starting, "the engine is starting"),
        (EngineState::Down { since: Instant::now() }, "the engine is down"),
    ] {
        app.state.send_replace(state);
        let answer = app.get("/health/ready").await;
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::SERVICE_UNAVAILABLE, error));
        assert_eq!(answer.header("retry-after"), "1");
    }
    app.state.send_replace(EngineState::External);
    assert_eq!(app.get("/health/ready").await.status, StatusCode::OK);
}

#[tokio::test]
async fn not_ready_when_the_engine_does_not_answer_just_now() {
    let answer = TestApp::without_engine().await.get("/health/ready").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.error(), "the engine does not answer");
    assert_eq!(answer.header("retry-after"), "1");
}
