//! The metrics, for Prometheus to collect.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use tokio::time::timeout;

use crate::app::App;

/// How long the engine may take to tell its part; without it the rest is told.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Give all metrics in Prometheus' text format.
///
/// The engine is asked at each collection; when it does not answer, `standpipe_engine_up` is 0 and its own metrics are
/// absent.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = OK, body = String, content_type = "application/openmetrics-text")))]
pub async fn get_metrics(State(app): State<App>) -> impl IntoResponse {
    app.metrics.reads.set(app.standpipe.reader().figures());
    let is_external = app.engine.state() == crate::engine_process::EngineState::External;
    if is_external {
        app.metrics.engine.set_external();
    } else if let Ok(Ok(status)) = timeout(ANSWER_TIMEOUT, app.engine.client.status()).await {
        app.metrics.engine.set(&status);
    } else {
        app.metrics.engine.set_down();
    }
    app.metrics.service_data.set(app.standpipe.service_data());
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], app.metrics.encode())
}
