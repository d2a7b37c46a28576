//! What `make bench` runs: how much time and memory the server adds to the engine underneath it.
//!
//! It starts the release server on a directory of its own, and sends the same statement three ways in turns: to an
//! endpoint, to the engine's socket (the text and settings that the server itself sends, read from its log), and inside a
//! process of its own. Figures are compared round by round, so a busy machine slows all ways alike. It never fails because
//! a goal is missed: it measures, and its reader judges.
//!
//! Start reading at [`plan::run`].

mod plan;

mod capture;
mod project;
mod server;

mod events;
mod in_process;
mod jobs;
mod reads;
mod sinks;

mod client;
mod load;
mod sample;

mod report;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures the release server.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures everything and prints a table.
    Run(Plan),
    /// Times one statement in this process: what `run` starts for its third way.
    #[command(hide = true)]
    InProcess(in_process::Order),
}

/// What to measure, and with what.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Plan {
    /// The server's release binary.
    #[arg(long, default_value = "target/release/standpipe")]
    pub(crate) server: PathBuf,
    /// Where the figures go, as JSON.
    #[arg(long, default_value = "target/bench/result.json")]
    pub(crate) result: PathBuf,
    /// Rows of the table that is read.
    #[arg(long, default_value_t = 5_000_000)]
    pub(crate) rows: u64,
    /// Turns of each comparison; figures are medians over them.
    #[arg(long, default_value_t = 9)]
    pub(crate) rounds: usize,
    /// Length of one measurement in milliseconds.
    #[arg(long, default_value_t = 600)]
    pub(crate) slice_ms: u64,
    /// Rows that jobs move.
    #[arg(long, default_value_t = 20_000_000)]
    pub(crate) job_rows: u64,
    /// Leaves out what runs in process.
    #[arg(long)]
    pub(crate) no_in_process: bool,
    /// Measures only this, and nothing else; may be given more than once.
    #[arg(long)]
    only: Vec<Part>,
}

/// What can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Endpoints beside the engine's socket.
    Reads,
    /// Requests that send events.
    Events,
    /// Copies and populates beside the engine's own INSERT SELECT.
    Jobs,
    /// Sinks beside the engine's own writing of files.
    Sinks,
}

impl Plan {
    /// Whether this part is to be measured.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::InProcess(order) => in_process::run(&order),
        Command::Run(plan) => {
            // One thread: the load must leave the machine to what is measured.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(plan::run(&plan))
        }
    }
}
