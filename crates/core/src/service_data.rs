//! Service data: what the server tells each workspace about itself, readable as `tinybird.<name>`.
//!
//! Recording a row is a push into a bounded buffer and never waits; about every second, and at the end, the buffers are
//! written to the engine. What is still in a buffer when the process is killed is lost; nothing else is.

mod buffers;
mod flusher;
mod operation;
mod rows;
mod snapshots;
mod table;

use std::sync::Arc;

pub use flusher::Flushed;
pub use operation::{Event, Operation};
pub use rows::{BlockRow, EndpointErrorRow, JobRow, OperationRow, PipeStatsRow, Record, SinkRow, StorageRow};
pub use table::{DATABASE, ServiceTable, names};

pub use crate::storage::Retention;

use self::buffers::Buffers;
use self::flusher::Flusher;
use self::snapshots::Snapshots;
use crate::catalog::Catalog;
use crate::clock::{Clock, Random};
use crate::error::Result;
use crate::model::WorkspaceId;
use crate::storage::ServiceTables;
use crate::write::Registry;

/// How service data is kept.
#[derive(Clone, Debug)]
pub struct ServiceDataSettings {
    /// Most bytes of rows that wait to be written, for each table of a workspace. Beyond, the oldest are dropped.
    pub buffer_bytes: usize,
    /// For how many days rows are kept.
    pub retention: Retention,
}

/// Service data of all workspaces. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct ServiceData(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    catalog: Catalog,
    tables: ServiceTables,
    buffers: Buffers,
    flusher: Flusher,
    snapshots: Snapshots,
    clock: Clock,
    random: Random,
}

impl ServiceData {
    /// Service data with empty buffers, whose tables are `tables`.
    pub fn new(
        catalog: Catalog,
        tables: ServiceTables,
        buffer_bytes: usize,
        clock: Clock,
        random: Random,
    ) -> ServiceData {
        let (buffers, flusher, snapshots) = (Buffers::new(buffer_bytes), Flusher::default(), Snapshots::default());
        ServiceData(Arc::new(Inner { catalog, tables, buffers, flusher, snapshots, clock, random }))
    }

    /// Records a row. It never waits; where the buffer is full, the oldest row is dropped and counted.
    pub fn record(&self, workspace: WorkspaceId, row: &impl Record) {
        self.0.buffers.push(workspace, row);
    }

    /// Writes what is buffered to the engine. What it does not take stays for the next call, under the same token, so
    /// that nothing is written twice; the first error is answered once everything has been tried.
    pub async fn flush(&self) -> Result<Flushed> {
        let inner = &*self.0;
        let token = || inner.random.ulid(inner.clock.now());
        inner.flusher.flush(&inner.catalog.snapshot(), &inner.tables, &inner.buffers, token).await
    }

    /// Rows of a table that were dropped because the engine did not take them in time, or at all, since the start.
    pub fn dropped(&self, table: ServiceTable) -> u64 {
        self.0.buffers.dropped(table)
    }

    /// Records rows and bytes of every data source, or of those whose counts have changed since they were last recorded.
    pub fn record_storage(&self, registry: &Registry, only_changed: bool) {
        let inner = &*self.0;
        for (workspace, row) in
            inner.snapshots.take(&inner.catalog.snapshot(), registry, only_changed, inner.clock.now())
        {
            self.record(workspace, &row);
        }
    }

    /// Brings the tables that are there up to date.
    pub async fn update_tables(&self) -> Result<()> {
        self.0.tables.update(&self.0.catalog.snapshot()).await
    }

    /// The time, for those who record.
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Ids, for those who record.
    pub(crate) fn random(&self) -> &Random {
        &self.0.random
    }
}
