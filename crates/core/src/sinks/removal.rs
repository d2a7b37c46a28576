//! Removing what a run left in its bucket: as much as can be, however long that takes.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::time::Instant;

use crate::error::Result;

/// How long nothing may come of it: a store that cannot be reached must not keep a job for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Requests at once.
const AT_ONCE: usize = 16;

/// What could not be removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stays<T> {
    pub(crate) items: Vec<T>,
    pub(crate) reason: String,
}

/// Removes all of them, and goes on, with those that failed, too, for as long as one is removed now and then.
pub(crate) async fn remove_all<T: Copy, F: Future<Output = Result<()>>>(
    mut items: Vec<T>,
    remove: impl Fn(T) -> F,
) -> std::result::Result<(), Stays<T>> {
    let mut deadline = Instant::now() + PATIENCE;
    loop {
        let mut stays = vec![true; items.len()];
        let mut reason = None;
        let mut is_over = false;
        let removals = items.clone().into_iter().enumerate().map(|(at, item)| remove(item).map(move |done| (at, done)));
        let mut removals = futures_util::stream::iter(removals).buffer_unordered(AT_ONCE);
        loop {
            match tokio::time::timeout_at(deadline, removals.next()).await {
                Ok(None) => break,
                Ok(Some((at, Ok(())))) => {
                    stays[at] = false;
                    deadline = Instant::now() + PATIENCE;
                }
                Ok(Some((_, Err(error)))) => reason = Some(error.to_string()),
                Err(_) => {
                    is_over = true;
                    break;
                }
            }
        }
        drop(removals);
        let before = items.len();
        let mut each = stays.into_iter();
        items.retain(|_| each.next().unwrap_or(true));
        if items.is_empty() {
            return Ok(());
        }
        if is_over || items.len() == before {
            let silence = || format!("nothing could be removed within {} s", PATIENCE.as_secs());
            return Err(Stays { items, reason: reason.unwrap_or_else(silence) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use super::*;
    use crate::error::Error;

    async fn pause(milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_takes_as_long_as_it_takes() {
        let begin = Instant::now();
        let done = remove_all((0..10_000).collect(), |_| async {
            pause(30).await;
            Ok(())
        });
        assert_eq!(done.await, Ok(()));
        assert_eq!(begin.elapsed().as_secs(), 18);
        let begin = Instant::now();
        let done = remove_all((0..400).collect(), |_| async {
            pause(10_000).await;
            Ok(())
        });
        assert_eq!(done.await, Ok(()));
        assert_eq!(begin.elapsed().as_secs(), 250);
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_tried_again_while_others_are_removed() {
        let tries = RefCell::new(HashMap::new());
        let tries = &tries;
        let done = remove_all((0..100).collect(), |item: u32| async move {
            pause(30).await;
            let mut tries = tries.borrow_mut();
            let tries = tries.entry(item).or_insert(0);
            *tries += 1;
            // Each takes as many attempts as its number says, and one never works.
            if item == 99 || *tries <= item % 5 { Err(Error::bad_request("not now")) } else { Ok(()) }
        });
        let reason = Error::bad_request("not now").to_string();
        assert_eq!(done.await, Err(Stays { items: vec![99], reason }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_says_nothing_is_given_up() {
        let begin = Instant::now();
        let done = remove_all((0..100).collect(), |item: u32| async move {
            if item > 2 {
                std::future::pending::<()>().await;
            }
            pause(1_000).await;
            Ok(())
        });
        let stays = done.await.unwrap_err();
        assert_eq!((stays.items, begin.elapsed().as_secs()), ((3..100).collect(), 61));
        assert_eq!(stays.reason, "nothing could be removed within 60 s");
    }
}
