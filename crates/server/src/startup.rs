//! From a data directory and an engine to a server that may let requests in.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use standpipe_clickhouse::Client;
use standpipe_core::access::Access;
use standpipe_core::jobs::{CopyLimits, JobLimits, Runner};
use standpipe_core::model::TokenId;
use standpipe_core::read::{ReadLimits, TemplateLimits};
use standpipe_core::storage::Faults;
use standpipe_core::write::WriteLimits;
use standpipe_core::{Clock, Parts, Random, Standpipe};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::api::local_tokens::LocalTokens;
use crate::app::App;
use crate::config::Config;
use crate::sample;

/// How often row counts are refreshed while data is written.
const COUNT_PERIOD: Duration = Duration::from_secs(3);

/// Pause before the start's work is tried again after the engine was lost in the middle of it.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// What a [`Standpipe`] is made of, by the configuration.
pub fn parts(config: &Config, client: Client, checker: Client, engine: String) -> Parts {
    let limits = &config.limits;
    let threads = match limits.query_threads {
        0 => std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1)),
        threads => threads,
    };
    Parts {
        data_dir: config.server.data.clone(),
        key_file: config.server.secret_key_file.clone(),
        client,
        checker,
        engine,
        database_prefix: config.engine.database_prefix.clone(),
        read_limits: ReadLimits {
            query_bytes: limits.query.as_usize(),
            time: Duration::from_secs(limits.query_seconds.into()),
            memory_bytes: limits.query_memory.bytes,
            result_bytes: limits.result.bytes,
            single_thread_rows: limits.single_thread_rows,
            max_threads: threads,
        },
        write_limits: WriteLimits {
            retry: Duration::from_secs(limits.insert_retry_seconds.into()),
            time: Duration::from_secs(limits.insert_seconds.into()),
        },
        template_limits: TemplateLimits::default(),
        job_limits: JobLimits {
            total: config.jobs.at_once.into(),
            per_kind: config.jobs.at_once_of_kind.into(),
            copy: CopyLimits {
                rows: config.jobs.copy_rows,
                time: Duration::from_secs(config.jobs.copy_seconds.into()),
                active: config.jobs.copy_active.into(),
            },
            sink_time: Duration::from_secs(config.jobs.sink_seconds.into()),
        },
        allow_private_networks: config.outbound.allow_private_networks,
        aws_identity: config.aws.identity(),
        clock: Clock::system(),
        random: Random::system(),
        faults: Faults::none(),
    }
}

/// Makes sure that there are a workspace and its admin token, and writes `tokens.json`. At the first start the token is
/// printed, too.
pub async fn first_tokens(config: &Config, standpipe: &Standpipe) -> Result<TokenId> {
    let workspace = standpipe.first_workspace(&config.server.workspace).await?;
    let is_first_start = workspace.tokens.is_empty();
    let value = config.server.admin_token.clone();
    let name = &config.server.admin_token_name;
    let token = standpipe.admin_token(&workspace, name, value).await?;
    if token.name != *name {
        tracing::warn!(token = token.name, "no token named '{name}' has ADMIN, so another one is used for local tools");
    }
    let tokens = LocalTokens::of(&token);
    let path = config.server.data.join("tokens.json");
    write_private(&path, &serde_json::to_vec_pretty(&tokens)?)
        .with_context(|| format!("cannot write '{}'", path.display()))?;
    if is_first_start {
        let mut out = std::io::stdout();
        writeln!(out, "admin token: {}\n(also in {})", tokens.admin_token, path.display())
            .context("cannot print the admin token")?;
    }
    Ok(token.id)
}

/// Replaces a file that only its owner may read, whole or not at all.
fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension("json.part");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(part, path)
}

/// Looks after what the last run left as soon as the engine answers, lets requests in, loads the sample, and then keeps row
/// counts fresh for as long as the server runs.
pub async fn look_after(app: App, sample: Option<PathBuf>) -> Result<()> {
    prepare(&app).await?;
    app.set_prepared();
    if let Some(folder) = sample {
        let access = admin_access(&app)?;
        sample::load(&app.standpipe, &access, &folder)
            .await
            .with_context(|| format!("cannot load the sample '{}'", folder.display()))?;
        tracing::info!("the sample is loaded");
    }
    let jobs = Runner::new(standpipe_core::Standpipe::clone(&app.standpipe));
    jobs.begin().await?;
    tokio::select! {
        ended = tokio::spawn(jobs.run()) => ended.context("the runner of jobs broke down"),
        never = count(&app) => never,
    }
}

/// Keeps row counts fresh.
async fn count(app: &App) -> ! {
    let mut ticks = interval(COUNT_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if app.engine.is_ready()
            && app.standpipe.registry().take_written()
            && let Err(error) = app.standpipe.refresh_counts().await
        {
            tracing::warn!(%error, "row counts could not be refreshed");
            app.standpipe.registry().note_write();
        }
    }
}

async fn prepare(app: &App) -> Result<()> {
    loop {
        if app.engine.ready().await.is_err() {
            // The supervisor has given up and says why; there is nothing to put in order any more.
            return std::future::pending().await;
        }
        match app.standpipe.reconcile().await {
            Ok(done) => {
                tracing::info!(undone = done.undone, dropped = done.dropped, live = done.live, "tables are in order");
                return Ok(());
            }
            Err(error @ (standpipe_core::Error::EngineUnavailable { .. } | standpipe_core::Error::Busy)) => {
                tracing::warn!(%error, "the engine was lost while tables were put in order; it is tried again");
                sleep(RETRY_PAUSE).await;
            }
            Err(error) => return Err(error).context("cannot put the tables in order"),
        }
    }
}

/// The access of the installation's own admin token.
fn admin_access(app: &App) -> Result<Access> {
    let snapshot = app.standpipe.catalog().snapshot();
    Ok(Access::authenticate(snapshot, Some(&app.local_tokens()?.admin_token))?)
}
