//! Whether the server lives, and whether it can run statements.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::app::App;
use crate::engine_process::NotReady;
use crate::error::{ApiError, ErrorBody};

/// How long the engine may take to answer a readiness check.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A good answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: &'static str,
}

const OK: Json<Health> = Json(Health { status: "ok" });

/// Tell whether the server lives.
///
/// It answers as long as the process does, whatever the engine's state.
#[utoipa::path(get, path = "/health", tag = "operations", responses((status = OK, body = Health)))]
pub async fn get_health() -> Json<Health> {
    OK
}

/// Tell whether the server lives (older path).
///
/// The same as `/health`, under the path that existing clients ask.
#[utoipa::path(get, path = "/v0/health", tag = "operations", responses((status = OK, body = Health)))]
pub async fn get_health_v0() -> Json<Health> {
    OK
}

/// Tell whether queries can be answered.
///
/// The engine is asked each time: a good answer means that it answered just now.
#[utoipa::path(
    get, path = "/health/ready", tag = "operations",
    responses((status = OK, body = Health), (status = SERVICE_UNAVAILABLE, body = ErrorBody, description = "Try again after `Retry-After` seconds."))
)]
pub async fn get_readiness(State(app): State<App>) -> Result<Json<Health>, ApiError> {
    let state = app.engine.state();
    if !state.is_ready() {
        return Err(unavailable(NotReady { state }.to_string()));
    }
    if !app.is_prepared() {
        return Err(unavailable("the server is still looking after what its last run left"));
    }
    let does_answer = matches!(timeout(ANSWER_TIMEOUT, app.engine.client.ping()).await, Ok(Ok(())));
    if does_answer { Ok(OK) } else { Err(unavailable("the engine does not answer")) }
}

fn unavailable(message: impl Into<String>) -> ApiError {
    ApiError::http(StatusCode::SERVICE_UNAVAILABLE, message)
}
