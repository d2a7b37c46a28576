//! A job as its row says, and what a new one is made of.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::access::Access;
use crate::model::{DataSourceId, JobId, NodeId, PipeId, WorkspaceId};

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// In the queue.
    Waiting,
    /// Being run.
    Working,
    /// Ended well.
    Done,
    /// Ended badly; what it began is undone.
    Error,
    /// Being stopped and cleaned up.
    Cancelling,
    /// Stopped; what it began is undone.
    Cancelled,
}

impl JobStatus {
    /// Every status.
    pub const ALL: [JobStatus; 6] = [
        JobStatus::Waiting,
        JobStatus::Working,
        JobStatus::Done,
        JobStatus::Error,
        JobStatus::Cancelling,
        JobStatus::Cancelled,
    ];

    /// The word that answers and the store have.
    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Waiting => "waiting",
            JobStatus::Working => "working",
            JobStatus::Done => "done",
            JobStatus::Error => "error",
            JobStatus::Cancelling => "cancelling",
            JobStatus::Cancelled => "cancelled",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<JobStatus> {
        JobStatus::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether nothing more will happen to it.
    pub fn is_final(self) -> bool {
        matches!(self, JobStatus::Done | JobStatus::Error | JobStatus::Cancelled)
    }
}

/// What a job is about: whoever sees this sees the job. Names are those of the time when it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The pipe whose rows it moves.
    pub pipe: Option<(PipeId, String)>,
    /// The pipe's node.
    pub node: Option<NodeId>,
    /// The data source that it fills or changes.
    pub data_source: Option<(DataSourceId, String)>,
}

/// Who asked for a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The name of the token; none for a schedule.
    pub token_name: Option<String>,
    /// The request's id; none for a schedule.
    pub request_id: Option<String>,
    /// Whether a schedule did.
    pub is_scheduled: bool,
}

impl Origin {
    /// The request of this id, by this caller.
    pub(crate) fn of_request(access: &Access, request_id: String) -> Origin {
        let token_name = Some(access.token().name.clone());
        Origin { token_name, request_id: Some(request_id), is_scheduled: false }
    }

    /// A schedule.
    pub(crate) fn of_schedule() -> Origin {
        Origin { is_scheduled: true, ..Origin::default() }
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// The name of its kind.
    pub kind: String,
    /// How far it has come.
    pub status: JobStatus,
    /// What to do, as its kind wrote it.
    pub payload: Value,
    /// How far it has come, as its kind wrote it.
    pub checkpoint: Option<Value>,
    /// What answers show of it beside the fields here.
    pub details: Map<String, Value>,
    /// Percent of the work done, where its kind knows.
    pub progress: Option<f64>,
    /// Why it ended badly.
    pub error: Option<String>,
    /// How often it was run.
    pub attempts: u32,
    /// While it waits, it is not run before.
    pub run_after: Timestamp,
    /// What it is about.
    pub subject: Subject,
    /// Who asked for it.
    pub origin: Origin,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was first run.
    pub started_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a list of jobs is narrowed to; absent parts do not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// The name of a kind.
    pub kind: Option<String>,
    /// A status.
    pub status: Option<JobStatus>,
    /// A pipe's id.
    pub pipe_id: Option<String>,
    /// A pipe's name, as it was when the job was made.
    pub pipe_name: Option<String>,
    /// Made then or later.
    pub created_after: Option<Timestamp>,
    /// Made before.
    pub created_before: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_statuses_read_back() {
        for status in JobStatus::ALL {
            assert_eq!(JobStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(JobStatus::parse("Done"), None);
    }
}
