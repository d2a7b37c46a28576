//! Rows and bytes of every data source, asked of the engine in one query for all.

use std::collections::HashMap;

use super::{Storage, ddl};
use crate::catalog::Snapshot;
use crate::error::{Error, Result};
use crate::write::{Counts, Registry};

/// One line of the engine's answer.
type Line = (String, String, serde_json::Value, serde_json::Value);

/// Asks the engine how many rows and bytes each table has, and tells the registry.
pub(super) async fn refresh(storage: &Storage, snapshot: &Snapshot, registry: &Registry) -> Result<()> {
    let databases: Vec<&str> = snapshot.workspaces().map(|workspace| workspace.database.as_str()).collect();
    if databases.is_empty() {
        return Ok(());
    }
    let text = storage.ask(&ddl::table_counts(&databases), "count rows").await?;
    let mut counts: HashMap<(String, String), (u64, u64)> = HashMap::new();
    for line in text.lines() {
        let (database, table, rows, bytes): Line = serde_json::from_str(line)
            .map_err(|error| Error::internal(format!("the engine's row counts cannot be read: {error}")))?;
        counts.insert((database, table), (number(&rows), number(&bytes)));
    }
    for workspace in snapshot.workspaces() {
        for data_source in workspace.data_sources.values() {
            let table = data_source.table();
            let of = |name: String| counts.get(&(workspace.database.clone(), name)).copied().unwrap_or_default();
            let ((rows, bytes), (quarantine_rows, quarantine_bytes)) = (of(table.rows()), of(table.quarantine()));
            registry.state(data_source.id).set_counts(Counts { rows, bytes, quarantine_rows, quarantine_bytes });
        }
    }
    Ok(())
}

/// A count, which the engine may quote.
fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}
