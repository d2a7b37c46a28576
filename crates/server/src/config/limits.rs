//! `[limits]`: bounds of requests and answers, and what they mean to the reader.

use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroU32, NonZeroU64};
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};
use standpipe_core::read::{LimitBook, NarrowLimits, ReadLimits, ReadPlaces};

use super::{Engine, Size};
use crate::machine;

/// libchdb's own limit, in tenths of the machine's memory.
const ENGINE_TENTHS: u64 = 9;

/// `[limits]`
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest request body.
    pub body: Size,
    /// Largest body of rows to append.
    pub append_body: Size,
    /// Longest SQL of a request or node.
    pub query: Size,
    /// Largest answer.
    pub result: Size,
    /// Memory for answers of endpoints that are given again; 0 keeps none.
    pub cache: Size,
    /// Memory of one query; 0 is no limit but the engine's own.
    pub query_memory: Size,
    /// Longest time of a query, seconds.
    #[serde(deserialize_with = "at_least_one")]
    pub query_seconds: u32,
    /// Threads of a query over many rows; 0 is one per processor.
    pub query_threads: u32,
    /// Most rows that a query reads from tables; 0 is no limit.
    pub rows_read: u64,
    /// Most bytes that a query reads from tables; 0 is no limit.
    pub bytes_read: Size,
    /// Most rows of the tables read that one thread reads alone.
    pub single_thread_rows: u64,
    /// Reads with one token that may run or wait at once; 0 is no limit but the workspace's.
    pub concurrency: u32,
    /// Reads of one workspace that may run or wait at once.
    pub workspace_concurrency: NonZeroU32,
    /// How much of the read lanes one workspace among several may use, percent.
    pub workspace_share: NonZeroU8,
    /// Longest wait of a read for a place among the running ones, seconds.
    pub queue_seconds: u32,
    /// Longest time of an insert, seconds.
    pub insert_seconds: u32,
    /// How long an insert is tried again while the engine restarts, seconds.
    pub insert_retry_seconds: u32,
    /// How long a client may take no bytes of its answer, seconds.
    pub send_seconds: u32,
    /// Narrower limits of single tokens, by name or id.
    pub tokens: BTreeMap<String, Narrow>,
    /// Narrower limits of single endpoints, by the pipe's name or id.
    pub pipes: BTreeMap<String, Narrow>,
}

/// `[limits.tokens.<name>]`, `[limits.pipes.<name>]`: every key is optional.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrow {
    /// Longest SQL of a request.
    pub query: Option<Size>,
    /// Largest answer.
    pub result: Option<Size>,
    /// Memory of one query.
    #[serde(default, deserialize_with = "some_size")]
    pub query_memory: Option<Size>,
    /// Longest time of a query, seconds.
    pub query_seconds: Option<NonZeroU32>,
    /// Threads of a query over many rows.
    pub query_threads: Option<NonZeroU32>,
    /// Most rows that a query reads from tables.
    pub rows_read: Option<NonZeroU64>,
    /// Most bytes that a query reads from tables.
    #[serde(default, deserialize_with = "some_size")]
    pub bytes_read: Option<Size>,
    /// Reads that may run or wait at once.
    pub concurrency: Option<NonZeroU32>,
}

impl Limits {
    /// The limits of reads.
    pub fn read_limits(&self, engine: &Engine) -> LimitBook {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let threads = match self.query_threads {
            0 => std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1)),
            threads => threads,
        };
        LimitBook {
            every: ReadLimits {
                query_bytes: self.query.as_usize(),
                time: seconds(self.query_seconds),
                memory_bytes: self.memory_of_one(engine, machine::memory()),
                result_bytes: self.result.bytes,
                rows_read: NonZeroU64::new(self.rows_read).map(NonZeroU64::get),
                bytes_read: NonZeroU64::new(self.bytes_read.bytes).map(NonZeroU64::get),
                single_thread_rows: self.single_thread_rows,
                max_threads: threads,
                send: seconds(self.send_seconds),
            },
            token_reads: NonZeroU32::new(self.concurrency).map(NonZeroU32::get),
            tokens: self.tokens.iter().map(|(name, narrow)| (name.clone(), narrow.limits())).collect(),
            pipes: self.pipes.iter().map(|(name, narrow)| (name.clone(), narrow.limits())).collect(),
        }
    }

    /// How many reads run at once.
    pub fn read_places(&self, engine: &Engine) -> ReadPlaces {
        ReadPlaces {
            lanes: engine.lanes.read.threads.get().into(),
            workspace_share: self.workspace_share.get().min(100),
            workspace_reads: usize::try_from(self.workspace_concurrency.get()).unwrap_or(usize::MAX),
            queue: Duration::from_secs(self.queue_seconds.into()),
        }
    }

    /// Queries in all read lanes together must not take more memory than the engine has. A server of somebody else's knows
    /// best what it has.
    fn memory_of_one(&self, engine: &Engine, machine: Option<u64>) -> u64 {
        let (asked, lanes) = (self.query_memory.bytes, u64::from(engine.lanes.read.threads.get()));
        let engine_has = match (engine.memory.bytes, &engine.url) {
            (_, Some(_)) => None,
            (0, None) => machine.map(|bytes| bytes / 10 * ENGINE_TENTHS),
            (bytes, None) => Some(bytes),
        };
        match engine_has.map_or(0, |bytes| bytes / lanes) {
            0 => asked,
            share if asked == 0 => share,
            share => asked.min(share),
        }
    }
}

impl Narrow {
    fn limits(&self) -> NarrowLimits {
        NarrowLimits {
            query_bytes: self.query.map(Size::as_usize),
            time: self.query_seconds.map(|seconds| Duration::from_secs(seconds.get().into())),
            memory_bytes: self.query_memory.map(|size| size.bytes),
            result_bytes: self.result.map(|size| size.bytes),
            rows_read: self.rows_read.map(NonZeroU64::get),
            bytes_read: self.bytes_read.map(|size| size.bytes),
            max_threads: self.query_threads.map(NonZeroU32::get),
            reads: self.concurrency.map(NonZeroU32::get),
        }
    }
}

/// A number that may not be 0: for the engine that would be no limit.
fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    NonZeroU32::deserialize(deserializer).map(NonZeroU32::get)
}

/// A size that may not be 0, for the same reason.
fn some_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Size>, D::Error> {
    match Size::deserialize(deserializer)? {
        Size { bytes: 0 } => Err(D::Error::custom("a limit of 0 bytes lets nothing through: leave the key out")),
        size => Ok(Some(size)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Layers;
    use super::*;

    fn load(text: &str) -> Result<super::super::Config, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Layers::defaults().file(file.path()).and_then(|layers| layers.config()).map_err(|error| error.to_string())
    }

    #[test]
    fn tokens_and_pipes_have_tables_of_their_own() {
        let text = "[limits.tokens.\"my token\"]\nquery_seconds = 2\nresult = '1 MB'\n\
                    [limits.pipes.top]\nrows_read = 1_000\nconcurrency = 3\n";
        let config = load(text).unwrap();
        let book = config.limits.read_limits(&config.engine);
        let token = &book.tokens["my token"];
        assert_eq!((token.time, token.result_bytes), (Some(Duration::from_secs(2)), Some(1_000_000)));
        assert_eq!((book.pipes["top"].rows_read, book.pipes["top"].reads), (Some(1000), Some(3)));
        assert_eq!((book.every.rows_read, book.token_reads), (None, None), "0 is no limit");
    }

    #[test]
    fn narrower_limits_are_printed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[limits.pipes.top]\nquery_seconds = 2\n").unwrap();
        let printed = super::super::print_masked(&Layers::defaults().file(file.path()).unwrap());
        assert!(printed.contains("[limits.pipes.top]\nquery_seconds = 2\n"), "{printed}");
        assert!(printed.contains("workspace_share = 75\n"), "{printed}");
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for (text, expected) in [
            ("[limits.pipes.top]\nrows_red = 1\n", "unknown field `rows_red`"),
            ("[limits.tokens.a]\nquery_seconds = 0\n", "nonzero"),
            ("[limits.tokens.a]\nquery_memory = 0\n", "a limit of 0 bytes lets nothing through"),
            ("[limits]\nquery_seconds = 0\n", "nonzero"),
            ("[limits]\nworkspace_share = 0\n", "nonzero"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn queries_share_the_engines_memory() {
        let mut config =
            load("[limits]\nquery_memory = '1 GiB'\n[engine.lanes.read]\nthreads = 9\nqueue = 1\n").unwrap();
        let memory = |config: &super::super::Config, machine| config.limits.memory_of_one(&config.engine, machine);
        assert_eq!(memory(&config, None), 1 << 30);
        assert_eq!(memory(&config, Some(100 << 30)), 1 << 30);
        assert_eq!(memory(&config, Some(10_000)), 1_000, "nine tenths of it are the engine's");
        config.engine.memory.bytes = 4_500;
        assert_eq!(memory(&config, Some(10_000)), 500);
        config.limits.query_memory.bytes = 0;
        assert_eq!(memory(&config, Some(10_000)), 500);
        config.engine.url = Some("http://clickhouse".to_owned());
        assert_eq!(memory(&config, Some(10_000)), 0);
    }
}
