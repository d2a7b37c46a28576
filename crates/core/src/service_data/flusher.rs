//! Writes buffered rows to the engine, each exactly once as long as the process lives.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::buffers::{Buffers, Key};
use crate::catalog::Snapshot;
use crate::error::{Error, Result};
use crate::storage::ServiceTables;

/// How often the engine may refuse rows (a full disk, no memory) before they are dropped, so that they do not hold up the
/// ones after them for ever.
const MAX_REFUSALS: u32 = 30;

/// What a flush did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Rows that the engine took.
    pub rows: u64,
}

/// The batches that the engine has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Flusher {
    /// At most one for each buffer: while the engine does not take it, later rows wait in the buffer. A batch stays here
    /// until the engine has answered, whatever becomes of the future that sends it.
    unsent: Mutex<BTreeMap<Key, Batch>>,
}

/// Rows on their way: the same bytes under the same token until the engine has taken them.
#[derive(Debug)]
struct Batch {
    lines: Bytes,
    rows: u64,
    token: String,
    refusals: u32,
}

impl Flusher {
    /// Sends what is left of earlier flushes, then what the buffers hold; `token` makes the name of a batch. An engine that
    /// is away ends it; one that refuses a batch may take the others.
    pub(super) async fn flush(
        &self,
        snapshot: &Snapshot,
        tables: &ServiceTables,
        buffers: &Buffers,
        token: impl Fn() -> String,
    ) -> Result<Flushed> {
        let mut unsent = self.unsent.lock().await;
        let mut flushed = Flushed::default();
        let mut refused = None;
        let left: Vec<Key> = unsent.keys().copied().collect();
        for key in left {
            settle(&mut unsent, key, snapshot, tables, buffers).await?.count(&mut flushed, &mut refused);
        }
        for key in buffers.filled() {
            // Rows follow the ones before them.
            if unsent.contains_key(&key) {
                continue;
            }
            let Some(taken) = buffers.take(key) else { continue };
            unsent.insert(key, Batch { lines: taken.lines.into(), rows: taken.rows, token: token(), refusals: 0 });
            settle(&mut unsent, key, snapshot, tables, buffers).await?.count(&mut flushed, &mut refused);
        }
        refused.map_or(Ok(flushed), Err)
    }
}

/// What became of a batch.
enum Outcome {
    Stored { rows: u64 },
    Refused(Error),
}

impl Outcome {
    fn count(self, flushed: &mut Flushed, refused: &mut Option<Error>) {
        match self {
            Outcome::Stored { rows } => flushed.rows += rows,
            Outcome::Refused(error) => {
                refused.get_or_insert(error);
            }
        }
    }
}

/// Sends a batch and forgets it once the engine has taken it, or refused it too often.
async fn settle(
    unsent: &mut BTreeMap<Key, Batch>,
    key: Key,
    snapshot: &Snapshot,
    tables: &ServiceTables,
    buffers: &Buffers,
) -> Result<Outcome> {
    let Some(batch) = unsent.get_mut(&key) else { return Ok(Outcome::Stored { rows: 0 }) };
    let (workspace, table) = key;
    let stored = match snapshot.workspace(workspace) {
        Some(workspace) => tables.insert(&workspace, table, batch.lines.clone(), &batch.token).await,
        // Nobody is left to read it.
        None => Ok(()),
    };
    let rows = batch.rows;
    let outcome = match stored {
        Ok(()) => Outcome::Stored { rows },
        Err(error @ Error::Engine { .. }) => {
            batch.refusals += 1;
            if batch.refusals < MAX_REFUSALS {
                return Ok(Outcome::Refused(error));
            }
            tracing::error!(%error, table = table.name(), rows, "service data that the engine does not take is dropped");
            buffers.count_dropped(table, rows);
            Outcome::Refused(error)
        }
        Err(away) => return Err(away),
    };
    unsent.remove(&key);
    Ok(outcome)
}
