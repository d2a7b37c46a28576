//! Turns schedules whose time has come into jobs.

use jiff::{SignedDuration, Timestamp};

use super::CATCH_UP;
use crate::error::Result;
use crate::jobs::{CopyJob, Job, SinkJob, queued};
use crate::model::{Pipe, Role, Workspace};
use crate::standpipe::Standpipe;
use crate::store::{ScheduleMove, ScheduleRow};

/// Shortest time to the next look.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// Adds a job for each schedule whose time has come and moves it on. Answers when the next one is due.
pub(crate) async fn run_due(standpipe: &Standpipe, now: Timestamp) -> Result<Option<Timestamp>> {
    let store = standpipe.catalog().store();
    for row in store.due_schedules(now, now + CATCH_UP).await? {
        // One schedule that cannot be run keeps no other from running.
        if let Err(error) = run(standpipe, &row, now).await {
            tracing::error!(%error, pipe = %row.pipe, "a schedule could not be run");
        }
    }
    Ok(store.next_scheduled_run().await?.map(|next| next.max(now + PAUSE)))
}

async fn run(standpipe: &Standpipe, row: &ScheduleRow, now: Timestamp) -> Result<()> {
    let store = standpipe.catalog().store();
    let workspace = standpipe.catalog().snapshot().workspace(row.workspace);
    let pipe = workspace.as_ref().and_then(|workspace| workspace.pipes.get(&row.pipe));
    // A pipe that has just lost its schedule loses this row in the same transaction: it is not there any more.
    let Some((workspace, pipe)) = workspace.as_ref().zip(pipe) else { return Ok(()) };
    let Some(schedule) = pipe.schedule() else { return Ok(()) };
    if row.moved_at > now + CATCH_UP {
        // What the row says comes from a clock that has been set back since.
        let next_run = schedule.next_run(now)?;
        tracing::warn!(pipe = %pipe.name, %next_run, "the clock was set back: a schedule begins anew");
        store.move_schedule(row, ScheduleMove { next_run, skipped: 0, missed: 0 }, None, now).await?;
        return Ok(());
    }
    let due = schedule.due(row.next_run, now)?;
    if due.missed > 0 {
        tracing::warn!(pipe = %pipe.name, missed = due.missed, "runs of a schedule were missed");
    }
    let busy = due.run.is_some() && store.has_active_jobs(pipe.id).await?;
    if busy {
        tracing::info!(pipe = %pipe.name, "a scheduled run is left out: the one before has not ended");
    }
    let run = due.run.filter(|_| !busy);
    let job = match run {
        Some(time) => job(standpipe, workspace, pipe, (time, now))?,
        None => None,
    };
    let to = ScheduleMove { next_run: due.next, skipped: u64::from(busy), missed: due.missed };
    let moved = store.move_schedule(row, to, job.as_ref(), now).await?;
    if let Some(job) = job.as_ref().filter(|_| moved) {
        queued(standpipe, job);
    }
    Ok(())
}

/// The job of a run for a time, made at another.
fn job(
    standpipe: &Standpipe,
    workspace: &Workspace,
    pipe: &Pipe,
    times: (Timestamp, Timestamp),
) -> Result<Option<Job>> {
    match pipe.published.as_ref().map(|published| &published.role) {
        Some(Role::Copy(copy)) => CopyJob::scheduled(standpipe, workspace, pipe, copy, times).map(Some),
        Some(Role::Sink(sink)) => SinkJob::scheduled(standpipe, workspace, pipe, sink, times),
        Some(Role::Endpoint | Role::Materialized(_)) | None => Ok(None),
    }
}
