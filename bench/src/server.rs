//! The server under measurement: a process with a data directory and a port of its own.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::client::{Address, Answer, Call, Connection};
use crate::load::Target;

/// How long the server may take to be ready or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two questions whether it is ready; it bounds how exact the start-up time is.
const POLL: Duration = Duration::from_millis(1);

/// A running server. Killed, with its engine, when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    data: PathBuf,
    /// From the start of the process to the first answer of 200 on `/health/ready`.
    pub(crate) start_to_ready: Duration,
}

/// Resident memory in MB (10^6 bytes); absent where the system does not tell.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Memory {
    pub(crate) server_mb: Option<f64>,
    pub(crate) engine_mb: Option<f64>,
}

/// Processor time of the two processes since their start, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcessorTime {
    pub(crate) server: f64,
    pub(crate) engine: f64,
}

impl Server {
    /// Starts `program` on the data directory `data` and waits until it is ready. Its log goes to `log`.
    pub(crate) async fn start(program: &Path, data: &Path, log: &Path, environment: &[(&str, &str)]) -> Result<Server> {
        let address = free_address()?;
        let log = File::create(log).context("cannot make the server's log file")?;
        let started = Instant::now();
        let child = Command::new(program)
            .arg("serve")
            .arg("--data")
            .arg(data)
            .args(["--listen", &address.to_string()])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start '{}': build it with 'make build'", program.display()))?;
        let mut server = Server { child, address, data: data.to_owned(), start_to_ready: Duration::ZERO };
        while !server.is_ready().await {
            if let Some(status) = server.child.try_wait()? {
                anyhow::bail!("the server ended before it was ready: {status}");
            }
            anyhow::ensure!(started.elapsed() < PATIENCE, "the server was not ready within {PATIENCE:?}");
            tokio::time::sleep(POLL).await;
        }
        server.start_to_ready = started.elapsed();
        Ok(server)
    }

    async fn is_ready(&self) -> bool {
        let header = (AUTHORIZATION, HeaderValue::from_static("none"));
        let call = Call { method: Method::GET, path: "/health/ready".to_owned(), header, body: Bytes::new() };
        let Ok(mut connection) = Connection::open(&self.tcp()).await else { return false };
        connection.send(&call, 0).await.is_ok_and(|answer| answer.status == StatusCode::OK)
    }

    fn tcp(&self) -> Address {
        Address::Tcp(self.address)
    }

    /// The engine's socket.
    pub(crate) fn engine(&self) -> Address {
        Address::Unix(self.data.join("engine.sock"))
    }

    /// A request to the API with the admin token.
    pub(crate) fn target(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Target> {
        let tokens: serde_json::Value = serde_json::from_slice(&std::fs::read(self.data.join("tokens.json"))?)?;
        let token = tokens["workspace_admin_token"].as_str().context("tokens.json has no admin token")?;
        let header = (AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?);
        let call = Call { method, path: path.to_owned(), header, body: body.into() };
        Ok(Target { address: self.tcp(), call: call.into() })
    }

    /// Sends one request to the API.
    pub(crate) async fn call(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Answer> {
        let target = self.target(method, path, body)?;
        let mut connection = Connection::open(&target.address).await?;
        connection.send(&target.call, 0).await?.success().with_context(|| format!("'{path}' failed"))
    }

    /// Memory of both processes at this moment.
    pub(crate) fn memory(&self) -> Memory {
        let server = self.child.id();
        let engine = server.and_then(engine_of);
        Memory { server_mb: server.and_then(resident_mb), engine_mb: engine.and_then(resident_mb) }
    }

    /// Processor time that the server's own process has used since its start; absent where the system does not tell.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id()?)).ok()?;
        let of_threads = threads.filter_map(|thread| {
            let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Some(Duration::from_nanos(of_threads.sum()))
    }

    /// Where its data is.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Processor time that both processes have used since their start, in seconds, to some hundredths.
    pub(crate) fn cpu_seconds(&self) -> Option<ProcessorTime> {
        let server = self.child.id()?;
        Some(ProcessorTime { server: cpu_seconds(server)?, engine: cpu_seconds(engine_of(server)?)? })
    }

    /// Stops the server and waits until it has ended.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            kill_process(pid, Signal::TERM).context("cannot stop the server")?;
        }
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await.context("the server did not stop")??;
        anyhow::ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

/// A port nobody listens to. Somebody may take it before the server does; then the run fails and says so.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The engine is the server's only child.
fn engine_of(server: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children"));
    let threads = std::fs::read_dir(format!("/proc/{server}/task")).ok()?;
    let of_threads = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let all: String = children.into_iter().chain(of_threads).collect();
    all.split_whitespace().next()?.parse().ok()
}

/// Of all its threads, also of those that have ended.
fn cpu_seconds(process: u32) -> Option<f64> {
    /// What the kernel counts in, whatever its own clock.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name, in brackets, may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

fn resident_mb(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}
