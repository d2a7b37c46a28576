//! Durations, and what is said of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one measurement saw.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Each request's time in milliseconds, sorted.
    times_ms: Vec<f64>,
    /// Requests that ended per second.
    pub(crate) per_second: f64,
}

impl Sample {
    /// Requests that together took `elapsed`, whatever number of clients sent them.
    pub(crate) fn new(times: Vec<Duration>, elapsed: Duration) -> Sample {
        let mut times_ms: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        times_ms.sort_by(f64::total_cmp);
        Sample { per_second: times_ms.len() as f64 / elapsed.as_secs_f64(), times_ms }
    }

    /// The time that `part` of the requests did not exceed, in milliseconds.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        quantile(&self.times_ms, part)
    }

    /// Requests counted.
    pub(crate) fn count(&self) -> usize {
        self.times_ms.len()
    }

    /// All requests of several measurements; its rate is their median.
    pub(crate) fn merged(samples: &[Sample]) -> Sample {
        let mut times_ms: Vec<f64> = samples.iter().flat_map(|sample| sample.times_ms.iter().copied()).collect();
        times_ms.sort_by(f64::total_cmp);
        Sample { times_ms, per_second: median(samples.iter().map(|sample| sample.per_second)) }
    }
}

/// The middle value; not a number of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

/// How far the middle half of the values spreads.
pub(crate) fn spread(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.75) - quantile(&values, 0.25)
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let position = part * last as f64;
    let (low, high) = (position.floor() as usize, position.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(low_value), Some(high_value)) => low_value + (high_value - low_value) * (position - low as f64),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_values() {
        let sample = Sample::new((1..=101).rev().map(Duration::from_millis).collect(), Duration::from_secs(2));
        assert_eq!(sample.quantile(0.5), 51.0);
        assert_eq!(sample.quantile(0.99), 100.0);
        assert_eq!(sample.per_second, 50.5);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(spread([1.0, 2.0, 3.0, 4.0, 5.0]), 2.0);
        assert!(median([]).is_nan());
    }

    #[test]
    fn merging_takes_all_times_and_the_middle_rate() {
        let one = Sample::new(vec![Duration::from_millis(1)], Duration::from_secs(1));
        let other = Sample::new(vec![Duration::from_millis(3); 3], Duration::from_secs(1));
        let merged = Sample::merged(&[one, other]);
        assert_eq!(merged.quantile(1.0), 3.0);
        assert_eq!(merged.quantile(0.0), 1.0);
        assert_eq!(merged.per_second, 2.0);
    }
}
