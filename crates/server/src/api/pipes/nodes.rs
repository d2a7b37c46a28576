//! Nodes of a pipe. The body is always the SQL, whatever its content type says: `curl -d` sends everything as a form.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use http::{StatusCode, Uri};
use standpipe_core::operations::nodes::{NewNode, NodeKind, NodeUpdate};

use super::materialization::{MaterializedNode, materialization_request};
use super::view::NodeBody;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::Fields;
use crate::middleware::RequestId;
use crate::public_url::PublicUrl;

/// Append a node
///
/// Appends a node with the SQL of the body. Without `name` it is called `<pipe>_<number>`. `type=endpoint` publishes it by
/// the same change; `type=materialized` materializes it, with the parameters of that route.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/nodes", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("name" = Option<String>, Query, description = "Name of the node"),
        ("description" = Option<String>, Query, description = "What it is for"),
        ("type" = Option<String>, Query, description = "standard (default), endpoint or materialized"),
        ("datasource" = Option<String>, Query, description = "Name or id of a materialized node's target"),
    ),
    request_body(content = String, description = "SQL", content_type = "text/plain"),
    responses(
        (status = 200, body = NodeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
)]
pub async fn append_node(
    State(app): State<App>,
    uri: Uri,
    Path(pipe): Path<String>,
    Caller(access): Caller,
    Extension(request_id): Extension<RequestId>,
    url: PublicUrl,
    body: Bytes,
) -> Result<Response, ApiError> {
    let fields = Fields::of_query(&uri);
    let new = NewNode {
        name: fields.filled("name"),
        sql: sql(&body)?,
        description: fields.filled("description"),
        kind: NodeKind::parse(fields.text("type").as_deref())?,
        ..NewNode::default()
    };
    if new.kind == NodeKind::Materialized {
        let request = materialization_request(&fields, &fields, &request_id)?;
        let linked = app.standpipe.append_materialized_node(&access, &pipe, &new, &request).await?;
        return Ok(Json(MaterializedNode::of(&linked, &access, &url)).into_response());
    }
    let (pipe, node) = app.standpipe.append_node(&access, &pipe, &new).await?;
    Ok(Json(NodeBody::in_walk_through(&pipe, &node)).into_response())
}

/// Edit a node
///
/// Changes the node's SQL to the body, and its name and description where given.
#[utoipa::path(
    put, path = "/v0/pipes/{pipe}/nodes/{node}", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the node"),
        ("name" = Option<String>, Query, description = "The new name"),
        ("description" = Option<String>, Query, description = "The new description"),
    ),
    request_body(content = String, description = "SQL", content_type = "text/plain"),
    responses(
        (status = 200, body = NodeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
)]
pub async fn edit_node(
    State(app): State<App>,
    uri: Uri,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    body: Bytes,
) -> Result<Json<NodeBody>, ApiError> {
    let fields = Fields::of_query(&uri);
    let update = NodeUpdate { sql: sql(&body)?, name: fields.filled("name"), description: fields.text("description") };
    let (pipe, node) = app.standpipe.edit_node(&access, &pipe, &node, &update).await?;
    Ok(Json(NodeBody::in_walk_through(&pipe, &node).in_workspace(&access)))
}

/// Delete a node
///
/// Deletes a node that is not published. Nodes that read it stay; reading them is an error afterwards.
#[utoipa::path(
    delete, path = "/v0/pipes/{pipe}/nodes/{node}", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the node"),
    ),
    responses(
        (status = 204, description = "Deleted"), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn delete_node(
    State(app): State<App>,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
) -> Result<StatusCode, ApiError> {
    app.standpipe.delete_node(&access, &pipe, &node).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn sql(body: &[u8]) -> Result<String, ApiError> {
    match std::str::from_utf8(body) {
        Ok(text) if text.trim().is_empty() => {
            Err(ApiError::bad_request("the body is empty: send the node's SQL as the body"))
        }
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(ApiError::bad_request("the body is no UTF-8 text: send the node's SQL as the body")),
    }
}
