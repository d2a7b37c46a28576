//! What a node's query is and how the engine would run it.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::Uri;
use serde::Serialize;
use standpipe_core::Error;
use standpipe_core::access::Access;
use standpipe_core::model::Pipe;
use standpipe_core::read::Query;
use utoipa::ToSchema;

use super::data::DataRequest;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::middleware::RequestId;

/// A node explained.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainBody {
    /// The whole query on one line, as it would run, with data sources by their names.
    pub debug_query: String,
    /// ClickHouse's plan with indexes, parts and granules.
    pub query_explain: String,
}

/// Explain a pipe
///
/// Explains the published node, else the last one. Query parameters are template parameters. Needs the right to read the
/// pipe and every data source behind it.
#[utoipa::path(
    get, path = "/v0/pipes/{pipe}/explain", tag = "Pipes", security(("token" = [])),
    params(("pipe" = String, Path, description = "Name or id of the pipe")),
    responses(
        (status = 200, body = ExplainBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn explain_pipe(
    State(app): State<App>,
    uri: Uri,
    Path(name): Path<String>,
    Caller(access): Caller,
    Extension(request_id): Extension<RequestId>,
) -> Result<Json<ExplainBody>, ApiError> {
    let pipe = app.standpipe.pipe(&access, &name)?;
    let node = pipe.output_node().map(|node| node.name.to_string());
    let node = node.ok_or_else(|| {
        ApiError::bad_request(format!("could not get a node to run the explain plan: pipe '{name}' has none"))
    })?;
    explain(&app, &access, &pipe, &node, &uri, request_id).await
}

/// Explain a node
///
/// Explains one node of a pipe, as [`explain_pipe`] does.
#[utoipa::path(
    get, path = "/v0/pipes/{pipe}/nodes/{node}/explain", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the node"),
    ),
    responses(
        (status = 200, body = ExplainBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn explain_node(
    State(app): State<App>,
    uri: Uri,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    Extension(request_id): Extension<RequestId>,
) -> Result<Json<ExplainBody>, ApiError> {
    let pipe = app.standpipe.pipe(&access, &pipe)?;
    explain(&app, &access, &pipe, &node, &uri, request_id).await
}

async fn explain(
    app: &App,
    access: &Access,
    pipe: &Pipe,
    node: &str,
    uri: &Uri,
    request_id: RequestId,
) -> Result<Json<ExplainBody>, ApiError> {
    let not_found = || Error::NodeNotFound { pipe: pipe.name.to_string(), node: node.to_owned() };
    let node = pipe.node(node).ok_or_else(not_found)?;
    let request = DataRequest::from_query(uri);
    let request_id = request_id.to_string();
    let query = Query { params: &request.params, output: request.output, request_id: &request_id };
    let explained = app.standpipe.reader().explain(access, pipe, node, &query).await?;
    Ok(Json(ExplainBody { debug_query: explained.debug_query, query_explain: explained.query_explain }))
}
