//! When a copy or a sink runs.

use std::fmt;
use std::str::FromStr;

/// A schedule of a datafile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// Only when asked to.
    #[default]
    OnDemand,
    /// A cron expression of five fields, or one of `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    Cron(String),
}

/// The text is neither `@on-demand` nor a cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the schedule \"{text}\": {reason}")]
pub struct ScheduleError {
    /// The schedule as written.
    pub text: String,
    /// Which part of it is wrong.
    pub reason: String,
}

const NICKNAMES: [&str; 7] = ["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A field of a cron expression: its name, bounds, and words for its values (the first stands for `first_word`).
struct Field {
    name: &'static str,
    low: u8,
    high: u8,
    words: &'static [&'static str],
    first_word: u8,
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", low: 0, high: 59, words: &[], first_word: 0 },
    Field { name: "hour", low: 0, high: 23, words: &[], first_word: 0 },
    Field { name: "day of the month", low: 1, high: 31, words: &[], first_word: 0 },
    Field { name: "month", low: 1, high: 12, words: &MONTHS, first_word: 1 },
    Field { name: "day of the week", low: 0, high: 7, words: &DAYS, first_word: 0 },
];

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Schedule, ScheduleError> {
        let lower = text.to_ascii_lowercase();
        if lower == "@on-demand" {
            return Ok(Schedule::OnDemand);
        }
        if NICKNAMES.contains(&lower.as_str()) {
            return Ok(Schedule::Cron(lower));
        }
        let parts: Vec<&str> = text.split_whitespace().collect();
        let fault = |reason: String| ScheduleError { text: text.to_owned(), reason };
        if parts.len() != FIELDS.len() {
            return Err(fault("it must be @on-demand or a cron expression of five fields".to_owned()));
        }
        for (field, part) in FIELDS.iter().zip(&parts) {
            if !part.split(',').all(|item| field.accepts(item)) {
                return Err(fault(format!(
                    "\"{part}\" does not say the {} ({} to {})",
                    field.name, field.low, field.high
                )));
            }
        }
        Ok(Schedule::Cron(parts.join(" ")))
    }
}

impl Field {
    /// `*`, `n`, `n-m`, each also with `/step`.
    fn accepts(&self, item: &str) -> bool {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, step.parse().ok()),
            None => (item, Some(1_u8)),
        };
        if step.is_none_or(|step| step == 0) {
            return false;
        }
        match range.split_once('-') {
            Some((low, high)) => match (self.value(low), self.value(high)) {
                (Some(low), Some(high)) => low <= high,
                _ => false,
            },
            None => range == "*" || self.value(range).is_some(),
        }
    }

    fn value(&self, text: &str) -> Option<u8> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        let value = match word {
            Some(index) => self.first_word + u8::try_from(index).ok()?,
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        (self.low..=self.high).contains(&value).then_some(value)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::OnDemand => f.write_str("@on-demand"),
            Schedule::Cron(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read() {
        for text in ["@on-demand", "@daily", "0 * * * *", "*/5 0-6,12 1 jan-mar MON", "0 0 * * 7"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["bad", "", "0 * * *", "60 * * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "* * * foo *", "+1 * * * x"]
        {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
        assert_eq!(
            "0 24 * * *".parse::<Schedule>().unwrap_err().to_string(),
            "cannot read the schedule \"0 24 * * *\": \"24\" does not say the hour (0 to 23)"
        );
    }
}
