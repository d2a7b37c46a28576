//! What is told of a job when it is queued, begins and ends: the log, and rows of service data.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Job, JobKind, JobStatus, SinkJob};
use crate::model::{DataSourceId, PipeId};
use crate::operations::sinks::texts;
use crate::service_data::{JobRow, OperationRow, SinkRow};
use crate::standpipe::Standpipe;
use crate::views::lineage;

/// Called once for each job that has come to its end, after its row says so.
pub(crate) fn finished(standpipe: &Standpipe, job: &Job) {
    let elapsed = elapsed_seconds(standpipe, job);
    let (id, kind, status) = (job.id, &job.kind, job.status.as_str());
    match &job.error {
        Some(error) if job.status == JobStatus::Error => tracing::info!(%id, kind, status, elapsed, error, "job ended"),
        _ => tracing::info!(%id, kind, status, elapsed, "job ended"),
    }
    noted(standpipe, job);
    record_operation(standpipe, job, &job.kind);
    if job.kind == SinkJob::NAME {
        record_sink(standpipe, job);
    }
}

/// Called once for each job that is in the queue from now on.
pub(crate) fn queued(standpipe: &Standpipe, job: &Job) {
    noted(standpipe, job);
    record_operation(standpipe, job, &format!("{}-queued", job.kind));
}

/// Records the job as it is now in `tinybird.jobs_log`.
pub(crate) fn noted(standpipe: &Standpipe, job: &Job) {
    let (subject, id) = (&job.subject, job.id.to_string());
    let row = JobRow {
        job_id: &id,
        job_type: &job.kind,
        status: job.status.as_str(),
        error: job.error.as_deref(),
        workspace_id: &job.workspace.to_string(),
        request_id: job.origin.request_id.as_deref(),
        pipe_id: subject.pipe.as_ref().map(|(id, _)| id.to_string()),
        datasource_id: subject.data_source.as_ref().map(|(id, _)| id.to_string()),
        created_at: milliseconds(job.created_at),
        started_at: job.started_at.map(milliseconds),
        updated_at: milliseconds(job.updated_at),
        job_metadata: Value::Object(metadata(job)).to_string(),
    };
    standpipe.service_data().record(job.workspace, &row);
}

/// What is known of a job beside its columns.
fn metadata(job: &Job) -> Map<String, Value> {
    let mut metadata = job.details.clone();
    if let Some((_, name)) = &job.subject.pipe {
        metadata.insert("pipe_name".to_owned(), name.as_str().into());
    }
    if let Some((_, name)) = &job.subject.data_source {
        metadata.insert("datasource_name".to_owned(), name.as_str().into());
    }
    if let Some(params) = job.payload.get("params") {
        metadata.insert("parameters".to_owned(), params.clone());
    }
    metadata.insert("token_name".to_owned(), job.origin.token_name.as_deref().into());
    metadata.insert("is_scheduled".to_owned(), job.origin.is_scheduled.into());
    metadata
}

/// Records what the job does with its data source in `tinybird.datasources_ops_log`, under this event, and what views pass on
/// of its rows.
fn record_operation(standpipe: &Standpipe, job: &Job, event: &str) {
    let Some((id, name)) = &job.subject.data_source else { return };
    let operation = standpipe.random().ulid(standpipe.clock().now());
    let pipe = job.subject.pipe.as_ref().map(|(id, name)| (*id, name.as_str()));
    record_rows(standpipe, job, &operation, event, (*id, name, pipe));
    if job.status != JobStatus::Done {
        return;
    }
    let Some(workspace) = standpipe.catalog().snapshot().workspace(job.workspace) else { return };
    for it in lineage::downstream(&workspace, *id) {
        if let Some(target) = workspace.data_sources.get(&it.view.target) {
            let through = Some((it.pipe.id, it.pipe.name.as_str()));
            // How many rows came of them is not known.
            let passed = Job { details: Map::new(), ..job.clone() };
            record_rows(standpipe, &passed, &operation, event, (target.id, target.name.as_str(), through));
        }
    }
}

/// A data source, and the pipe through which rows came to it.
type Reached<'a> = (DataSourceId, &'a str, Option<(PipeId, &'a str)>);

fn record_rows(standpipe: &Standpipe, job: &Job, operation: &str, event: &str, reached: Reached<'_>) {
    let (data_source, data_source_name, pipe) = reached;
    let rows = job.details.get("rows").and_then(Value::as_u64).filter(|_| job.status == JobStatus::Done);
    let now = standpipe.clock().now();
    let mode = job.details.get("mode").and_then(Value::as_str);
    let cancelled = (job.status == JobStatus::Cancelled).then_some("the job was cancelled");
    let error = job.error.as_deref().or(cancelled);
    let row = OperationRow {
        timestamp: now.as_second(),
        event_type: event,
        datasource_id: &data_source.to_string(),
        datasource_name: data_source_name,
        result: if error.is_none() { "ok" } else { "error" },
        elapsed_time: elapsed_seconds(standpipe, job) as f32,
        error,
        option_names: mode.map(|_| "mode").into_iter().collect(),
        option_values: mode.into_iter().collect(),
        request_id: job.origin.request_id.as_deref().unwrap_or_default(),
        job_id: Some(&job.id.to_string()),
        rows,
        operation_id: operation,
        written_rows: rows.unwrap_or(0),
        pipe_id: &pipe.map(|(id, _)| id.to_string()).unwrap_or_default(),
        pipe_name: pipe.map_or("", |(_, name)| name),
        ..OperationRow::default()
    };
    standpipe.service_data().record(job.workspace, &row);
}

/// Records a sink's run in `tinybird.sinks_ops_log`.
fn record_sink(standpipe: &Standpipe, job: &Job) {
    let pipe = job.subject.pipe.as_ref();
    let text = |name: &str| job.details.get(name).and_then(Value::as_str);
    let number = |name: &str| job.details.get(name).and_then(Value::as_u64).unwrap_or_default();
    let cancelled = (job.status == JobStatus::Cancelled).then_some("the job was cancelled");
    let error = job.error.as_deref().or(cancelled);
    let options = ["path", "file_template", "format", "compression", "write_strategy"];
    let params = job.payload.get("params").cloned().and_then(|params| serde_json::from_value(params).ok());
    let row = SinkRow {
        timestamp: standpipe.clock().now().as_second(),
        job_id: &job.id.to_string(),
        service: text("service").unwrap_or_default(),
        pipe_id: &pipe.map(|(id, _)| id.to_string()).unwrap_or_default(),
        pipe_name: pipe.map_or("", |(_, name)| name),
        result: if error.is_none() { "ok" } else { "error" },
        error,
        elapsed_time: elapsed_seconds(standpipe, job),
        read_rows: number("read_rows"),
        written_rows: number("written_rows"),
        read_bytes: number("read_bytes"),
        written_bytes: number("written_bytes"),
        output: number("written_files"),
        parameters: texts(&params.unwrap_or_default()),
        options: options.into_iter().filter_map(|name| Some((name, text(name)?))).collect(),
        token_name: job.origin.token_name.as_deref().unwrap_or_default(),
    };
    standpipe.service_data().record(job.workspace, &row);
}

fn elapsed_seconds(standpipe: &Standpipe, job: &Job) -> f64 {
    standpipe.clock().now().duration_since(job.started_at.unwrap_or(job.created_at)).as_secs_f64()
}

/// Seconds since 1970 with three places, as a column of DateTime64(3) reads them.
fn milliseconds(time: Timestamp) -> String {
    let milliseconds = time.as_millisecond();
    format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000))
}
