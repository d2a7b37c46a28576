//! The life of `standpipe serve`, from its start to its last answer.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::serve::ListenerExt;
use standpipe_clickhouse::{Client, Server};
use standpipe_core::read::RestartEngine;
use standpipe_core::{Parts, Standpipe};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::app::App;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::engine_entry::{self, EngineArgs};
use crate::engine_process::{EngineCommand, Supervisor};
use crate::metrics::Metrics;
use crate::router;
use crate::startup;

/// How long the engine may take to end when asked; it drains for two seconds itself.
const ENGINE_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or SIGINT. `sample` is a data project to load into a new data directory.
///
/// # Errors
/// Why the server cannot start, or why there will be no engine.
pub async fn run(mut config: Config, sample: Option<&Path>) -> Result<()> {
    let data = DataDir::open(&config.server.data)?;
    data.path().clone_into(&mut config.server.data);
    let address = config.server.listen;
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on '{address}'"))?;
    let config = Arc::new(config);
    let metrics = Metrics::new();
    let mut engines = Engines::start(&config, &metrics)?;
    let handle = engines.runner.handle();
    let restart_engine = engines.restart();
    let parts = startup::parts(&config, handle.client.clone(), engines.checker(), engines.name.clone());
    let parts = Parts { restart_engine, ..parts };
    let standpipe = Standpipe::open(parts).await?;
    let admin_token = startup::first_tokens(&config, &standpipe).await?;
    let app = App::new(Arc::clone(&config), handle, metrics, Arc::new(standpipe), admin_token);
    let look_after = startup::look_after(app.clone(), sample.map(Path::to_owned));

    let served = tokio::select! {
        served = serve_until_signal(listener, router::build(app.clone()), config.server.drain()) => served,
        failure = engines.failure() => return Err(failure),
        ended = look_after => ended,
    };
    app.standpipe.close().await;
    engines.stop().await?;
    served
}

/// The engine that runs statements, and the one that only looks at them.
struct Engines {
    /// Runs statements.
    runner: Supervisor,
    /// Looks at statements, where the runner is a server that cannot: an embedded engine without data.
    checker: Option<Supervisor>,
    /// Names the engine that looks.
    name: String,
}

impl Engines {
    /// Starts the embedded engine; or the watch over the ClickHouse server of `engine.url`, and the checker beside it.
    fn start(config: &Config, metrics: &Metrics) -> Result<Engines> {
        let library = engine_entry::library(config)?;
        let name = library.display().to_string();
        let Some(url) = &config.engine.url else {
            let args = EngineArgs::new(config, library);
            return Ok(Engines { runner: start_embedded(config, args, metrics)?, checker: None, name });
        };
        let server =
            Server { url: url.clone(), user: config.engine.user.clone(), password: config.engine.password.clone() };
        let runner = Supervisor::external(Client::http(server)?);
        let checker = start_embedded(config, EngineArgs::checker(config, library), metrics)?;
        Ok(Engines { runner, checker: Some(checker), name })
    }

    /// Sends statements to the engine that looks at them.
    fn checker(&self) -> Client {
        self.checker.as_ref().unwrap_or(&self.runner).handle().client
    }

    /// Restarts the engine that runs statements, where it is a process of ours.
    fn restart(&self) -> RestartEngine {
        if self.checker.is_some() {
            return RestartEngine::default();
        }
        let handle = self.runner.handle();
        RestartEngine::new(move || handle.restart())
    }

    /// Returns when one of them has given up. Safe to drop and call again.
    async fn failure(&mut self) -> anyhow::Error {
        match &mut self.checker {
            None => self.runner.failure().await,
            Some(checker) => tokio::select! {
                failure = self.runner.failure() => failure,
                failure = checker.failure() => failure.context("the engine that checks statements"),
            },
        }
    }

    async fn stop(self) -> Result<()> {
        if let Some(checker) = self.checker {
            checker.stop().await.context("could not stop the engine that checks statements")?;
        }
        self.runner.stop().await.context("could not stop the engine")
    }
}

fn start_embedded(config: &Config, args: EngineArgs, metrics: &Metrics) -> Result<Supervisor> {
    let command = EngineCommand {
        program: std::env::current_exe().context("cannot find this program's own file")?,
        args: args.to_command_line(),
        environment: Vec::new(),
        start_timeout: config.engine.start_timeout(),
        stop_timeout: ENGINE_STOP_TIMEOUT,
    };
    let client = Client::unix(&args.socket)?;
    let restarts = metrics.engine.restarts.clone();
    Ok(Supervisor::embedded(command, client, move || {
        restarts.inc();
    }))
}

/// Answers requests until a signal; then takes no more connections and gives running requests `drain` to end. A second
/// signal ends the wait.
async fn serve_until_signal(listener: TcpListener, router: Router, drain: Duration) -> Result<()> {
    let mut signals = Signals::new()?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    // Answers are written in one go, so waiting to fill packets only adds latency.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "could not set TCP_NODELAY");
        }
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async {
        // An error means that the sender is gone, which is a reason to stop as well.
        let _told = stopped.await;
    };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut server = tokio::spawn(axum::serve(listener, service).with_graceful_shutdown(shutdown).into_future());
    tokio::select! {
        ended = &mut server => return ended?.context("could not go on serving"),
        signal = signals.next() => tracing::info!(signal, ?drain, "stopping: no new connections, running requests may end"),
    }
    drop(stop);
    tokio::select! {
        ended = &mut server => return ended?.context("could not drain"),
        () = tokio::time::sleep(drain) => tracing::warn!(?drain, "requests still ran at the end and are cut off"),
        signal = signals.next() => tracing::warn!(signal, "second signal: running requests are cut off"),
    }
    server.abort();
    Ok(())
}

/// The signals that end the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen to signals");
        Ok(Signals { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
