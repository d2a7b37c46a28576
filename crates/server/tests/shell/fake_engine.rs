//! A stand-in for the engine: ClickHouse's HTTP protocol, as far as these tests need it.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use standpipe_clickhouse::{Client, Server};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

/// The variable that tells a process of this test binary to be an engine, and on which socket.
pub(crate) const SOCKET: &str = "FAKE_ENGINE_SOCKET";
/// The variable that tells such a process to ignore SIGTERM.
pub(crate) const STUBBORN: &str = "FAKE_ENGINE_STUBBORN";

/// An engine within the test's own process; it ends with the test's runtime.
pub(crate) struct FakeEngine {
    folder: tempfile::TempDir,
}

impl FakeEngine {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        tokio::spawn(serve_unix(listener));
        FakeEngine { folder }
    }

    pub(crate) fn client(&self) -> Client {
        Client::unix(&self.folder.path().join("engine.sock")).unwrap()
    }
}

/// A ClickHouse server that answers `version` when asked for it; an error text starts with "Code: ".
pub(crate) async fn start_server(version: &'static str) -> Client {
    let url = start_server_at(version).await;
    Client::http(Server { url, user: "default".into(), password: None }).unwrap()
}

/// As [`start_server`]; its address.
pub(crate) async fn start_server_at(version: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, version));
        }
    });
    url
}

/// What a child of the supervisor's tests runs. In the usual process it is a test that has nothing to do.
#[tokio::test]
async fn process() {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    let serving = tokio::spawn(serve_unix(UnixListener::bind(PathBuf::from(socket)).unwrap()));
    if std::env::var_os(STUBBORN).is_some() {
        serving.await.unwrap();
    }
    terminate.recv().await;
}

async fn serve_unix(listener: UnixListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, "26.7.2.1"));
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, version: &'static str) {
    let service = service_fn(move |request| answer(request, version));
    // A client that leaves is no matter.
    let _ended = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, version: &str) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let text = match (path.as_str(), &body[..]) {
        ("/ping", _) => "Ok.\n".to_owned(),
        ("/status", _) => format!(
            r#"{{"engine_version":"{version}","process_id":{},"memory_bytes":1048576,"sandbox":{{"enforced":"full"}},
               "lanes":{{"read":{{"running":2,"queued":1,"capacity":64}}}}}}"#,
            std::process::id()
        ),
        (_, b"SELECT version()") => format!("{version}\n"),
        // What a start does to a server's databases: nothing is there, and everything works.
        ("/", b"") => String::new(),
        ("/", body) if body.starts_with(b"CREATE DATABASE") || body.starts_with(b"SELECT ") => String::new(),
        (_, b"EXIT") => std::process::exit(3),
        (path, body) => panic!("the fake engine was asked for '{path}' with {body:?}"),
    };
    let status = if text.starts_with("Code: ") { 500 } else { 200 };
    Ok(Response::builder().status(status).body(text.into()).unwrap())
}

/// A flag that tests may wait for.
#[derive(Clone, Default)]
pub(crate) struct Signal(Arc<tokio::sync::Notify>);

impl Signal {
    pub(crate) fn give(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn given(&self) {
        self.0.notified().await;
    }
}
