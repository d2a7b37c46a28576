//! Logs: where they go and how they look.

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Starts logging to standard error for the server's process.
///
/// # Errors
/// When `log.level` is not a level, or logging has been started before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.level)
        .with_context(|| format!("cannot use '{}' as log.level: write a level such as 'info'", log.level))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => subscriber.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}

/// Starts logging for the engine's process: bare lines that begin with their level, which the supervisor relays.
///
/// # Errors
/// When logging has been started before.
pub fn start_in_engine() -> anyhow::Result<()> {
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).without_time();
    let started = subscriber.with_target(false).with_max_level(tracing::Level::INFO).try_init();
    started.map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))
}
