//! The loop that keeps the embedded engine running.

use std::io;
use std::time::Duration;

use standpipe_clickhouse::Client;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use super::child::{Ended, Running};
use super::{Backoff, EngineCommand, EngineState, Error, Orders, PING_PERIOD};

/// Starts that may fail before the first success, before the supervisor gives up: a missing library does not come
/// back, but the process of a server that was just killed may hold the tables for a moment.
const FIRST_ATTEMPTS: u32 = 5;
/// Pauses between the first questions to a new process: it usually answers within 200 ms.
const FIRST_PING_PERIOD: Duration = Duration::from_millis(5);
/// Unanswered pings in a row, each given the client's control timeout, after which a process counts as hung.
const UNANSWERED_PINGS: u32 = 3;

pub(super) struct Loop {
    command: EngineCommand,
    client: Client,
    state: watch::Sender<EngineState>,
    on_restart: Box<dyn Fn() + Send + Sync>,
}

/// Why a process is no longer watched.
enum Turn {
    /// The supervisor was told to stop.
    Stop,
    /// The process has ended, or was killed because it did not answer.
    Ended(io::Result<std::process::ExitStatus>),
}

impl Loop {
    pub(super) fn new(
        command: EngineCommand,
        client: Client,
        state: watch::Sender<EngineState>,
        on_restart: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        Loop { command, client, state, on_restart }
    }

    /// Runs until told to stop, or until the engine has shown that it cannot start.
    pub(super) async fn run(self, mut orders: Orders) -> Result<(), Error> {
        let mut backoff = Backoff::default();
        let mut was_ever_ready = false;
        loop {
            let mut child = Running::spawn(&self.command)?;
            tracing::info!(pid = child.id(), "the engine process has started");
            let (turn, ready_for) = self.watch(&mut child, &mut orders).await;
            let status = match turn {
                Turn::Stop => return self.stop(child).await,
                Turn::Ended(status) => status.map_err(|source| self.lost(source))?,
            };
            was_ever_ready |= ready_for.is_some();
            self.set_down();
            let Ended { status, last_words } = child.into_ended(status).await;
            let pause = backoff.after_run(ready_for);
            tracing::error!(%status, ?ready_for, ?pause, "the engine process has ended; it is started again");
            if !was_ever_ready && backoff.failures() >= FIRST_ATTEMPTS {
                return Err(Error::NeverReady { attempts: backoff.failures(), last_words });
            }
            tokio::select! {
                _ = &mut orders.stop => return Ok(()),
                () = sleep(pause) => (self.on_restart)(),
            }
        }
    }

    /// Follows one process; also tells how long it was ready, if it was.
    async fn watch(&self, child: &mut Running, orders: &mut Orders) -> (Turn, Option<Duration>) {
        let deadline = Instant::now() + self.command.start_timeout;
        let is_ready = tokio::select! {
            biased;
            _ = &mut orders.stop => return (Turn::Stop, None),
            status = child.ended() => return (Turn::Ended(status), None),
            answered = timeout_at(deadline, self.first_answer()) => answered.is_ok(),
        };
        if !is_ready {
            tracing::error!(timeout = ?self.command.start_timeout, "the engine did not answer in time, so it is killed");
            return (Turn::Ended(child.kill().await), None);
        }
        // What was asked for before was meant for a process that is gone.
        while orders.restart.try_recv().is_ok() {}
        let since = Instant::now();
        self.state.send_replace(EngineState::Ready);
        tracing::info!("the engine is ready");
        let turn = tokio::select! {
            biased;
            _ = &mut orders.stop => Turn::Stop,
            status = child.ended() => Turn::Ended(status),
            Some(()) = orders.restart.recv() => {
                tracing::warn!("the engine is killed, as was asked for");
                self.set_down();
                Turn::Ended(child.kill().await)
            }
            () = self.silence() => {
                tracing::error!("the engine runs but does not answer, so it is killed");
                self.set_down();
                Turn::Ended(child.kill().await)
            }
        };
        (turn, Some(since.elapsed()))
    }

    /// Returns when a new process answers its first question.
    async fn first_answer(&self) {
        while let Err(error) = self.client.ping().await {
            tracing::trace!(%error, "the engine does not answer yet");
            sleep(FIRST_PING_PERIOD).await;
        }
    }

    /// Returns when a process that was ready has stopped answering.
    async fn silence(&self) {
        let mut ticks = interval(PING_PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unanswered = 0;
        while unanswered < UNANSWERED_PINGS {
            ticks.tick().await;
            match self.client.ping().await {
                Ok(()) => unanswered = 0,
                Err(error) => {
                    unanswered += 1;
                    tracing::warn!(%error, unanswered, "the engine did not answer a ping");
                }
            }
        }
    }

    async fn stop(&self, mut child: Running) -> Result<(), Error> {
        self.set_down();
        let status = child.terminate(self.command.stop_timeout).await.map_err(|source| self.lost(source))?;
        tracing::info!(%status, "the engine process has ended");
        Ok(())
    }

    /// Ready becomes down at this moment; starting stays starting, and down keeps its time.
    fn set_down(&self) {
        self.state.send_if_modified(|state| {
            let was_ready = state.is_ready();
            if was_ready {
                *state = EngineState::Down { since: Instant::now() };
            }
            was_ready
        });
    }

    fn lost(&self, source: io::Error) -> Error {
        Error::Spawn { program: self.command.program.display().to_string(), source }
    }
}
