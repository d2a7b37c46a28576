//! Rows as they are written. Their fields are the columns, which the documents of the API explain; columns that are not
//! here take their type's default.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ServiceTable;

/// A row of a service data source.
pub trait Record: Serialize {
    /// Where it goes.
    const TABLE: ServiceTable;
}

/// `tinybird.pipe_stats_rt`: one request for data. Times are seconds since 1970.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the columns")]
pub struct PipeStatsRow<'a> {
    pub start_datetime: i64,
    pub pipe_id: &'a str,
    pub pipe_name: &'a str,
    pub token: &'a str,
    pub token_name: &'a str,
    pub duration: f32,
    pub read_bytes: u64,
    pub read_rows: u64,
    pub result_rows: u64,
    pub url: &'a str,
    pub error: u8,
    pub error_message: Option<&'a str>,
    pub status_code: u16,
    pub request_id: &'a str,
    pub parameters: &'a BTreeMap<String, String>,
    pub method: &'a str,
    pub user_agent: Option<&'a str>,
    pub client_ip: Option<&'a str>,
    pub memory_usage: u64,
}

impl Record for PipeStatsRow<'_> {
    const TABLE: ServiceTable = ServiceTable::PipeStatsRt;
}

/// `tinybird.endpoint_errors`: one answer of an endpoint that is an error.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the columns")]
pub struct EndpointErrorRow<'a> {
    pub start_datetime: i64,
    pub request_id: &'a str,
    pub pipe_id: &'a str,
    pub pipe_name: &'a str,
    pub params: &'a str,
    pub url: &'a str,
    pub status_code: u16,
    pub error: Option<&'a str>,
}

impl Record for EndpointErrorRow<'_> {
    const TABLE: ServiceTable = ServiceTable::EndpointErrors;
}

/// `tinybird.datasources_ops_log`: one operation on a data source.
#[derive(Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the fields are the columns")]
pub struct OperationRow<'a> {
    pub timestamp: i64,
    pub event_type: &'a str,
    pub datasource_id: &'a str,
    pub datasource_name: &'a str,
    pub result: &'a str,
    pub elapsed_time: f32,
    pub error: Option<&'a str>,
    #[serde(rename = "Options.Names")]
    pub option_names: Vec<&'a str>,
    #[serde(rename = "Options.Values")]
    pub option_values: Vec<&'a str>,
    pub request_id: &'a str,
    pub import_id: Option<&'a str>,
    pub job_id: Option<&'a str>,
    pub rows: Option<u64>,
    pub rows_quarantine: Option<u64>,
    pub blocks_ids: Vec<&'a str>,
    pub operation_id: &'a str,
    pub written_rows: u64,
    pub written_rows_quarantine: u64,
    pub pipe_id: &'a str,
    pub pipe_name: &'a str,
}

impl Record for OperationRow<'_> {
    const TABLE: ServiceTable = ServiceTable::DatasourcesOpsLog;
}

/// `tinybird.jobs_log`: a job as it was at one time; the engine keeps the last of each. Times are seconds since 1970 with three
/// decimal places.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the columns")]
pub struct JobRow<'a> {
    pub job_id: &'a str,
    pub job_type: &'a str,
    pub status: &'a str,
    pub error: Option<&'a str>,
    pub workspace_id: &'a str,
    pub request_id: Option<&'a str>,
    pub pipe_id: Option<String>,
    pub datasource_id: Option<String>,
    pub created_at: String,
    pub started_at: Option<String>,
    pub updated_at: String,
    pub job_metadata: String,
}

impl Record for JobRow<'_> {
    const TABLE: ServiceTable = ServiceTable::JobsLog;
}

/// `tinybird.sinks_ops_log`: one run of a sink.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the columns")]
pub struct SinkRow<'a> {
    pub timestamp: i64,
    pub job_id: &'a str,
    pub service: &'a str,
    pub pipe_id: &'a str,
    pub pipe_name: &'a str,
    pub result: &'a str,
    pub error: Option<&'a str>,
    pub elapsed_time: f64,
    pub read_rows: u64,
    pub written_rows: u64,
    pub read_bytes: u64,
    pub written_bytes: u64,
    pub output: u64,
    pub parameters: BTreeMap<String, String>,
    pub options: BTreeMap<&'a str, &'a str>,
    pub token_name: &'a str,
}

impl Record for SinkRow<'_> {
    const TABLE: ServiceTable = ServiceTable::SinksOpsLog;
}

/// `tinybird.block_log`: one block of rows that was appended.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the columns")]
pub struct BlockRow<'a> {
    pub timestamp: i64,
    pub request_id: &'a str,
    pub import_id: &'a str,
    pub source: &'a str,
    pub block_id: &'a str,
    pub status: &'a str,
    pub datasource_id: &'a str,
    pub datasource_name: &'a str,
    pub rows: u64,
    pub parser: &'a str,
    pub quarantine_lines: u64,
    pub empty_lines: u64,
    pub bytes: u64,
    pub processing_time: f32,
    pub processing_error: Option<&'a str>,
}

impl Record for BlockRow<'_> {
    const TABLE: ServiceTable = ServiceTable::BlockLog;
}

/// `tinybird.datasources_storage`: how much a data source held at one time.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are the columns")]
pub struct StorageRow {
    pub datasource_id: String,
    pub datasource_name: String,
    pub timestamp: i64,
    pub bytes: u64,
    pub rows: u64,
    pub bytes_quarantine: u64,
    pub rows_quarantine: u64,
}

impl Record for StorageRow {
    const TABLE: ServiceTable = ServiceTable::DatasourcesStorage;
}
