//! Publish and unpublish a pipe's node.

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use standpipe_core::access::Access;
use standpipe_core::model::Pipe;

use super::view::{Materialized, PipeBody, PipeView};
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::public_url::PublicUrl;

type Answer = Result<Json<Map<String, Value>>, ApiError>;

/// Publish a node
///
/// Publishes the node as the pipe's endpoint, in the place of any other. The answer has `token` when exactly one token may
/// only read this pipe.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/nodes/{node}/endpoint", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the node"),
    ),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn publish_node(
    State(app): State<App>,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    url: PublicUrl,
) -> Answer {
    let pipe = app.standpipe.publish_node(&access, &pipe, &node).await?;
    Ok(published(&app, &access, &pipe, &url, Materialized::Null))
}

/// Publish the node that the body names
///
/// The older form of publishing: the body is the node's id or name, whatever its content type says.
#[utoipa::path(
    put, path = "/v0/pipes/{pipe}/endpoint", tag = "Pipes", security(("token" = [])),
    params(("pipe" = String, Path, description = "Name or id of the pipe")),
    request_body(content = String, description = "Id or name of the node", content_type = "text/plain"),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn publish_named_node(
    State(app): State<App>,
    Path(pipe): Path<String>,
    Caller(access): Caller,
    url: PublicUrl,
    body: Bytes,
) -> Answer {
    let node = std::str::from_utf8(&body).map(str::trim).unwrap_or_default();
    if node.is_empty() {
        return Err(ApiError::bad_request("the body names no node: send its id or name as the body"));
    }
    let pipe = app.standpipe.publish_node(&access, &pipe, node).await?;
    Ok(published(&app, &access, &pipe, &url, Materialized::False))
}

/// Unpublish a node
///
/// Takes the pipe's endpoint back; its data is not found afterwards.
#[utoipa::path(
    delete, path = "/v0/pipes/{pipe}/nodes/{node}/endpoint", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the published node"),
    ),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn unpublish_node(
    State(app): State<App>,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    url: PublicUrl,
) -> Answer {
    let pipe = app.standpipe.unpublish_node(&access, &pipe, &node).await?;
    Ok(Json(PipeView::full().show(&PipeBody::of(&pipe, &url))))
}

fn published(
    app: &App,
    access: &Access,
    pipe: &Pipe,
    url: &PublicUrl,
    shown: Materialized,
) -> Json<Map<String, Value>> {
    let mut body = PipeBody::of(pipe, url).with_materialized(shown);
    let token = app.standpipe.unique_read_token(access, pipe.id);
    body.token = token.map(|token| token.value.expose_secret().to_owned());
    Json(PipeView::full().show(&body))
}
