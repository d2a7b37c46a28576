//! A data source: a table that users append to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use standpipe_datafile::{ColumnDef, Engine};

use super::{DataSourceId, ResourceName};

/// What a quarantine's name has after the data source's own.
pub const QUARANTINE_SUFFIX: &str = "_quarantine";

/// A data source as the catalog knows it. Immutable: a change makes a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSource {
    /// Immutable id; names in SQL and URLs may use it.
    pub id: DataSourceId,
    /// Current name, unique among the workspace's data sources and pipes.
    pub name: ResourceName,
    /// Free text; empty when none.
    pub description: String,
    /// Columns in table order.
    pub columns: Vec<ColumnDef>,
    /// Table engine with its options.
    pub engine: Engine,
    /// Operational key/values that clients keep here.
    pub tags: BTreeMap<String, String>,
    /// Which physical table holds the rows: each replacement of all rows starts a new incarnation.
    pub incarnation: u32,
    /// Whether the table behind it exists yet.
    pub state: DataSourceState,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its metadata last changed.
    pub updated_at: Timestamp,
}

/// How far a data source's creation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSourceState {
    /// The intent is recorded and reserves the name; the table may not exist. Nobody sees it.
    Creating,
    /// The table exists.
    Ready,
}

impl DataSource {
    /// The table of the current incarnation.
    pub fn table(&self) -> PhysicalTable {
        PhysicalTable { data_source: self.id, incarnation: self.incarnation }
    }

    /// Whether its table exists.
    pub fn is_ready(&self) -> bool {
        self.state == DataSourceState::Ready
    }

    /// The name under which SQL reads this data source's quarantine.
    pub fn quarantine_name(&self) -> String {
        format!("{}{QUARANTINE_SUFFIX}", self.name)
    }

    /// Whether rows are taken by JSON path, which is what the API calls the type `ndjson`.
    pub fn has_json_paths(&self) -> bool {
        self.columns.iter().any(|column| column.jsonpath.is_some())
    }
}

/// One incarnation of a data source: the pair of tables (rows and quarantine) in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhysicalTable {
    /// Whose rows these are.
    pub data_source: DataSourceId,
    /// Which incarnation, from 1.
    pub incarnation: u32,
}

impl PhysicalTable {
    /// Name of the table of rows: `<id>_<incarnation>`.
    pub fn rows(&self) -> String {
        format!("{}_{}", self.data_source, self.incarnation)
    }

    /// Name of the table of quarantined rows.
    pub fn quarantine(&self) -> String {
        format!("{}{QUARANTINE_SUFFIX}", self.rows())
    }
}
