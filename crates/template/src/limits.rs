//! Limits of one compilation and one rendering, and the meter that enforces them.

use std::time::{Duration, Instant};

use crate::error::{Error, ErrorClass};

/// What one template may use. The reference has no such limits; its users' templates stay far below these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of template text. Default 1 MiB.
    pub template_bytes: usize,
    /// Depth of one expression: nested brackets, chained operators, calls of lambdas. Default 400.
    pub nesting: usize,
    /// Evaluation steps: statements, operators, elements visited. Default 1,000,000.
    pub steps: u64,
    /// Bytes of rendered SQL. Default 8 MiB.
    pub output_bytes: usize,
    /// Bytes of all strings and lists made while rendering, counted when they are made. Default 16 MiB.
    pub value_bytes: usize,
    /// Time one rendering may take. Default 2 s.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            template_bytes: 1 << 20,
            nesting: 400,
            steps: 1_000_000,
            output_bytes: 8 << 20,
            value_bytes: 16 << 20,
            time: Duration::from_secs(2),
        }
    }
}

/// Steps between two looks at the clock.
const CLOCK_EVERY: u64 = 4096;

/// Counts what one rendering uses.
pub(crate) struct Meter<'a> {
    limits: &'a Limits,
    steps: u64,
    bytes: usize,
    depth: usize,
    /// Read at the first look at the clock, so that short renderings never read it.
    started: Option<Instant>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Meter { limits, steps: 0, bytes: 0, depth: 0, started: None }
    }

    /// Counts one evaluation step.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<(), Error> {
        self.steps += 1;
        if self.steps.is_multiple_of(CLOCK_EVERY) { self.check_slow() } else { Ok(()) }
    }

    /// Counts `n` steps at once, for work a builtin does in one go.
    pub(crate) fn steps(&mut self, n: usize) -> Result<(), Error> {
        let before = self.steps / CLOCK_EVERY;
        self.steps = self.steps.saturating_add(n as u64);
        if self.steps / CLOCK_EVERY == before { Ok(()) } else { self.check_slow() }
    }

    #[cold]
    fn check_slow(&mut self) -> Result<(), Error> {
        if self.steps > self.limits.steps {
            return Err(over("steps", format!("{} evaluation steps", self.limits.steps), "make its loops shorter"));
        }
        let started = *self.started.get_or_insert_with(Instant::now);
        if started.elapsed() > self.limits.time {
            let limit = format!("{} ms of rendering", self.limits.time.as_millis());
            return Err(over("time", limit, "make its loops shorter"));
        }
        Ok(())
    }

    /// Counts `bytes` of new values before they are made.
    #[inline]
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= self.limits.value_bytes {
            return Ok(());
        }
        let limit = format!("{} bytes of values", self.limits.value_bytes);
        Err(over("value_bytes", limit, "build smaller strings and lists"))
    }

    /// Checks the size of the rendered text so far.
    #[inline]
    pub(crate) fn output(&self, bytes: usize) -> Result<(), Error> {
        if bytes <= self.limits.output_bytes {
            return Ok(());
        }
        let limit = format!("{} bytes of SQL", self.limits.output_bytes);
        Err(over("output_bytes", limit, "render less text"))
    }

    /// Enters one level of an expression; every `enter` that succeeds is followed by a `leave`.
    #[inline]
    pub(crate) fn enter(&mut self) -> Result<(), Error> {
        if self.depth >= self.limits.nesting {
            return Err(over_nesting(self.limits.nesting));
        }
        self.depth += 1;
        self.step()
    }

    #[inline]
    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }
}

/// The error for an expression nested deeper than `limit`.
pub(crate) fn over_nesting(limit: usize) -> Error {
    over("nesting", format!("{limit} levels in one expression"), "split the expression with {% set %}")
}

/// The error for a limit: it names the limit, its value and what to do.
pub(crate) fn over(name: &str, limit: String, hint: &str) -> Error {
    Error::new(ErrorClass::Limit, format!("template limit \"{name}\" exceeded: more than {limit}; {hint}"))
}
