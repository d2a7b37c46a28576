//! The figures: as a table for people, with the goals beside them, and as JSON.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::capture::Statement;
use crate::events::Events;
use crate::jobs::Job;
use crate::project;
use crate::reads::{Figures, Read};
use crate::server::Memory;
use crate::sinks::Sink;

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) rows: u64,
    pub(crate) rounds: usize,
    pub(crate) load_seconds: f64,
    pub(crate) start_to_ready_seconds: f64,
    pub(crate) idle: Memory,
    pub(crate) loaded: Memory,
    pub(crate) reads: Vec<Read>,
    pub(crate) events: Vec<Events>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) sinks: Vec<Sink>,
    pub(crate) statements: Vec<Statement>,
}

/// A goal, and what was measured.
#[derive(Debug, Serialize)]
struct Goal {
    what: &'static str,
    measured: Option<f64>,
    goal: f64,
    unit: &'static str,
    /// The goal is a least value; otherwise a greatest.
    at_least: bool,
}

impl Goal {
    fn verdict(&self) -> &'static str {
        match self.measured {
            None => "not measured",
            Some(measured) if (self.at_least && measured >= self.goal) || (!self.at_least && measured <= self.goal) => {
                "ok"
            }
            Some(_) => "MISSED",
        }
    }
}

/// Says on standard error what is being done.
pub(crate) fn progress(what: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "bench: {what}")?)
}

/// Prints the figures and writes them to `path`.
pub(crate) fn write(results: &Results, path: &Path) -> Result<()> {
    let goals = goals(results);
    std::io::stdout().write_all(table(results, &goals).as_bytes())?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let json = serde_json::json!({"results": results, "goals": goals});
    let text = serde_json::to_string_pretty(&json)?;
    std::fs::write(path, text).with_context(|| format!("cannot write '{}'", path.display()))
}

fn goals(results: &Results) -> Vec<Goal> {
    let key_read =
        |clients| results.reads.iter().find(|read| read.pipe == project::KEY_READ && read.clients == clients);
    let one = key_read(1);
    let over_in_process = one.and_then(|read| read.over_in_process.as_ref());
    let job = |kind| results.jobs.iter().find(|job| job.kind == kind).map(|job| job.ratio);
    let sink = |format| results.sinks.iter().find(|sink| sink.format == format).map(|sink| sink.ratio);
    let goal = |what, measured, goal, unit, at_least| Goal { what, measured, goal, unit, at_least };
    vec![
        goal("p50 over the socket, 1 client", one.map(|read| read.over_socket.p50_added_ms), 0.25, "ms", false),
        goal("p50 over in process, 1 client", over_in_process.map(|over| over.p50_added_ms), 0.5, "ms", false),
        goal("rate to the socket's, 8 clients", key_read(8).map(|read| read.over_socket.rate_ratio), 0.85, "", true),
        goal("a copy's time to the engine's", job("copy"), 1.25, "", false),
        goal("a populate's time to the engine's", job("populate"), 1.2, "", false),
        goal("a sink's processor time, CSV", sink("csv"), 1.5, "", false),
        goal("a sink's processor time, NDJSON", sink("ndjson"), 1.5, "", false),
        goal("a sink's processor time, Parquet", sink("parquet"), 1.5, "", false),
        goal("start to ready", Some(results.start_to_ready_seconds), 1.5, "s", false),
        goal("server's memory, idle", results.idle.server_mb, 80.0, "MB", false),
    ]
}

fn table(results: &Results, goals: &[Goal]) -> String {
    let mut lines = vec![
        format!("{} rows loaded in {:.1} s; {} rounds", results.rows, results.load_seconds, results.rounds),
        String::new(),
        format!("{:<18} {:>7}  {:<10} {:>8} {:>8} {:>9}", "reads", "clients", "way", "p50 ms", "p99 ms", "per s"),
    ];
    for read in &results.reads {
        let name = format!("{:<18} {:>7}", read.pipe.trim_start_matches("bench_"), read.clients);
        lines.push(format!("{name}  {}", figures("endpoint", &read.endpoint)));
        lines.push(format!("{:26}  {}", "", figures("socket", &read.socket)));
        lines.extend(read.in_process.iter().map(|own| format!("{:26}  {}", "", figures("in process", own))));
        let over = [("socket", Some(&read.over_socket)), ("in process", read.over_in_process.as_ref())];
        lines.extend(over.into_iter().filter_map(|(way, over)| {
            let over = over?;
            Some(format!(
                "{:26}  over {way}: p50 {:+.3} ms (+-{:.3}), rate x {:.2} (+-{:.2})",
                "",
                over.p50_added_ms,
                over.p50_added_spread_ms / 2.0,
                over.rate_ratio,
                over.rate_ratio_spread / 2.0
            ))
        }));
        lines.extend(read.server_cpu_us.map(|cpu| format!("{:26}  the server's own processor time: {cpu:.0} us", "")));
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<18} {:>7}  {:<10} {:>8} {:>8} {:>9}",
        "events", "clients", "", "p50 ms", "p99 ms", "events/s"
    ));
    lines.extend(results.events.iter().map(|sent| {
        let name = format!("{} a request", sent.events_per_request);
        let (p50, p99, rate) = (sent.p50_ms, sent.p99_ms, sent.events_per_second);
        format!("{name:<18} {:>7}  {:<10} {p50:>8.3} {p99:>8.3} {rate:>9.0}", sent.clients, "")
    }));
    lines.push(String::new());
    lines.push(format!("{:<18} {:>9}  {:>8} {:>9} {:>7}", "jobs", "rows", "job s", "engine s", "ratio"));
    lines.extend(results.jobs.iter().map(|job| {
        let Job { kind, rows, job_seconds, engine_seconds, ratio } = job;
        format!("{kind:<18} {rows:>9}  {job_seconds:>8.2} {engine_seconds:>9.2} {ratio:>7.2}")
    }));
    lines.push(String::new());
    lines.push(format!(
        "{:<18} {:>9}  {:>8} {:>9} {:>9} {:>7}",
        "sinks", "rows", "cpu s/M", "of server", "engine", "ratio"
    ));
    lines.extend(results.sinks.iter().map(|sink| {
        let Sink {
            format,
            rows,
            sink_cpu_seconds: sink,
            server_cpu_seconds: server,
            engine_cpu_seconds: engine,
            ratio,
        } = sink;
        format!("{format:<18} {rows:>9}  {sink:>8.3} {server:>9.3} {engine:>9.3} {ratio:>7.2}")
    }));
    lines.push(String::new());
    lines.push(format!("memory: idle {}; after load {}", memory(results.idle), memory(results.loaded)));
    lines.push(String::new());
    lines.extend(goals.iter().map(|goal| {
        let measured = goal.measured.map_or_else(|| "-".to_owned(), |measured| format!("{measured:.3}"));
        let sign = if goal.at_least { ">=" } else { "<=" };
        format!("{:<34} {measured:>8} {sign} {} {:<3} {}", goal.what, goal.goal, goal.unit, goal.verdict())
    }));
    lines.push(String::new());
    lines.join("\n")
}

fn figures(way: &str, figures: &Figures) -> String {
    format!("{way:<10} {:>8.3} {:>8.3} {:>9.0}", figures.p50_ms, figures.p99_ms, figures.per_second)
}

fn memory(memory: Memory) -> String {
    let megabytes = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |value| format!("{value:.0} MB"));
    format!("server {}, engine {}", megabytes(memory.server_mb), megabytes(memory.engine_mb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_at_its_value_and_missed_beyond() {
        let goal = |measured, at_least| Goal { what: "", measured, goal: 1.0, unit: "", at_least }.verdict();
        assert_eq!([goal(Some(1.0), false), goal(Some(1.1), false), goal(Some(0.9), false)], ["ok", "MISSED", "ok"]);
        assert_eq!([goal(Some(1.0), true), goal(Some(0.9), true), goal(None, true)], ["ok", "MISSED", "not measured"]);
    }
}
