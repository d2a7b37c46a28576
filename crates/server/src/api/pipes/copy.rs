//! Copy pipes: set, change, unset, run, pause, resume, cancel.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::{HeaderMap, Uri};
use serde::Serialize;
use serde_json::{Map, Value};
use standpipe_core::operations::copies::{CopyRequest, CopyRun};
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

/// The parameters of setting and changing a copy.
const KEYS: &[&str] = &[
    "target_datasource",
    "target_workspace",
    "schedule_cron",
    "schedule_timezone",
    "mode",
    "copy_mode",
    // Clients say it; here every copy is run by the same engine.
    "on_demand_compute",
];

/// What a run of a copy pipe takes that is no template parameter.
const MODE_KEYS: [&str; 2] = ["_mode", "copy_mode"];

/// The node that is copied, and the job that does it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CopyBody {
    /// The copy node.
    #[serde(flatten)]
    pub node: NodeBody,
    /// The job: ask for it again to see how it is getting on.
    pub job: JobBody,
}

/// What was cancelled.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelledCopies {
    /// Id of the pipe.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Jobs that were stopped or are being stopped.
    pub jobs: Vec<JobBody>,
}

/// Set a copy pipe
///
/// Makes the pipe a copy pipe: the node's rows go into `target_datasource` when the copy is run, or by a schedule. A pipe
/// does one thing: unset its endpoint or materialization first.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/nodes/{node}/copy", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the node"),
        ("target_datasource" = Option<String>, Query, description = "Name or id of the target; also in the body"),
        ("schedule_cron" = Option<String>, Query, description = "Cron expression of five fields; none for on demand"),
        ("schedule_timezone" = Option<String>, Query, description = "Time zone of the expression; default UTC"),
        ("mode" = Option<String>, Query, description = "append (default) or replace"),
    ),
    request_body(content = String, description = "The parameters as a form or JSON", content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
)]
pub async fn set_copy(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    url: PublicUrl,
    body: Bytes,
) -> Answer {
    access.require_pipe_create()?;
    let request = copy_request(&body_fields(&uri, &headers, &body, KEYS)?);
    let pipe = app.standpipe.set_copy(&access, &pipe, &node, &request).await?;
    Ok(Json(PipeView::full().show(&PipeBody::now(&app, &access, &pipe, &url))))
}

/// Change a copy pipe
///
/// Changes where, how or when the pipe copies; what is left away stays. `schedule_cron=None` removes the schedule.
#[utoipa::path(
    put, path = "/v0/pipes/{pipe}/nodes/{node}/copy", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the node"),
        ("target_datasource" = Option<String>, Query, description = "Name or id of the target; also in the body"),
        ("schedule_cron" = Option<String>, Query, description = "Cron expression of five fields, or None"),
        ("schedule_timezone" = Option<String>, Query, description = "Time zone of the expression"),
        ("mode" = Option<String>, Query, description = "append or replace"),
    ),
    request_body(content = String, description = "The parameters as a form or JSON", content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
)]
pub async fn change_copy(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    url: PublicUrl,
    body: Bytes,
) -> Answer {
    access.require_pipe_create()?;
    let request = copy_request(&body_fields(&uri, &headers, &body, KEYS)?);
    let pipe = app.standpipe.change_copy(&access, &pipe, &node, &request).await?;
    Ok(Json(PipeView::full().show(&PipeBody::now(&app, &access, &pipe, &url))))
}

/// Unset a copy pipe
///
/// Takes the copy settings and the schedule away. Pipe, node and data source stay.
#[utoipa::path(
    delete, path = "/v0/pipes/{pipe}/nodes/{node}/copy", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("node" = String, Path, description = "Name or id of the copy node"),
    ),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn unset_copy(
    State(app): State<App>,
    Path((pipe, node)): Path<(String, String)>,
    Caller(access): Caller,
    url: PublicUrl,
) -> Answer {
    let pipe = app.standpipe.unset_copy(&access, &pipe, &node).await?;
    Ok(Json(PipeView::full().show(&PipeBody::of(&pipe, &url))))
}

/// Run a copy
///
/// Adds a job that copies the node's rows. Every parameter but `_mode` (or `copy_mode`) is a template parameter;
/// `job_timestamp` is the time of the request unless it is given. Answers the node and the job at once.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/copy", tag = "Pipes", security(("token" = [])),
    params(
        ("pipe" = String, Path, description = "Name or id of the pipe"),
        ("_mode" = Option<String>, Query, description = "append or replace, for this run"),
    ),
    request_body(content = String, description = "Parameters as a form or JSON", content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = CopyBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 429, body = ErrorBody),
    ),
)]
pub async fn run_copy(
    State(app): State<App>,
    (uri, headers): (Uri, HeaderMap),
    Path(pipe): Path<String>,
    Caller(access): Caller,
    Extension(request_id): Extension<RequestId>,
    url: PublicUrl,
    body: Bytes,
) -> Result<Json<CopyBody>, ApiError> {
    let run = copy_run(&uri, &headers, &body, request_id.to_string())?;
    let (pipe, node, job) = app.standpipe.run_copy(&access, &pipe, run).await?;
    let node = NodeBody::of(&pipe, &node).in_workspace(&access);
    Ok(Json(CopyBody { node, job: JobBody::of(&job, &url) }))
}

/// Pause a copy's schedule
///
/// Keeps the schedule from running. What is being copied goes on.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/copy/pause", tag = "Pipes", security(("token" = [])),
    params(("pipe" = String, Path, description = "Name or id of the pipe")),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn pause_copy(
    State(app): State<App>,
    Path(pipe): Path<String>,
    Caller(access): Caller,
    url: PublicUrl,
) -> Answer {
    let pipe = app.standpipe.pause_copy(&access, &pipe, true).await?;
    Ok(Json(PipeView::full().show(&PipeBody::now(&app, &access, &pipe, &url))))
}

/// Resume a copy's schedule
///
/// Lets a paused schedule run again, from its next time on.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/copy/resume", tag = "Pipes", security(("token" = [])),
    params(("pipe" = String, Path, description = "Name or id of the pipe")),
    responses(
        (status = 200, body = PipeBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn resume_copy(
    State(app): State<App>,
    Path(pipe): Path<String>,
    Caller(access): Caller,
    url: PublicUrl,
) -> Answer {
    let pipe = app.standpipe.pause_copy(&access, &pipe, false).await?;
    Ok(Json(PipeView::full().show(&PipeBody::now(&app, &access, &pipe, &url))))
}

/// Cancel a pipe's copies
///
/// Stops the pipe's copies that wait or work, and pauses its schedule, if it has one.
#[utoipa::path(
    post, path = "/v0/pipes/{pipe}/copy/cancel", tag = "Pipes", security(("token" = [])),
    params(("pipe" = String, Path, description = "Name or id of the pipe")),
    responses(
        (status = 200, body = CancelledCopies), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn cancel_copies(
    State(app): State<App>,
    Path(pipe): Path<String>,
    Caller(access): Caller,
    url: PublicUrl,
) -> Result<Json<CancelledCopies>, ApiError> {
    let (pipe, jobs) = app.standpipe.cancel_copies(&access, &pipe).await?;
    let jobs = jobs.iter().map(|job| JobBody::of(job, &url)).collect();
    Ok(Json(CancelledCopies { id: pipe.id.to_string(), name: pipe.name.to_string(), jobs }))
}

/// How a pipe is to copy, by a request's fields.
pub fn copy_request(fields: &Fields) -> CopyRequest {
    CopyRequest {
        target: fields.filled("target_datasource"),
        mode: fields.filled("mode").or_else(|| fields.filled("copy_mode")),
        cron: fields.text("schedule_cron").or_else(|| fields.filled("copy_schedule")),
        timezone: fields.filled("schedule_timezone"),
    }
}

fn copy_run(uri: &Uri, headers: &HeaderMap, body: &[u8], request_id: String) -> Result<CopyRun, ApiError> {
    let fields = sent_fields(uri, headers, body)?;
    let mode = MODE_KEYS.iter().find_map(|key| fields.filled(key));
    let mut params = fields.without_client().into_values();
    params.retain(|name, _| !MODE_KEYS.contains(&name.as_str()));
    Ok(CopyRun { params, mode, request_id })
}
