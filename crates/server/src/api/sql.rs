//! The Query API.

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Uri};
use standpipe_core::Error;
use standpipe_core::access::Access;
use standpipe_core::read::{Answer, Format, Query};

use super::answer::respond;
use super::observed::Observed;
use super::pipes::data::DataRequest;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::{Fields, form_with, looks_like_json};

/// Run a query
///
/// Runs the SELECT in `q` over data sources and pipes that the token may read. Without a FORMAT clause the answer is
/// JSON. `pipeline` names a pipe that the SQL may call `_`.
#[utoipa::path(
    get, path = "/v0/sql", tag = "Query", security(("token" = [])),
    params(
        ("q" = String, Query, description = "SQL"),
        ("pipeline" = Option<String>, Query, description = "Name or id of the pipe that _ stands for"),
    ),
    responses(
        (status = 200, description = "The data"), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 408, body = ErrorBody), (status = 413, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub async fn query_sql(
    State(app): State<App>,
    uri: Uri,
    Caller(access): Caller,
    observed: Observed,
) -> Result<Response, ApiError> {
    let recording = observed.of_query_api(&app, access.clone());
    respond(run(&app, &access, Fields::of_query(&uri), None).await, recording)
}

/// Run a query that the body holds
///
/// The body is the SQL itself, or a form or JSON object with `q`; other members are template parameters.
#[utoipa::path(
    post, path = "/v0/sql", tag = "Query", security(("token" = [])),
    request_body(content = String, description = "SQL, or a form or JSON object with q", content_type = "text/plain"),
    responses(
        (status = 200, description = "The data"), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 408, body = ErrorBody), (status = 413, body = ErrorBody), (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ),
)]
pub async fn post_sql(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Caller(access): Caller,
    observed: Observed,
    body: Bytes,
) -> Result<Response, ApiError> {
    let recording = observed.of_query_api(&app, access.clone());
    let answered = match read_post(&uri, &headers, &body) {
        Ok((fields, sql)) => run(&app, &access, fields, sql).await,
        Err(error) => Err(error),
    };
    respond(answered, recording)
}

/// Named values of a POST, and its body where that is the SQL itself.
fn read_post(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<(Fields, Option<String>), ApiError> {
    let query = Fields::of_query(uri);
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let trimmed = body.trim_ascii();
    if trimmed.is_empty() {
        return Ok((query, None));
    }
    if looks_like_json(content_type, trimmed) {
        let sent = Fields::parse_json(trimmed)?;
        return Ok((query.without(&sent).and(sent), None));
    }
    let may_be_form = content_type.is_none_or(|value| value.contains("form-urlencoded"));
    if let Some(form) = form_with(trimmed, &["q"]).filter(|_| may_be_form) {
        return Ok((query.without(&form).and(form), None));
    }
    let sql = std::str::from_utf8(body).map_err(|_| ApiError::bad_request("the body is no UTF-8 text"))?;
    Ok((query, Some(sql.to_owned())))
}

async fn run(app: &App, access: &Access, fields: Fields, body: Option<String>) -> Result<Answer, ApiError> {
    let pipeline = fields.filled("pipeline");
    let request = DataRequest::from_fields(fields);
    let sql = body
        .or(request.q)
        .ok_or_else(|| ApiError::bad_request("there is no SQL: send it as 'q' or as the body of a POST"))?;
    let pipe = match &pipeline {
        None => None,
        Some(name) => {
            let not_found = || Error::PipeNotFound { name: name.clone() };
            Some(access.workspace().pipe(name).ok_or_else(not_found)?)
        }
    };
    let query = Query { params: &request.params, output: request.output, request_id: access.request_id() };
    let reader = app.standpipe.reader();
    Ok(reader.sql(access, &sql, pipe.map(|pipe| &**pipe), &query, Format::JSON).await?)
}
