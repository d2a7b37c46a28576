//! Lets reads in: at once, after a short wait for a place, or not at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::limits::Allowed;
use super::places::{Bounds, Claim, Claimant, Holder, Places, Ticket};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::model::Pipe;

/// How many reads run at once, and how the others wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadPlaces {
    /// Reads that run at once: the engine's read lanes.
    pub lanes: usize,
    /// How much of them, in percent, one workspace among several may use; one alone may use all.
    pub workspace_share: u8,
    /// Reads of one workspace that may run or wait at once.
    pub workspace_reads: usize,
    /// Longest wait for a place.
    pub queue: Duration,
}

impl ReadPlaces {
    /// How many reads of one workspace run at once.
    fn share(&self, alone: bool) -> usize {
        if alone { self.lanes } else { (self.lanes * usize::from(self.workspace_share)).div_ceil(100).max(1) }
    }
}

/// Lets reads in. A clone shares the places.
#[derive(Clone, Debug)]
pub(super) struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rules: ReadPlaces,
    state: Mutex<State>,
    refused: AtomicU64,
    timed_out: AtomicU64,
}

#[derive(Debug)]
struct State {
    places: Places,
    waiting: HashMap<Ticket, oneshot::Sender<()>>,
}

/// How busy the readers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadFigures {
    /// Reads that have a place.
    pub running: u64,
    /// Reads that wait for one.
    pub waiting: u64,
    /// Reads refused since the start because a token, an endpoint or a workspace had too many.
    pub refused: u64,
    /// Reads refused since the start because they waited too long.
    pub timed_out: u64,
    /// Queries since the start that went on after their time and had to be killed.
    pub overdue: u64,
    /// Queries since the start that even a kill did not end, so that the engine was restarted.
    pub unkillable: u64,
    /// Answers since the start that an endpoint gave again.
    pub cache_hits: u64,
    /// Answers since the start that an endpoint may give again, and had to ask the engine for.
    pub cache_misses: u64,
}

impl Admission {
    /// All places free.
    pub(super) fn new(rules: ReadPlaces) -> Admission {
        let state = Mutex::new(State { places: Places::new(rules.lanes), waiting: HashMap::new() });
        let (refused, timed_out) = (AtomicU64::new(0), AtomicU64::new(0));
        Admission(Arc::new(Shared { rules, state, refused, timed_out }))
    }

    /// The figures that are known here.
    pub(super) fn figures(&self) -> ReadFigures {
        let (running, waiting) = self.0.lock().places.counts();
        ReadFigures {
            running: running as u64,
            waiting: waiting as u64,
            refused: self.0.refused.load(Ordering::Relaxed),
            timed_out: self.0.timed_out.load(Ordering::Relaxed),
            ..ReadFigures::default()
        }
    }

    /// A place of nobody in particular.
    #[cfg(test)]
    pub(super) fn any_place(&self) -> Place {
        let (workspace, token) = (uuid::Uuid::nil(), uuid::Uuid::nil());
        let claimant = Claimant {
            workspace: crate::model::WorkspaceId(workspace),
            token: crate::model::TokenId(token),
            pipe: None,
        };
        let bounds = Bounds { share: 1, workspace: 1, token: None, pipe: None };
        assert_eq!(self.0.lock().places.claim(claimant, bounds), Claim::Runs);
        Place { shared: self.0.clone(), claimant }
    }

    /// A place for one read, to be held to its last byte.
    pub(super) async fn enter(&self, access: &Access, pipe: Option<&Pipe>, allowed: &Allowed) -> Result<Place> {
        let pipe_id = pipe.filter(|_| allowed.pipe_reads.is_some()).map(|pipe| pipe.id);
        let claimant = Claimant { workspace: access.workspace().id, token: access.token().id, pipe: pipe_id };
        let alone = access.snapshot().workspaces().nth(1).is_none();
        let bounds = Bounds {
            share: self.0.rules.share(alone),
            workspace: self.0.rules.workspace_reads,
            token: allowed.token_reads.map(|reads| reads as usize),
            pipe: allowed.pipe_reads.map(|reads| reads as usize),
        };
        let (waiting, called) = {
            let mut state = self.0.lock();
            match state.places.claim(claimant, bounds) {
                Claim::Runs => return Ok(Place { shared: self.0.clone(), claimant }),
                Claim::Refused(holder, limit) => {
                    self.0.refused.fetch_add(1, Ordering::Relaxed);
                    let holder = match holder {
                        Holder::Token => format!("token '{}'", access.token().name),
                        Holder::Pipe => format!("pipe '{}'", pipe.map_or("", |pipe| pipe.name.as_str())),
                        Holder::Workspace => format!("workspace '{}'", access.workspace().name),
                    };
                    return Err(Error::TooManyReads { holder, limit: limit as u64 });
                }
                Claim::Waits(ticket) => {
                    let (call, called) = oneshot::channel();
                    state.waiting.insert(ticket, call);
                    (Waiting { shared: self.0.clone(), claimant, ticket, has_place: false }, called)
                }
            }
        };
        match tokio::time::timeout(self.0.rules.queue, called).await {
            Ok(Ok(())) => Ok(waiting.into_place()),
            // A call that was dropped is none; it does not happen.
            Ok(Err(_)) | Err(_) => {
                self.0.timed_out.fetch_add(1, Ordering::Relaxed);
                Err(Error::QueueTimeout { seconds: self.0.rules.queue.as_secs() })
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic leaves the counts half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, claimant: Claimant) {
        let mut state = self.lock();
        state.places.release(claimant);
        state.call();
    }
}

impl State {
    /// Calls all for whom there is a place now.
    fn call(&mut self) {
        while let Some(ticket) = self.places.next() {
            // Who has just given up notices that it has a place, and gives it back.
            let _called = self.waiting.remove(&ticket).map(|call| call.send(()));
        }
    }
}

/// A read that waits, and stops waiting when dropped.
struct Waiting {
    shared: Arc<Shared>,
    claimant: Claimant,
    ticket: Ticket,
    has_place: bool,
}

impl Waiting {
    fn into_place(mut self) -> Place {
        self.has_place = true;
        Place { shared: self.shared.clone(), claimant: self.claimant }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.has_place {
            return;
        }
        let mut state = self.shared.lock();
        state.waiting.remove(&self.ticket);
        if !state.places.abandon(self.ticket, self.claimant) {
            // It was called in the meantime.
            state.places.release(self.claimant);
            state.call();
        }
    }
}

/// The right to run, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    shared: Arc<Shared>,
    claimant: Claimant,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.release(self.claimant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_among_others_has_its_share() {
        let rules = ReadPlaces { lanes: 8, workspace_share: 75, workspace_reads: 9, queue: Duration::ZERO };
        assert_eq!((rules.share(true), rules.share(false)), (8, 6));
        let single = ReadPlaces { lanes: 1, workspace_share: 10, ..rules };
        assert_eq!((single.share(true), single.share(false)), (1, 1));
    }
}
