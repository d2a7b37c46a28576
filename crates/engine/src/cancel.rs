//! Ends statements whose clients have left.
//!
//! Closing a connection does not stop its statement, and a thread inside the engine cannot be interrupted: only
//! `KILL QUERY` from another connection does it. A thread of its own sends it, so that it never waits behind work.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::Error;
use crate::exception::Exception;
use crate::ticket::Ticket;

/// First and longest pause before the next KILL: a statement that has only just begun may not be listed yet.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Takes the tickets of statements to end.
pub(crate) struct Canceller {
    left: Mutex<Vec<Arc<Ticket>>>,
    somebody_left: Condvar,
}

impl Canceller {
    /// Starts the thread.
    pub(crate) fn start(engine: Arc<Engine>) -> Result<Arc<Self>, Error> {
        let canceller = Arc::new(Self { left: Mutex::default(), somebody_left: Condvar::new() });
        let own = Arc::clone(&canceller);
        thread::Builder::new()
            .name("cancel".to_owned())
            .spawn(move || own.work(&engine))
            .map_err(|source| Error::Start { what: "cancel thread", source })?;
        Ok(canceller)
    }

    /// Ends the ticket's statement, unless it is done already. Returns at once.
    pub(crate) fn cancel(&self, ticket: &Arc<Ticket>) {
        ticket.leave();
        if !ticket.is_done() {
            self.lock().push(Arc::clone(ticket));
            self.somebody_left.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Ticket>>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, engine: &Engine) {
        let mut pause = FIRST_PAUSE;
        loop {
            let ids = self.wait_for_running();
            if let Err(error) = kill(engine, &ids) {
                tracing::warn!(error = error.text, "could not cancel statements whose clients have left");
            }
            let left = self.lock();
            let waited = self.somebody_left.wait_timeout(left, pause).unwrap_or_else(PoisonError::into_inner);
            pause = if waited.1.timed_out() { (pause * 2).min(LONGEST_PAUSE) } else { FIRST_PAUSE };
        }
    }

    /// Waits until somebody has left whose statement still runs, and returns the ids of all of them.
    fn wait_for_running(&self) -> Vec<String> {
        let mut left = self.lock();
        loop {
            left.retain(|ticket| !ticket.is_done());
            if !left.is_empty() {
                return left.iter().map(|ticket| ticket.id().to_owned()).collect();
            }
            left = self.somebody_left.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// ASYNC, because SYNC waits for an entry that stays listed until its connection is closed.
fn kill(engine: &Engine, ids: &[String]) -> Result<(), Exception> {
    let conditions: Vec<String> = ids.iter().map(|id| format!("startsWith(Settings['log_comment'], '{id}')")).collect();
    let statement = format!("KILL QUERY WHERE {} ASYNC", conditions.join(" OR "));
    engine.connect()?.query(statement.as_bytes(), "Null", &[]).map_err(Exception::from_engine)?;
    Ok(())
}

/// Cancels its statement when dropped before the answer is complete, that is when the client leaves.
pub(crate) struct CancelOnDrop {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) canceller: Arc<Canceller>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if !self.ticket.is_done() {
            self.canceller.cancel(&self.ticket);
        }
    }
}
