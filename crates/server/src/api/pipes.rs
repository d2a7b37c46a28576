//! The Pipes API: list and create. One pipe, its nodes, its endpoint and its data are in the files beside this one.

pub mod copy;
pub mod data;
pub mod endpoint;
pub mod endpoints;
pub mod explain;
pub mod materialization;
pub mod nodes;
pub mod one;
pub mod sink;
pub mod view;

use axum::extract::State;
use axum::{Extension, Json};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Uri};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use standpipe_core::access::Access;
use standpipe_core::model::Pipe;
use standpipe_core::operations::copies::CopyRequest;
use standpipe_core::operations::nodes::{NewNode, NodeKind};
use standpipe_core::operations::pipes::NewPipe;
use standpipe_core::operations::sinks::SinkRequest;
use utoipa::ToSchema;

use self::materialization::{MaterializedBody, materialization_request};
use self::view::{Materialized, PipeBody, PipeView};
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::{Fields, form_with, looks_like_json};
use crate::middleware::RequestId;
use crate::public_url::PublicUrl;

/// The pipes that a token sees.
#[derive(Serialize, ToSchema)]
pub struct PipeList {
    /// Pipes, by name; each has only the attributes asked for.
    #[schema(value_type = Vec<PipeBody>)]
    pipes: Vec<Map<String, Value>>,
}

/// List pipes
///
/// Lists the pipes that the token may read or change. `attrs` and `node_attrs` name the attributes to answer with, as
/// comma-separated lists; `dependencies=true` adds what each node reads.
#[utoipa::path(
    get, path = "/v0/pipes", tag = "Pipes", security(("token" = [])),
    params(
        ("dependencies" = Option<bool>, Query, description = "Add each node's dependencies; default false"),
        ("attrs" = Option<String>, Query, description = "Attributes of pipes, separated by commas"),
        ("node_attrs" = Option<String>, Query, description = "Attributes of nodes, separated by commas"),
    ),
    responses((status = 200, body = PipeList), (status = 403, body = ErrorBody)),
)]
pub async fn list_pipes(
    State(app): State<App>,
    uri: Uri,
    Caller(access): Caller,
    url: PublicUrl,
) -> Result<Json<PipeList>, ApiError> {
    let now = app.standpipe.clock().now();
    let fields = Fields::of_query(&uri);
    let view = PipeView::list(&fields);
    let mut pipes: Vec<_> = access.workspace().pipes.values().filter(|pipe| access.sees_pipe(pipe)).collect();
    pipes.sort_by(|one, other| one.name.cmp(&other.name));
    let show = |pipe: &_| view.show(&PipeBody::of(pipe, &url).in_workspace(&access, now));
    Ok(Json(PipeList { pipes: pipes.into_iter().map(|pipe| show(pipe)).collect() }))
}

/// Create a pipe
///
/// Creates a pipe in one of three ways: a JSON body with `name` and `nodes`; `name` and `sql`, as a form or in the query;
/// or `name` and `from=<pipe>`, a copy. `force=true`, or a copy onto an existing name, replaces that pipe's nodes.
#[utoipa::path(
    post, path = "/v0/pipes", tag = "Pipes", security(("token" = [])),
    params(
        ("name" = Option<String>, Query, description = "The pipe's name, when the body has none"),
        ("sql" = Option<String>, Query, description = "SQL of the first node"),
        ("from" = Option<String>, Query, description = "Name or id of a pipe to copy"),
        ("force" = Option<bool>, Query, description = "Replace a pipe of the same name"),
        ("populate" = Option<bool>, Query, description = "Populate the pipe's materialized view, with populate_* as on its route"),
    ),
    request_body(content = String, description = "A JSON object, a form, or SQL", content_type = "application/json"),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
)]
pub async fn create_pipe(
    State(app): State<App>,
    (uri, headers): (Uri, HeaderMap),
    Caller(access): Caller,
    Extension(request_id): Extension<RequestId>,
    url: PublicUrl,
    body: Bytes,
) -> Result<Json<Map<String, Value>>, ApiError> {
    access.require_pipe_create()?;
    let (fields, nodes) = read_body(&headers, Fields::of_query(&uri), &body)?;
    let name = fields.filled("name").ok_or_else(|| ApiError::bad_request("a pipe needs a name: send name=<name>"))?;
    // `from` is also what clients call themselves (`from=cli`): it asks for a copy only where it names a pipe.
    let source = fields.filled("from").filter(|from| nodes.is_empty() && access.workspace().pipe(from).is_some());
    let (nodes, copies) = match source {
        Some(source) => (app.standpipe.nodes_of(&access, &source)?, true),
        None => (nodes, false),
    };
    let new = NewPipe {
        name,
        description: fields.filled("description"),
        nodes,
        replace: copies || fields.flag("force"),
        copy: copy_fields(&fields),
        sink: sink_fields(&fields),
    };
    let shown = |pipe: &Pipe| show_created(pipe, &access, &url, app.standpipe.clock().now());
    if !new.nodes.iter().any(|node| node.kind == NodeKind::Materialized) {
        return Ok(Json(shown(&*app.standpipe.create_pipe(&access, new).await?)));
    }
    let request = materialization_request(&Fields::of_json(node_of(&fields, "materialized")), &fields, &request_id)?;
    let linked = app.standpipe.create_materialized_pipe(&access, new, &request).await?;
    let mut answer = shown(&linked.pipe);
    if let Ok(Value::Object(view)) = serde_json::to_value(MaterializedBody::of(&linked, &url)) {
        answer.extend(view);
    }
    Ok(Json(answer))
}

/// A pipe that was created, as its answer shows it.
fn show_created(pipe: &Pipe, access: &Access, url: &PublicUrl, now: Timestamp) -> Map<String, Value> {
    let body = PipeBody::of(pipe, url).in_workspace(access, now).with_materialized(Materialized::False);
    let mut shown = PipeView::full().show(&body);
    // Clients that push copy pipes ask whether their target was made for them.
    if let Some(target) = pipe.copy().and_then(|copy| access.workspace().data_sources.get(&copy.target)) {
        shown.insert("datasource".to_owned(), json!({"id": target.id.to_string(), "name": target.name.as_str()}));
        shown.insert("created_datasource".to_owned(), false.into());
    }
    shown
}

/// The pipe's fields, and the nodes that the body or the query defines.
fn read_body(headers: &HeaderMap, query: Fields, body: &[u8]) -> Result<(Fields, Vec<NewNode>), ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let body = body.trim_ascii();
    if body.is_empty() {
        let nodes = query.filled("sql").map(first_node).into_iter().collect();
        return Ok((query, nodes));
    }
    if looks_like_json(content_type, body) {
        let fields = query.and(Fields::parse_json(body)?);
        let nodes = match fields.value("nodes") {
            None | Some(Value::Null) => fields.filled("sql").map(first_node).into_iter().collect(),
            Some(Value::Array(nodes)) => nodes.iter().map(json_node).collect::<Result<_, _>>()?,
            Some(_) => return Err(ApiError::bad_request("'nodes' is no list: send [{\"name\": …, \"sql\": …}, …]")),
        };
        return Ok((fields, nodes));
    }
    if let Some(form) = form_with(body, &["name", "sql", "from"]) {
        let fields = query.and(form);
        let nodes = fields.filled("sql").map(first_node).into_iter().collect();
        return Ok((fields, nodes));
    }
    let sql = std::str::from_utf8(body).map_err(|_| ApiError::bad_request("the body is no UTF-8 text"))?;
    Ok((query, vec![first_node(sql.to_owned())]))
}

/// How the pipe copies: what its copy node says, else the pipe.
fn copy_fields(fields: &Fields) -> CopyRequest {
    let of_node = copy::copy_request(&Fields::of_json(node_of(fields, "copy")));
    let of_pipe = copy::copy_request(fields);
    CopyRequest {
        target: of_node.target.or(of_pipe.target),
        mode: of_node.mode.or(of_pipe.mode),
        cron: of_node.cron.or(of_pipe.cron),
        timezone: of_node.timezone.or(of_pipe.timezone),
    }
}

/// How the pipe writes: what its sink node says, itself or in its `export_params`, else the pipe.
fn sink_fields(fields: &Fields) -> SinkRequest {
    let node = node_of(fields, "sink");
    let export = node.get("export_params").and_then(Value::as_object).cloned().unwrap_or_default();
    // The last value of a name counts. The pipe's own `service` and the like are no nodes'.
    let mut said = fields.clone();
    for (name, value) in node.into_iter().chain(export).filter(|(_, value)| !value.is_null()) {
        said.push(name, value);
    }
    sink::sink_request(&said)
}

/// The first node of this type in a body's `nodes`.
fn node_of(fields: &Fields, kind: &str) -> Map<String, Value> {
    let nodes = fields.value("nodes").and_then(Value::as_array);
    let is_it = |node: &&Value| node["type"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(kind));
    nodes.and_then(|nodes| nodes.iter().find(is_it)).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn first_node(sql: String) -> NewNode {
    NewNode { sql, ..NewNode::default() }
}

fn json_node(node: &Value) -> Result<NewNode, ApiError> {
    let text = |key: &str| node.get(key).and_then(Value::as_str).map(str::to_owned);
    let sql =
        text("sql").ok_or_else(|| ApiError::bad_request("a node in 'nodes' has no 'sql': every node needs it"))?;
    let kind = NodeKind::parse(text("type").as_deref())?;
    // Clients that push files without one send an empty description.
    let description = text("description").filter(|text| !text.is_empty());
    Ok(NewNode { name: text("name"), sql, description, kind, ..NewNode::default() })
}
