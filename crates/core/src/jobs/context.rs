//! What a running job can reach.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Job;
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::{Node, NodeId, Pipe, PipeId, TokenId, Workspace};
use crate::standpipe::Standpipe;

/// Why a run did not come to a good end.
#[derive(Debug)]
pub enum Failure {
    /// Somebody cancelled the job.
    Cancelled,
    /// The work failed.
    Failed(Error),
    /// The work failed and is not tried again, whatever the error is: it would cost as much and fail in the same way.
    FailedForGood(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Failed(error)
    }
}

/// What a running job can reach. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context {
    standpipe: Standpipe,
    job: std::sync::Arc<Job>,
    owner: String,
    cancelled: CancellationToken,
}

impl Context {
    pub(super) fn new(standpipe: Standpipe, job: Job, owner: &str, cancelled: CancellationToken) -> Context {
        Context { standpipe, job: std::sync::Arc::new(job), owner: owner.to_owned(), cancelled }
    }

    /// The job as it was when it was claimed.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The product.
    pub fn standpipe(&self) -> &Standpipe {
        &self.standpipe
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.standpipe.clock().now()
    }

    /// What the job may do: what the token may that asked for it, or a schedule where none did.
    pub(super) fn access_of(&self, token: Option<Uuid>) -> Result<Access> {
        let snapshot = self.standpipe.catalog().snapshot();
        match token {
            Some(token) => Access::of_token(snapshot, self.job.workspace, TokenId(token)),
            None => Access::of_schedule(snapshot, self.job.workspace),
        }
    }

    /// Whether somebody cancelled the job.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// Fails when the job is cancelled: for the places between two steps.
    pub fn go_on(&self) -> Result<(), Failure> {
        if self.is_cancelled() { Err(Failure::Cancelled) } else { Ok(()) }
    }

    /// Waits for `work`, and stops waiting when the job is cancelled.
    pub async fn unless_cancelled<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(Failure::Cancelled),
            done = work => Ok(done?),
        }
    }

    /// Waits for `work`, which runs the engine's query of this id, and ends that query when the job is cancelled.
    pub async fn query<T>(&self, query_id: &str, work: impl Future<Output = Result<T>>) -> Result<T, Failure> {
        let done = self.unless_cancelled(work).await;
        if matches!(done, Err(Failure::Cancelled)) {
            self.standpipe.storage.kill(query_id).await;
        }
        done.map_err(|failure| match failure {
            // A query that runs for an hour into what it may use, or into a row that it cannot take, is not run six times.
            Failure::Failed(error @ Error::Engine { .. }) => Failure::FailedForGood(error),
            other => other,
        })
    }

    /// What answers show of the job by now, beside the fields that every job has.
    pub async fn shown(&self) -> Result<Map<String, Value>> {
        let job = self.standpipe.catalog().store().job(self.job.workspace, self.job.id).await?;
        Ok(job.map(|job| job.details).unwrap_or_default())
    }

    /// Says how many percent of the work are done.
    pub async fn set_progress(&self, percent: f64) -> Result<()> {
        self.tell(Some(percent.clamp(0.0, 100.0)), &Map::new()).await
    }

    /// Puts members into what answers show of the job.
    pub async fn show(&self, details: Map<String, Value>) -> Result<()> {
        self.tell(None, &details).await
    }

    pub(super) async fn tell(&self, progress: Option<f64>, details: &Map<String, Value>) -> Result<()> {
        let store = self.standpipe.catalog().store();
        store.tell_job(self.job.id, &self.owner, progress, details, self.now()).await
    }

    /// How far the job has come, in an earlier run or in this one.
    pub async fn checkpoint<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let job = self.standpipe.catalog().store().job(self.job.workspace, self.job.id).await?;
        let checkpoint = job.and_then(|job| job.checkpoint).map(T::deserialize).transpose();
        checkpoint
            .map_err(|error| Error::internal(format!("the checkpoint of job {} cannot be read: {error}", self.job.id)))
    }

    /// Records how far this run has come, so that another can go on from there.
    pub async fn put_checkpoint(&self, checkpoint: &impl Serialize) -> Result<()> {
        let checkpoint = serde_json::to_value(checkpoint)
            .map_err(|error| Error::internal(format!("a checkpoint cannot be kept: {error}")))?;
        self.standpipe.catalog().store().put_job_checkpoint(self.job.id, &checkpoint).await
    }
}

/// The pipe and the node that a job was made for, as they are now. Errors: they are gone, or the pipe does not publish the
/// node any more.
pub(super) fn published(workspace: &Workspace, pipe: PipeId, node: NodeId) -> Result<(&Pipe, &Node)> {
    let pipe_gone = || Error::PipeNotFound { name: pipe.to_string() };
    let pipe = workspace.pipes.get(&pipe).ok_or_else(pipe_gone)?;
    let node_gone = || Error::NodeNotFound { pipe: pipe.name.to_string(), node: node.to_string() };
    let node = pipe.nodes.iter().find(|it| it.id == node).ok_or_else(node_gone)?;
    if pipe.published.as_ref().is_none_or(|published| published.node != node.id) {
        return Err(Error::bad_request(format!(
            "node '{}' of pipe '{}' was unset after this job was asked for: set it again, and start a new one",
            node.name, pipe.name
        )));
    }
    Ok((pipe, node))
}
