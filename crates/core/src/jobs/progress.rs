//! How far a job's query has come, as the engine says.

use std::time::Duration;

use serde_json::{Map, Value};
use standpipe_clickhouse::Progress;
use tokio_util::sync::CancellationToken;

use super::{Context, Failure};
use crate::error::{Error, Result};

/// How often a running query is looked at.
const LOOK: Duration = Duration::from_secs(1);

impl Context {
    /// As [`Context::query`], and says meanwhile how much the query has read, with the members that `look` adds to what
    /// answers show. What `look` fails with ends the waiting; it is given nothing while the engine does not run the query.
    pub(super) async fn watched_query<T>(
        &self,
        query_id: &str,
        work: impl Future<Output = Result<T>>,
        look: impl Fn(Option<Progress>) -> Result<Map<String, Value>>,
    ) -> Result<T, Failure> {
        // From its beginning, so that one which ends before the first look has come to 100 percent as well.
        self.set_progress(0.0).await?;
        let (ended, failed) = (CancellationToken::new(), CancellationToken::new());
        let working = async {
            let done = tokio::select! {
                done = self.query(query_id, work) => Some(done),
                () = failed.cancelled() => None,
            };
            ended.cancel();
            done
        };
        let watching = async {
            let watched = self.watch(query_id, look, &ended).await;
            failed.cancel();
            watched
        };
        let (done, watched) = tokio::join!(working, watching);
        match (done, watched) {
            (Some(done), _) => done,
            (None, Err(error)) => Err(error.into()),
            (None, Ok(())) => Err(Error::internal("a query was given up for no reason").into()),
        }
    }

    /// Looks until the query has ended. What it has begun to write then it writes: cut off, that could come after whatever
    /// is written next.
    async fn watch(
        &self,
        query_id: &str,
        look: impl Fn(Option<Progress>) -> Result<Map<String, Value>>,
        ended: &CancellationToken,
    ) -> Result<()> {
        let storage = &self.standpipe().storage;
        let mut furthest = 0;
        let next = async || {
            tokio::time::sleep(LOOK).await;
            storage.progress(query_id).await
        };
        while let Some(running) = ended.run_until_cancelled(next()).await {
            let details = look(running)?;
            furthest = furthest.max(running.map_or(0, percent));
            self.tell(Some(furthest.into()), &details).await?;
        }
        Ok(())
    }
}

/// How much of its rows a query has read. 100 is said when its job is done.
fn percent(running: Progress) -> u32 {
    // The engine learns how many there are while it reads.
    let total = running.total_rows.max(running.read_rows).max(1);
    u32::try_from(running.read_rows.saturating_mul(99) / total).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_end_below_a_hundred() {
        let percent = |read_rows, total_rows| percent(Progress { read_rows, total_rows, written_rows: 0 });
        assert_eq!([percent(0, 0), percent(0, 10), percent(5, 10), percent(10, 10)], [0, 0, 49, 99]);
        // More than there were thought to be, and none known.
        assert_eq!([percent(20, 10), percent(7, 0)], [99, 99]);
    }
}
