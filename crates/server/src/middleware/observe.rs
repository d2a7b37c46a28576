//! Each request's id, log line and metrics.

use std::fmt;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::Instrument;
use ulid::Ulid;

use super::json_errors;
use crate::app::App;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request's id: in its log lines, in its answer's `x-request-id`, and an extension of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(Ulid);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Gives the request an id, makes a plain error JSON, and logs and counts the answer.
pub(super) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = RequestId(Ulid::generate());
    request.extensions_mut().insert(id);
    let method = request.method().clone();
    // The path only: tokens may stand in the query.
    let path = without_tokens(request.uri().path());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("request", %id);

    let answer = async { json_errors::to_json(next.run(request).await).await };
    let mut response = answer.instrument(span.clone()).await;

    let time = started.elapsed();
    let status = response.status().as_u16();
    app.metrics.http.observe(&method, route.as_ref().map_or("other", MatchedPath::as_str), status, time);
    // A task of its own, which comes next on this thread: the client does not wait for the log.
    tokio::spawn(async move {
        let milliseconds = time.as_micros() as f64 / 1e3;
        let _entered = span.enter();
        if status >= 500 {
            tracing::warn!(%method, path, status, milliseconds, "answered");
        } else {
            tracing::info!(%method, path, status, milliseconds, "answered");
        }
    });
    let header = HeaderValue::try_from(id.to_string()).expect("a ULID is letters and digits");
    response.headers_mut().insert(X_REQUEST_ID, header);
    response
}

/// The path as the log may show it: tokens can be named by their value.
fn without_tokens(path: &str) -> String {
    let shown = |segment: &str| match segment.strip_prefix("p.") {
        Some(_) => "p.***".to_owned(),
        None => segment.to_owned(),
    };
    path.split('/').map(shown).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_reaches_the_log() {
        assert_eq!(without_tokens("/v0/tokens/p.eyJ1.x.y/refresh"), "/v0/tokens/p.***/refresh");
        assert_eq!(without_tokens("/v0/pipes/p.json"), "/v0/pipes/p.***");
        assert_eq!(without_tokens("/v0/pipes/top.json"), "/v0/pipes/top.json");
    }
}
