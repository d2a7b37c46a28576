//! Work that outlives its request: rows in one table, claimed by a lease, run by a pool of workers.
//!
//! A kind of job is a serialisable struct with a name and `run` (see [`JobKind`]), and a line in [`KINDS`]. Start reading
//! at [`Runner::tick`], which is all that the runner does, once.

mod context;
mod copy;
mod entering;
mod job;
mod kind;
mod limits;
mod populate;
mod progress;
mod records;
mod runner;
mod sink;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use context::{Context, Failure};
pub use copy::{CopyJob, QUERY_SQL};
pub(crate) use copy::{too_many_rows, with_timestamp};
pub(crate) use entering::tables_prefix;
pub use job::{Job, JobFilter, JobStatus, Origin, Subject};
pub use kind::{JobKind, Kind, Left, NewJob, Retry};
pub use limits::{CopyLimits, JobLimits};
pub use populate::PopulateJob;
pub(crate) use populate::take_snapshot;
pub(crate) use records::{finished, noted, queued};
pub use runner::{Runner, Ticked};
pub use sink::{SINK_TARGET, SinkJob};

use crate::clock::Random;
use crate::error::Result;
use crate::model::JobId;
use crate::standpipe::Standpipe;

/// Every kind of job that this program runs.
pub const KINDS: &[Kind] = &[Kind::of::<CopyJob>(), Kind::of::<PopulateJob>(), Kind::of::<SinkJob>()];

/// How long ended jobs are kept, in hours.
pub const HISTORY_HOURS: i64 = 48;

/// What operations and the runner share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Jobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: JobLimits,
    /// Names this process in leases.
    owner: String,
    /// Something may be there to do.
    wake: Notify,
    running: Mutex<HashMap<JobId, CancellationToken>>,
}

impl Jobs {
    pub(crate) fn new(limits: JobLimits, random: &Random) -> Jobs {
        let owner = random.uuid().to_string();
        Jobs(Arc::new(Inner { limits, owner, wake: Notify::new(), running: Mutex::default() }))
    }

    pub(crate) fn limits(&self) -> &JobLimits {
        &self.0.limits
    }

    fn owner(&self) -> &str {
        &self.0.owner
    }

    /// Has the runner look at once.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
    }

    async fn woken(&self) {
        self.0.wake.notified().await;
    }

    /// Tells a job that this process runs to stop.
    pub(crate) fn interrupt(&self, id: JobId) {
        let running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cancelled) = running.get(&id) {
            cancelled.cancel();
        }
    }

    fn begin(&self, id: JobId) -> CancellationToken {
        let cancelled = CancellationToken::new();
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id, cancelled.clone());
        cancelled
    }

    fn forget(&self, id: JobId) {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.wake();
    }

    fn running(&self) -> Vec<JobId> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    fn is_running(&self, id: JobId) -> bool {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }
}

impl Standpipe {
    /// Adds a job to the queue.
    pub async fn enqueue<K: JobKind>(&self, new: &NewJob<K>) -> Result<Job> {
        let job = new.job(self.clock().now(), self.random())?;
        self.catalog().store().insert_job(&job).await?;
        self.jobs.wake();
        Ok(job)
    }
}

#[cfg(test)]
pub(crate) mod tests;
