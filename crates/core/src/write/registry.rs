//! What is known of each data source while the server runs: its write gate, its version, how many rows it has.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

use crate::model::DataSourceId;

/// Rows and bytes of a data source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Rows in the quarantine.
    pub quarantine_rows: u64,
    /// Bytes of the quarantine on disk.
    pub quarantine_bytes: u64,
}

/// One data source's state.
#[derive(Debug, Default)]
pub struct DataSourceState {
    gate: Arc<tokio::sync::RwLock<()>>,
    data_version: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    quarantine_rows: AtomicU64,
    quarantine_bytes: AtomicU64,
}

impl DataSourceState {
    /// Held by each insert: many at once, none while a job holds the gate.
    pub async fn enter(&self) -> OwnedRwLockReadGuard<()> {
        self.gate.clone().read_owned().await
    }

    /// Held by what must see no insert in flight: truncate, delete, and later jobs.
    pub async fn close(&self) -> OwnedRwLockWriteGuard<()> {
        self.gate.clone().write_owned().await
    }

    /// Raised by every write. It starts anew with the process, so it is for caches in memory only.
    pub fn data_version(&self) -> u64 {
        self.data_version.load(Ordering::Acquire)
    }

    /// Counts a write: more rows, and another version.
    pub fn wrote(&self, rows: u64, quarantined: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.quarantine_rows.fetch_add(quarantined, Ordering::Relaxed);
        self.data_version.fetch_add(1, Ordering::AcqRel);
    }

    /// Sets what the engine counted.
    pub fn set_counts(&self, counts: Counts) {
        self.rows.store(counts.rows, Ordering::Relaxed);
        self.bytes.store(counts.bytes, Ordering::Relaxed);
        self.quarantine_rows.store(counts.quarantine_rows, Ordering::Relaxed);
        self.quarantine_bytes.store(counts.quarantine_bytes, Ordering::Relaxed);
    }

    /// The counts as they were last refreshed, and what was written since.
    pub fn counts(&self) -> Counts {
        Counts {
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            quarantine_rows: self.quarantine_rows.load(Ordering::Relaxed),
            quarantine_bytes: self.quarantine_bytes.load(Ordering::Relaxed),
        }
    }
}

/// The states of all data sources. Cheap to clone; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    states: Arc<RwLock<HashMap<DataSourceId, Arc<DataSourceState>>>>,
    written: Arc<AtomicBool>,
}

impl Registry {
    /// The state of a data source, new when it was never asked for.
    pub fn state(&self, id: DataSourceId) -> Arc<DataSourceState> {
        if let Some(state) = self.states.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return state.clone();
        }
        self.states.write().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().clone()
    }

    /// Rows of a data source; none when nothing is known of it.
    pub fn rows(&self, id: DataSourceId) -> u64 {
        let states = self.states.read().unwrap_or_else(PoisonError::into_inner);
        states.get(&id).map_or(0, |state| state.rows.load(Ordering::Relaxed))
    }

    /// Forgets a deleted data source.
    pub fn remove(&self, id: DataSourceId) {
        self.states.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Notes that something was written, so that counts are worth refreshing.
    pub fn note_write(&self) {
        self.written.store(true, Ordering::Release);
    }

    /// Whether something was written since the last call.
    pub fn take_written(&self) -> bool {
        self.written.swap(false, Ordering::AcqRel)
    }
}
