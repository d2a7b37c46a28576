//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// Long enough for a busy machine; a test that meets it has failed.
const DEADLINE: Duration = Duration::from_secs(60);

/// Looks until `condition` holds. Panics, naming `what`, when it does not within a minute.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited a minute in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
