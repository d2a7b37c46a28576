//! The Jobs API: work that outlives its request.

use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::Uri;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};
use standpipe_core::jobs::{Job, JobFilter, JobStatus};
use standpipe_core::model::format_timestamp;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::Fields;
use crate::middleware::RequestId;
use crate::public_url::PublicUrl;

/// The jobs that a token sees.
#[derive(Serialize, ToSchema)]
pub struct JobList {
    /// Jobs, newest first.
    jobs: Vec<JobBody>,
}

/// A job.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JobBody {
    /// Its id.
    pub id: String,
    /// Its id once more: clients disagree on which they read.
    pub job_id: String,
    /// What it does, such as `copy`.
    pub kind: String,
    /// `waiting`, `working`, `done`, `error`, `cancelling` or `cancelled`.
    pub status: &'static str,
    /// Creation time, UTC.
    pub created_at: String,
    /// Time of the last change, UTC.
    pub updated_at: String,
    /// When it was first run, UTC.
    pub started_at: Option<String>,
    /// Whether it can be cancelled.
    pub is_cancellable: bool,
    /// Why it failed. Only in jobs that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How much of its work is done, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_percentage: Option<f64>,
    /// The data source that it fills or changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datasource: Option<JobDataSource>,
    /// Id of the pipe whose rows it moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipe_id: Option<String>,
    /// Name of that pipe when the job was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipe_name: Option<String>,
    /// Where to ask how it is getting on.
    pub job_url: String,
    /// What jobs of its kind have beside that.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub details: Map<String, Value>,
}

/// A job's data source.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct JobDataSource {
    /// Its id.
    pub id: String,
    /// Its name when the job was made.
    pub name: String,
}

impl JobBody {
    /// A job as answers show it.
    pub fn of(job: &Job, url: &PublicUrl) -> JobBody {
        let subject = &job.subject;
        JobBody {
            id: job.id.to_string(),
            job_id: job.id.to_string(),
            kind: job.kind.clone(),
            status: job.status.as_str(),
            created_at: format_timestamp(job.created_at),
            updated_at: format_timestamp(job.updated_at),
            started_at: job.started_at.map(format_timestamp),
            is_cancellable: matches!(job.status, JobStatus::Waiting | JobStatus::Working),
            error: job.error.clone(),
            progress_percentage: job.progress,
            datasource: subject
                .data_source
                .as_ref()
                .map(|(id, name)| JobDataSource { id: id.to_string(), name: name.clone() }),
            pipe_id: subject.pipe.as_ref().map(|(id, _)| id.to_string()),
            pipe_name: subject.pipe.as_ref().map(|(_, name)| name.clone()),
            job_url: url.join(&format!("/v0/jobs/{}", job.id)),
            details: job.details.clone(),
        }
    }
}

/// List jobs
///
/// Lists the newest jobs on resources that the token sees: at most 100 of the last 48 hours, newest first.
#[utoipa::path(
    get, path = "/v0/jobs", tag = "Jobs", security(("token" = [])),
    params(
        ("kind" = Option<String>, Query, description = "Only jobs of this kind, such as copy"),
        ("status" = Option<String>, Query, description = "Only jobs of this status"),
        ("pipe_id" = Option<String>, Query, description = "Only jobs of this pipe"),
        ("pipe_name" = Option<String>, Query, description = "Only jobs of the pipe that had this name"),
        ("created_after" = Option<String>, Query, description = "Only jobs made then or later (ISO 8601, UTC unless it says otherwise)"),
        ("created_before" = Option<String>, Query, description = "Only jobs made before (ISO 8601)"),
    ),
    responses((status = 200, body = JobList), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)),
)]
pub async fn list_jobs(
    State(app): State<App>,
    uri: Uri,
    Caller(access): Caller,
    url: PublicUrl,
) -> Result<Json<JobList>, ApiError> {
    let filter = filter(&Fields::of_query(&uri))?;
    let jobs = app.standpipe.jobs(&access, &filter).await?;
    Ok(Json(JobList { jobs: jobs.iter().map(|job| JobBody::of(job, &url)).collect() }))
}

/// Read a job
///
/// Answers how a job is getting on. Jobs are forgotten after 48 hours.
#[utoipa::path(
    get, path = "/v0/jobs/{job}", tag = "Jobs", security(("token" = [])),
    params(("job" = String, Path, description = "Id of the job")),
    responses((status = 200, body = JobBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub async fn get_job(
    State(app): State<App>,
    Path(job): Path<String>,
    Caller(access): Caller,
    url: PublicUrl,
) -> Result<Json<JobBody>, ApiError> {
    Ok(Json(JobBody::of(&app.standpipe.job(&access, &job).await?, &url)))
}

/// Cancel a job
///
/// Stops a job: one that waits is `cancelled` at once; one that works is `cancelling` until what it has begun is undone.
#[utoipa::path(
    post, path = "/v0/jobs/{job}/cancel", tag = "Jobs", security(("token" = [])),
    params(("job" = String, Path, description = "Id of the job")),
    responses(
        (status = 200, body = JobBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn cancel_job(
    State(app): State<App>,
    Path(job): Path<String>,
    Caller(access): Caller,
    url: PublicUrl,
) -> Result<Json<JobBody>, ApiError> {
    Ok(Json(JobBody::of(&app.standpipe.cancel_job(&access, &job).await?, &url)))
}

/// Run a job again
///
/// Adds a job that does what one that failed or was cancelled should have done, with the rights of the caller, and answers
/// the new one.
#[utoipa::path(
    post, path = "/v0/jobs/{job}/retry", tag = "Jobs", security(("token" = [])),
    params(("job" = String, Path, description = "Id of the job")),
    responses(
        (status = 200, body = JobBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
pub async fn retry_job(
    State(app): State<App>,
    Path(job): Path<String>,
    Caller(access): Caller,
    Extension(request_id): Extension<RequestId>,
    url: PublicUrl,
) -> Result<Json<JobBody>, ApiError> {
    let job = app.standpipe.retry_job(&access, &job, request_id.to_string()).await?;
    Ok(Json(JobBody::of(&job, &url)))
}

fn filter(fields: &Fields) -> Result<JobFilter, ApiError> {
    let status = fields.filled("status").map(|word| {
        JobStatus::parse(&word).ok_or_else(|| {
            let words: Vec<&str> = JobStatus::ALL.into_iter().map(JobStatus::as_str).collect();
            ApiError::bad_request(format!("status '{word}' is unknown: use {}", words.join(", ")))
        })
    });
    Ok(JobFilter {
        kind: fields.filled("kind"),
        status: status.transpose()?,
        pipe_id: fields.filled("pipe_id"),
        pipe_name: fields.filled("pipe_name"),
        created_after: time(fields, "created_after")?,
        created_before: time(fields, "created_before")?,
    })
}

/// A time with or without a zone; without one it is UTC.
fn time(fields: &Fields, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = fields.filled(name) else { return Ok(None) };
    let utc = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    match text.parse().ok().or_else(utc) {
        Some(time) => Ok(Some(time)),
        None => {
            let message = format!("{name} '{text}' is no time: write it as 2026-01-31T08:00:00 or 2026-01-31 08:00:00");
            Err(ApiError::bad_request(message))
        }
    }
}
