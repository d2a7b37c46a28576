//! The process from its start to its end: in which order it confines itself, listens, loads the library and stops.

use std::fs;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::cancel::Canceller;
use crate::deduplication;
use crate::engine::Engine;
use crate::error::Error;
use crate::ffi;
use crate::lane::Lanes;
use crate::options::Options;
use crate::sandbox;
use crate::server::{self, App};

/// Runs the engine process until SIGTERM or SIGINT; then it takes no new connection, lets running statements end within
/// `options.drain`, closes the engine and returns.
///
/// Call it first thing in a process of its own, before any other thread exists: the confinement binds only the calling
/// thread and those that it starts. The process ends at once, with code 1, when the one that started it ends.
///
/// # Errors
/// The process cannot be confined as required, the socket cannot be bound, or libchdb cannot be loaded or cannot open
/// the data directory.
pub fn run(options: Options) -> Result<(), Error> {
    let options = with_absolute_paths(options)?;
    let parent = Parent::find();
    let listener = listen(&options.socket)?;
    let sandbox = sandbox::enter(&options)?;
    parent.watch()?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Start { what: "event loop", source })?;
    let failed =
        |source| Error::Io { action: "mend the deduplication logs in", path: options.data_dir.clone(), source };
    let mended = deduplication::mend(&options.data_dir).map_err(failed)?;
    if mended > 0 {
        tracing::warn!(mended, "blocks that were remembered and not stored are forgotten");
    }
    let engine = Arc::new(Engine::start(&options)?);
    let app = App {
        lanes: Lanes::start(&options.lanes)?,
        canceller: Canceller::start(Arc::clone(&engine))?,
        engine,
        sandbox,
        runtime: runtime.handle().clone(),
        connections: AtomicUsize::new(0),
    };
    serve(&runtime, Arc::new(app), listener, &options)
}

/// The working directory changes later on, so relative paths are resolved now.
fn with_absolute_paths(mut options: Options) -> Result<Options, Error> {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { action, path, source }
    };
    fs::create_dir_all(&options.data_dir).map_err(failed("create the data directory", &options.data_dir))?;
    options.data_dir = options.data_dir.canonicalize().map_err(failed("find", &options.data_dir))?;
    options.library = options.library.canonicalize().map_err(failed("find the library", &options.library))?;
    options.socket = std::path::absolute(&options.socket).map_err(failed("find", &options.socket))?;
    Ok(options)
}

/// Binds the socket, in the place of one that a killed process left behind.
fn listen(socket: &PathBuf) -> Result<UnixListener, Error> {
    let failed = |action| move |source| Error::Io { action, path: socket.clone(), source };
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove the stale socket")(error));
        }
        _ => {}
    }
    let listener = UnixListener::bind(socket).map_err(failed("listen on"))?;
    listener.set_nonblocking(true).map_err(failed("listen on"))?;
    Ok(listener)
}

fn serve(runtime: &Runtime, app: Arc<App>, listener: UnixListener, options: &Options) -> Result<(), Error> {
    let start = |what| move |source| Error::Start { what, source };
    runtime.block_on(async {
        let listener = tokio::net::UnixListener::from_std(listener).map_err(start("listener"))?;
        let mut terminate = signal(SignalKind::terminate()).map_err(start("signal handler"))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(start("signal handler"))?;
        let (stop, stopped) = watch::channel(false);
        tracing::info!(version = app.engine.version, sandbox = ?app.sandbox, "the engine is ready");
        let serving = tokio::spawn(server::serve(Arc::clone(&app), listener, stopped));
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("the engine stops");
        // Nobody else listens to this channel's end, so a failed send means that serving has ended already.
        let _serving = stop.send(true);
        drain(&app, options.drain).await;
        serving.abort();
        Ok(())
    })?;
    // Outside the data directory the sandbox forbids removing it; the next start replaces it.
    let _left_behind = fs::remove_file(&options.socket);
    if app.connections.load(Ordering::Relaxed) > 0 {
        tracing::warn!("statements were still running at the end, they are cut off");
        ffi::exit_now(0);
    }
    app.engine.close();
    Ok(())
}

/// Waits until every connection has ended, at most for `patience`.
async fn drain(app: &App, patience: Duration) {
    let deadline = Instant::now() + patience;
    while app.connections.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
        sleep(Duration::from_millis(5)).await;
    }
}

/// The process that started this one. `PR_SET_PDEATHSIG` is not used: it fires when the *thread* that started the child
/// ends, and a server's threads come and go.
struct Parent {
    id: u32,
    #[cfg(target_os = "linux")]
    handle: Option<std::os::fd::OwnedFd>,
}

impl Parent {
    /// Must come before the sandbox, which forbids looking at other processes.
    fn find() -> Self {
        let id = std::os::unix::process::parent_id();
        #[cfg(target_os = "linux")]
        let handle = ffi::process_handle(id)
            .inspect_err(|error| tracing::debug!(%error, "the parent is watched by its number"))
            .ok();
        Self {
            id,
            #[cfg(target_os = "linux")]
            handle,
        }
    }

    /// Starts the thread that ends this process together with its parent.
    fn watch(self) -> Result<(), Error> {
        thread::Builder::new()
            .name("parent-watch".to_owned())
            .spawn(move || {
                self.wait();
                ffi::exit_now(1);
            })
            .map(drop)
            .map_err(|source| Error::Start { what: "parent watch", source })
    }

    fn wait(&self) {
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle
            && std::os::unix::process::parent_id() == self.id
            && ffi::wait_readable(handle).is_ok()
        {
            return;
        }
        while std::os::unix::process::parent_id() == self.id {
            thread::sleep(Duration::from_millis(500));
        }
    }
}
