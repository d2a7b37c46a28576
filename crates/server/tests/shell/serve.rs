//! The program itself: `standpipe serve` before a ClickHouse server, from its start to its end.

use std::process::Stdio;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

use crate::fake_engine::start_server_at;

struct Server {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    _data: tempfile::TempDir,
}

impl Server {
    async fn start(version: &'static str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_standpipe"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path().join("new"))
            .env("STANDPIPE_ENGINE__URL", start_server_at(version).await)
            .env("STANDPIPE_LOG__FORMAT", "json")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Server { child, log, _data: data }
    }

    /// The rest of the first log line whose message starts so.
    async fn logged(&mut self, start: &str) -> String {
        loop {
            let line = self.log.next_line().await.unwrap().expect("the log ended");
            let entry: Value = serde_json::from_str(&line).unwrap();
            if let Some(rest) = entry["message"].as_str().unwrap().strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }
}

async fn get(address: &str, path: &str) -> StatusCode {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header("host", address).body(Body::empty()).unwrap();
    let status = sender.send_request(request).await.unwrap().status();
    drop(sender);
    connection.await.unwrap().unwrap();
    status
}

#[tokio::test]
async fn serves_until_told_to_stop() {
    let mut server = Server::start("24.8.4.13").await;
    let address = server.logged("listening on http://").await;
    server.logged("tables are in order").await;
    assert_eq!(get(&address, "/health").await, StatusCode::OK);
    assert_eq!(get(&address, "/health/ready").await, StatusCode::OK);
    assert_eq!(get(&address, "/metrics").await, StatusCode::OK);

    let id = Pid::from_raw(i32::try_from(server.child.id().unwrap()).unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    server.logged("stopping").await;
    assert!(server.child.wait().await.unwrap().success());
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn an_old_clickhouse_ends_the_program_with_one_sentence() {
    let mut server = Server::start("18.16.1").await;
    let mut last = String::new();
    while let Some(line) = server.log.next_line().await.unwrap() {
        last = line;
    }
    assert!(!server.child.wait().await.unwrap().success());
    assert_eq!(
        last,
        "ERROR the clickhouse server at engine.url is version 18.16.1, which is too old: use version 24 or newer"
    );
}
