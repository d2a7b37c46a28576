//! How long to wait before the next start.

use std::time::Duration;

/// A run that was ready this long counts as sound, and what came before it is forgotten.
const SOUND: Duration = Duration::from_secs(10);
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Counts failures in a row. The first restart is immediate; then the pauses double from 100 ms to 5 s.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after a run that was ready for so long, or never.
    pub fn after_run(&mut self, ready_for: Option<Duration>) -> Duration {
        if ready_for.is_some_and(|time| time >= SOUND) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        match self.failures {
            1 => Duration::ZERO,
            failures => FIRST.saturating_mul(2_u32.saturating_pow(failures - 2)).min(LONGEST),
        }
    }

    /// Failures in a row so far.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> = (0..9).map(|_| backoff.after_run(None).as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        let mut ages = Backoff { failures: u32::MAX };
        assert_eq!(ages.after_run(None), LONGEST);
    }

    #[test]
    fn a_sound_run_starts_afresh() {
        let mut backoff = Backoff::default();
        backoff.after_run(None);
        assert_eq!(backoff.after_run(Some(Duration::from_secs(9))), FIRST);
        assert_eq!(backoff.after_run(Some(SOUND)), Duration::ZERO);
        assert_eq!(backoff.failures(), 1);
    }
}
