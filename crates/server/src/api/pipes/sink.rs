//! Sink pipes: set, unset, run.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::{HeaderMap, Uri};
use serde::Serialize;
use serde_json::{Map, Value, json};
use standpipe_core::access::Access;
use standpipe_core::model::Pipe;
use standpipe_core::operations::sinks::{SinkRequest, SinkRun};
use utoipa::ToSchema;

use super::view::{NodeBody, PipeBody, PipeView};
use crate::api::jobs::JobBody;
use crate::api::{body_fields, sent_fields};
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::Fields;
use crate::middleware::RequestId;
use crate::public_url::PublicUrl;

type Answer = Result<Json<Map<String, Value>>, ApiError>;

/// The parameters of setting a sink, in all their spellings; in a run, whatever is none of these fills the templates.
const KEYS: &[&str] = &[
    "connection",
    "connection_name",
    "path",
    "bucket_uri",
    "region",
    "file_template",
    "format",
    "compression",
    "write_strategy",
    "strategy",
    "topic",
    "kafka_topic",
    "schedule_cron",
    "schedule_timezone",
    // The connection says what it leads to.
    "service",
];

/// The node that is written, and the job that does it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SinkBody {
    /// The sink node.
    #[serde(flatten)]
    pub node: NodeBody,
    /// The job: ask for it again to see how it is getting on.
    pub job: JobBody,
}

/// Set a sink pipe
///
/// Makes the pipe a sink pipe: the node's rows are written as files into object storage when the sink is run, or by a
/// schedule. Bucket and credentials are checked at once. A pipe does one thing: unset its endpoint, materialization or
/// copy first.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/nodes/{node}/sink", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the node"),
        ("connection" = Option<String>, Query, description = "Name or id of the connection; all also in the body"),
        ("path" = Option<String>, Query, description = "s3://bucket/prefix"),
        ("region" = Option<String>, Query, description = "The bucket's region; a connection by a role needs it"),
        ("file_template" = Option<String>, Query, description = "Names of the files, such as {country}/{date, '%Y-%m-%d'}"),
        ("format" = Option<String>, Query, description = "csv (default), ndjson or parquet"),
        ("compression" = Option<String>, Query, description = "none (default), gz, zstd; lz4 and snappy for parquet"),
        ("write_strategy" = Option<String>, Query, description = "new (default) adds files, truncate rewrites them"),
        ("schedule_cron" = Option<String>, Query, description = "Cron expression of five fields; none for on demand"),
        ("schedule_timezone" = Option<String>, Query, description = "Time zone of the expression; default UTC"),
    ),
    request_body(content = String, description = "The parameters as a form or JSON", content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
)]
pub async fn set_sink(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    url: PublicUrl,
    body: Bytes,
) -> Answer {
    access.require_admin()?;
    let request = sink_request(&body_fields(&uri, &headers, &body, KEYS)?);
    let pipe = app.standpipe.set_sink(&access, &pipe, &node, &request).await?;
    Ok(shown(&app, &access, &pipe, &url))
}

/// Unset a sink pipe
///
/// Takes the sink settings and the schedule away. Pipe and node stay.
#[utoipa::path(
    delete, path = "/v0/pipes/{pipe}/nodes/{node}/sink", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the sink node"),
    ),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn unset_sink(
    State(app): State<App>,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    url: PublicUrl,
) -> Answer {
    let pipe = app.standpipe.unset_sink(&access, &pipe, &node).await?;
    Ok(shown(&app, &access, &pipe, &url))
}

/// Run a sink
///
/// Adds a job that writes the node's rows. Connection, path, region, file template, format, compression and write strategy
/// may differ from what is set, for this run; every other parameter is one of the node's template and fills `{key}` in the
/// file template. Answers the node and the job at once.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/sink", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("connection" = Option<String>, Query, description = "Name or id of another connection; all also in the body"),
        ("path" = Option<String>, Query, description = "Another s3://bucket/prefix"),
        ("region" = Option<String>, Query, description = "Another region"),
        ("file_template" = Option<String>, Query, description = "Other names of the files"),
        ("format" = Option<String>, Query, description = "csv, ndjson or parquet"),
        ("compression" = Option<String>, Query, description = "none, gz, zstd; lz4 and snappy for parquet"),
        ("write_strategy" = Option<String>, Query, description = "new or truncate"),
    ),
    request_body(content = String, description = "Parameters as a form or JSON", content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = SinkBody), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    ),
)]
pub async fn run_sink(
    State(app): State<App>,
    (uri, headers): (Uri, HeaderMap),
    Path(pipe): Path<String>,
    Caller(access): Caller,
    Extension(request_id): Extension<RequestId>,
    url: PublicUrl,
    body: Bytes,
) -> Result<Json<SinkBody>, ApiError> {
    access.require_admin()?;
    let run = sink_run(&uri, &headers, &body, request_id.to_string())?;
    let (pipe, node, job) = app.standpipe.run_sink(&access, &pipe, run).await?;
    let node = NodeBody::of(&pipe, &node).in_workspace(&access);
    Ok(Json(SinkBody { node, job: JobBody::of(&job, &url) }))
}

/// The pipe as the documents of sinks show it: with a commit, which nothing here has.
fn shown(app: &App, access: &Access, pipe: &Pipe, url: &PublicUrl) -> Json<Map<String, Value>> {
    let mut shown = PipeView::full().show(&PipeBody::now(app, access, pipe, url));
    shown.insert("last_commit".to_owned(), json!({"content_sha": "", "path": "", "status": "changed"}));
    Json(shown)
}

/// How a pipe is to write, by a request's fields.
pub fn sink_request(fields: &Fields) -> SinkRequest {
    let either = |one: &str, other: &str| fields.filled(one).or_else(|| fields.filled(other));
    SinkRequest {
        connection: either("connection", "connection_name"),
        path: either("path", "bucket_uri"),
        region: fields.filled("region"),
        file_template: fields.filled("file_template"),
        format: fields.filled("format"),
        compression: fields.filled("compression"),
        write_strategy: either("write_strategy", "strategy"),
        topic: either("kafka_topic", "topic"),
        cron: fields.text("schedule_cron"),
        timezone: fields.filled("schedule_timezone"),
    }
}

fn sink_run(uri: &Uri, headers: &HeaderMap, body: &[u8], request_id: String) -> Result<SinkRun, ApiError> {
    let fields = sent_fields(uri, headers, body)?;
    // When it runs by itself is nothing that one run changes.
    let request = SinkRequest { cron: None, timezone: None, ..sink_request(&fields) };
    let mut params = fields.without_client().into_values();
    params.retain(|name, _| !KEYS.contains(&name.as_str()));
    Ok(SinkRun { request, params, request_id })
}
