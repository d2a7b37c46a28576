//! Queries that go on after they should have ended: they are killed, and if they live on, the engine is restarted.
//!
//! The engine ends a query at its time by itself, and when its client leaves. But it looks at the clock between two blocks
//! of rows only, and a single function over one block may take hours.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use standpipe_clickhouse::Client;
use tokio::time::{Instant, sleep, sleep_until};

/// Time that the engine gets beyond a query's limit to say so itself.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// Time that a killed query gets to end.
const KILL_GRACE: Duration = Duration::from_secs(5);
/// First and longest pause between two looks at a killed query.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(800);

/// Restarts the engine process, where there is one of ours.
#[derive(Clone, Default)]
pub struct RestartEngine(Option<Arc<dyn Fn() + Send + Sync>>);

impl RestartEngine {
    /// Restarts by calling this, which returns at once.
    pub fn new(restart: impl Fn() + Send + Sync + 'static) -> RestartEngine {
        RestartEngine(Some(Arc::new(restart)))
    }
}

impl fmt::Debug for RestartEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RestartEngine").field(&self.0.is_some()).finish()
    }
}

/// Ends queries. A clone shares the counts.
#[derive(Clone, Debug)]
pub(super) struct Overdue {
    client: Client,
    restart: RestartEngine,
    killed: Arc<AtomicU64>,
    unkillable: Arc<AtomicU64>,
}

impl Overdue {
    pub(super) fn new(client: Client, restart: RestartEngine) -> Overdue {
        Overdue { client, restart, killed: Arc::default(), unkillable: Arc::default() }
    }

    /// Queries killed, and queries that lived on.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.killed.load(Ordering::Relaxed), self.unkillable.load(Ordering::Relaxed))
    }

    /// Follows a query from now on; see [`Run`].
    pub(super) fn follow(&self, query_id: String, deadline: Instant) -> Run {
        Run { overdue: self.clone(), query_id, deadline, ended: false }
    }

    /// Sees to it that a query that nobody waits for ends, at the latest soon after its deadline.
    async fn end(self, query_id: String, deadline: Instant) {
        if !self.client.is_embedded() {
            // A ClickHouse server does not notice by itself that its client has left.
            self.kill(&query_id).await;
        }
        sleep_until(deadline).await;
        if !self.is_running(&query_id).await {
            return;
        }
        self.killed.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(query_id, "a query goes on after its time, so it is killed");
        self.kill(&query_id).await;
        let (killed, mut pause) = (Instant::now(), FIRST_PAUSE);
        while killed.elapsed() < KILL_GRACE {
            sleep(pause).await;
            if !self.is_running(&query_id).await {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.unkillable.fetch_add(1, Ordering::Relaxed);
        match &self.restart.0 {
            Some(restart) => {
                tracing::error!(query_id, "a killed query goes on, so the engine is restarted");
                restart();
            }
            None => tracing::error!(query_id, "a killed query goes on in the clickhouse server: end it there"),
        }
    }

    async fn kill(&self, query_id: &str) {
        if let Err(error) = self.client.kill(query_id).await {
            tracing::warn!(%error, query_id, "could not kill a query");
        }
    }

    /// Whether the engine lists the query; an engine that does not answer has none, or is about to be restarted anyway.
    async fn is_running(&self, query_id: &str) -> bool {
        match self.client.is_running(query_id).await {
            Ok(is_running) => is_running,
            Err(error) => {
                tracing::warn!(%error, query_id, "could not ask whether a query runs");
                false
            }
        }
    }
}

/// A query being run. Dropped before it has ended, it is ended.
#[derive(Debug)]
pub(super) struct Run {
    overdue: Overdue,
    query_id: String,
    deadline: Instant,
    ended: bool,
}

impl Run {
    /// When the query must have ended by itself.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The engine is through with it.
    pub(super) fn set_ended(&mut self) {
        self.ended = true;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let end = self.overdue.clone().end(std::mem::take(&mut self.query_id), self.deadline);
        // Without a runtime the process is ending, and the engine with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(end);
        }
    }
}
