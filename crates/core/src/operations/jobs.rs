//! List, show, cancel and repeat jobs.

use jiff::SignedDuration;

use crate::access::Access;
use crate::error::{Error, Result};
use crate::jobs::{
    CopyJob, HISTORY_HOURS, Job, JobFilter, JobKind, JobStatus, KINDS, Origin, PopulateJob, QUERY_SQL, SINK_TARGET,
    SinkJob, finished, queued, tables_prefix,
};
use crate::model::{JobId, PipeId, WorkspaceId};
use crate::standpipe::Standpipe;
use crate::views::Closed;

/// Most jobs in a list.
const LIST: usize = 100;

/// Jobs looked at for the list of a token that may not see all.
const LOOKED_AT: u32 = 2_000;

impl Standpipe {
    /// The newest jobs that the caller sees, at most a hundred: those that have not ended, and those of the last 48 hours.
    pub async fn jobs(&self, access: &Access, filter: &JobFilter) -> Result<Vec<Job>> {
        let since = self.clock().now() - SignedDuration::from_hours(HISTORY_HOURS);
        let looked_at = if access.is_admin() { LIST as u32 } else { LOOKED_AT };
        let jobs = self.catalog().store().jobs(access.workspace().id, since, filter, looked_at).await?;
        let seen = jobs.into_iter().filter(|job| access.sees_job(job)).take(LIST);
        Ok(seen.map(|job| narrowed(access, job)).collect())
    }

    /// The job of this id, if the caller sees it.
    pub async fn job(&self, access: &Access, id: &str) -> Result<Job> {
        let not_found = || Error::JobNotFound { id: id.to_owned() };
        let parsed = JobId::parse(id).ok_or_else(not_found)?;
        let job = self.catalog().store().job(access.workspace().id, parsed).await?;
        job.filter(|job| access.sees_job(job)).map(|job| narrowed(access, job)).ok_or_else(not_found)
    }

    /// Stops a job: at once when it waits, else as soon as what it runs has been ended and removed.
    pub async fn cancel_job(&self, access: &Access, id: &str) -> Result<Job> {
        let job = self.job(access, id).await?;
        access.require_job(&job)?;
        match self.catalog().store().cancel_job(job.workspace, job.id, self.clock().now()).await? {
            Some(job) => {
                self.cancelled(&job);
                Ok(job)
            }
            None => {
                let job = self.job(access, id).await?;
                if job.status == JobStatus::Cancelling { Ok(job) } else { Err(not_possible(&job, "cancelled")) }
            }
        }
    }

    /// Adds a job that does what one that failed or was cancelled should have done, with the rights of the caller.
    pub async fn retry_job(&self, access: &Access, id: &str, request_id: String) -> Result<Job> {
        let old = self.job(access, id).await?;
        access.require_job(&old)?;
        if old.kind == CopyJob::NAME {
            // It runs with the caller's rights.
            access.require_start(&old)?;
        }
        if !matches!(old.status, JobStatus::Error | JobStatus::Cancelled) {
            return Err(not_possible(&old, "retried"));
        }
        let unknown = || Error::internal(format!("no kind of job is called '{}'", old.kind));
        let kind = KINDS.iter().find(|kind| kind.name == old.kind).ok_or_else(unknown)?;
        if let Some(why) = kind.refuse_retry(&old)? {
            return Err(Error::bad_request(format!("job '{}' cannot be retried: {why}", old.id)));
        }
        if PopulateJob::of(&old)?.is_some_and(|populate| populate.truncate) {
            access.require_data_source_create()?;
        }
        let now = self.clock().now();
        let job = Job {
            id: JobId(self.random().uuid()),
            status: JobStatus::Waiting,
            checkpoint: None,
            progress: None,
            error: None,
            attempts: 0,
            run_after: now,
            origin: Origin::of_request(access, request_id),
            created_at: now,
            started_at: None,
            updated_at: now,
            ..old
        };
        let job = kind.ask_again(job, access.token().id, self.random())?;
        self.add_job(&job).await?;
        Ok(narrowed(access, job))
    }

    /// Adds a job to the queue, unless its workspace has as many of its kind as it may.
    pub(super) async fn add_job(&self, job: &Job) -> Result<()> {
        let store = self.catalog().store();
        match self.jobs.limits().active(&job.kind) {
            None => store.insert_job(job).await?,
            Some(limit) if store.insert_job_below(job, limit).await? => {}
            Some(limit) => {
                return Err(Error::JobLimit {
                    message: format!(
                        "{limit} jobs of kind '{}' wait or work in this workspace already: try again when one has ended",
                        job.kind
                    ),
                });
            }
        }
        queued(self, job);
        self.jobs.wake();
        Ok(())
    }

    /// Cancels the jobs of a deleted pipe that are not being run.
    pub(super) async fn cancel_waiting_jobs(&self, pipe: PipeId) -> Result<()> {
        for job in self.catalog().store().cancel_waiting_jobs_of(pipe, self.clock().now()).await? {
            self.cancelled(&job);
        }
        Ok(())
    }

    /// Cancels the populates of a pipe that are not for the view that it has now; `but` is one that ends by itself. Nobody
    /// links or unlinks meanwhile.
    pub(crate) async fn cancel_stale_populates(
        &self,
        _closed: &Closed,
        workspace: WorkspaceId,
        pipe: PipeId,
        but: Option<JobId>,
    ) {
        if let Err(error) = self.try_cancel_stale_populates(workspace, pipe, but).await {
            // They find out themselves before their rows enter.
            tracing::warn!(%error, %pipe, "populates of a view that is gone could not be cancelled");
        }
    }

    async fn try_cancel_stale_populates(&self, workspace: WorkspaceId, pipe: PipeId, but: Option<JobId>) -> Result<()> {
        let current = self.current_workspace(workspace)?;
        let link = current.pipes.get(&pipe).and_then(|pipe| pipe.materialization()).map(|view| view.link);
        let store = self.catalog().store();
        for active in store.active_jobs().await?.iter().filter(|it| it.pipe == Some(pipe) && Some(it.id) != but) {
            let Some(job) = store.job(workspace, active.id).await? else { continue };
            let Some(populate) = PopulateJob::of(&job)?.filter(|it| Some(it.link) != link) else { continue };
            tracing::debug!(id = %job.id, node = %populate.node, "a populate of a view that is gone is cancelled");
            if let Some(job) = store.cancel_job(workspace, job.id, self.clock().now()).await? {
                self.cancelled(&job);
            }
        }
        Ok(())
    }

    /// What follows from cancelling a job.
    pub(super) fn cancelled(&self, job: &Job) {
        if job.status.is_final() {
            finished(self, job);
            self.drop_tables_of(job);
        } else {
            self.jobs.interrupt(job.id);
            self.jobs.wake();
        }
    }

    /// Drops what a job that waited has already made: a snapshot, or what a run left that was to be followed by another.
    fn drop_tables_of(&self, job: &Job) {
        if job.attempts == 0 && job.checkpoint.is_none() {
            return;
        }
        let (standpipe, workspace, prefix) = (self.clone(), job.workspace, tables_prefix(job.id));
        self.spawn(async move {
            let Some(workspace) = standpipe.catalog().snapshot().workspace(workspace) else { return };
            if let Err(error) = standpipe.storage.drop_all(&workspace, &prefix).await {
                tracing::warn!(%error, "the tables of a cancelled job are dropped at the next start");
            }
        });
    }
}

/// The job as the caller may see it: the whole query of a copy holds the SQL of pipes that it reads, so that those who
/// may only read the pipe see what the pipe's own definition shows. Where a sink writes is for admins.
pub(super) fn narrowed(access: &Access, mut job: Job) -> Job {
    if job.kind == SinkJob::NAME && !access.is_admin() {
        job.details.retain(|name, _| !SINK_TARGET.contains(&name.as_str()));
        job.error = job.error.map(|_| "the sink failed: its admins see why".to_owned());
    }
    if !access.sees_errors_of(&job) {
        let hidden = "the job failed: tokens that read all rows of its pipe, or change pipes, see why";
        job.error = job.error.map(|_| hidden.to_owned());
    }
    if access.may_create_pipes() || !job.details.contains_key(QUERY_SQL) {
        return job;
    }
    let pipe = job.subject.pipe.as_ref().and_then(|(id, _)| access.workspace().pipes.get(id));
    let node = pipe.and_then(|pipe| pipe.nodes.iter().find(|node| Some(node.id) == job.subject.node));
    let shown = node.map_or(serde_json::Value::Null, |node| node.sql.as_str().into());
    job.details.insert(QUERY_SQL.to_owned(), shown);
    job
}

fn not_possible(job: &Job, action: &'static str) -> Error {
    Error::JobNotPossible { id: job.id.to_string(), action, status: job.status.as_str() }
}
