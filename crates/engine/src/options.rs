//! What the engine process is started with.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of one engine process. [`Options::new`] fills in the defaults.
#[derive(Debug, Clone)]
pub struct Options {
    /// Directory that belongs to libchdb alone; made when missing. One process at a time may use it.
    pub data_dir: PathBuf,
    /// Unix socket to listen on. A stale one is replaced; a directory that does not exist is an error.
    pub socket: PathBuf,
    /// The libchdb shared library, see [`library_path`](crate::library_path).
    pub library: PathBuf,
    /// Threads and queue bounds by kind of work.
    pub lanes: Lanes,
    /// Upper bound of the engine's memory, in bytes; 0 leaves libchdb's own default (a share of the machine's memory).
    pub memory_limit_bytes: u64,
    /// Upper bound of a result that has to be built as a whole (JSON, Parquet, ...), in bytes. Default 256 MiB.
    pub result_limit_bytes: u64,
    /// What to do when the kernel cannot confine the process. Default [`Sandbox::BestEffort`].
    pub sandbox: Sandbox,
    /// A streamed read whose client takes no bytes for so long is cancelled, and an INSERT whose client sends none; a
    /// request's `send_timeout` or `receive_timeout` (seconds) overrides it. Default 30 s.
    pub send_timeout: Duration,
    /// How long running work may go on after SIGTERM. Default 10 s.
    pub drain: Duration,
}

impl Options {
    /// Options with every default.
    pub fn new(data_dir: PathBuf, socket: PathBuf, library: PathBuf) -> Self {
        Self {
            data_dir,
            socket,
            library,
            lanes: Lanes::default(),
            memory_limit_bytes: 0,
            result_limit_bytes: 256 << 20,
            sandbox: Sandbox::default(),
            send_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// Size of every lane. A lane that is full refuses work at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// Readiness and KILL. Default 1 thread, 16 waiting.
    pub control: Lane,
    /// Looking at statements without running them. Default 2 threads, 128 waiting.
    pub check: Lane,
    /// Inserts of clients' data. Default 2 threads, 64 waiting.
    pub insert: Lane,
    /// Queries of clients. Default 12 threads, 64 waiting.
    pub read: Lane,
    /// The server's own statements that do not take long. Default 2 threads, 64 waiting.
    pub background: Lane,
    /// Copies, populates and other jobs. Default 8 threads, 64 waiting.
    pub job: Lane,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            control: Lane { threads: 1, queue: 16 },
            check: Lane { threads: 2, queue: 128 },
            insert: Lane { threads: 2, queue: 64 },
            read: Lane { threads: 12, queue: 64 },
            background: Lane { threads: 2, queue: 64 },
            job: Lane { threads: 8, queue: 64 },
        }
    }
}

/// Size of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    /// Statements that run at the same time; at least 1.
    pub threads: usize,
    /// Statements that may wait.
    pub queue: usize,
}

/// How strictly the process must be confined to its data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sandbox {
    /// Refuse to start unless every rule is in force.
    Required,
    /// Put in force what the kernel has, and say in the log and in `/status` what is missing.
    #[default]
    BestEffort,
    /// No confinement. For debugging only.
    Off,
}
