//! Columns, engines and keys of the service data sources, as clients know them.

use crate::service_data::ServiceTable;

/// A table.
#[derive(Debug)]
pub(super) struct Shape {
    /// Columns in their order, one a line: name, type.
    pub(super) columns: &'static str,
    /// The table engine.
    pub(super) engine: &'static str,
    /// `ORDER BY`.
    pub(super) sorting_key: &'static str,
    /// The column that rows grow old by.
    pub(super) time: &'static str,
    /// What fills it from the table whose sum it is; `{source}` stands for that.
    pub(super) select: Option<&'static str>,
}

impl Shape {
    /// Name and type of each column.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.columns.lines().filter_map(|line| line.trim().split_once(' '))
    }
}

/// Columns, engine and keys of a service data source.
pub(super) fn shape(table: ServiceTable) -> &'static Shape {
    match table {
        ServiceTable::PipeStatsRt => &PIPE_STATS_RT,
        ServiceTable::PipeStats => &PIPE_STATS,
        ServiceTable::EndpointErrors => &ENDPOINT_ERRORS,
        ServiceTable::BiStatsRt => &BI_STATS_RT,
        ServiceTable::BiStats => &BI_STATS,
        ServiceTable::DatasourcesOpsLog => &DATASOURCES_OPS_LOG,
        ServiceTable::DatasourcesOpsStats => &DATASOURCES_OPS_STATS,
        ServiceTable::DatasourcesStorage => &DATASOURCES_STORAGE,
        ServiceTable::JobsLog => &JOBS_LOG,
        ServiceTable::BlockLog => &BLOCK_LOG,
        ServiceTable::SinksOpsLog => &SINKS_OPS_LOG,
        ServiceTable::KafkaOpsLog => &KAFKA_OPS_LOG,
        ServiceTable::DataTransfer => &DATA_TRANSFER,
        ServiceTable::ReleasesLog => &RELEASES_LOG,
        ServiceTable::LlmUsage => &LLM_USAGE,
        ServiceTable::HookLog => &HOOK_LOG,
    }
}

static PIPE_STATS_RT: Shape = Shape {
    columns: "
        start_datetime DateTime
        pipe_id String
        pipe_name String
        token String
        token_name String
        duration Float32
        read_bytes UInt64
        read_rows UInt64
        cpu_time Float32
        result_rows UInt64
        url Nullable(String)
        error UInt8
        error_message Nullable(String)
        status_code Int32
        request_id String
        parameters Map(String, String)
        method String
        release String
        user_agent Nullable(String)
        client_ip Nullable(String)
        resource_tags Array(String)
        memory_usage UInt64
        replica String
    ",
    engine: "MergeTree",
    sorting_key: "pipe_id, start_datetime",
    time: "start_datetime",
    select: None,
};

static PIPE_STATS: Shape = Shape {
    columns: "
        date DateTime
        pipe_id String
        pipe_name String
        avg_duration_state AggregateFunction(avg, Float32)
        error_count UInt64
        view_count UInt64
        quantile_timing_state AggregateFunction(quantilesTiming(0.9, 0.95, 0.99), Float64)
        read_bytes_sum UInt64
        read_rows_sum UInt64
        cpu_time_sum Float64
        resource_tags Array(String)
    ",
    engine: "SummingMergeTree",
    sorting_key: "pipe_id, date",
    time: "date",
    select: Some(
        "
        SELECT
            toStartOfDay(s.start_datetime, 'UTC') AS date,
            s.pipe_id AS pipe_id,
            anyLast(s.pipe_name) AS pipe_name,
            avgState(s.duration) AS avg_duration_state,
            countIf(s.error > 0) AS error_count,
            count() AS view_count,
            quantilesTimingState(0.9, 0.95, 0.99)(toFloat64(s.duration) * 1000) AS quantile_timing_state,
            sum(s.read_bytes) AS read_bytes_sum,
            sum(s.read_rows) AS read_rows_sum,
            sum(s.cpu_time) AS cpu_time_sum,
            groupUniqArrayArray(s.resource_tags) AS resource_tags
        FROM {source} AS s
        GROUP BY pipe_id, date
    ",
    ),
};

static ENDPOINT_ERRORS: Shape = Shape {
    columns: "
        start_datetime DateTime
        request_id String
        pipe_id String
        pipe_name String
        params Nullable(String)
        url Nullable(String)
        status_code Nullable(Int32)
        error Nullable(String)
        resource_tags Array(String)
    ",
    engine: "MergeTree",
    sorting_key: "start_datetime",
    time: "start_datetime",
    select: None,
};

static BI_STATS_RT: Shape = Shape {
    columns: "
        start_datetime DateTime
        query String
        query_normalized String
        error_code Int32
        error String
        duration UInt64
        read_rows UInt64
        read_bytes UInt64
        result_rows UInt64
        result_bytes UInt64
    ",
    engine: "MergeTree",
    sorting_key: "start_datetime",
    time: "start_datetime",
    select: None,
};

static BI_STATS: Shape = Shape {
    columns: "
        date Date
        database String
        query_normalized String
        view_count UInt64
        error_count UInt64
        avg_duration_state AggregateFunction(avg, Float32)
        quantile_timing_state AggregateFunction(quantilesTiming(0.9, 0.95, 0.99), Float64)
        read_bytes_sum UInt64
        read_rows_sum UInt64
        avg_result_rows_state AggregateFunction(avg, Float32)
        avg_result_bytes_state AggregateFunction(avg, Float32)
    ",
    engine: "SummingMergeTree",
    sorting_key: "date, database, query_normalized",
    time: "date",
    select: None,
};

static DATASOURCES_OPS_LOG: Shape = Shape {
    columns: "
        timestamp DateTime
        event_type String
        datasource_id String
        datasource_name String
        result String
        elapsed_time Float32
        error Nullable(String)
        Options.Names Array(String)
        Options.Values Array(String)
        request_id String
        import_id Nullable(String)
        job_id Nullable(String)
        rows Nullable(UInt64)
        rows_quarantine Nullable(UInt64)
        blocks_ids Array(String)
        operation_id String
        read_rows UInt64
        read_bytes UInt64
        cpu_time Float32
        memory_usage UInt64
        written_rows UInt64
        written_bytes UInt64
        written_rows_quarantine UInt64
        written_bytes_quarantine UInt64
        pipe_id String
        pipe_name String
        release String
        resource_tags Array(String)
    ",
    engine: "MergeTree",
    sorting_key: "datasource_id, timestamp",
    time: "timestamp",
    select: None,
};

static DATASOURCES_OPS_STATS: Shape = Shape {
    columns: "
        event_date DateTime
        datasource_id String
        datasource_name String
        event_type LowCardinality(String)
        pipe_id String
        pipe_name String
        error_count UInt64
        executions UInt64
        avg_elapsed_time_state AggregateFunction(avg, Float32)
        quantiles_state AggregateFunction(quantiles(0.9, 0.95, 0.99), Float64)
        read_rows UInt64
        read_bytes UInt64
        written_rows UInt64
        written_bytes UInt64
        written_rows_quarantine UInt64
        written_bytes_quarantine UInt64
        cpu_time Float64
        resource_tags Array(String)
    ",
    engine: "SummingMergeTree",
    // With the data source at its end: rows of equal keys become one.
    sorting_key: "event_date, event_type, pipe_id, datasource_id",
    time: "event_date",
    select: Some(
        "
        SELECT
            toStartOfDay(s.timestamp, 'UTC') AS event_date,
            s.datasource_id AS datasource_id,
            anyLast(s.datasource_name) AS datasource_name,
            s.event_type AS event_type,
            s.pipe_id AS pipe_id,
            anyLast(s.pipe_name) AS pipe_name,
            countIf(s.result = 'error') AS error_count,
            count() AS executions,
            avgState(s.elapsed_time) AS avg_elapsed_time_state,
            quantilesState(0.9, 0.95, 0.99)(toFloat64(s.elapsed_time)) AS quantiles_state,
            sum(s.read_rows) AS read_rows,
            sum(s.read_bytes) AS read_bytes,
            sum(s.written_rows) AS written_rows,
            sum(s.written_bytes) AS written_bytes,
            sum(s.written_rows_quarantine) AS written_rows_quarantine,
            sum(s.written_bytes_quarantine) AS written_bytes_quarantine,
            sum(s.cpu_time) AS cpu_time,
            groupUniqArrayArray(s.resource_tags) AS resource_tags
        FROM {source} AS s
        GROUP BY datasource_id, event_type, pipe_id, event_date
    ",
    ),
};

static DATASOURCES_STORAGE: Shape = Shape {
    columns: "
        datasource_id String
        datasource_name String
        timestamp DateTime
        bytes SimpleAggregateFunction(max, UInt64)
        rows SimpleAggregateFunction(max, UInt64)
        bytes_quarantine SimpleAggregateFunction(max, UInt64)
        rows_quarantine SimpleAggregateFunction(max, UInt64)
    ",
    engine: "AggregatingMergeTree",
    // The engine wants every column that is no measure in the key.
    sorting_key: "datasource_id, timestamp, datasource_name",
    time: "timestamp",
    select: None,
};

static JOBS_LOG: Shape = Shape {
    columns: "
        job_id String
        job_type LowCardinality(String)
        status LowCardinality(String)
        error Nullable(String)
        workspace_id String
        request_id Nullable(String)
        pipe_id Nullable(String)
        datasource_id Nullable(String)
        created_at DateTime64(3)
        started_at Nullable(DateTime64(3))
        updated_at DateTime64(3)
        job_metadata String
        pipe_name String ALIAS JSONExtractString(job_metadata, 'pipe_name')
    ",
    engine: "ReplacingMergeTree",
    sorting_key: "created_at, job_id",
    time: "created_at",
    select: None,
};

static BLOCK_LOG: Shape = Shape {
    columns: "
        timestamp DateTime
        request_id String
        import_id String
        job_id Nullable(String)
        source String
        block_id String
        status String
        datasource_id String
        datasource_name String
        start_offset Nullable(Int64)
        end_offset Nullable(Int64)
        rows Nullable(Int32)
        parser Nullable(String)
        quarantine_lines Nullable(UInt32)
        empty_lines Nullable(UInt32)
        bytes Nullable(UInt32)
        processing_time Nullable(Float32)
        processing_error Nullable(String)
    ",
    engine: "MergeTree",
    sorting_key: "timestamp, cityHash64(datasource_name)",
    time: "timestamp",
    select: None,
};

static SINKS_OPS_LOG: Shape = Shape {
    columns: "
        timestamp DateTime
        job_id Nullable(String)
        service LowCardinality(String)
        pipe_name String
        pipe_id String
        result LowCardinality(String)
        error Nullable(String)
        elapsed_time Float64
        read_rows UInt64
        written_rows UInt64
        read_bytes UInt64
        written_bytes UInt64
        cpu_time Float32
        output UInt64
        parameters Map(String, String)
        options Map(String, String)
        token_name String
    ",
    engine: "MergeTree",
    sorting_key: "pipe_id, timestamp",
    time: "timestamp",
    select: None,
};

static KAFKA_OPS_LOG: Shape = Shape {
    columns: "
        timestamp DateTime
        datasource_id String
        topic String
        partition Int16
        msg_type String
        lag Int64
        processed_messages Int32
        processed_bytes Int32
        committed_messages Int32
        time_read Float32
        time_process Float32
        time_write Float32
        msg String
    ",
    engine: "MergeTree",
    sorting_key: "datasource_id, topic, timestamp",
    time: "timestamp",
    select: None,
};

static DATA_TRANSFER: Shape = Shape {
    columns: "
        timestamp DateTime
        event LowCardinality(String)
        origin_provider LowCardinality(String)
        origin_region LowCardinality(String)
        destination_provider LowCardinality(String)
        destination_region LowCardinality(String)
        kind LowCardinality(String)
        bytes UInt64
    ",
    engine: "MergeTree",
    sorting_key: "timestamp",
    time: "timestamp",
    select: None,
};

static RELEASES_LOG: Shape = Shape {
    columns: "
        timestamp DateTime64(3)
        event_type LowCardinality(String)
        commit String
        semver String
        token String
        token_name String
        result LowCardinality(String)
        error String
    ",
    engine: "MergeTree",
    sorting_key: "semver, timestamp",
    time: "timestamp",
    select: None,
};

static LLM_USAGE: Shape = Shape {
    columns: "
        start_time DateTime
        end_time DateTime
        workspace_id String
        user_email String
        request_id String
        prompt_tokens UInt32
        completion_tokens UInt32
        total_tokens UInt32
        duration Float32
        cost Float32
        origin String
        feature String
    ",
    engine: "MergeTree",
    sorting_key: "workspace_id, start_time, user_email, request_id",
    time: "start_time",
    select: None,
};

static HOOK_LOG: Shape = Shape {
    columns: "
        timestamp DateTime
        request_id String
        import_id Nullable(String)
        job_id Nullable(String)
        source String
        hook_id String
        name String
        operation String
        status String
        datasource_id String
        datasource_name String
        processing_time Nullable(Float32)
        processing_error Nullable(String)
    ",
    engine: "ReplacingMergeTree",
    sorting_key: "timestamp, cityHash64(datasource_name)",
    time: "timestamp",
    select: None,
};
