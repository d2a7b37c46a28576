//! A real S3 server on this machine, whose network can be cut.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::google;

/// The credentials that it knows.
pub(crate) const KEY: &str = "test-key";
pub(crate) const SECRET: &str = "test-secret/+=";

/// The server. It ends with its test.
pub(crate) struct S3Server {
    folder: TempDir,
    pub(crate) endpoint: String,
    network: Arc<Network>,
}

/// Whose requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Callers {
    /// Those signed with the one key.
    S3,
    /// Those with a token of the service account.
    Google,
}

/// What becomes of a part of a file that does not come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Its connection is cut.
    IsCut,
    /// So is every other, from then on.
    EndsAll,
    /// It is never answered.
    Hangs,
}

/// What comes through.
#[derive(Debug)]
struct Network {
    /// Parts of files that still do.
    parts: AtomicI64,
    then: Mutex<Part>,
    is_down: AtomicBool,
    /// Whether a condition on what is not there yet is refused, as some stores do.
    refuses_conditions: AtomicBool,
    hold: Mutex<Option<Hold>>,
    /// Lists that were asked for: of whole trees, and of one folder.
    lists: [AtomicU64; 2],
    /// Requests that came, whatever became of them.
    requests: AtomicU64,
}

/// Requests that wait at the door.
#[derive(Debug)]
struct Hold {
    method: http::Method,
    /// So many still come through.
    passing: u64,
    waiting: u64,
    /// Closed for good once this is dropped, and with it the connection of whoever waits.
    gate: watch::Sender<bool>,
}

impl S3Server {
    /// A server with these buckets.
    pub(crate) async fn start(buckets: &[&str]) -> S3Server {
        S3Server::start_for(Callers::S3, buckets).await
    }

    /// One that asks for tokens of a service account, as Google's store does. Otherwise that speaks S3's protocol, too.
    pub(crate) async fn start_google(buckets: &[&str]) -> S3Server {
        S3Server::start_for(Callers::Google, buckets).await
    }

    async fn start_for(callers: Callers, buckets: &[&str]) -> S3Server {
        let folder = TempDir::new().unwrap();
        for bucket in buckets {
            std::fs::create_dir(folder.path().join(bucket)).unwrap();
        }
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        if callers == Callers::S3 {
            builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let network = Arc::new(Network {
            parts: AtomicI64::new(i64::MAX),
            then: Mutex::new(Part::IsCut),
            is_down: AtomicBool::new(false),
            refuses_conditions: AtomicBool::new(false),
            hold: Mutex::new(None),
            lists: Default::default(),
            requests: AtomicU64::new(0),
        });
        tokio::spawn(serve(listener, builder.build(), callers, network.clone()));
        S3Server { folder, endpoint, network }
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> u64 {
        self.network.requests.load(Ordering::Relaxed)
    }

    /// How many lists were asked for: of whole trees, and of one folder.
    pub(crate) fn lists(&self) -> [u64; 2] {
        self.network.lists.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Says what becomes of parts after so many.
    pub(crate) fn after_parts(&self, parts: i64, then: Part) {
        *self.network.then.lock().unwrap() = then;
        self.network.parts.store(parts, Ordering::Relaxed);
    }

    /// Has requests of this method wait after so many. What waited for another is cut off.
    pub(crate) fn hold(&self, method: http::Method, passing: u64) {
        let hold = Hold { method, passing, waiting: 0, gate: watch::Sender::new(false) };
        *self.network.hold.lock().unwrap() = Some(hold);
    }

    /// Waits until so many requests wait.
    pub(crate) async fn held(&self, count: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.network.hold.lock().unwrap().as_ref().is_none_or(|hold| hold.waiting < count) {
            assert!(Instant::now() < deadline, "no {count} requests wait");
            tokio::task::yield_now().await;
        }
    }

    /// Lets everything come through.
    pub(crate) fn let_go(&self) {
        if let Some(hold) = self.network.hold.lock().unwrap().take() {
            hold.gate.send_replace(true);
        }
    }

    /// Has it know no conditions.
    pub(crate) fn refuse_conditions(&self) {
        self.network.refuses_conditions.store(true, Ordering::Relaxed);
    }

    /// Puts a file into a bucket, as somebody else would.
    pub(crate) fn write(&self, bucket: &str, key: &str, content: &str) {
        let path = self.folder.path().join(bucket).join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Whether a part did not come through.
    pub(crate) fn is_cut(&self) -> bool {
        self.network.parts.load(Ordering::Relaxed) < 0
    }

    /// The files of a bucket by their keys.
    pub(crate) fn files(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let bucket = self.folder.path().join(bucket);
        collect(&bucket, &bucket, &mut files);
        files
    }

    /// The keys of a bucket.
    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        self.files(bucket).into_keys().collect()
    }

    /// A file as text.
    pub(crate) fn text(&self, bucket: &str, key: &str) -> String {
        String::from_utf8(self.files(bucket).remove(key).unwrap_or_else(|| panic!("no file {key}"))).unwrap()
    }

    /// Parts of files that were begun and neither completed nor dropped.
    pub(crate) fn half_written(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(".upload")).collect()
    }
}

impl Network {
    /// Fails for what does not come through; what hangs does not come back.
    async fn pass(&self, request: &http::Request<Incoming>) -> std::io::Result<()> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(query) = request.uri().query().filter(|query| query.contains("list-type=")) {
            self.lists[usize::from(query.contains("delimiter="))].fetch_add(1, Ordering::Relaxed);
        }
        if let Some(mut gate) = self.gate_of(request.method()) {
            gate.wait_for(|is_open| *is_open).await.map_err(std::io::Error::other)?;
        }
        let is_part = request.uri().query().is_some_and(|query| query.contains("partNumber="));
        if is_part && self.parts.fetch_sub(1, Ordering::Relaxed) <= 0 {
            let then = *self.then.lock().unwrap();
            match then {
                Part::IsCut => return Err(std::io::Error::other("cut off")),
                Part::EndsAll => self.is_down.store(true, Ordering::Relaxed),
                Part::Hangs => std::future::pending().await,
            }
        }
        if self.is_down.load(Ordering::Relaxed) { Err(std::io::Error::other("cut off")) } else { Ok(()) }
    }
}

impl Network {
    /// What a request of this method waits for.
    fn gate_of(&self, method: &http::Method) -> Option<watch::Receiver<bool>> {
        let mut hold = self.hold.lock().unwrap();
        let hold = hold.as_mut().filter(|hold| hold.method == method)?;
        if hold.passing > 0 {
            hold.passing -= 1;
            return None;
        }
        hold.waiting += 1;
        Some(hold.gate.subscribe())
    }
}

async fn serve(listener: TcpListener, service: S3Service, callers: Callers, network: Arc<Network>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (service, network) = (service.clone(), network.clone());
        let answer = hyper::service::service_fn(move |request: http::Request<Incoming>| {
            let (network, service) = (network.clone(), service.clone());
            // A connection whose service fails is closed without an answer.
            async move {
                network.pass(&request).await?;
                let has_condition = request.headers().contains_key(http::header::IF_NONE_MATCH);
                if has_condition && network.refuses_conditions.load(Ordering::Relaxed) {
                    return Ok(http::Response::builder().status(501).body(s3s::Body::empty()).unwrap());
                }
                let request = request.map(s3s::Body::from);
                let request = match callers {
                    Callers::S3 => request,
                    Callers::Google => match google::admit(request) {
                        Ok(request) => request,
                        Err(reason) => return Ok(refusal(reason)),
                    },
                };
                let answer = service.call(request).await;
                answer.map_err(|error| std::io::Error::other(format!("{error:?}")))
            }
        });
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            // Connections are cut off on purpose.
            let _ended = connection.await;
        });
    }
}

/// How Google's store answers whom it does not know.
fn refusal(reason: &str) -> http::Response<s3s::Body> {
    let body = format!("<Error><Code>AuthenticationRequired</Code><Message>{reason}</Message></Error>");
    http::Response::builder().status(401).body(s3s::Body::from(body)).unwrap()
}

fn collect(root: &Path, folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, into);
        } else {
            let key = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            into.insert(key, std::fs::read(&path).unwrap());
        }
    }
}
