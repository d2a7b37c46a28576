//! The one place where this program meets the embedded engine's library: the hidden `engine` subcommand.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use standpipe_engine::{Lanes, Options};

use crate::config::{Config, Lane, Sandbox};

/// `standpipe engine`: everything the process needs, because its environment is empty and it reads no file.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct EngineArgs {
    /// Directory of the engine's tables.
    #[arg(long)]
    pub data_dir: PathBuf,
    /// Unix socket to listen on.
    #[arg(long)]
    pub socket: PathBuf,
    /// The libchdb library.
    #[arg(long)]
    pub library: PathBuf,
    /// A lane's size, as `read=8:64`: threads, then statements that may wait.
    #[arg(long, required = true)]
    pub lane: Vec<LaneArg>,
    /// Most memory; 0 is libchdb's own default.
    #[arg(long)]
    pub memory_bytes: u64,
    /// Largest result built as a whole.
    #[arg(long)]
    pub result_bytes: u64,
    /// How long a client may take no bytes.
    #[arg(long)]
    pub send_seconds: u32,
    /// How long running statements may go on after SIGTERM.
    #[arg(long)]
    pub drain_seconds: u32,
    /// How strictly to confine the process.
    #[arg(long)]
    pub sandbox: Sandbox,
}

/// One lane's name and size on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneArg {
    /// One of the names of [`crate::config::Lanes::by_name`].
    pub name: String,
    /// Its size.
    pub lane: Lane,
}

impl FromStr for LaneArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (name, size) = text.split_once('=')?;
            let (threads, queue) = size.split_once(':')?;
            let lane = Lane { threads: threads.parse().ok()?, queue: queue.parse().ok()? };
            Some(LaneArg { name: name.to_owned(), lane })
        };
        parsed().ok_or_else(|| format!("cannot read '{text}' as a lane: write it as read=8:64"))
    }
}

impl EngineArgs {
    /// What `serve` starts its engine with.
    pub fn new(config: &Config, library: PathBuf) -> Self {
        let data = &config.server.data;
        let lanes = config.engine.lanes.by_name();
        EngineArgs {
            data_dir: data.join("engine"),
            socket: data.join("engine.sock"),
            library,
            lane: lanes.into_iter().map(|(name, lane)| LaneArg { name: name.to_owned(), lane }).collect(),
            memory_bytes: config.engine.memory.bytes,
            result_bytes: config.limits.result.bytes,
            send_seconds: config.limits.send_seconds,
            drain_seconds: ENGINE_DRAIN_SECONDS,
            sandbox: config.engine.sandbox,
        }
    }

    /// What `serve` starts the engine with that only looks at statements, beside a ClickHouse server that runs them.
    pub fn checker(config: &Config, library: PathBuf) -> Self {
        let data = &config.server.data;
        EngineArgs {
            data_dir: data.join("checker"),
            socket: data.join("checker.sock"),
            ..EngineArgs::new(config, library)
        }
    }

    /// The arguments that make a process read these values, the subcommand first.
    pub fn to_command_line(&self) -> Vec<OsString> {
        let sandbox = match self.sandbox {
            Sandbox::Required => "required",
            Sandbox::BestEffort => "best-effort",
            Sandbox::Off => "off",
        };
        let mut line: Vec<OsString> = vec!["engine".into()];
        let mut push = |flag: &str, value: OsString| line.extend([flag.into(), value]);
        push("--data-dir", self.data_dir.clone().into());
        push("--socket", self.socket.clone().into());
        push("--library", self.library.clone().into());
        for LaneArg { name, lane } in &self.lane {
            push("--lane", format!("{name}={}:{}", lane.threads, lane.queue).into());
        }
        push("--memory-bytes", self.memory_bytes.to_string().into());
        push("--result-bytes", self.result_bytes.to_string().into());
        push("--send-seconds", self.send_seconds.to_string().into());
        push("--drain-seconds", self.drain_seconds.to_string().into());
        push("--sandbox", sandbox.into());
        line
    }
}

/// The server has drained its own requests before it stops the engine, so little can still run there.
const ENGINE_DRAIN_SECONDS: u32 = 2;

/// Runs the engine process to its end. It must be called before any thread is started.
///
/// # Errors
/// Why the engine could not start.
pub fn run(args: EngineArgs) -> anyhow::Result<()> {
    let lanes = lanes(&args.lane)?;
    let options = Options {
        lanes,
        memory_limit_bytes: args.memory_bytes,
        result_limit_bytes: args.result_bytes,
        sandbox: match args.sandbox {
            Sandbox::Required => standpipe_engine::Sandbox::Required,
            Sandbox::BestEffort => standpipe_engine::Sandbox::BestEffort,
            Sandbox::Off => standpipe_engine::Sandbox::Off,
        },
        send_timeout: Duration::from_secs(args.send_seconds.into()),
        drain: Duration::from_secs(args.drain_seconds.into()),
        ..Options::new(args.data_dir, args.socket, args.library)
    };
    Ok(standpipe_engine::run(options)?)
}

/// The sizes of all lanes; one that is not given keeps its default.
fn lanes(given: &[LaneArg]) -> anyhow::Result<Lanes> {
    let mut lanes = Lanes::default();
    for LaneArg { name, lane } in given {
        let place = match name.as_str() {
            "control" => &mut lanes.control,
            "check" => &mut lanes.check,
            "insert" => &mut lanes.insert,
            "read" => &mut lanes.read,
            "background" => &mut lanes.background,
            "job" => &mut lanes.job,
            other => anyhow::bail!("there is no lane '{other}'"),
        };
        let threads = usize::from(lane.threads.get());
        *place = standpipe_engine::Lane { threads, queue: usize::try_from(lane.queue)? };
    }
    Ok(lanes)
}

/// Where libchdb is.
///
/// # Errors
/// That it is not there, or not made for this machine.
pub fn library(config: &Config) -> anyhow::Result<PathBuf> {
    Ok(standpipe_engine::library_path(config.engine.library.clone())?)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::config::Layers;

    #[test]
    fn the_command_line_carries_every_value() {
        let config = Layers::defaults().config().unwrap();
        for sandbox in [Sandbox::Required, Sandbox::BestEffort, Sandbox::Off] {
            let args = EngineArgs { sandbox, ..EngineArgs::new(&config, "/lib/libchdb.so".into()) };
            let line = std::iter::once("standpipe".into()).chain(args.to_command_line());
            let Command::Engine(read) = Cli::try_parse_from(line).unwrap().command else { panic!("not engine") };
            assert_eq!(read, args);
        }
    }
}
