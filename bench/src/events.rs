//! Events per second, in requests of one event and of many.

use std::time::Duration;

use anyhow::Result;
use http::Method;
use serde::Serialize;

use crate::load;
use crate::project;
use crate::server::Server;

/// Length of one measurement. Each request makes a part of the table, so it must not go on for long.
const LENGTH: Duration = Duration::from_secs(2);

/// One size of request at one number of clients.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Events {
    pub(crate) events_per_request: u64,
    pub(crate) clients: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Events acknowledged, and so queryable, per second.
    pub(crate) events_per_second: f64,
}

/// Sends requests of `events_per_request` events from `clients` clients.
pub(crate) async fn measure(server: &Server, events_per_request: u64, clients: usize) -> Result<Events> {
    let body: String = (0..events_per_request).map(project::event).collect();
    let target = server.target(Method::POST, &format!("/v0/events?name={}", project::EVENTS), body)?;
    let sample = load::measure(&target, clients, LENGTH).await?;
    Ok(Events {
        events_per_request,
        clients,
        p50_ms: sample.quantile(0.5),
        p99_ms: sample.quantile(0.99),
        events_per_second: sample.per_second * events_per_request as f64,
    })
}
