//! One pipe: its definition, and by the extension of its name its data.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use standpipe_core::operations::pipes::PipeUpdate;

use super::data::{self, DataRequest};
use super::view::{PipeBody, PipeView};
use crate::api::body_fields;
use crate::api::observed::Observed;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::public_url::PublicUrl;

/// Read a pipe, or its data
///
/// `/v0/pipes/<name>` (or `<name>.pipe`) answers the pipe's definition; `<name>.json`, `.csv`, `.ndjson`, `.parquet` and
/// `.prometheus` answer the data of its published node. For data, every query parameter is a template parameter, except
/// `q` (SQL over the answer, which it calls `_`) and the three `output_format_*` settings.
#[utoipa::path(
    get, path = "/v0/pipes/{pipe}", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id, with an extension for data"),
        ("q" = Option<String>, Query, description = "SQL over the data, which it calls _"),
        ("output_format_json_quote_64bit_integers" = Option<u8>, Query, description = "1 quotes 64-bit integers; default 0"),
        ("output_format_json_quote_denormals" = Option<u8>, Query, description = "1 quotes inf and nan; default 0"),
        ("output_format_parquet_string_as_string" = Option<u8>, Query, description = "1 uses Parquet's String; default 0"),
    ),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 408, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
)]
pub async fn get_pipe(
    State(app): State<App>,
    uri: Uri,
    Path(path): Path<String>,
    Caller(access): Caller,
    url: PublicUrl,
    observed: Observed,
) -> Result<Response, ApiError> {
    if let Some(target) = data::split_extension(&path) {
        let request = DataRequest::from_query(&uri);
        return data::answer(&app, access, observed, target, Ok(request)).await;
    }
    let name = path.strip_suffix(".pipe").unwrap_or(&path);
    let pipe = app.standpipe.pipe(&access, name)?;
    let body = PipeBody::now(&app, &access, &pipe, &url).with_pipeline();
    Ok(Json(PipeView::full().show(&body)).into_response())
}

/// Read a pipe's data with parameters in the body
///
/// The same as `GET` for the five extensions, with the parameters as a form or a JSON object in the body, for those too
/// long for a URL.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}", tag = "Pipes", security(("token" = [])),
    params(("pipe" = String, Path, description = "Name or id, with an extension")),
    request_body(content = String, description = "A form or a JSON object", content_type = "application/json"),
    responses(
        (status = 200, description = "The data"), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 408, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 429, body = ErrorBody), (status = 503, body = ErrorBody),
    ),
)]
pub async fn post_pipe_data(
    State(app): State<App>,
    uri: Uri,
    Path(path): Path<String>,
    headers: HeaderMap,
    Caller(access): Caller,
    observed: Observed,
    body: Bytes,
) -> Result<Response, ApiError> {
    let Some(target) = data::split_extension(&path) else {
        return Err(ApiError::bad_request(format!(
            "'{path}' names no format: POST to '{path}.json' for data, or PUT to change the pipe"
        )));
    };
    let request = DataRequest::from_parts(&uri, &headers, &body);
    data::answer(&app, access, observed, target, request).await
}

/// Change a pipe
///
/// Changes the pipe's name, description, or both. Its id stays.
#[utoipa::path(
    put, path = "/v0/pipes/{pipe}", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id"),
        ("name" = Option<String>, Query, description = "The new name"),
        ("description" = Option<String>, Query, description = "The new description, in Markdown"),
    ),
    responses(
        (status = 200, body = PipeBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody),
    ),
)]
pub async fn update_pipe(
    State(app): State<App>,
    uri: Uri,
    Path(path): Path<String>,
    headers: HeaderMap,
    Caller(access): Caller,
    url: PublicUrl,
    body: Bytes,
) -> Result<Response, ApiError> {
    let fields = body_fields(&uri, &headers, &body, &["name", "description"])?;
    let update = PipeUpdate { name: fields.filled("name"), description: fields.text("description") };
    let name = path.strip_suffix(".pipe").unwrap_or(&path);
    let pipe = app.standpipe.update_pipe(&access, name, &update).await?;
    Ok(Json(PipeView::full().show(&PipeBody::now(&app, &access, &pipe, &url).with_pipeline())).into_response())
}

/// Delete a pipe
///
/// Deletes the pipe with its nodes, and the scopes that tokens had on it.
#[utoipa::path(
    delete, path = "/v0/pipes/{pipe}", tag = "Pipes", security(("token" = [])),
    params(("pipe" = String, Path, description = "Name or id")),
    responses((status = 204, description = "Deleted"), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub async fn delete_pipe(
    State(app): State<App>,
    Path(path): Path<String>,
    Caller(access): Caller,
) -> Result<StatusCode, ApiError> {
    app.standpipe.delete_pipe(&access, path.strip_suffix(".pipe").unwrap_or(&path)).await?;
    Ok(StatusCode::NO_CONTENT)
}
