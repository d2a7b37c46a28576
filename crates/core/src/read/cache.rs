//! Answers of endpoints that are given again for a while, where a template's `cache_ttl()` or the datafile's `CACHE` asks
//! for it.
//!
//! The key is the final SQL: parameters, the versions of all nodes, the incarnations of tables and the token's filters are
//! in it, so a caller can only get what its own query would have answered a while ago. Who may ask is checked before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use super::answer::{Gathered, ReadResponse};
use super::format::{Format, OutputSettings};
use crate::error::Result;

/// One answer may take this part of all memory for answers.
const LARGEST_SHARE: u64 = 16;
/// What an entry takes beside its bytes, roughly.
const ENTRY_BYTES: u64 = 256;
/// Size of an answer that the number of entries is guessed from.
const USUAL_BYTES: u64 = 4 << 10;

/// Keeps answers. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct AnswerCache(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// None where no memory is given to it.
    kept: Option<Cache<Key, Kept, Weight>>,
    largest: u64,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What an answer is the answer to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The SQL that the engine would get.
    pub(super) sql: String,
    /// The answer's format.
    pub(super) format: Format,
    /// The settings that shape it.
    pub(super) output: OutputSettings,
}

#[derive(Clone, Debug)]
struct Kept {
    bytes: Bytes,
    until: Instant,
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Key, Kept> for Weight {
    fn weight(&self, key: &Key, kept: &Kept) -> u64 {
        ENTRY_BYTES + key.sql.len() as u64 + kept.bytes.len() as u64
    }
}

impl AnswerCache {
    /// An empty cache that takes at most about `bytes`; 0 keeps nothing.
    pub(super) fn new(bytes: u64) -> AnswerCache {
        let entries = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        let kept = (bytes > 0).then(|| Cache::with_weighter(entries, bytes, Weight));
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        AnswerCache(Arc::new(Shared { kept, largest: bytes / LARGEST_SHARE, hits, misses }))
    }

    /// Answers given from here, and answers that had to be asked for.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.0.hits.load(Ordering::Relaxed), self.0.misses.load(Ordering::Relaxed))
    }

    /// The answer kept under `key`; else the one that `ask` gets, which is kept for `time`.
    ///
    /// While one caller asks, others with the same key wait for its answer. Errors are not kept: the next one asks again.
    pub(super) async fn answer(
        &self,
        key: Key,
        time: Duration,
        ask: impl AsyncFnOnce() -> Result<ReadResponse>,
    ) -> Result<ReadResponse> {
        let Some(kept) = &self.0.kept else { return ask().await };
        let vacant = loop {
            match kept.get_value_or_guard_async(&key).await {
                Ok(found) if found.until > Instant::now() => {
                    self.0.hits.fetch_add(1, Ordering::Relaxed);
                    return Ok(ReadResponse::whole(found.bytes));
                }
                Ok(_) => {
                    kept.remove_if(&key, |found| found.until <= Instant::now());
                }
                Err(vacant) => break vacant,
            }
        };
        self.0.misses.fetch_add(1, Ordering::Relaxed);
        match ask().await?.gather(self.0.largest).await? {
            Gathered::Larger(response) => Ok(*response),
            Gathered::Whole(bytes) => {
                let kept = Kept { bytes: bytes.clone(), until: Instant::now() + time };
                // It fails when the entry was removed meanwhile: then nobody waits for it.
                let _removed = vacant.insert(kept);
                Ok(ReadResponse::whole(bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::Error;

    const MINUTE: Duration = Duration::from_secs(60);

    fn key(sql: &str) -> Key {
        Key { sql: sql.to_owned(), format: Format::JSON, output: OutputSettings::default() }
    }

    /// Asks for `key`, and tells the answer and whether it was asked for.
    async fn ask(cache: &AnswerCache, key: Key, says: &str) -> (String, bool) {
        let asked = Cell::new(false);
        let answer = cache.answer(key, MINUTE, async || {
            asked.set(true);
            Ok(ReadResponse::whole(Bytes::from(says.to_owned())))
        });
        let bytes = answer.await.unwrap().bytes().await.unwrap();
        (String::from_utf8(bytes.to_vec()).unwrap(), asked.get())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_given_again_until_its_time_is_over() {
        let cache = AnswerCache::new(1 << 20);
        assert_eq!(ask(&cache, key("SELECT 1"), "first").await, ("first".into(), true));
        assert_eq!(ask(&cache, key("SELECT 1"), "second").await, ("first".into(), false));
        tokio::time::advance(MINUTE - Duration::from_millis(1)).await;
        assert_eq!(ask(&cache, key("SELECT 1"), "second").await, ("first".into(), false));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(ask(&cache, key("SELECT 1"), "second").await, ("second".into(), true));
        assert_eq!(cache.counts(), (2, 2));
    }

    #[tokio::test]
    async fn another_query_format_or_setting_is_another_answer() {
        let cache = AnswerCache::new(1 << 20);
        ask(&cache, key("SELECT 1"), "first").await;
        let quoted = OutputSettings { quote_64bit_integers: true, ..OutputSettings::default() };
        let csv = Format::by_extension("csv").unwrap();
        for other in
            [key("SELECT 2"), Key { format: csv, ..key("SELECT 1") }, Key { output: quoted, ..key("SELECT 1") }]
        {
            assert_eq!(ask(&cache, other, "other").await, ("other".into(), true));
        }
    }

    #[tokio::test]
    async fn errors_and_large_answers_are_not_kept() {
        let cache = AnswerCache::new(16 << 10);
        let failed = cache.answer(key("SELECT 1"), MINUTE, async || Err(Error::bad_request("no"))).await;
        assert!(failed.is_err());
        let large = "x".repeat(2 << 10);
        for _ in 0..2 {
            assert_eq!(ask(&cache, key("SELECT 1"), &large).await, (large.clone(), true));
        }
    }

    #[tokio::test]
    async fn callers_at_once_ask_once() {
        let cache = AnswerCache::new(1 << 20);
        let (send, receive) = tokio::sync::oneshot::channel::<()>();
        let first = cache.answer(key("SELECT 1"), MINUTE, async || {
            receive.await.unwrap();
            Ok(ReadResponse::whole(Bytes::from_static(b"once")))
        });
        let second = async {
            send.send(()).unwrap();
            ask(&cache, key("SELECT 1"), "twice").await
        };
        let (first, second) = tokio::join!(first, second);
        assert_eq!(first.unwrap().bytes().await.unwrap(), "once");
        assert_eq!(second, ("once".into(), false));
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let cache = AnswerCache::new(64 << 10);
        let says = "x".repeat(1 << 10);
        for number in 0..1000 {
            ask(&cache, key(&format!("SELECT {number}")), &says).await;
        }
        assert!(cache.0.kept.as_ref().unwrap().weight() <= 64 << 10);
    }
}
