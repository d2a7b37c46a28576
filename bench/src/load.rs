//! The load: a number of clients, each sending its next request when it has the answer to the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::client::{Address, Call, Connection};
use crate::sample::Sample;

/// Requests of each client that are not counted: they open the connection and warm up what is behind it.
pub(crate) const WARM_UP: usize = 5;

/// One way that requests can take.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) call: Arc<Call>,
}

/// Numbers requests over the whole run, so that no two are alike.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Sends to `target` from `clients` clients for `length`.
pub(crate) async fn measure(target: &Target, clients: usize, length: Duration) -> Result<Sample> {
    let mut connections = Vec::with_capacity(clients);
    for _ in 0..clients {
        let mut connection = Connection::open(&target.address).await?;
        for _ in 0..WARM_UP {
            send(&mut connection, &target.call).await?;
        }
        connections.push(connection);
    }
    let started = Instant::now();
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|own| tokio::spawn(client(own, Arc::clone(&target.call), started + length)))
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.append(&mut task.await.context("a client crashed")??);
    }
    Ok(Sample::new(times, started.elapsed()))
}

async fn client(mut connection: Connection, call: Arc<Call>, end: Instant) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    loop {
        let sent = Instant::now();
        if sent >= end {
            return Ok(times);
        }
        send(&mut connection, &call).await?;
        times.push(sent.elapsed());
    }
}

async fn send(connection: &mut Connection, call: &Call) -> Result<()> {
    connection.send(call, NEXT.fetch_add(1, Ordering::Relaxed)).await?.success()?;
    Ok(())
}
