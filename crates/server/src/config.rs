//! The configuration: `config.default.toml` < file < environment < flags, read once at start.
//!
//! Every key is documented, with its default, in `config.default.toml`; the structs here only give it types. No other
//! module reads the environment.

mod layers;
mod limits;
mod mask;
mod size;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use standpipe_core::service_data::Retention;
use standpipe_core::sinks::AwsIdentity;

pub use layers::{Error, Layers};
pub use limits::{Limits, Narrow};
pub use mask::print_masked;
pub use size::Size;

/// The whole configuration, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP server and the data directory.
    pub server: Server,
    /// The embedded engine, or the ClickHouse server used in its place.
    pub engine: Engine,
    /// Bounds of requests and answers.
    pub limits: Limits,
    /// What the server tells about itself.
    pub service_data: ServiceData,
    /// Work that outlives its request.
    pub jobs: Jobs,
    /// Requests to addresses that users name.
    pub outbound: Outbound,
    /// Who this installation is to AWS.
    pub aws: Aws,
    /// What is logged, and how.
    pub log: Log,
}

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address of the HTTP API.
    pub listen: SocketAddr,
    /// Directory that holds everything.
    pub data: PathBuf,
    /// Threads that answer requests; 0 is one per four processors.
    pub threads: u16,
    /// How long running requests may go on after a signal to stop, seconds.
    pub drain_seconds: u32,
    /// The first workspace's admin token; made at first start when absent.
    pub admin_token: Option<SecretString>,
    /// Name of that token.
    pub admin_token_name: String,
    /// Name of the first workspace.
    pub workspace: String,
    /// The file with the key that encrypts secrets; in the data directory when absent.
    pub secret_key_file: Option<PathBuf>,
    /// Address under which clients reach the server; what they called when absent.
    pub public_url: Option<String>,
    /// Whether programs on this machine may ask for the admin token.
    pub local_tokens: bool,
}

/// `[engine]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// A ClickHouse server's address; the embedded engine is used when absent.
    pub url: Option<String>,
    /// User name on that server.
    pub user: String,
    /// Password on that server.
    pub password: Option<SecretString>,
    /// What the names of our databases on that server begin with.
    pub database_prefix: String,
    /// The libchdb library; searched when absent.
    pub library: Option<PathBuf>,
    /// Most memory of the engine process; 0 is libchdb's own default.
    pub memory: Size,
    /// What to do when the kernel cannot confine the engine.
    pub sandbox: Sandbox,
    /// How long the engine may take to start, seconds.
    pub start_seconds: u32,
    /// Threads and queue of each kind of work.
    pub lanes: Lanes,
}

/// How strictly the engine process must be confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Sandbox {
    /// Refuse to start unless every rule is in force.
    Required,
    /// Do what the kernel can, and say what is missing.
    BestEffort,
    /// Confine nothing.
    Off,
}

/// `[engine.lanes]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lanes {
    /// Kill and readiness.
    pub control: Lane,
    /// Inspection of statements.
    pub check: Lane,
    /// Inserts of users' rows.
    pub insert: Lane,
    /// Users' queries.
    pub read: Lane,
    /// Our own statements that do not take long: DDL, questions, service data.
    pub background: Lane,
    /// The statements of jobs.
    pub job: Lane,
}

/// Size of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// Statements that run at once; at least 1.
    pub threads: std::num::NonZeroU16,
    /// Statements that may wait.
    pub queue: u32,
}

/// `[service_data]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceData {
    /// How often buffered rows are written, seconds.
    pub flush_seconds: NonZeroU32,
    /// Most bytes of rows that wait, for each table of a workspace.
    pub buffer: Size,
    /// How often the sizes of all data sources are recorded, seconds.
    pub storage_seconds: NonZeroU32,
    /// For how many days each table keeps its rows; 0 is for ever.
    pub days: Retention,
}

/// `[jobs]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// Jobs that run at once.
    pub at_once: u16,
    /// Jobs of one kind that run at once in a workspace.
    pub at_once_of_kind: u16,
    /// Most rows of one copy.
    pub copy_rows: u64,
    /// Longest time of one copy, seconds.
    pub copy_seconds: u32,
    /// Copies of a workspace that may wait or work.
    pub copy_active: u16,
    /// Longest time in which a sink reads its rows, seconds.
    pub sink_seconds: u32,
}

/// `[outbound]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// Whether they may go to this machine or its private network.
    pub allow_private_networks: bool,
}

/// `[aws]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aws {
    /// What trust policies name; no role can be assumed without it.
    pub principal: Option<String>,
    /// Its access key.
    pub access_key_id: Option<String>,
    /// The key's secret.
    pub secret_access_key: Option<SecretString>,
    /// Where roles are assumed; AWS's own address when absent.
    pub sts_endpoint: Option<String>,
    /// The region of that.
    pub sts_region: String,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// A level, or levels per part.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Server {
    /// Threads that answer requests.
    ///
    /// Few: on a small machine a second one takes more processor time from the engine by waking up than it gives.
    pub fn worker_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, |processors| processors.get().div_ceil(4)),
            threads => threads.into(),
        }
    }

    /// [`Server::drain_seconds`] as a duration.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds.into())
    }
}

impl Aws {
    /// Who this installation is; none when a part of it is missing.
    pub fn identity(&self) -> Option<AwsIdentity> {
        Some(AwsIdentity {
            principal: self.principal.clone()?,
            access_key_id: self.access_key_id.clone()?,
            secret_access_key: self.secret_access_key.clone()?,
            sts_endpoint: self
                .sts_endpoint
                .clone()
                .unwrap_or_else(|| format!("https://sts.{}.amazonaws.com", self.sts_region)),
            sts_region: self.sts_region.clone(),
        })
    }
}

impl Engine {
    /// [`Engine::start_seconds`] as a duration.
    pub fn start_timeout(&self) -> Duration {
        Duration::from_secs(self.start_seconds.into())
    }
}

impl ServiceData {
    /// [`ServiceData::flush_seconds`] as a duration.
    pub fn flush(&self) -> Duration {
        Duration::from_secs(self.flush_seconds.get().into())
    }

    /// [`ServiceData::storage_seconds`] as a duration.
    pub fn storage(&self) -> Duration {
        Duration::from_secs(self.storage_seconds.get().into())
    }
}

impl Lanes {
    /// The lanes by their names on the command line and in metrics.
    pub fn by_name(&self) -> [(&'static str, Lane); 6] {
        let Lanes { control, check, insert, read, background, job } = *self;
        [
            ("control", control),
            ("check", check),
            ("insert", insert),
            ("read", read),
            ("background", background),
            ("job", job),
        ]
    }
}
