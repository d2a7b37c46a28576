//! Reads through the program as it is started, over real connections: clients that leave, streams larger than memory allows,
//! answers that break off, and a query that nothing but the engine's end ends.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::Value;
use standpipe_clickhouse::{Client, Internal, Lane, QueryOptions};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server, killed when dropped.
struct Server {
    child: Child,
    /// The messages it logs.
    log: UnboundedReceiver<String>,
    http: reqwest::Client,
    address: String,
    token: String,
    /// Straight to its engine.
    engine: Client,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts one with these configuration variables.
    async fn start(variables: &[(&str, &str)]) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        let mut child = Command::new(env!("CARGO_BIN_EXE_standpipe"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("STANDPIPE_LOG__FORMAT", "json")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (say, log) = unbounded_channel();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                // The test may have ended; the pipe is emptied all the same.
                let _heard = say.send(entry["message"].as_str().unwrap_or(&line).to_owned());
            }
        });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let engine = Client::unix(&data.join("engine.sock")).unwrap();
        let (address, token) = (String::new(), String::new());
        let mut server = Server { child, log, http, address, token, engine, _folder: folder };
        let listening = server.logged("listening on ").await;
        server.address = listening.strip_prefix("listening on ").unwrap().to_owned();
        server.logged("tables are in order").await;
        server.token = admin_token(server._folder.path());
        server.until_ready().await;
        server
    }

    /// The next message that starts so.
    async fn logged(&mut self, start: &str) -> String {
        let mut seen = Vec::new();
        let found = async {
            while let Some(message) = self.log.recv().await {
                if message.starts_with(start) {
                    return Some(message);
                }
                seen.push(message);
            }
            None
        };
        let found = tokio::time::timeout(PATIENCE, found).await.ok().flatten();
        found.unwrap_or_else(|| panic!("nothing logged begins with '{start}':\n{}", seen.join("\n")))
    }

    async fn sql(&self, sql: &str) -> reqwest::Response {
        let request = self.http.post(format!("{}/v0/sql", self.address)).bearer_auth(&self.token);
        request.body(sql.to_owned()).send().await.unwrap()
    }

    /// Returns when a query is answered.
    async fn until_ready(&self) {
        let begun = Instant::now();
        while self.sql("SELECT 1").await.status() != 200 {
            assert!(begun.elapsed() < PATIENCE, "the server does not become ready");
        }
    }

    /// How many queries with this word the engine runs.
    async fn runs(&self, word: &str) -> usize {
        let own = "query NOT LIKE '%system.processes%'";
        let sql = format!("SELECT count() FROM system.processes WHERE query LIKE '%{word}%' AND {own}");
        let options = QueryOptions::new(Lane::Control).format("TSVRaw");
        let response = self.engine.query(&Internal::new(sql), &options).await.unwrap();
        response.text().await.unwrap().trim().parse().unwrap()
    }

    /// Returns when the engine runs so many queries with this word; how long it took.
    async fn until_runs(&self, word: &str, count: usize) -> Duration {
        let begun = Instant::now();
        while self.runs(word).await != count {
            assert!(begun.elapsed() < PATIENCE, "'{word}' never ran {count} times");
        }
        begun.elapsed()
    }

    /// A figure of the server process in kilobytes, such as `VmRSS`.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    async fn metric(&self, name: &str) -> u64 {
        let text = self.http.get(format!("{}/metrics", self.address)).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no metric '{name}'"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

fn admin_token(data: &Path) -> String {
    let tokens: Value = serde_json::from_slice(&std::fs::read(data.join("tokens.json")).unwrap()).unwrap();
    tokens["admin_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_connection_ends_its_query_within_300_milliseconds() {
    let server = Server::start(&[]).await;
    let mut times = Vec::new();
    for round in 0..5 {
        let word = format!("streams_{round}");
        let sql = format!("SELECT number AS {word} FROM numbers(100000000000) FORMAT JSONEachRow");
        let response = server.sql(&sql).await;
        server.until_runs(&word, 1).await;
        drop(response);
        times.push(server.until_runs(&word, 0).await);

        let word = format!("thinks_{round}");
        let sql = format!("SELECT sum(sipHash64(number)) AS {word} FROM numbers(100000000000)");
        tokio::select! {
            answer = server.sql(&sql) => panic!("{}", answer.status()),
            _ = server.until_runs(&word, 1) => {}
        }
        times.push(server.until_runs(&word, 0).await);
    }
    times.sort();
    println!("ten queries ended so long after their connections were closed: {times:?}");
    // One of ten may meet a busy machine.
    assert!(times[8] < Duration::from_millis(300), "{times:?}");
    assert_eq!(server.metric("standpipe_reads_running").await, 0);
}

/// `STANDPIPE_STREAM_MB` sets another size: 1000 for the figure in the documents.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_stream_takes_little_memory() {
    let megabytes: u64 =
        std::env::var_os("STANDPIPE_STREAM_MB").map_or(200, |size| size.to_str().unwrap().parse().unwrap());
    let limits = [("STANDPIPE_LIMITS__RESULT", "4 GB"), ("STANDPIPE_LIMITS__QUERY_SECONDS", "300")];
    let server = Server::start(&limits).await;
    // A row is 100 bytes: {"n":12345678,"text":"aaa…"} and its line end.
    let sql = format!(
        "SELECT toUInt32(number + 10000000) AS n, repeat('a', 75) AS text FROM numbers({}) FORMAT JSONEachRow",
        megabytes * 10_000
    );
    let before = server.memory("VmRSS");
    let begun = Instant::now();
    let mut rows = server.sql(&sql).await.error_for_status().unwrap().bytes_stream();
    let (mut bytes, mut most) = (0, 0);
    while let Some(chunk) = rows.next().await {
        bytes += chunk.unwrap().len() as u64;
        most = most.max(server.memory("VmRSS"));
    }
    let (seconds, added) = (begun.elapsed().as_secs_f64(), most.saturating_sub(before) / 1024);
    println!("{bytes} bytes in {seconds:.1} s; memory {} MB before, {added} MB more at most", before / 1024);
    assert_eq!(bytes, megabytes * 1_000_000);
    assert!(added <= 50, "{added} MB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_an_answer_never_looks_whole() {
    let server = Server::start(&[("STANDPIPE_LIMITS__RESULT", "5 MB")]).await;
    for sql in [
        "SELECT number FROM numbers(10000000) FORMAT JSONEachRow",
        "SELECT number FROM numbers(10000000) FORMAT CSV",
        "SELECT number, throwIf(number = 900000) FROM numbers(1000000) FORMAT JSONEachRow",
    ] {
        for encoding in ["identity", "gzip", "zstd"] {
            let request = server.http.post(format!("{}/v0/sql", server.address)).bearer_auth(&server.token);
            let response = request.header("accept-encoding", encoding).body(sql.to_owned()).send().await.unwrap();
            assert_eq!(response.status(), 200, "{sql}");
            assert!(response.headers().get("content-length").is_none());
            response.bytes().await.expect_err("the answer must break off");
        }
    }
    assert_eq!(server.sql("SELECT 1 FORMAT TSV").await.text().await.unwrap(), "1\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_no_kill_ends_costs_the_engine_a_restart() {
    let mut server = Server::start(&[("STANDPIPE_LIMITS__QUERY_SECONDS", "1")]).await;
    // One call of this function takes seconds, and it is called for a whole block before the engine looks at the clock.
    let sql =
        "SELECT sum(editDistance(repeat('a', 60000 + number % 7), repeat('b', 60000))) AS stubborn FROM numbers(1000)";
    let begun = Instant::now();
    let answer = server.sql(sql).await;
    assert_eq!(answer.status(), 408, "{}", answer.text().await.unwrap());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(server.runs("stubborn").await, 1, "it goes on");
    assert_eq!(server.sql("SELECT 1").await.status(), 200, "others are served meanwhile");
    server.logged("a query goes on after its time, so it is killed").await;
    server.logged("a killed query goes on, so the engine is restarted").await;
    server.logged("the engine is ready").await;
    assert_eq!(server.runs("stubborn").await, 0);
    server.until_ready().await;
    for name in ["standpipe_reads_unkillable_total", "standpipe_reads_overdue_total", "standpipe_engine_restarts_total"]
    {
        assert_eq!(server.metric(name).await, 1, "{name}");
    }
}
