//! The Events API.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode, Uri};
use serde::Serialize;
use standpipe_core::Error;
use standpipe_core::service_data::Event;
use standpipe_core::write::{AppendFormat, AppendRequest, Compression};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::Fields;

/// What became of the events.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventsBody {
    /// Rows stored.
    pub successful_rows: u64,
    /// Rows put into the quarantine.
    pub quarantined_rows: u64,
}

/// Send events
///
/// Appends events to the data source `name`: one JSON object per line, or one object with `format=json`; gzip with
/// `Content-Encoding: gzip`. Rows that do not fit the schema go to `<name>_quarantine`. When the answer comes, the events
/// can be queried; it is 202, or 200 with `wait=true`.
#[utoipa::path(
    post, path = "/v0/events", tag = "Events", security(("token" = [])),
    params(
        ("name" = String, Query, description = "Name or id of the data source"),
        ("wait" = Option<bool>, Query, description = "Answer 200 instead of 202"),
        ("format" = Option<String>, Query, description = "ndjson (default) or json"),
    ),
    request_body(content = String, description = "Events", content_type = "application/x-ndjson"),
    responses(
        (status = 200, body = EventsBody), (status = 202, body = EventsBody), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub async fn send_events(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Caller(access): Caller,
    body: Bytes,
) -> Result<(StatusCode, Json<EventsBody>), ApiError> {
    let fields = Fields::of_query(&uri);
    let name = fields
        .filled("name")
        .ok_or_else(|| ApiError::bad_request("'name' is missing: name the data source with ?name=<data source>"))?;
    let not_found = || Error::DataSourceNotFound { name: name.clone() };
    let data_source = access.workspace().data_source(&name).ok_or_else(not_found)?;
    access.require_append(data_source)?;
    let request = AppendRequest {
        body,
        format: event_format(&fields, &headers)?,
        compression: compression(&headers)?,
        limit: app.config.limits.body.bytes,
        event: Event::AppendEvents,
    };
    let done = app.standpipe.writer().append(&access, app.standpipe.catalog(), data_source.id, request).await?;
    let status = if fields.flag("wait") { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(EventsBody { successful_rows: done.rows, quarantined_rows: done.quarantined })))
}

fn event_format(fields: &Fields, headers: &HeaderMap) -> Result<AppendFormat, ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match fields.filled("format").as_deref() {
        Some("json") => Ok(AppendFormat::Json),
        Some("ndjson") => Ok(AppendFormat::Ndjson),
        Some(other) => Err(ApiError::bad_request(format!("format '{other}' is unknown here: use ndjson or json"))),
        // Browsers and curl name both forms application/json.
        None if content_type.starts_with("application/json") => Ok(AppendFormat::JsonOrNdjson),
        None => Ok(AppendFormat::Ndjson),
    }
}

/// The compression that the request names.
pub fn compression(headers: &HeaderMap) -> Result<Compression, ApiError> {
    match headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase()) {
        None => Ok(Compression::None),
        Some(name) if name.is_empty() || name == "identity" => Ok(Compression::None),
        Some(name) if name == "gzip" || name == "x-gzip" => Ok(Compression::Gzip),
        Some(name) => Err(ApiError::bad_request(format!("Content-Encoding '{name}' is unknown here: use gzip"))),
    }
}
