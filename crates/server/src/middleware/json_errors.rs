//! Errors that libraries answer as plain text, turned into JSON.

use axum::body::to_bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// Most bytes of a plain text error that are looked at.
const LONGEST_TEXT: usize = 64 << 10;

/// Answers with `{"error": ...}` where an extractor or a layer answered with an error of plain text or no text.
pub(super) async fn to_json(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || !is_plain(response.headers()) {
        return response;
    }
    let (head, body) = response.into_parts();
    let text = to_bytes(body, LONGEST_TEXT).await.unwrap_or_default();
    let mut answer = ApiError::http(status, message(status, &text)).into_response();
    // Allow, Retry-After and their like stay; what described the old body goes.
    for (name, value) in head.headers.iter().filter(|(name, _)| !name.as_str().starts_with("content-")) {
        answer.headers_mut().append(name, value.clone());
    }
    answer
}

fn is_plain(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|value| value.as_bytes().starts_with(b"text/plain"))
}

fn message(status: StatusCode, text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    match (status, text.trim()) {
        (StatusCode::PAYLOAD_TOO_LARGE, _) => "the request's body is larger than limits.body allows".to_owned(),
        (_, "") => status.canonical_reason().unwrap_or("unknown error").to_lowercase(),
        (_, text) => text.to_owned(),
    }
}
