//! An operation on a data source, from its beginning to its row in the operations log.

use jiff::Timestamp;

use super::{BlockRow, OperationRow, ServiceData};
use crate::access::Access;
use crate::error::Result;
use crate::model::{DataSource, WorkspaceId};
use crate::write::Appended;

/// What an operation does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Event {
    /// A data source is created.
    Create,
    /// Rows of a request's body or a file are appended.
    #[default]
    Append,
    /// Rows of the Events API are appended.
    AppendEvents,
    /// All rows are deleted.
    Truncate,
    /// The data source is deleted.
    Delete,
    /// It gets another name.
    Rename,
}

impl Event {
    /// Its `event_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Event::Create => "create",
            Event::Append => "append",
            Event::AppendEvents => "append-hfi",
            Event::Truncate => "truncate",
            Event::Delete => "delete",
            Event::Rename => "rename",
        }
    }

    /// Where appended rows came from.
    fn source(self) -> &'static str {
        if self == Event::AppendEvents { "events" } else { "body" }
    }
}

/// An operation that has begun. Its end is recorded by whoever carries it out.
#[derive(Debug)]
#[must_use]
pub struct Operation {
    service_data: ServiceData,
    workspace: WorkspaceId,
    event: Event,
    id: String,
    name: String,
    request_id: String,
    options: Vec<(&'static str, String)>,
    began: Timestamp,
}

impl Operation {
    /// Begins an operation on this data source for this caller.
    pub(crate) fn begin(service_data: &ServiceData, access: &Access, event: Event, data_source: &DataSource) -> Self {
        Operation {
            service_data: service_data.clone(),
            workspace: access.workspace().id,
            event,
            id: data_source.id.to_string(),
            name: data_source.name.to_string(),
            request_id: access.request_id().to_owned(),
            options: Vec::new(),
            began: service_data.clock().now(),
        }
    }

    /// Says more about it.
    pub(crate) fn option(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.options.push((name, value.into()));
        self
    }

    /// Records the end.
    pub(crate) fn end<T>(self, result: &Result<T>) {
        self.record(result, None);
    }

    /// Records the end of an append: the operation and its block.
    pub(crate) fn end_append(self, result: &Result<Appended>, parser: &'static str) {
        let appended = result.as_ref().ok();
        let error = result.as_ref().err().map(ToString::to_string);
        let now = self.service_data.clock().now();
        let import_id = appended.map_or("", |appended| &appended.import_id);
        let row = BlockRow {
            timestamp: now.as_second(),
            request_id: &self.request_id,
            import_id,
            source: self.event.source(),
            block_id: import_id,
            status: if error.is_none() { "done" } else { "error" },
            datasource_id: &self.id,
            datasource_name: &self.name,
            rows: appended.map_or(0, |appended| appended.rows),
            parser,
            quarantine_lines: appended.map_or(0, |appended| appended.quarantined),
            empty_lines: 0,
            bytes: appended.map_or(0, |appended| appended.bytes),
            processing_time: seconds(self.began, now),
            processing_error: error.as_deref(),
        };
        self.service_data.record(self.workspace, &row);
        self.record(result, appended);
    }

    fn record<T>(&self, result: &Result<T>, appended: Option<&Appended>) {
        let error = result.as_ref().err().map(ToString::to_string);
        let now = self.service_data.clock().now();
        let import_id = appended.map(|appended| appended.import_id.as_str());
        let row = OperationRow {
            timestamp: now.as_second(),
            event_type: self.event.as_str(),
            datasource_id: &self.id,
            datasource_name: &self.name,
            result: if error.is_none() { "ok" } else { "error" },
            elapsed_time: seconds(self.began, now),
            error: error.as_deref(),
            option_names: self.options.iter().map(|(name, _)| *name).collect(),
            option_values: self.options.iter().map(|(_, value)| value.as_str()).collect(),
            request_id: &self.request_id,
            import_id,
            rows: appended.map(|appended| appended.rows),
            rows_quarantine: appended.map(|appended| appended.quarantined),
            blocks_ids: import_id.into_iter().collect(),
            operation_id: &self.service_data.random().ulid(now),
            written_rows: appended.map_or(0, |appended| appended.rows),
            written_rows_quarantine: appended.map_or(0, |appended| appended.quarantined),
            ..OperationRow::default()
        };
        self.service_data.record(self.workspace, &row);
    }
}

fn seconds(began: Timestamp, ended: Timestamp) -> f32 {
    ended.duration_since(began).as_secs_f32()
}
