//! Which waiting jobs may begin: a pure function of what waits and what runs.

use std::collections::HashMap;
use std::time::Duration;

use super::{CopyJob, JobKind};
use crate::model::{JobId, WorkspaceId};

/// How many jobs run at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLimits {
    /// In all.
    pub total: usize,
    /// Of one kind and workspace.
    pub per_kind: usize,
    /// What a copy may do.
    pub copy: CopyLimits,
    /// How long a sink may read its rows.
    pub sink_time: Duration,
}

/// What one copy may do, and how many a workspace may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyLimits {
    /// Most rows.
    pub rows: u64,
    /// Longest time.
    pub time: Duration,
    /// Copies of a workspace that wait or work.
    pub active: usize,
}

impl JobLimits {
    /// How many jobs of this kind a workspace may have that have not ended; none for no limit.
    pub(crate) fn active(&self, kind: &str) -> Option<usize> {
        (kind == CopyJob::NAME).then_some(self.copy.active)
    }
}

/// A waiting job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate<'a> {
    pub(super) id: JobId,
    pub(super) workspace: WorkspaceId,
    pub(super) kind: &'a str,
}

/// The jobs that may begin now, in this order. `waiting` is oldest first; `running` holds one entry for each running job.
/// A workspace with fewer running jobs goes first, so that none keeps the others waiting.
pub(super) fn admit<'a>(
    waiting: &[Candidate<'a>],
    running: &[(WorkspaceId, &'a str)],
    limits: &JobLimits,
) -> Vec<JobId> {
    let mut of_workspace: HashMap<WorkspaceId, usize> = HashMap::new();
    let mut of_kind: HashMap<(WorkspaceId, &str), usize> = HashMap::new();
    for (workspace, kind) in running {
        *of_workspace.entry(*workspace).or_default() += 1;
        *of_kind.entry((*workspace, kind)).or_default() += 1;
    }
    let mut left: Vec<&Candidate<'a>> = waiting.iter().collect();
    let mut admitted = Vec::new();
    while running.len() + admitted.len() < limits.total {
        let may =
            |job: &&Candidate<'a>| of_kind.get(&(job.workspace, job.kind)).is_none_or(|count| *count < limits.per_kind);
        let load = |job: &Candidate<'a>| of_workspace.get(&job.workspace).copied().unwrap_or_default();
        let best = left.iter().enumerate().filter(|(_, job)| may(job)).min_by_key(|(at, job)| (load(job), *at));
        let Some((at, _)) = best else { break };
        let job = left.remove(at);
        *of_workspace.entry(job.workspace).or_default() += 1;
        *of_kind.entry((job.workspace, job.kind)).or_default() += 1;
        admitted.push(job.id);
    }
    admitted
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn workspace(number: u128) -> WorkspaceId {
        WorkspaceId(Uuid::from_u128(number))
    }

    fn waiting<'a>(jobs: &[(u128, &'a str)]) -> Vec<Candidate<'a>> {
        let candidate = |(id, (at, kind)): (u128, &(u128, &'a str))| Candidate {
            id: JobId(Uuid::from_u128(id)),
            workspace: workspace(*at),
            kind,
        };
        (0..).zip(jobs).map(candidate).collect()
    }

    #[track_caller]
    fn check(jobs: &[(u128, &str)], running: &[(u128, &str)], limits: (usize, usize), expected: &[u128]) {
        let running: Vec<_> = running.iter().map(|(at, kind)| (workspace(*at), *kind)).collect();
        let copy = CopyLimits { rows: 0, time: Duration::ZERO, active: 0 };
        let limits = JobLimits { total: limits.0, per_kind: limits.1, copy, sink_time: Duration::ZERO };
        let found: Vec<u128> = admit(&waiting(jobs), &running, &limits).iter().map(|id| id.0.as_u128()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_oldest_go_first_up_to_the_limit() {
        check(&[(1, "copy"), (1, "copy"), (1, "copy")], &[], (2, 9), &[0, 1]);
        check(&[(1, "copy")], &[(1, "copy"), (1, "sink")], (2, 9), &[]);
        check(&[], &[], (2, 9), &[]);
        check(&[(1, "copy")], &[], (0, 9), &[]);
    }

    #[test]
    fn a_kind_at_its_limit_lets_others_pass() {
        check(&[(1, "copy"), (1, "copy"), (1, "sink"), (2, "copy")], &[(1, "copy")], (9, 1), &[3, 2]);
    }

    #[test]
    fn a_workspace_does_not_keep_others_waiting() {
        check(&[(1, "copy"), (1, "copy"), (1, "copy"), (2, "copy")], &[], (3, 9), &[0, 3, 1]);
        check(&[(1, "copy"), (2, "copy")], &[(1, "copy")], (2, 9), &[1]);
    }
}
