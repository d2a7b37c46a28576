//! What a kind of job is.

use std::pin::Pin;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Context, Failure, Job, JobStatus, Origin, Subject};
use crate::clock::Random;
use crate::error::{Error, Result};
use crate::model::{JobId, TokenId, WorkspaceId};
use crate::standpipe::Standpipe;

/// Whether a job is run again after a run that did not come to its end: the server stopped, or the engine was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It ends in error: running it again might do something twice.
    Never,
    /// It is run again, at most this many times in all: a run finds what earlier ones did, or undoes it.
    Exact(u32),
}

/// What cleaning up after a run found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing of the work is there, now.
    Undone,
    /// The work was done before the run came to its bad end: the job ends well.
    Done,
    /// Some of it is there and cannot be removed: what, and why, for the job's error.
    Stays(String),
}

/// A kind of job: what it does stands in the struct, which is kept as JSON. Adding a kind is a file with one of these and
/// a line in [`super::KINDS`].
pub trait JobKind: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name in answers and in the store.
    const NAME: &'static str;

    /// Whether it may be run again.
    const RETRY: Retry;

    /// Whether those of one pipe run one after the other, in the order in which they came.
    const IN_TURN: bool = false;

    /// Does the work. It stops at the next safe place once `context` says that the job is cancelled.
    fn run(&self, context: &Context) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Why a job that ended badly cannot be added once more, if it cannot.
    fn refuse_retry(&self) -> Option<&'static str> {
        None
    }

    /// Makes of this work that of a `job` which `token` asks for after one that ended badly, and takes from what answers
    /// show of it what runs of that one found.
    fn ask_again(&mut self, _job: &mut Job, _token: TokenId, _random: &Random) {}

    /// Takes again what a run had to itself whose process is gone: before any other run begins, and before it is cleaned
    /// up.
    fn take_over(&self, _standpipe: &Standpipe, _job: &Job) -> Result<()> {
        Ok(())
    }

    /// Removes what a run left that failed, was cancelled or was cut off by the end of the process. `ending` is what the
    /// job will be if its work is undone. It may be called several times, also when there is nothing to remove; while it
    /// fails, it is tried again.
    fn clean_up(&self, _context: &Context, _ending: JobStatus) -> impl Future<Output = Result<Left>> + Send {
        async { Ok(Left::Undone) }
    }
}

/// Work as the runner starts it.
type Work<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// A kind as the runner knows it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// [`JobKind::NAME`]
    pub name: &'static str,
    /// [`JobKind::RETRY`]
    pub retry: Retry,
    /// [`JobKind::IN_TURN`]
    pub in_turn: bool,
    pub(super) run: fn(Context) -> Work<(), Failure>,
    retry_refused: fn(&Job) -> Result<Option<&'static str>>,
    asked_again: fn(Job, TokenId, &Random) -> Result<Job>,
    /// Fails for a job whose work cannot be read: another version kept it.
    pub(super) can_read: fn(&Job) -> Result<()>,
    pub(super) take_over: fn(&Standpipe, &Job) -> Result<()>,
    pub(super) clean_up: fn(Context, JobStatus) -> Work<Left, Error>,
}

impl Kind {
    /// The kind of `K`.
    pub const fn of<K: JobKind>() -> Kind {
        Kind {
            name: K::NAME,
            retry: K::RETRY,
            in_turn: K::IN_TURN,
            run: |context| Box::pin(async move { read::<K>(context.job())?.run(&context).await }),
            retry_refused: |job| Ok(read::<K>(job)?.refuse_retry()),
            asked_again: |mut job, token, random| {
                let mut work = read::<K>(&job)?;
                work.ask_again(&mut job, token, random);
                Ok(Job { payload: payload(&work)?, ..job })
            },
            can_read: |job| read::<K>(job).map(drop),
            take_over: |standpipe, job| read::<K>(job)?.take_over(standpipe, job),
            clean_up: |context, ending| {
                Box::pin(async move { read::<K>(context.job())?.clean_up(&context, ending).await })
            },
        }
    }
}

impl Kind {
    /// Why this job cannot be added once more, if it cannot.
    pub(crate) fn refuse_retry(&self, job: &Job) -> Result<Option<&'static str>> {
        (self.retry_refused)(job)
    }

    /// This job as `token` asks for it after one that ended badly.
    pub(crate) fn ask_again(&self, job: Job, token: TokenId, random: &Random) -> Result<Job> {
        (self.asked_again)(job, token, random)
    }
}

fn payload<K: JobKind>(work: &K) -> Result<Value> {
    serde_json::to_value(work)
        .map_err(|error| Error::internal(format!("a job of kind '{}' cannot be kept: {error}", K::NAME)))
}

pub(super) fn read<K: JobKind>(job: &Job) -> Result<K> {
    K::deserialize(&job.payload)
        .map_err(|error| Error::internal(format!("the payload of job {} cannot be read: {error}", job.id)))
}

/// A job to add to the queue.
#[derive(Clone, Debug)]
pub struct NewJob<K> {
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// What to do.
    pub work: K,
    /// What answers show of it beside the fields that every job has.
    pub details: Map<String, Value>,
    /// What it is about.
    pub subject: Subject,
    /// Who asked for it.
    pub origin: Origin,
}

impl<K: JobKind> NewJob<K> {
    /// The job as it waits.
    pub fn job(&self, now: Timestamp, random: &Random) -> Result<Job> {
        let payload = payload(&self.work)?;
        Ok(Job {
            id: JobId(random.uuid()),
            workspace: self.workspace,
            kind: K::NAME.to_owned(),
            status: JobStatus::Waiting,
            payload,
            checkpoint: None,
            details: self.details.clone(),
            progress: None,
            error: None,
            attempts: 0,
            run_after: now,
            subject: self.subject.clone(),
            origin: self.origin.clone(),
            created_at: now,
            started_at: None,
            updated_at: now,
        })
    }
}
