//! One engine process: how it is started, what it says, how it is ended.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::Error;

/// How the engine process is started. It gets an empty environment but for what stands here.
#[derive(Debug, Clone)]
pub struct EngineCommand {
    /// The program, normally this one.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// How long it may take until it answers.
    pub start_timeout: Duration,
    /// How long it may take to end when asked, before it is killed.
    pub stop_timeout: Duration,
}

/// A running engine process. It is killed when dropped.
pub(super) struct Running {
    child: Child,
    /// Relays what the process says into our log and keeps its last line.
    relay: JoinHandle<String>,
}

/// How a process ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) last_words: String,
}

impl Running {
    pub(super) fn spawn(command: &EngineCommand) -> Result<Self, Error> {
        let failed = |source| Error::Spawn { program: command.program.display().to_string(), source };
        let mut child = Command::new(&command.program)
            .args(&command.args)
            .env_clear()
            .envs(command.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C at a terminal reaches a whole process group; the engine must outlive the server's drain.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stderr = child.stderr.take().expect("standard error is piped");
        Ok(Running { child, relay: tokio::spawn(relay(stderr)) })
    }

    /// The process id; `None` once it has ended.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the end. Safe to drop and call again.
    pub(super) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// The process's last line, once it has ended.
    pub(super) async fn into_ended(self, status: ExitStatus) -> Ended {
        // The relay ends with the pipe; a crash in it costs a line of log, no more.
        let last_words = self.relay.await.unwrap_or_default();
        Ended { status, last_words }
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn kill(&mut self) -> std::io::Result<ExitStatus> {
        self.child.start_kill()?;
        self.child.wait().await
    }

    /// Asks the process to end, and kills it when it has not within `patience`.
    pub(super) async fn terminate(&mut self, patience: Duration) -> std::io::Result<ExitStatus> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            // The id is still ours: a process that has ended keeps it until it is waited for, which is below.
            kill_process(pid, Signal::TERM)?;
        }
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                tracing::warn!(?patience, "the engine did not end when asked, so it is killed");
                self.kill().await
            }
        }
    }
}

/// Logs each line that the process writes, at the level that the line begins with; returns the last one.
async fn relay(stderr: impl AsyncRead + Unpin) -> String {
    let mut lines = BufReader::new(stderr).split(b'\n');
    let mut last = String::new();
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match line.split_once(' ').unwrap_or((line, "")) {
            ("ERROR", text) => tracing::error!(target: "engine", "{text}"),
            ("WARN", text) => tracing::warn!(target: "engine", "{text}"),
            ("INFO", text) => tracing::info!(target: "engine", "{text}"),
            ("DEBUG" | "TRACE", text) => tracing::debug!(target: "engine", "{text}"),
            _ => tracing::info!(target: "engine", "{line}"),
        }
        last = line.to_owned();
    }
    last
}
