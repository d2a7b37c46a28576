//! Claims waiting jobs, runs them, and looks after those whose runner is gone.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::limits::{Candidate, admit};
use super::{Context, Failure, HISTORY_HOURS, Job, JobStatus, KINDS, Kind, Left, Retry, finished, noted};
use crate::error::{Error, Result};
use crate::model::{JobId, Workspace};
use crate::read::in_names_of;
use crate::schedules::run_due;
use crate::standpipe::Standpipe;
use crate::store::{ActiveJob, Lease};

/// How long a claim holds without being renewed.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// How often claims are renewed while jobs run.
const RENEWAL: SignedDuration = SignedDuration::from_secs(20);

/// How long nothing is looked at when nothing is due and nobody calls.
const REST: SignedDuration = SignedDuration::from_secs(60);

/// Pause before a job that lost its engine is run again; it doubles with each run.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// Pause before cleaning up, or looking at the queue, is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// What a job that its process left behind says.
const LEFT_BEHIND: &str = "the server stopped while it ran";

/// Runs jobs. One for each process.
#[derive(Clone, Debug)]
pub struct Runner {
    standpipe: Standpipe,
    kinds: &'static [Kind],
}

/// What one look at the queue did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticked {
    /// Jobs that began.
    pub begun: Vec<JobId>,
    /// When the next look is due, if nobody asks for one before.
    pub next: Timestamp,
}

/// What to do with a claimed job.
enum Mission {
    Run,
    /// Clean up, then end it so.
    CleanUp(JobStatus, Option<String>),
}

impl Runner {
    /// A runner of the product's jobs.
    pub fn new(standpipe: Standpipe) -> Runner {
        Runner::with_kinds(standpipe, KINDS)
    }

    /// A runner of these kinds, for tests.
    pub fn with_kinds(standpipe: Standpipe, kinds: &'static [Kind]) -> Runner {
        Runner { standpipe, kinds }
    }

    /// Takes note that no other process runs jobs: those that say so were left behind. Called once at start.
    pub async fn begin(&self) -> Result<()> {
        let now = self.now();
        self.standpipe.catalog().store().void_leases_of_others(self.owner(), now).await
    }

    /// Looks at the queue whenever something is there to do, until the server stops.
    pub async fn run(self) {
        loop {
            let pause = match self.tick().await {
                Ok(ticked) => Duration::try_from(ticked.next.duration_since(self.now())).unwrap_or_default(),
                Err(error) => {
                    tracing::warn!(%error, "the jobs could not be looked at");
                    RETRY_PAUSE
                }
            };
            tokio::select! {
                () = self.standpipe.stopping.cancelled() => return,
                () = self.standpipe.jobs.woken() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Looks at the queue once: renews the claims of running jobs, interrupts cancelled ones, takes over those left
    /// behind, forgets old ones, and begins as many waiting ones as may run.
    pub async fn tick(&self) -> Result<Ticked> {
        let (now, store) = (self.now(), self.standpipe.catalog().store());
        for id in self.standpipe.jobs.running() {
            store.renew_lease(id, self.lease(now)).await?;
        }
        store.remove_old_jobs(now - SignedDuration::from_hours(HISTORY_HOURS)).await?;
        let scheduled = run_due(&self.standpipe, now).await?;
        for job in store.active_jobs().await? {
            self.look_after(&job, now).await?;
        }
        let active = store.active_jobs().await?;
        let mut begun = Vec::new();
        for id in self.admitted(&active, now) {
            if let Some(job) = store.claim_job(id, self.lease(now), now).await? {
                begun.push(job.id);
                noted(&self.standpipe, &job);
                self.start(job, Mission::Run);
            }
        }
        let runs = active.iter().any(|job| job.status != JobStatus::Waiting) || !begun.is_empty();
        let delayed = active.iter().filter(|job| job.run_after > now).map(|job| job.run_after).min();
        let rest = now + if runs { RENEWAL } else { REST };
        let next = [delayed, scheduled].into_iter().flatten().fold(rest, Timestamp::min);
        Ok(Ticked { begun, next })
    }

    /// Interrupts a cancelled job of ours, and takes over one whose runner is gone.
    async fn look_after(&self, job: &ActiveJob, now: Timestamp) -> Result<()> {
        if self.standpipe.jobs.is_running(job.id) {
            if job.status == JobStatus::Cancelling {
                self.standpipe.jobs.interrupt(job.id);
            }
            return Ok(());
        }
        if job.status == JobStatus::Waiting || job.locked_until.is_some_and(|until| until > now) {
            return Ok(());
        }
        let store = self.standpipe.catalog().store();
        let Some(job) = store.take_over_job(job.id, self.lease(now), now).await? else { return Ok(()) };
        let taken = self.kind(&job.kind).map(|kind| (kind.take_over)(&self.standpipe, &job));
        if let Some(Err(error)) = taken {
            tracing::error!(%error, id = %job.id, "what a job left behind had to itself is not known");
        }
        if job.status == JobStatus::Cancelling {
            self.start(job, Mission::CleanUp(JobStatus::Cancelled, None));
        } else if self.may_run_again(&job) {
            tracing::info!(id = %job.id, kind = job.kind, attempts = job.attempts, "a job left behind is run again");
            store.put_back_job(job.id, self.owner(), now, now).await?;
        } else {
            self.start(job, Mission::CleanUp(JobStatus::Error, Some(LEFT_BEHIND.to_owned())));
        }
        Ok(())
    }

    fn may_run_again(&self, job: &Job) -> bool {
        let retry = self.kind(&job.kind).map(|kind| kind.retry);
        matches!(retry, Some(Retry::Exact(attempts)) if job.attempts < attempts)
    }

    /// The waiting jobs that may begin. `active` is oldest first.
    fn admitted(&self, active: &[ActiveJob], now: Timestamp) -> Vec<JobId> {
        let (waiting, running): (Vec<(usize, &ActiveJob)>, Vec<_>) =
            active.iter().enumerate().partition(|(_, job)| job.status == JobStatus::Waiting);
        let has_turn = |at: usize, job: &ActiveJob| {
            let is_before = |older: &ActiveJob| older.kind == job.kind && older.pipe == job.pipe;
            !self.kind(&job.kind).is_some_and(|kind| kind.in_turn) || !active[..at].iter().any(is_before)
        };
        let waiting: Vec<Candidate<'_>> = waiting
            .into_iter()
            .filter(|(at, job)| job.run_after <= now && has_turn(*at, job))
            .map(|(_, job)| Candidate { id: job.id, workspace: job.workspace, kind: &job.kind })
            .collect();
        let running: Vec<_> = running.iter().map(|(_, job)| (job.workspace, job.kind.as_str())).collect();
        admit(&waiting, &running, self.standpipe.jobs.limits())
    }

    fn start(&self, job: Job, mission: Mission) {
        let (runner, id) = (self.clone(), job.id);
        let cancelled = self.standpipe.jobs.begin(id);
        let context = Context::new(self.standpipe.clone(), job, self.owner(), cancelled);
        let span = tracing::info_span!("job", %id);
        self.standpipe.tasks.spawn(
            async move {
                let stopping = runner.standpipe.stopping.clone();
                tokio::select! {
                    // What is cut off here, the next start finds.
                    () = stopping.cancelled() => {}
                    () = runner.work(&context, mission) => {}
                }
                runner.standpipe.jobs.forget(id);
            }
            .instrument(span),
        );
    }

    /// Brings a claimed job to its end. When the store fails, the row stays as it is and is taken over later.
    async fn work(&self, context: &Context, mission: Mission) {
        let done = match (self.kind(&context.job().kind), mission) {
            (None, _) => {
                let error = format!("this version of the server knows no jobs of kind '{}'", context.job().kind);
                self.end(context, JobStatus::Error, Some(&error)).await
            }
            (Some(kind), _) if let Err(error) = (kind.can_read)(context.job()) => {
                tracing::error!(%error, "a job is given up");
                let error =
                    "another version of the server kept this job in a way that this one cannot read: start it anew";
                self.end(context, JobStatus::Error, Some(error)).await
            }
            (Some(kind), Mission::Run) => self.run_to_its_end(kind, context).await,
            (Some(kind), Mission::CleanUp(status, error)) => self.end_badly(kind, context, status, error).await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, "the end of a job could not be recorded");
        }
    }

    async fn run_to_its_end(&self, kind: &Kind, context: &Context) -> Result<()> {
        let (error, may_pass) = match caught(tokio::spawn((kind.run)(context.clone()).in_current_span())).await {
            Ok(()) => return self.end(context, JobStatus::Done, None).await,
            Err(Failure::Cancelled) => (None, false),
            Err(_) if context.is_cancelled() => (None, false),
            Err(Failure::Failed(error)) => (Some(error), true),
            Err(Failure::FailedForGood(error)) => (Some(error), false),
        };
        if error.is_some() && self.standpipe.storage.faults().is_planned() {
            // A planned failure is a crash: nothing of what follows happens.
            return Ok(());
        }
        if let Some(error) = &error
            && may_pass
            && error.is_passing()
            && self.may_run_again(context.job())
        {
            tracing::info!(%error, attempts = context.job().attempts, "a job is run again");
            let store = self.standpipe.catalog().store();
            let (id, now) = (context.job().id, self.now());
            if store.put_back_job(id, self.owner(), now + pause_after(context.job().attempts), now).await?.is_some() {
                return Ok(());
            }
        }
        // Between the failure and here somebody may have cancelled it; it failed all the same.
        let status = if error.is_some() { JobStatus::Error } else { JobStatus::Cancelled };
        self.end_badly(kind, context, status, error.map(|error| self.shown(error, context.job()))).await
    }

    fn shown(&self, error: Error, job: &Job) -> String {
        let workspace = self.standpipe.catalog().snapshot().workspace(job.workspace);
        shown(error, job, workspace.as_deref())
    }

    /// Cleans up, as often as it takes, and ends the job, well if its work turns out to be done.
    async fn end_badly(&self, kind: &Kind, context: &Context, status: JobStatus, error: Option<String>) -> Result<()> {
        loop {
            match (kind.clean_up)(context.clone(), status).await {
                Ok(Left::Undone) => return self.end(context, status, error.as_deref()).await,
                Ok(Left::Stays(what)) => {
                    let error = error.map_or_else(|| what.clone(), |error| format!("{error}; {what}"));
                    return self.end(context, status, Some(&error)).await;
                }
                Ok(Left::Done) => return self.end(context, JobStatus::Done, None).await,
                Err(error) => {
                    tracing::warn!(%error, "what a job left could not be removed; it is tried again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    async fn end(&self, context: &Context, status: JobStatus, error: Option<&str>) -> Result<()> {
        let store = self.standpipe.catalog().store();
        let ended_job = store.end_job(context.job().id, self.owner(), status, error, self.now()).await?;
        // Not before this is recorded: a job whose end is not is cleaned up again.
        self.standpipe.gate.claims.free_all_of(context.job().id);
        if let Some(job) = ended_job {
            finished(&self.standpipe, &job);
        }
        Ok(())
    }

    fn kind(&self, name: &str) -> Option<&'static Kind> {
        self.kinds.iter().find(|kind| kind.name == name)
    }

    fn owner(&self) -> &str {
        self.standpipe.jobs.owner()
    }

    fn lease(&self, now: Timestamp) -> Lease<'_> {
        Lease { owner: self.owner(), until: now + LEASE }
    }

    fn now(&self) -> Timestamp {
        self.standpipe.clock().now()
    }
}

/// A run's outcome, also when it panicked. Dropping this ends the run.
async fn caught(run: JoinHandle<Result<(), Failure>>) -> Result<(), Failure> {
    struct EndOnDrop(tokio::task::AbortHandle);
    impl Drop for EndOnDrop {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let _end = EndOnDrop(run.abort_handle());
    let broken = |error| Failure::FailedForGood(Error::internal(format!("a job broke down: {error}")));
    run.await.unwrap_or_else(|error| Err(broken(error)))
}

fn pause_after(attempts: u32) -> SignedDuration {
    FIRST_PAUSE * (1 << attempts.saturating_sub(1).min(5))
}

/// An error as a job shows it: with the names that things had which are gone, of which a job has only the ids, and in the
/// names that users know. What is our own fault goes to the log.
fn shown(error: Error, job: &Job, workspace: Option<&Workspace>) -> String {
    let (pipe, data_source) = (job.subject.pipe.as_ref(), job.subject.data_source.as_ref());
    let error = match (error, pipe, data_source) {
        (Error::PipeNotFound { name }, Some((id, known)), _) if name == id.to_string() => {
            Error::PipeNotFound { name: known.clone() }
        }
        (Error::DataSourceNotFound { name }, _, Some((id, known))) if name == id.to_string() => {
            Error::DataSourceNotFound { name: known.clone() }
        }
        (error, ..) => error,
    };
    match error {
        Error::Internal { .. } => {
            tracing::error!(%error, "a job failed");
            "the job failed inside the server: its log says more under the job's id".to_owned()
        }
        error => match workspace {
            Some(workspace) => in_names_of(error, workspace).to_string(),
            None => error.to_string(),
        },
    }
}
