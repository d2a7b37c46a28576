//! How much data sources hold over time, from the counts that the writer keeps.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::StorageRow;
use crate::catalog::Snapshot;
use crate::model::{DataSourceId, WorkspaceId};
use crate::write::{Counts, Registry};

/// The counts that were last recorded.
#[derive(Debug, Default)]
pub(super) struct Snapshots(Mutex<HashMap<DataSourceId, Counts>>);

impl Snapshots {
    /// A row for every data source, or for those whose counts are not what was last recorded.
    pub(super) fn take(
        &self,
        catalog: &Snapshot,
        registry: &Registry,
        only_changed: bool,
        now: Timestamp,
    ) -> Vec<(WorkspaceId, StorageRow)> {
        let mut before = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut after = HashMap::with_capacity(before.len());
        let mut rows = Vec::new();
        for workspace in catalog.workspaces() {
            for data_source in workspace.data_sources.values().filter(|it| it.is_ready()) {
                let counts = registry.state(data_source.id).counts();
                after.insert(data_source.id, counts);
                if only_changed && before.get(&data_source.id) == Some(&counts) {
                    continue;
                }
                let row = StorageRow {
                    datasource_id: data_source.id.to_string(),
                    datasource_name: data_source.name.to_string(),
                    timestamp: now.as_second(),
                    bytes: counts.bytes,
                    rows: counts.rows,
                    bytes_quarantine: counts.quarantine_bytes,
                    rows_quarantine: counts.quarantine_rows,
                };
                rows.push((workspace.id, row));
            }
        }
        *before = after;
        rows
    }
}
