//! The engine as it is asked about texts, which keeps its questions waiting for as long as a test wants.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes questions on to the engine, unless they are held.
pub(crate) struct SlowChecks {
    folder: TempDir,
    held: watch::Sender<bool>,
    asked: Arc<AtomicUsize>,
    listening: JoinHandle<()>,
}

impl SlowChecks {
    /// Between a server and the engine that listens here. Questions are held.
    pub(crate) fn before(engine: PathBuf) -> SlowChecks {
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let (held, wait) = watch::channel(true);
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, engine.clone(), wait.clone(), count.clone()));
            }
        });
        SlowChecks { folder, held, asked, listening }
    }

    /// Where the server asks.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    /// Waits until so many questions are held that were not there before.
    pub(crate) async fn until_held(&self, more: usize) {
        let (before, begun) = (self.asked.load(Ordering::Relaxed), Instant::now());
        while self.asked.load(Ordering::Relaxed) < before + more {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody asks what a text is");
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for SlowChecks {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn pass_on(mut client: UnixStream, engine: PathBuf, mut held: watch::Receiver<bool>, asked: Arc<AtomicUsize>) {
    let Ok(mut engine) = UnixStream::connect(engine).await else { return };
    let (mut client, mut back) = client.split();
    let (mut answers, mut questions) = engine.split();
    let forth = async {
        let mut bytes = vec![0; 64 << 10];
        loop {
            let count = client.read(&mut bytes).await.unwrap_or(0);
            if *held.borrow() && count > 0 {
                asked.fetch_add(1, Ordering::Relaxed);
            }
            if count == 0 || held.wait_for(|held| !held).await.is_err() {
                return;
            }
            if questions.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = forth => {}
        _ = tokio::io::copy(&mut answers, &mut back) => {}
    }
}
