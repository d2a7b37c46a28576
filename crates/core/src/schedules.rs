//! When a pipe runs by itself: cron expressions in time zones, and the rows that say what is due.
//!
//! A schedule is a value; [`Schedule::next_run`] and `Schedule::due` are pure. What moves is one row for each pipe, which
//! `run_due` moves in the same transaction that adds the job: nothing runs twice, and no timer is kept.

mod run;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use run::run_due;

use crate::error::{Error, Result};

/// A run that was missed is caught up within this time, and once for all that were.
const CATCH_UP: SignedDuration = SignedDuration::from_hours(1);

/// Missed runs are counted up to so many: more tell nothing more.
const COUNTED: u64 = 10_000;

/// When something runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Five fields, or a name such as `@daily`.
    pub cron: String,
    /// A time zone of the tz database.
    pub timezone: String,
    /// Whether it is kept from running.
    #[serde(default)]
    pub is_paused: bool,
}

/// What a look at the clock says about a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The time for which to run now.
    pub(crate) run: Option<Timestamp>,
    /// Times that came and went.
    pub(crate) missed: u64,
    /// The next time.
    pub(crate) next: Timestamp,
}

impl Schedule {
    /// Reads a cron expression of five fields, or a name such as `@daily`, and the name of a time zone. Errors: what
    /// cannot be read, and expressions whose time never comes.
    pub fn parse(cron: &str, timezone: &str) -> Result<Schedule> {
        let cron = match cron.trim().parse::<standpipe_datafile::Schedule>() {
            Ok(standpipe_datafile::Schedule::Cron(cron)) => cron,
            Ok(standpipe_datafile::Schedule::OnDemand) => {
                return Err(Error::bad_request("'@on-demand' is no schedule: leave schedule_cron away"));
            }
            Err(error) => return Err(Error::bad_request(error.to_string())),
        };
        let schedule = Schedule { cron, timezone: timezone.trim().to_owned(), is_paused: false };
        schedule.zone()?;
        schedule.next_run(Timestamp::UNIX_EPOCH)?;
        Ok(schedule)
    }

    /// What the API calls its status.
    pub fn status(&self) -> &'static str {
        if self.is_paused { "paused" } else { "running" }
    }

    /// The first time of the schedule strictly after `now`. Where clocks go forward, a fixed time that does not exist is
    /// the moment after the gap; where they go back, a fixed time comes once and a repeated one each time.
    pub fn next_run(&self, now: Timestamp) -> Result<Timestamp> {
        self.around(now, croner::Direction::Forward)
    }

    /// What to do at `now`, when the next run was to be at `planned`: of the times up to now the last one runs, unless it
    /// is too long ago, and the others are missed.
    pub(crate) fn due(&self, planned: Timestamp, now: Timestamp) -> Result<Due> {
        let next = self.next_run(now)?;
        if planned > now {
            return Ok(Due { run: None, missed: 0, next: planned.min(next) });
        }
        let (mut last, mut came) = (planned, 1);
        while came < COUNTED {
            let following = self.next_run(last)?;
            if following > now {
                break;
            }
            (last, came) = (following, came + 1);
        }
        if came == COUNTED {
            // Strictly before the next one is the last one.
            last = self.around(next, croner::Direction::Backward)?;
        }
        let run = (now.duration_since(last) <= CATCH_UP).then_some(last);
        Ok(Due { run, missed: came - u64::from(run.is_some()), next })
    }

    fn around(&self, time: Timestamp, direction: croner::Direction) -> Result<Timestamp> {
        let unusable = |error: croner::errors::CronError| {
            Error::bad_request(format!("the schedule \"{}\" never comes: {error}", self.cron))
        };
        let cron: croner::Cron = self.cron.parse().map_err(unusable)?;
        let from = time.to_zoned(self.zone()?);
        let found = match direction {
            croner::Direction::Forward => cron.find_next_occurrence(&from, false),
            croner::Direction::Backward => cron.find_previous_occurrence(&from, false),
        };
        Ok(found.map_err(unusable)?.timestamp())
    }

    fn zone(&self) -> Result<TimeZone> {
        TimeZone::get(&self.timezone).map_err(|_| {
            Error::bad_request(format!(
                "time zone \"{}\" is unknown: use a name of the tz database, such as Europe/Madrid",
                self.timezone
            ))
        })
    }
}

#[cfg(test)]
mod tests;
