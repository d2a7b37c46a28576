//! The same statement through the endpoint, through the engine's socket and in process, in turns.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::capture::Statement;
use crate::client::Connection;
use crate::in_process;
use crate::load::{self, Target};
use crate::plan::Plan;
use crate::sample::{Sample, median, spread};
use crate::server::Server;

/// One way's figures over all rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// Median time of a request in milliseconds.
    pub(crate) p50_ms: f64,
    /// Time that 99 of 100 requests do not exceed, in milliseconds.
    pub(crate) p99_ms: f64,
    /// Requests per second, the median of the rounds.
    pub(crate) per_second: f64,
}

impl Figures {
    pub(crate) fn of(samples: &[Sample]) -> Figures {
        let all = Sample::merged(samples);
        Figures { p50_ms: all.quantile(0.5), p99_ms: all.quantile(0.99), per_second: all.per_second }
    }
}

/// How the endpoint compares with another way, round by round.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Comparison {
    /// Median over the rounds of the difference of the medians, in milliseconds.
    pub(crate) p50_added_ms: f64,
    /// How far the middle half of these differences spreads, in milliseconds: the noise.
    pub(crate) p50_added_spread_ms: f64,
    /// Median over the rounds of the endpoint's requests per second divided by the other way's.
    pub(crate) rate_ratio: f64,
    /// How far the middle half of these ratios spreads.
    pub(crate) rate_ratio_spread: f64,
}

impl Comparison {
    fn of(endpoint: &[Sample], other: &[Sample]) -> Comparison {
        let pairs = || endpoint.iter().zip(other);
        let added = || pairs().map(|(endpoint, other)| endpoint.quantile(0.5) - other.quantile(0.5));
        let ratios = || pairs().map(|(endpoint, other)| endpoint.per_second / other.per_second);
        Comparison {
            p50_added_ms: median(added()),
            p50_added_spread_ms: spread(added()),
            rate_ratio: median(ratios()),
            rate_ratio_spread: spread(ratios()),
        }
    }
}

/// One statement at one number of clients.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Read {
    pub(crate) pipe: String,
    pub(crate) clients: usize,
    pub(crate) endpoint: Figures,
    pub(crate) socket: Figures,
    pub(crate) in_process: Option<Figures>,
    pub(crate) over_socket: Comparison,
    pub(crate) over_in_process: Option<Comparison>,
    /// Processor time of the server's own process for one request, in microseconds: what it adds however busy the
    /// machine is.
    pub(crate) server_cpu_us: Option<f64>,
}

/// Measures `statement` with `clients`; `copy` is a copy of the engine's directory.
pub(crate) async fn measure(
    plan: &Plan,
    server: &Server,
    copy: &Path,
    statement: &Statement,
    clients: usize,
) -> Result<Read> {
    let (endpoint, socket) = (statement.to_endpoint(server)?, statement.to_engine(server)?);
    let length = Duration::from_millis(plan.slice_ms);
    let (mut by_endpoint, mut by_socket, mut in_process) = (Vec::new(), Vec::new(), Vec::new());
    let cpu_before = server.cpu_time();
    for round in 0..plan.rounds {
        // Every other round begins with the other way, so that a drift of the machine favours neither.
        if round % 2 == 0 {
            by_endpoint.push(load::measure(&endpoint, clients, length).await?);
            by_socket.push(load::measure(&socket, clients, length).await?);
        } else {
            by_socket.push(load::measure(&socket, clients, length).await?);
            by_endpoint.push(load::measure(&endpoint, clients, length).await?);
        }
        if !plan.no_in_process {
            // As many as the socket answered, so that it takes as long.
            let count = by_socket.last().map_or(0.0, |sample| sample.per_second) * length.as_secs_f64();
            let count = (count as usize / clients).max(10);
            in_process.push(in_process::measure(copy, statement, clients, count).await?);
        }
    }
    let cpu = server.cpu_time().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    let requests: usize = by_endpoint.iter().map(|sample| sample.count() + clients * load::WARM_UP).sum();
    let has_in_process = !in_process.is_empty();
    Ok(Read {
        pipe: statement.pipe.clone(),
        clients,
        endpoint: Figures::of(&by_endpoint),
        socket: Figures::of(&by_socket),
        in_process: has_in_process.then(|| Figures::of(&in_process)),
        over_socket: Comparison::of(&by_endpoint, &by_socket),
        over_in_process: has_in_process.then(|| Comparison::of(&by_endpoint, &in_process)),
        server_cpu_us: cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / requests as f64),
    })
}

/// Makes sure that both ways answer the same rows: a comparison of different work would mean nothing.
pub(crate) async fn require_same_answers(server: &Server, statement: &Statement) -> Result<()> {
    let endpoint = data(&statement.to_endpoint(server)?).await?;
    let socket = data(&statement.to_engine(server)?).await?;
    anyhow::ensure!(endpoint == socket, "endpoint and socket answer different rows: {endpoint} and {socket}");
    anyhow::ensure!(endpoint.as_array().is_some_and(|rows| !rows.is_empty()), "the answer has no rows");
    Ok(())
}

async fn data(target: &Target) -> Result<serde_json::Value> {
    let answer = Connection::open(&target.address).await?.send(&target.call, 0).await?.success()?;
    let mut answer: serde_json::Value = serde_json::from_slice(&answer.body)?;
    Ok(answer["data"].take())
}
