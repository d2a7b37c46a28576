//! Standpipe: clickhouse.
