//! What one read may use: the configuration's limits, narrowed for single tokens and endpoints.

use std::collections::BTreeMap;
use std::time::Duration;

use standpipe_clickhouse::QueryOptions;

use super::format::Format;
use crate::access::Access;
use crate::dialect::with_dialect;
use crate::model::Pipe;

/// What one read may use.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadLimits {
    /// Longest SQL taken from a request, in bytes.
    pub query_bytes: usize,
    /// Longest time a query may run; for a row stream, until its last row is handed on.
    pub time: Duration,
    /// Memory of one query in bytes; 0 is no limit but the engine's own.
    pub memory_bytes: u64,
    /// Largest answer in bytes.
    pub result_bytes: u64,
    /// Most rows read from tables.
    pub rows_read: Option<u64>,
    /// Most bytes read from tables, uncompressed.
    pub bytes_read: Option<u64>,
    /// Tables read that are together at most this many rows are read by one thread: it serves many small requests best,
    /// and rows come in the order they were written.
    pub single_thread_rows: u64,
    /// Threads of a query over more rows.
    pub max_threads: u32,
    /// How long a client may take no byte of its answer.
    pub send: Duration,
}

/// Limits of one token or endpoint. What is absent is as for everybody; what would be wider than that has no effect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NarrowLimits {
    /// See [`ReadLimits::query_bytes`].
    pub query_bytes: Option<usize>,
    /// See [`ReadLimits::time`].
    pub time: Option<Duration>,
    /// See [`ReadLimits::memory_bytes`].
    pub memory_bytes: Option<u64>,
    /// See [`ReadLimits::result_bytes`].
    pub result_bytes: Option<u64>,
    /// See [`ReadLimits::rows_read`].
    pub rows_read: Option<u64>,
    /// See [`ReadLimits::bytes_read`].
    pub bytes_read: Option<u64>,
    /// See [`ReadLimits::max_threads`].
    pub max_threads: Option<u32>,
    /// Reads with this token, or of this endpoint, that may run or wait at once.
    pub reads: Option<u32>,
}

/// The limits of all reads.
#[derive(Clone, Debug)]
pub struct LimitBook {
    /// What holds for every read.
    pub every: ReadLimits,
    /// Reads with one token that may run or wait at once.
    pub token_reads: Option<u32>,
    /// Narrower limits by a token's name or id.
    pub tokens: BTreeMap<String, NarrowLimits>,
    /// Narrower limits by a pipe's name or id.
    pub pipes: BTreeMap<String, NarrowLimits>,
}

/// What one caller's read may use.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Allowed {
    /// The limits of the query.
    pub(super) limits: ReadLimits,
    /// Reads with the caller's token that may run or wait at once.
    pub(super) token_reads: Option<u32>,
    /// Reads of the endpoint that may run or wait at once.
    pub(super) pipe_reads: Option<u32>,
}

impl LimitBook {
    /// What a read by this caller, of this endpoint's data, may use: of each limit the smallest.
    pub(super) fn of(&self, access: &Access, pipe: Option<&Pipe>) -> Allowed {
        let token = access.token();
        let token = entry(&self.tokens, &token.name, || token.id.to_string());
        let pipe = pipe.and_then(|pipe| entry(&self.pipes, pipe.name.as_str(), || pipe.id.to_string()));
        Allowed {
            limits: [token, pipe].into_iter().flatten().fold(self.every.clone(), ReadLimits::narrowed),
            token_reads: smallest(self.token_reads, token.and_then(|token| token.reads)),
            pipe_reads: pipe.and_then(|pipe| pipe.reads),
        }
    }
}

fn entry<'a>(
    table: &'a BTreeMap<String, NarrowLimits>,
    name: &str,
    id: impl FnOnce() -> String,
) -> Option<&'a NarrowLimits> {
    // Most installations have none, and printing an id for each request would be a waste.
    if table.is_empty() { None } else { table.get(name).or_else(|| table.get(&id())) }
}

impl ReadLimits {
    fn narrowed(self, by: &NarrowLimits) -> ReadLimits {
        ReadLimits {
            query_bytes: self.query_bytes.min(by.query_bytes.unwrap_or(usize::MAX)),
            time: self.time.min(by.time.unwrap_or(Duration::MAX)),
            memory_bytes: smallest(some(self.memory_bytes), by.memory_bytes).unwrap_or(0),
            result_bytes: self.result_bytes.min(by.result_bytes.unwrap_or(u64::MAX)),
            rows_read: smallest(self.rows_read, by.rows_read),
            bytes_read: smallest(self.bytes_read, by.bytes_read),
            max_threads: self.max_threads.min(by.max_threads.unwrap_or(u32::MAX)),
            ..self
        }
    }

    /// The limits that the engine enforces, as its settings. Row streams are counted where they pass, byte by byte.
    pub(super) fn settings(&self, mut options: QueryOptions, format: Format) -> QueryOptions {
        options = with_dialect(options)
            .setting("readonly", 1)
            .setting("max_execution_time", self.time.as_secs_f64())
            .setting("max_memory_usage", self.memory_bytes);
        if !format.is_row_stream() {
            options = options.setting("max_result_bytes", self.result_bytes);
        }
        if let Some(rows) = self.rows_read {
            options = options.setting("max_rows_to_read", rows);
        }
        if let Some(bytes) = self.bytes_read {
            options = options.setting("max_bytes_to_read", bytes);
        }
        options
    }
}

/// A limit whose zero is no limit.
fn some(limit: u64) -> Option<u64> {
    (limit > 0).then_some(limit)
}

fn smallest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every() -> ReadLimits {
        ReadLimits {
            query_bytes: 100,
            time: Duration::from_secs(10),
            memory_bytes: 0,
            result_bytes: 1000,
            rows_read: None,
            bytes_read: Some(50),
            single_thread_rows: 1,
            max_threads: 4,
            send: Duration::from_secs(30),
        }
    }

    #[test]
    fn the_smallest_wins_and_what_is_absent_stays() {
        assert_eq!(every().narrowed(&NarrowLimits::default()), every());
        let by = NarrowLimits {
            query_bytes: Some(200),
            time: Some(Duration::from_secs(1)),
            memory_bytes: Some(7),
            rows_read: Some(9),
            bytes_read: Some(60),
            max_threads: Some(8),
            ..NarrowLimits::default()
        };
        let narrowed = every().narrowed(&by);
        let expected = ReadLimits { time: Duration::from_secs(1), memory_bytes: 7, rows_read: Some(9), ..every() };
        assert_eq!(narrowed, expected, "nothing became wider");
        assert_eq!(narrowed.clone().narrowed(&NarrowLimits { memory_bytes: Some(8), ..by }), expected);
    }
}
