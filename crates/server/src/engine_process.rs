//! Keeps an engine at hand: starts the embedded one and restarts it when it dies, or watches a ClickHouse server.
//!
//! Start reading at [`Supervisor`]; `embedded` and `external` are its two loops.

mod backoff;
mod child;
mod embedded;
mod external;

use std::time::Duration;

use standpipe_clickhouse::Client;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use backoff::Backoff;
pub use child::EngineCommand;
pub use external::OLDEST_MAJOR_VERSION;

/// How often a running engine is asked whether it still answers.
const PING_PERIOD: Duration = Duration::from_secs(1);

/// Whether statements can be run now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineState {
    /// It has not answered yet.
    Starting,
    /// The embedded engine answers.
    Ready,
    /// It answered before and does not now; it is being started again or asked again.
    Down {
        /// When that was noticed.
        since: Instant,
    },
    /// The ClickHouse server of `engine.url` answers.
    External,
}

impl EngineState {
    /// Whether statements can be run.
    pub fn is_ready(self) -> bool {
        matches!(self, EngineState::Ready | EngineState::External)
    }
}

/// The engine as the rest of the server sees it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    /// Sends statements to it.
    pub client: Client,
    state: watch::Receiver<EngineState>,
    /// Asks the supervisor for a restart; one that is asked for already is enough.
    restart: mpsc::Sender<()>,
}

/// What a supervisor's loop is told.
struct Orders {
    stop: oneshot::Receiver<()>,
    restart: mpsc::Receiver<()>,
}

/// The engine did not become ready in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine is {}", if matches!(.state, EngineState::Starting) { "starting" } else { "down" })]
pub struct NotReady {
    /// Its state at the deadline.
    pub state: EngineState,
}

impl EngineHandle {
    /// A handle whose state comes from elsewhere; [`Supervisor::handle`] makes the usual one.
    pub fn new(client: Client, state: watch::Receiver<EngineState>) -> Self {
        EngineHandle { client, state, restart: mpsc::channel(1).0 }
    }

    /// Asks for the embedded engine to be killed and started again, for a query that cannot be ended otherwise. Returns
    /// at once.
    pub fn restart(&self) {
        if let Err(error) = self.restart.try_send(()) {
            tracing::debug!(%error, "a restart of the engine was not asked for once more");
        }
    }

    /// The state at this moment.
    pub fn state(&self) -> EngineState {
        *self.state.borrow()
    }

    /// Whether statements can be run at this moment.
    pub fn is_ready(&self) -> bool {
        self.state().is_ready()
    }

    /// Waits until the engine is ready, however long it takes.
    ///
    /// # Errors
    /// [`NotReady`] when the supervisor has stopped: the engine will not be ready.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let mut state = self.state.clone();
        match state.wait_for(|state| state.is_ready()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(NotReady { state: self.state() }),
        }
    }

    /// Waits until the engine is ready, or the deadline.
    ///
    /// # Errors
    /// [`NotReady`] at the deadline, or at once when the supervisor has stopped.
    pub async fn wait_ready(&self, deadline: Instant) -> Result<(), NotReady> {
        let mut state = self.state.clone();
        match tokio::time::timeout_at(deadline, state.wait_for(|state| state.is_ready())).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NotReady { state: self.state() }),
        }
    }
}

/// Why there will be no engine, however long one waits.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process cannot be made.
    #[error("cannot start the engine process '{program}'")]
    Spawn {
        /// The program that was tried.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The embedded engine ended several times before it answered once.
    #[error("the engine ended {attempts} times without answering once; its last words: '{last_words}'")]
    NeverReady {
        /// How often it was started.
        attempts: u32,
        /// The last line it wrote.
        last_words: String,
    },
    /// The ClickHouse server is older than what the product supports.
    #[error(
        "the clickhouse server at engine.url is version {version}, which is too old: use version {OLDEST_MAJOR_VERSION} or newer"
    )]
    TooOld {
        /// What it answered.
        version: String,
    },
    /// The ClickHouse server refuses us.
    #[error("cannot use the clickhouse server at engine.url")]
    Refused(#[source] standpipe_clickhouse::Error),
}

/// A running loop that keeps an engine at hand.
#[derive(Debug)]
pub struct Supervisor {
    handle: EngineHandle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl Supervisor {
    /// Starts the embedded engine by `command` and keeps it running. `on_restart` is called at each restart.
    pub fn embedded(command: EngineCommand, client: Client, on_restart: impl Fn() + Send + Sync + 'static) -> Self {
        Self::start(client, |client, state, orders| {
            tokio::spawn(embedded::Loop::new(command, client, state, Box::new(on_restart)).run(orders))
        })
    }

    /// Watches the ClickHouse server that `client` talks to.
    pub fn external(client: Client) -> Self {
        Self::start(client, |client, state, orders| tokio::spawn(external::run(client, state, orders.stop)))
    }

    fn start(
        client: Client,
        spawn: impl FnOnce(Client, watch::Sender<EngineState>, Orders) -> JoinHandle<Result<(), Error>>,
    ) -> Self {
        let (state, seen) = watch::channel(EngineState::Starting);
        let (stop, stopped) = oneshot::channel();
        let (restart, restarted) = mpsc::channel(1);
        let task = spawn(client.clone(), state, Orders { stop: stopped, restart: restarted });
        Supervisor { handle: EngineHandle { client, state: seen, restart }, stop, task }
    }

    /// What the rest of the server uses.
    pub fn handle(&self) -> EngineHandle {
        self.handle.clone()
    }

    /// Returns when the supervisor has given up; it does not by itself end otherwise. Safe to drop and call again.
    pub async fn failure(&mut self) -> anyhow::Error {
        match (&mut self.task).await {
            Ok(Ok(())) => anyhow::anyhow!("the engine's supervisor ended before it was told to"),
            Ok(Err(error)) => error.into(),
            Err(panic) => anyhow::Error::new(panic).context("the engine's supervisor crashed"),
        }
    }

    /// Stops the embedded engine, by force if it must be, and waits until it has ended.
    ///
    /// # Errors
    /// When the supervisor had failed already.
    pub async fn stop(self) -> anyhow::Result<()> {
        // A supervisor that has ended already does not listen; its result tells why.
        let _listening = self.stop.send(());
        Ok(self.task.await??)
    }
}
