//! The engine process that all tests of a run share.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use standpipe_server::config::Config;
use standpipe_server::engine_entry::{self, EngineArgs};
use tempfile::TempDir;

use super::wait::until;

/// A running engine. The last test that uses it ends it and removes its tables; should the tests be killed instead, the
/// engine ends by itself together with them.
pub(crate) struct SharedEngine {
    child: Mutex<Child>,
    /// The name of the library, which is a part of the guard's memory.
    pub(crate) library: PathBuf,
    socket: PathBuf,
    folder: TempDir,
}

static RUNNING: Mutex<Weak<SharedEngine>> = Mutex::new(Weak::new());

impl SharedEngine {
    /// The engine that runs, or a new one.
    pub(crate) fn get(config: &Config) -> Arc<SharedEngine> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = running.upgrade() {
            return engine;
        }
        let engine = Arc::new(SharedEngine::start(config));
        *running = Arc::downgrade(&engine);
        engine
    }

    fn start(config: &Config) -> SharedEngine {
        let folder = TempDir::new().unwrap();
        let mut config = config.clone();
        config.server.data = folder.path().to_owned();
        let library = engine_entry::library(&config)
            .unwrap_or_else(|error| panic!("these tests need the embedded engine: {error}"));
        let args = EngineArgs::new(&config, library.clone());
        let mut child = Command::new(env!("CARGO_BIN_EXE_standpipe"))
            .args(args.to_command_line())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the engine answers", || {
            assert_eq!(child.try_wait().unwrap(), None, "the engine process ended before it was ready");
            answers(&args.socket)
        });
        SharedEngine { child: Mutex::new(child), library, socket: args.socket, folder }
    }

    /// The folder that it may read.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().join("engine")
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for SharedEngine {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

fn answers(socket: &Path) -> bool {
    let Ok(mut stream) = UnixStream::connect(socket) else { return false };
    let request = b"GET /ping HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
