//! What `GET /status` tells: versions, confinement, how busy the lanes are, memory.

use std::collections::BTreeMap;
use std::fs;

use serde::Serialize;

use crate::engine::Engine;
use crate::lane::{Figures, Lanes};
use crate::sandbox;

/// The answer of `GET /status`.
#[derive(Debug, Serialize)]
pub(crate) struct Status<'a> {
    /// Version of this crate.
    version: &'static str,
    /// What the engine's `SELECT version()` says.
    engine_version: &'a str,
    /// Version of libchdb.
    library_version: &'a str,
    sandbox: &'a sandbox::State,
    lanes: BTreeMap<&'static str, Figures>,
    /// Resident memory of the process in bytes; `null` where the system does not tell.
    memory_bytes: Option<u64>,
    /// Threads of the process; `null` where the system does not tell.
    threads: Option<u64>,
    /// Open connections of clients.
    connections: usize,
    process_id: u32,
}

impl<'a> Status<'a> {
    /// The state at this moment.
    pub(crate) fn now(engine: &'a Engine, sandbox: &'a sandbox::State, lanes: &Lanes, connections: usize) -> Self {
        let process = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            engine_version: &engine.version,
            library_version: &engine.library_version,
            sandbox,
            lanes: lanes.figures().collect(),
            memory_bytes: field(&process, "VmRSS:").map(|kilobytes| kilobytes * 1024),
            threads: field(&process, "Threads:"),
            connections,
            process_id: std::process::id(),
        }
    }
}

/// The number after `name` in the text of `/proc/self/status`.
fn field(process: &str, name: &str) -> Option<u64> {
    let line = process.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_the_process_status() {
        let text = "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t12\n";
        assert_eq!(
            (field(text, "VmRSS:"), field(text, "Threads:"), field(text, "Nope:")),
            (Some(2048), Some(12), None)
        );
    }
}
