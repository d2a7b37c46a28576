//! Lanes: bounded queues, each with threads of its own, so that one kind of work cannot hold up another.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde::Serialize;

use crate::error::Error;
use crate::exception::{Exception, TOO_MANY_SIMULTANEOUS_QUERIES};
use crate::options;
use crate::ticket::Ticket;

/// The kinds of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Control,
    Check,
    Insert,
    Read,
    Background,
    Job,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Check => "check",
            Self::Insert => "insert",
            Self::Read => "read",
            Self::Background => "background",
            Self::Job => "job",
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        [Self::Control, Self::Check, Self::Insert, Self::Read, Self::Background, Self::Job]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(())
    }
}

/// All lanes of the process.
pub(crate) struct Lanes {
    control: Arc<Lane>,
    check: Arc<Lane>,
    insert: Arc<Lane>,
    read: Arc<Lane>,
    background: Arc<Lane>,
    job: Arc<Lane>,
}

impl Lanes {
    /// Starts every lane's threads.
    pub(crate) fn start(sizes: &options::Lanes) -> Result<Self, Error> {
        Ok(Self {
            control: Lane::start(Kind::Control, sizes.control)?,
            check: Lane::start(Kind::Check, sizes.check)?,
            insert: Lane::start(Kind::Insert, sizes.insert)?,
            read: Lane::start(Kind::Read, sizes.read)?,
            background: Lane::start(Kind::Background, sizes.background)?,
            job: Lane::start(Kind::Job, sizes.job)?,
        })
    }

    /// The lane for a kind of work.
    pub(crate) fn get(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Control => &self.control,
            Kind::Check => &self.check,
            Kind::Insert => &self.insert,
            Kind::Read => &self.read,
            Kind::Background => &self.background,
            Kind::Job => &self.job,
        }
    }

    /// Every lane's figures, under its name.
    pub(crate) fn figures(&self) -> impl Iterator<Item = (&'static str, Figures)> {
        [&self.control, &self.check, &self.insert, &self.read, &self.background, &self.job]
            .into_iter()
            .map(|lane| (lane.kind.name(), lane.figures()))
    }
}

/// How busy a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Figures {
    /// Statements that a thread works on.
    pub(crate) running: usize,
    /// Statements that wait.
    pub(crate) queued: usize,
    /// Most statements that may run and wait together.
    pub(crate) capacity: usize,
}

/// One lane.
pub(crate) struct Lane {
    kind: Kind,
    size: options::Lane,
    state: Mutex<State>,
    work_came: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    running: usize,
}

struct Job {
    ticket: Arc<Ticket>,
    run: Box<dyn FnOnce() + Send>,
}

impl Lane {
    fn start(kind: Kind, size: options::Lane) -> Result<Arc<Self>, Error> {
        let size = options::Lane { threads: size.threads.max(1), ..size };
        let lane = Arc::new(Self { kind, size, state: Mutex::default(), work_came: Condvar::new() });
        for number in 0..size.threads {
            let own = Arc::clone(&lane);
            thread::Builder::new()
                .name(format!("{}-{number}", kind.name()))
                .spawn(move || own.work())
                .map_err(|source| Error::Start { what: "lane threads", source })?;
        }
        Ok(lane)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands `run` to the lane's next free thread; refused at once when the lane is full.
    ///
    /// `run` is dropped unrun when the client has left before its turn.
    pub(crate) fn submit(&self, ticket: Arc<Ticket>, run: impl FnOnce() + Send + 'static) -> Result<(), Exception> {
        let capacity = self.size.threads + self.size.queue;
        let mut state = self.lock();
        if state.running + state.queue.len() >= capacity {
            state.queue.retain(|job| !job.ticket.is_gone());
        }
        if state.running + state.queue.len() >= capacity {
            let (name, running, queued) = (self.kind.name(), state.running, state.queue.len());
            let message = format!("Too many simultaneous queries in lane {name}: {running} running, {queued} waiting");
            return Err(Exception::new(TOO_MANY_SIMULTANEOUS_QUERIES, "TOO_MANY_SIMULTANEOUS_QUERIES", &message));
        }
        state.queue.push_back(Job { ticket, run: Box::new(run) });
        drop(state);
        self.work_came.notify_one();
        Ok(())
    }

    fn work(&self) {
        loop {
            let job = self.next_job();
            let ticket = Arc::clone(&job.ticket);
            if !ticket.is_gone() && catch_unwind(AssertUnwindSafe(job.run)).is_err() {
                tracing::error!(lane = self.kind.name(), query_id = ticket.query_id, "a statement's thread panicked");
            }
            ticket.finish();
            self.lock().running -= 1;
        }
    }

    fn next_job(&self) -> Job {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.running += 1;
                return job;
            }
            state = self.work_came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn figures(&self) -> Figures {
        let state = self.lock();
        Figures { running: state.running, queued: state.queue.len(), capacity: self.size.threads + self.size.queue }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A lane of one thread that is held up until the returned sender is dropped.
    fn held_up(queue: usize) -> (Arc<Lane>, mpsc::Sender<()>) {
        let lane = Lane::start(Kind::Read, options::Lane { threads: 1, queue }).unwrap();
        let (release, wait) = mpsc::channel::<()>();
        let (running, is_running) = mpsc::channel();
        let hold = move || {
            running.send(()).unwrap();
            let _ended = wait.recv();
        };
        lane.submit(Arc::new(Ticket::new(None)), hold).unwrap();
        is_running.recv().unwrap();
        (lane, release)
    }

    #[test]
    fn a_full_lane_refuses_at_once() {
        let (lane, _release) = held_up(1);
        lane.submit(Arc::new(Ticket::new(None)), || {}).unwrap();
        let refused = lane.submit(Arc::new(Ticket::new(None)), || {}).unwrap_err();
        assert_eq!(refused.code, 202);
        assert!(refused.text.contains("in lane read: 1 running, 1 waiting"), "{}", refused.text);
        assert_eq!(lane.figures(), Figures { running: 1, queued: 1, capacity: 2 });
    }

    #[test]
    fn work_whose_client_left_is_skipped_and_frees_its_place() {
        let (lane, release) = held_up(1);
        let (ran, what_ran) = mpsc::channel();
        let left = Arc::new(Ticket::new(None));
        let first = ran.clone();
        lane.submit(Arc::clone(&left), move || first.send("left").unwrap()).unwrap();
        left.leave();
        lane.submit(Arc::new(Ticket::new(None)), move || ran.send("stayed").unwrap()).unwrap();
        drop(release);
        assert_eq!(what_ran.iter().collect::<Vec<_>>(), ["stayed"]);
    }

    #[test]
    fn a_panic_costs_one_statement_not_the_thread() {
        let lane = Lane::start(Kind::Check, options::Lane { threads: 1, queue: 2 }).unwrap();
        lane.submit(Arc::new(Ticket::new(None)), || panic!("planned")).unwrap();
        let (ran, what_ran) = mpsc::channel();
        lane.submit(Arc::new(Ticket::new(None)), move || ran.send(1).unwrap()).unwrap();
        assert_eq!(what_ran.recv(), Ok(1));
    }
}
