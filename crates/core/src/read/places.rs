//! How many reads run at once and who is next: a plain value that knows no clock and no task.
//!
//! Tokens and endpoints have limits of their own, and over one of them a read is refused. A workspace has a share of the
//! engine's lanes: beyond it reads wait for a place, up to a number. A free place goes to the waiting workspace that uses
//! fewest, so that nobody's crowd holds up the others.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use crate::model::{PipeId, TokenId, WorkspaceId};

/// Whose read it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claimant {
    pub(super) workspace: WorkspaceId,
    pub(super) token: TokenId,
    /// The endpoint it reads, when that has a limit.
    pub(super) pipe: Option<PipeId>,
}

/// How many reads at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Of the workspace, running.
    pub(super) share: usize,
    /// Of the workspace, running and waiting.
    pub(super) workspace: usize,
    /// With the token, running and waiting.
    pub(super) token: Option<usize>,
    /// Of the endpoint, running and waiting.
    pub(super) pipe: Option<usize>,
}

/// What becomes of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It has a place.
    Runs,
    /// It waits under this number.
    Waits(Ticket),
    /// There are as many as there may be.
    Refused(Holder, usize),
}

/// Names a claim that waits.
pub(super) type Ticket = u64;

/// Whose limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Workspace,
    Token,
    Pipe,
}

/// All places, and who has or wants one.
#[derive(Debug)]
pub(super) struct Places {
    capacity: usize,
    running: usize,
    last_ticket: Ticket,
    workspaces: HashMap<WorkspaceId, Crowd>,
    tokens: HashMap<TokenId, usize>,
    pipes: HashMap<PipeId, usize>,
}

/// A workspace's reads.
#[derive(Debug, Default)]
struct Crowd {
    running: usize,
    /// As its latest claim said.
    share: usize,
    waiting: VecDeque<(Ticket, Claimant)>,
}

impl Places {
    /// So many may run at once altogether.
    pub(super) fn new(capacity: usize) -> Places {
        Places {
            capacity: capacity.max(1),
            running: 0,
            last_ticket: 0,
            workspaces: HashMap::new(),
            tokens: HashMap::new(),
            pipes: HashMap::new(),
        }
    }

    /// Reads that run, and reads that wait.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.running, self.workspaces.values().map(|crowd| crowd.waiting.len()).sum())
    }

    /// Asks for a place. What is not refused must be given back: by [`Places::release`] once it ran, by
    /// [`Places::abandon`] while it waits.
    pub(super) fn claim(&mut self, claimant: Claimant, bounds: Bounds) -> Claim {
        if let Some(limit) = reached(&self.tokens, &claimant.token, bounds.token) {
            return Claim::Refused(Holder::Token, limit);
        }
        if let Some(limit) = claimant.pipe.and_then(|pipe| reached(&self.pipes, &pipe, bounds.pipe)) {
            return Claim::Refused(Holder::Pipe, limit);
        }
        let crowd = self.workspaces.entry(claimant.workspace).or_default();
        crowd.share = bounds.share.max(1);
        if crowd.running + crowd.waiting.len() >= bounds.workspace.max(1) {
            return Claim::Refused(Holder::Workspace, bounds.workspace.max(1));
        }
        *self.tokens.entry(claimant.token).or_default() += 1;
        if let Some(pipe) = claimant.pipe {
            *self.pipes.entry(pipe).or_default() += 1;
        }
        if self.running < self.capacity && crowd.running < crowd.share && crowd.waiting.is_empty() {
            crowd.running += 1;
            self.running += 1;
            return Claim::Runs;
        }
        self.last_ticket += 1;
        crowd.waiting.push_back((self.last_ticket, claimant));
        Claim::Waits(self.last_ticket)
    }

    /// Gives a place back. Ask [`Places::next`] afterwards.
    pub(super) fn release(&mut self, claimant: Claimant) {
        self.running -= 1;
        if let Some(crowd) = self.workspaces.get_mut(&claimant.workspace) {
            crowd.running -= 1;
        }
        self.forget(claimant);
    }

    /// Gives up waiting. False when the claim waits no more: it has a place by now.
    pub(super) fn abandon(&mut self, ticket: Ticket, claimant: Claimant) -> bool {
        let Some(crowd) = self.workspaces.get_mut(&claimant.workspace) else { return false };
        let Some(position) = crowd.waiting.iter().position(|(waiting, _)| *waiting == ticket) else { return false };
        crowd.waiting.remove(position);
        self.forget(claimant);
        true
    }

    /// Gives a free place to the next that waits; none when none is free or nobody may have it.
    pub(super) fn next(&mut self) -> Option<Ticket> {
        if self.running >= self.capacity {
            return None;
        }
        let may_run = self.workspaces.values_mut().filter(|crowd| crowd.running < crowd.share);
        let first = |crowd: &Crowd| crowd.waiting.front().map_or(Ticket::MAX, |(ticket, _)| *ticket);
        let crowd =
            may_run.filter(|crowd| !crowd.waiting.is_empty()).min_by_key(|crowd| (crowd.running, first(crowd)))?;
        let (ticket, _) = crowd.waiting.pop_front()?;
        crowd.running += 1;
        self.running += 1;
        Some(ticket)
    }

    /// Takes the claim off the counts; what counts nothing is not kept.
    fn forget(&mut self, claimant: Claimant) {
        count_down(&mut self.tokens, &claimant.token);
        if let Some(pipe) = claimant.pipe {
            count_down(&mut self.pipes, &pipe);
        }
        let is_idle = |crowd: &Crowd| crowd.running == 0 && crowd.waiting.is_empty();
        if self.workspaces.get(&claimant.workspace).is_some_and(is_idle) {
            self.workspaces.remove(&claimant.workspace);
        }
    }
}

/// The limit, when it is reached.
fn reached<K: Hash + Eq>(counts: &HashMap<K, usize>, key: &K, limit: Option<usize>) -> Option<usize> {
    limit.filter(|limit| counts.get(key).copied().unwrap_or(0) >= *limit)
}

fn count_down<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn claimant(workspace: u128, token: u128) -> Claimant {
        Claimant {
            workspace: WorkspaceId(Uuid::from_u128(workspace)),
            token: TokenId(Uuid::from_u128(token)),
            pipe: None,
        }
    }

    const WIDE: Bounds = Bounds { share: 2, workspace: 4, token: None, pipe: None };

    #[test]
    fn a_workspace_runs_its_share_and_then_waits_and_then_is_refused() {
        let mut places = Places::new(8);
        let one = claimant(1, 1);
        let claims: Vec<Claim> = (0..5).map(|_| places.claim(one, WIDE)).collect();
        let refused = Claim::Refused(Holder::Workspace, 4);
        assert_eq!(claims, [Claim::Runs, Claim::Runs, Claim::Waits(1), Claim::Waits(2), refused]);
        assert_eq!(places.claim(claimant(2, 2), WIDE), Claim::Runs, "another workspace is not held up");
        assert_eq!((places.counts(), places.next()), ((3, 2), None));
        places.release(one);
        assert_eq!((places.next(), places.next()), (Some(1), None), "first come, first served");
    }

    #[test]
    fn a_token_over_its_limit_is_refused_also_while_its_reads_wait() {
        let mut places = Places::new(1);
        let (one, other) = (claimant(1, 1), claimant(1, 2));
        let bounds = Bounds { token: Some(1), ..WIDE };
        assert_eq!(places.claim(one, bounds), Claim::Runs);
        assert_eq!(places.claim(one, bounds), Claim::Refused(Holder::Token, 1));
        assert_eq!(places.claim(other, bounds), Claim::Waits(1));
        assert_eq!(places.claim(other, bounds), Claim::Refused(Holder::Token, 1));
        assert!(places.abandon(1, other));
        assert!(!places.abandon(1, other));
        assert_eq!(places.claim(other, bounds), Claim::Waits(2));
    }

    #[test]
    fn a_free_place_goes_to_the_workspace_that_uses_fewest() {
        let mut places = Places::new(3);
        let bounds = Bounds { share: 3, workspace: 10, token: None, pipe: None };
        let (crowd, single) = (claimant(1, 1), claimant(2, 2));
        for _ in 0..6 {
            places.claim(crowd, bounds);
        }
        assert_eq!(places.claim(single, bounds), Claim::Waits(4));
        places.release(crowd);
        assert_eq!(places.next(), Some(4), "the crowd waited longer but has two places");
    }

    #[test]
    fn an_endpoint_has_a_limit_of_its_own() {
        let mut places = Places::new(3);
        let pipe = PipeId::parse("t_bd1c62b5e67142bd9bf9a7f113a2b6ea");
        let (one, other) = (Claimant { pipe, ..claimant(1, 1) }, Claimant { pipe, ..claimant(1, 2) });
        let bounds = Bounds { pipe: Some(1), ..WIDE };
        assert_eq!(places.claim(one, bounds), Claim::Runs);
        assert_eq!(places.claim(other, bounds), Claim::Refused(Holder::Pipe, 1));
        assert_eq!(places.claim(claimant(1, 2), bounds), Claim::Runs);
    }

    proptest! {
        /// Whatever comes and goes: no bound is ever passed, nobody waits while a place is free for him, nothing is left.
        #[test]
        fn bounds_hold_and_everything_is_given_back(
            steps in prop::collection::vec((0u128..3, 0u128..4, 0usize..3), 1..200), capacity in 1usize..5,
        ) {
            let bounds = Bounds { share: 2, workspace: 6, token: Some(3), pipe: None };
            let mut places = Places::new(capacity);
            let (mut running, mut waiting): (Vec<Claimant>, Vec<(Ticket, Claimant)>) = (vec![], vec![]);
            for (workspace, token, step) in steps {
                let who = claimant(workspace, workspace * 10 + token);
                match step {
                    0 => match places.claim(who, bounds) {
                        Claim::Runs => running.push(who),
                        Claim::Waits(ticket) => waiting.push((ticket, who)),
                        Claim::Refused(..) => {}
                    },
                    1 if !running.is_empty() => places.release(running.remove(0)),
                    _ if !waiting.is_empty() => {
                        let (ticket, who) = waiting.pop().unwrap();
                        prop_assert!(places.abandon(ticket, who));
                    }
                    _ => {}
                }
                while let Some(ticket) = places.next() {
                    let position = waiting.iter().position(|(waits, _)| *waits == ticket).unwrap();
                    running.push(waiting.remove(position).1);
                }
                prop_assert_eq!(places.counts(), (running.len(), waiting.len()));
                prop_assert!(running.len() <= capacity);
                for workspace in 0..3 {
                    let of = |who: &Claimant| who.workspace == claimant(workspace, 0).workspace;
                    let runs = running.iter().filter(|who| of(who)).count();
                    let waits = waiting.iter().filter(|(_, who)| of(who)).count();
                    prop_assert!(runs <= 2 && runs + waits <= 6);
                    prop_assert!(waits == 0 || runs == 2 || running.len() == capacity, "one waits in vain");
                }
            }
            for who in running.drain(..) {
                places.release(who);
            }
            for (ticket, who) in waiting.drain(..) {
                places.abandon(ticket, who);
            }
            prop_assert_eq!(places.counts(), (0, 0));
            prop_assert!(places.workspaces.is_empty() && places.tokens.is_empty());
        }
    }
}
