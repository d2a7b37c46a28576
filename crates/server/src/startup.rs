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
use standpipe_core::read::{ReadRules, RestartEngine, TemplateLimits};
use standpipe_core::service_data::ServiceDataSettings;
use standpipe_core::storage::Faults;
use standpipe_core::write::WriteLimits;
use standpipe_core::{Clock, Parts, Random, Standpipe};
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

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
    Parts {
        data_dir: config.server.data.clone(),
        key_file: config.server.secret_key_file.clone(),
        client,
        checker,
        engine,
        database_prefix: config.engine.database_prefix.clone(),
        read_rules: ReadRules {
            limits: limits.read_limits(&config.engine),
            places: limits.read_places(&config.engine),
            templates: TemplateLimits::default(),
            cache_bytes: limits.cache.bytes,
        },
        write_limits: WriteLimits {
            retry: Duration::from_secs(limits.insert_retry_seconds.into()),
            time: Duration::from_secs(limits.insert_seconds.into()),
        },
        service_data: ServiceDataSettings {
            buffer_bytes: config.service_data.buffer.as_usize(),
            retention: config.service_data.days.clone(),
        },
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
        restart_engine: RestartEngine::default(),
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
/// counts fresh and service data flowing for as long as the server runs.
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
        ((), (), ()) = async { tokio::join!(refresh_counts(&app), write_service_data(&app), record_storage(&app)) } => Ok(()),
    }
}

/// Keeps row counts fresh.
async fn refresh_counts(app: &App) {
    let mut ticks = ticks(COUNT_PERIOD);
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

/// Writes the buffered rows at each tick. What an engine that is away does not take is kept for the next.
async fn write_service_data(app: &App) {
    let mut ticks = ticks(app.config.service_data.flush());
    let mut is_failing = false;
    loop {
        ticks.tick().await;
        if !app.engine.is_ready() {
            continue;
        }
        let failed = app.standpipe.service_data().flush().await.err();
        if let Some(error) = failed.as_ref().filter(|_| !is_failing) {
            tracing::warn!(%error, "service data could not be written; it is tried again");
        }
        is_failing = failed.is_some();
    }
}

async fn record_storage(app: &App) {
    let mut ticks = ticks(app.config.service_data.storage());
    // The start has recorded them.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        app.standpipe.service_data().record_storage(app.standpipe.registry(), false);
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
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
            // A fault of ours ends the start: it is seen there, and another start is another try.
            Err(error) if error.is_passing() && !matches!(error, standpipe_core::Error::Internal { .. }) => {
                tracing::warn!(%error, "the tables could not be put in order; it is tried again");
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
