//! The whole run, from an empty directory to the table of figures.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::capture::{self, Statement};
use crate::report::{self, Results};
use crate::sample::median;
use crate::server::Server;
use crate::{Part, events, jobs, project, reads, sinks};

pub(crate) use crate::Plan;

/// Starts whose time to ready is measured.
const STARTS: usize = 5;
/// Pause after a start before memory is read as idle.
const SETTLE: Duration = Duration::from_secs(2);
/// Numbers of clients that each measurement is done with.
const CLIENTS: [usize; 2] = [1, 8];

/// Measures everything, prints the figures and writes them to the plan's file.
pub(crate) async fn run(plan: &Plan) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("standpipe-bench-").tempdir().context("cannot make a directory")?;
    let place =
        Place { data: folder.path().join("data"), copy: folder.path().join("copy"), log: folder.path().join("log") };

    let say = report::progress;
    say(&format!("loading {} rows", plan.rows))?;
    let started = Instant::now();
    let statements = prepare(plan, &place).await?;
    let load_seconds = started.elapsed().as_secs_f64();

    say("starting the server")?;
    let store = sinks::Store::start(&folder.path().join("store")).await?;
    let (server, start_to_ready) = start(plan, &place, &store).await?;
    tokio::time::sleep(SETTLE).await;
    let idle = server.memory();

    let mut read = Vec::new();
    for statement in statements.iter().filter(|_| plan.has(Part::Reads)) {
        reads::require_same_answers(&server, statement).await?;
        for clients in CLIENTS {
            say(&format!("reading {} with {clients} clients", statement.pipe))?;
            read.push(reads::measure(plan, &server, &place.copy, statement, clients).await?);
        }
    }
    let mut sent = Vec::new();
    for events_per_request in [1, 1000].into_iter().filter(|_| plan.has(Part::Events)) {
        for clients in CLIENTS {
            say(&format!("sending {events_per_request} events a request with {clients} clients"))?;
            sent.push(events::measure(&server, events_per_request, clients).await?);
        }
    }
    let loaded = server.memory();
    let (mut moved, mut written) = (Vec::new(), Vec::new());
    if plan.has(Part::Jobs) || plan.has(Part::Sinks) {
        let source = jobs::Bench::create(&server, plan.job_rows).await?;
        if plan.has(Part::Jobs) {
            moved = source.measure().await?;
        }
        if plan.has(Part::Sinks) {
            written = sinks::measure(&server, plan.job_rows, &store).await?;
        }
    }
    server.stop().await?;

    let results = Results {
        rows: plan.rows,
        rounds: plan.rounds,
        load_seconds,
        start_to_ready_seconds: start_to_ready,
        idle,
        loaded,
        reads: read,
        events: sent,
        jobs: moved,
        sinks: written,
        statements,
    };
    report::write(&results, &plan.result)
}

/// Where the server's data and the log of the current run are.
struct Place {
    data: PathBuf,
    copy: PathBuf,
    log: PathBuf,
}

/// Fills the tables, reads from the log what the server sends, and copies the engine's directory.
async fn prepare(plan: &Plan, place: &Place) -> Result<Vec<Statement>> {
    let server = Server::start(&plan.server, &place.data, &place.log, &capture::ENVIRONMENT).await?;
    project::create(&server, plan.rows).await?;
    project::merge(&server, plan.rows).await?;
    let mut statements = Vec::new();
    for pipe in [project::KEY_READ, project::SELECT_ONE] {
        statements.push(capture::statement(&server, &place.log, pipe).await?);
    }
    server.stop().await?;
    copy_folder(&place.data.join("engine"), &place.copy).context("cannot copy the engine's directory")?;
    Ok(statements)
}

/// Starts the server several times; the last one stays. Answers the median time to ready in seconds, too.
async fn start(plan: &Plan, place: &Place, store: &sinks::Store) -> Result<(Server, f64)> {
    let mut times = Vec::new();
    loop {
        let server = Server::start(&plan.server, &place.data, &place.log, &store.environment()?).await?;
        times.push(server.start_to_ready.as_secs_f64());
        if times.len() == STARTS {
            return Ok((server, median(times)));
        }
        server.stop().await?;
    }
}

/// Copies files, folders and links as they are.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
