//! What happens when a job has ended, however it did.

use super::{Job, JobStatus};
use crate::standpipe::Standpipe;

/// Called once for each job that has come to its end, after its row says so.
pub(crate) fn finished(standpipe: &Standpipe, job: &Job) {
    let elapsed = standpipe.clock().now().duration_since(job.started_at.unwrap_or(job.created_at)).as_secs_f64();
    let (id, kind, status) = (job.id, &job.kind, job.status.as_str());
    match &job.error {
        Some(error) if job.status == JobStatus::Error => tracing::info!(%id, kind, status, elapsed, error, "job ended"),
        _ => tracing::info!(%id, kind, status, elapsed, "job ended"),
    }
}
