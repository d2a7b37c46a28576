//! The third way: the statement inside one process, without socket, HTTP or server.
//!
//! The engine can be opened once in a process and by one process at a time, so each measurement is a process of its own,
//! on a copy of the engine's directory.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::capture::Statement;
use crate::sample::Sample;

/// What the measuring process is told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Order {
    /// The copy of the engine's directory.
    #[arg(long)]
    data: PathBuf,
    /// The statement, as JSON.
    #[arg(long)]
    statement: String,
    /// Threads that send it.
    #[arg(long)]
    clients: usize,
    /// How often each of them does.
    #[arg(long)]
    count: usize,
}

/// Measures in a new process.
pub(crate) async fn measure(data: &Path, statement: &Statement, clients: usize, count: usize) -> Result<Sample> {
    let output = Command::new(std::env::current_exe()?)
        .arg("in-process")
        .arg("--data")
        .arg(data)
        .args(["--statement", &serde_json::to_string(statement)?])
        .args(["--clients", &clients.to_string(), "--count", &count.to_string()])
        .kill_on_drop(true)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "the measurement in process ended with {}: {said}", output.status);
    serde_json::from_slice(&output.stdout).context("cannot read what the measurement in process said")
}

/// Measures in this process and prints the sample as JSON.
pub(crate) fn run(order: &Order) -> Result<()> {
    let statement: Statement = serde_json::from_str(&order.statement)?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the benchmark has no configuration but its command line and this path"
    )]
    let explicit = std::env::var("STANDPIPE_LIBCHDB").ok().map(PathBuf::from);
    let library = standpipe_engine::library_path(explicit)?;
    let settings: Vec<(&str, &str)> =
        statement.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (sql, format) = (&statement.sql, &statement.format);
    let times =
        standpipe_engine::bench_in_process(&library, &order.data, sql, format, &settings, order.clients, order.count)?;
    // The threads run side by side, each for the sum of its own times.
    let elapsed = times.iter().sum::<Duration>() / u32::try_from(order.clients)?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&Sample::new(times, elapsed))?)?;
    Ok(())
}
