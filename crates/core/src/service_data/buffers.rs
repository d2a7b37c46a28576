//! Rows that wait to be written: one bounded buffer for each table of a workspace.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Record, ServiceTable};
use crate::model::WorkspaceId;

/// Whose rows, and where they go.
pub(super) type Key = (WorkspaceId, ServiceTable);

/// The buffers of all workspaces.
#[derive(Debug)]
pub(super) struct Buffers {
    waiting: Mutex<BTreeMap<Key, Buffer>>,
    /// Most bytes of one buffer.
    limit: usize,
    dropped: [AtomicU64; ServiceTable::ALL.len()],
}

/// Rows as lines of JSON, the oldest first.
#[derive(Debug, Default)]
struct Buffer {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
}

/// Everything that a buffer held.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) lines: Vec<u8>,
    pub(super) rows: u64,
}

impl Buffers {
    pub(super) fn new(limit: usize) -> Buffers {
        Buffers { waiting: Mutex::default(), limit, dropped: Default::default() }
    }

    /// Adds a row; a full buffer drops its oldest ones for it.
    pub(super) fn push<R: Record>(&self, workspace: WorkspaceId, row: &R) {
        let mut line = serde_json::to_vec(row).expect("a row is texts and numbers, which are always JSON");
        line.push(b'\n');
        let mut dropped = 0;
        {
            let mut waiting = self.lock();
            let buffer = waiting.entry((workspace, R::TABLE)).or_default();
            buffer.bytes += line.len();
            buffer.lines.push_back(line);
            while buffer.bytes > self.limit
                && let Some(oldest) = buffer.lines.pop_front()
            {
                buffer.bytes -= oldest.len();
                dropped += 1;
            }
        }
        self.count_dropped(R::TABLE, dropped);
    }

    /// The buffers that hold rows.
    pub(super) fn filled(&self) -> Vec<Key> {
        self.lock().iter().filter(|(_, buffer)| !buffer.lines.is_empty()).map(|(key, _)| *key).collect()
    }

    /// Empties a buffer; none when it holds nothing.
    pub(super) fn take(&self, key: Key) -> Option<Taken> {
        let buffer = self.lock().remove(&key)?;
        let rows = buffer.lines.len() as u64;
        let lines: Vec<Vec<u8>> = buffer.lines.into();
        (rows > 0).then(|| Taken { lines: lines.concat(), rows })
    }

    pub(super) fn count_dropped(&self, table: ServiceTable, rows: u64) {
        self.dropped[table as usize].fetch_add(rows, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self, table: ServiceTable) -> u64 {
        self.dropped[table as usize].load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Buffer>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use uuid::Uuid;

    use super::*;

    #[derive(Serialize)]
    struct Row {
        n: u32,
    }

    impl Record for Row {
        const TABLE: ServiceTable = ServiceTable::BlockLog;
    }

    const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));

    #[test]
    fn a_full_buffer_drops_the_oldest_rows_and_counts_them() {
        let buffers = Buffers::new(20);
        for n in 1..=5 {
            buffers.push(WORKSPACE, &Row { n });
        }
        let key = (WORKSPACE, ServiceTable::BlockLog);
        assert_eq!(buffers.filled(), [key]);
        let taken = buffers.take(key).expect("there are rows");
        assert_eq!((taken.lines.as_slice(), taken.rows), (&b"{\"n\":4}\n{\"n\":5}\n"[..], 2));
        assert_eq!(buffers.dropped(ServiceTable::BlockLog), 3);
        assert_eq!(buffers.dropped(ServiceTable::PipeStats), 0);
        assert!(buffers.take(key).is_none() && buffers.filled().is_empty());
    }

    #[test]
    fn a_row_larger_than_the_buffer_is_dropped_itself() {
        let buffers = Buffers::new(3);
        buffers.push(WORKSPACE, &Row { n: 1 });
        assert!(buffers.take((WORKSPACE, ServiceTable::BlockLog)).is_none());
        assert_eq!(buffers.dropped(ServiceTable::BlockLog), 1);
    }

    #[test]
    fn workspaces_have_buffers_of_their_own() {
        let buffers = Buffers::new(100);
        let other = WorkspaceId(Uuid::from_u128(2));
        buffers.push(WORKSPACE, &Row { n: 1 });
        buffers.push(other, &Row { n: 2 });
        assert_eq!(
            buffers.take((other, ServiceTable::BlockLog)).map(|taken| taken.lines),
            Some(b"{\"n\":2}\n".to_vec())
        );
    }
}
