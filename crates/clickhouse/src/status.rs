//! What the embedded engine says about itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The embedded engine's answer to `/status`. What it does not say is unknown.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct EngineStatus {
    /// Version of the ClickHouse inside.
    pub engine_version: Option<String>,
    /// How the process is fenced in.
    pub sandbox: SandboxStatus,
    /// Load of each lane, by name.
    pub lanes: BTreeMap<String, LaneStatus>,
    /// Resident memory, bytes.
    pub memory_bytes: Option<u64>,
    /// Everything else that was sent.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// How the engine process is fenced in.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SandboxStatus {
    /// `full`, `partial` or `none`.
    pub enforced: Option<String>,
    /// Everything else that was sent.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// Load of one lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LaneStatus {
    /// Statements being run.
    pub running: u64,
    /// Statements waiting.
    pub queued: u64,
    /// Most statements that may run and wait together.
    pub capacity: u64,
}
