//! The program as it is started: `standpipe serve` with the real engine, from its start to its end, also the sudden ones.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "serve/populates.rs"]
mod populates;
#[path = "serve/tls_store.rs"]
mod tls_store;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

/// A running server. It is killed when dropped; its engine ends with it.
struct Server {
    child: Child,
    /// What it logs, from where the test has read it.
    log: UnboundedReceiver<Value>,
    engine: u32,
    caller: Caller,
}

/// Calls a server.
#[derive(Clone)]
struct Caller {
    http: reqwest::Client,
    address: String,
    token: String,
}

/// What came back: the status, `Retry-After`, the body.
type Answer = (u16, Option<String>, String);

impl Server {
    async fn start(data: &Path, more: &[&str]) -> Server {
        Server::start_with(data, more, &[]).await
    }

    async fn start_with(data: &Path, more: &[&str], environment: &[(&str, &str)]) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_standpipe"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(more)
            .env("STANDPIPE_LOG__FORMAT", "json")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (say, log) = unbounded_channel();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                let entry = serde_json::from_str(&line).unwrap_or_else(|_| json!({"message": line}));
                // The test may have ended; the pipe is emptied all the same.
                let _heard = say.send(entry);
            }
        });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let caller = Caller { http, address: String::new(), token: String::new() };
        let mut server = Server { child, log, engine: 0, caller };
        server.logged("the engine process has started").await;
        let listening = server.logged("listening on http://").await;
        server.caller.address =
            listening["message"].as_str().unwrap().strip_prefix("listening on ").unwrap().to_owned();
        server.logged("tables are in order").await;
        let tokens: Value = serde_json::from_slice(&std::fs::read(data.join("tokens.json")).unwrap()).unwrap();
        server.caller.token = tokens["admin_token"].as_str().unwrap().to_owned();
        let (status, ..) = server.caller.until_ready().await;
        assert_eq!(status, 200);
        server
    }

    /// The next log entry whose message starts so.
    async fn logged(&mut self, start: &str) -> Value {
        let mut seen = Vec::new();
        while let Some(entry) = self.log.recv().await {
            if entry["message"] == "the engine process has started" {
                // One that finds its directory still locked by a dying one ends and is started again.
                self.engine = u32::try_from(entry["pid"].as_u64().unwrap()).unwrap();
            }
            if entry["message"].as_str().is_some_and(|message| message.starts_with(start)) {
                return entry;
            }
            seen.push(entry["message"].to_string());
        }
        panic!("the log ended before '{start}':\n{}", seen.join("\n"));
    }

    fn signal(&self, signal: Signal) {
        kill(self.child.id().unwrap(), signal);
    }

    /// Ends the server as a service manager does.
    async fn stop(mut self) -> (ExitStatus, String) {
        self.signal(Signal::TERM);
        let output = self.child.stdout.take().unwrap();
        let mut lines = BufReader::new(output).lines();
        let mut printed = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            printed.push_str(&line);
            printed.push('\n');
        }
        (self.child.wait().await.unwrap(), printed)
    }
}

fn kill(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(process).unwrap()).unwrap(), signal).unwrap();
}

impl Caller {
    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.bearer_auth(&self.token).send().await?;
        let retry = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        Ok((response.status().as_u16(), retry, response.text().await?))
    }

    async fn try_get(&self, path: &str) -> Result<Answer, reqwest::Error> {
        self.send(self.http.get(format!("{}{path}", self.address))).await
    }

    async fn try_post(&self, path: &str, body: &str) -> Result<Answer, reqwest::Error> {
        self.send(self.http.post(format!("{}{path}", self.address)).body(body.to_owned())).await
    }

    async fn get(&self, path: &str) -> String {
        let (status, _, body) = self.try_get(path).await.unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: &str) -> String {
        let (status, _, text) = self.try_post(path, body).await.unwrap();
        assert!((200..300).contains(&status), "{path}: {status} {text}");
        text
    }

    /// Rows of a query, one per line.
    async fn rows(&self, sql: &str) -> Vec<String> {
        self.post("/v0/sql", &format!("{sql} FORMAT TSV")).await.lines().map(str::to_owned).collect()
    }

    async fn until_ready(&self) -> Answer {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match self.try_get("/health/ready").await {
                Ok(answer) if answer.0 == 200 || Instant::now() > deadline => return answer,
                answer => assert!(Instant::now() < deadline, "not ready after 30 s: {answer:?}"),
            }
            tokio::task::yield_now().await;
        }
    }

    /// A data source of numbers, and an endpoint that counts them.
    async fn create_log(&self) {
        let schema = json!({"name": "log", "schema": "n UInt64 `json:$.n`"});
        self.post("/v0/datasources", &schema.to_string()).await;
        let node = json!({"name": "total", "sql": "SELECT count() AS c FROM log", "type": "endpoint"});
        self.post("/v0/pipes", &json!({"name": "counted", "nodes": [node]}).to_string()).await;
    }
}

/// What writers learnt: numbers that were acknowledged, and numbers of which they do not know.
#[derive(Default)]
struct Written {
    acknowledged: BTreeSet<u64>,
    unknown: BTreeSet<u64>,
}

/// Four writers that send one number after the other until told to stop.
fn write(caller: &Caller, stop: &Arc<AtomicBool>) -> JoinSet<Written> {
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let (caller, stop) = (caller.clone(), Arc::clone(stop));
        writers.spawn(async move {
            let mut written = Written::default();
            let mut number = writer * 1_000_000;
            while !stop.load(Ordering::Relaxed) {
                match caller.try_post("/v0/events?name=log", &format!("{{\"n\":{number}}}")).await {
                    Ok((202, ..)) => written.acknowledged.insert(number),
                    Ok((503, retry, _)) => {
                        assert!(retry.is_some());
                        written.unknown.insert(number)
                    }
                    Ok((status, _, body)) => panic!("{status} {body}"),
                    Err(_) => written.unknown.insert(number),
                };
                number += 1;
            }
            written
        });
    }
    writers
}

async fn join(writers: JoinSet<Written>) -> Written {
    writers.join_all().await.into_iter().fold(Written::default(), |mut all, one| {
        all.acknowledged.extend(one.acknowledged);
        all.unknown.extend(one.unknown);
        all
    })
}

/// Nothing acknowledged is missing, nothing is there twice, and nothing is there that was not sent.
async fn assert_kept(caller: &Caller, written: &Written) {
    let rows: Vec<u64> = caller.rows("SELECT n FROM log").await.iter().map(|line| line.parse().unwrap()).collect();
    let stored: BTreeSet<u64> = rows.iter().copied().collect();
    assert_eq!(stored.len(), rows.len(), "some were stored twice");
    let missing: Vec<_> = written.acknowledged.difference(&stored).collect();
    assert!(missing.is_empty(), "acknowledged and missing: {missing:?}");
    let stranger: Vec<_> =
        stored.difference(&written.acknowledged).filter(|it| !written.unknown.contains(it)).collect();
    assert!(stranger.is_empty(), "never sent: {stranger:?}");
}

/// Returns when the endpoint counts at least so many rows.
async fn until_rows(caller: &Caller, rows: u64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let counted: Value = serde_json::from_str(&caller.get("/v0/pipes/counted.json").await).unwrap();
        if counted["data"][0]["c"].as_u64().unwrap() >= rows {
            return;
        }
        assert!(Instant::now() < deadline, "writers do not get on");
    }
}

#[tokio::test]
async fn a_first_start_makes_a_token_and_a_restart_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new");
    let server = Server::start(&data, &[]).await;
    let tokens = data.join("tokens.json");
    assert_eq!(std::fs::metadata(&tokens).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(data.join("secret.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let saved: Value = serde_json::from_slice(&std::fs::read(&tokens).unwrap()).unwrap();
    let told: Value = serde_json::from_str(&server.caller.get("/tokens").await).unwrap();
    assert_eq!(told, saved);
    let caller = server.caller.clone();
    let page = caller.http.get(format!("{}/tokens", caller.address)).header("origin", "https://page.example");
    assert_eq!(caller.send(page).await.unwrap().0, 403, "no page gets the tokens");
    caller.create_log().await;
    caller.post("/v0/events?name=log", "{\"n\":1}\n{\"n\":2}").await;
    let pipe = caller.get("/v0/pipes/counted").await.replace(&caller.address, "");
    let (status, printed) = server.stop().await;
    assert_eq!(status.code(), Some(0));
    assert!(printed.contains(&format!("admin token: {}", caller.token)), "{printed}");

    let server = Server::start(&data, &[]).await;
    assert_eq!(server.caller.token, caller.token);
    assert_eq!(server.caller.get("/v0/pipes/counted").await.replace(&server.caller.address, ""), pipe);
    assert_eq!(server.caller.get("/v0/pipes/counted.csv").await, "\"c\"\n2\n");
    server.caller.post("/v0/events?name=log", "{\"n\":3}").await;
    assert_eq!(server.caller.rows("SELECT sum(n) FROM log").await, ["6"]);
    let (status, printed) = server.stop().await;
    assert_eq!((status.code(), printed.as_str()), (Some(0), ""), "the token is printed once only");
}

#[tokio::test]
async fn one_server_to_a_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start(folder.path(), &[]).await;
    let second = Command::new(env!("CARGO_BIN_EXE_standpipe"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .output()
        .await
        .unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("is in use by another standpipe"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_engine_is_back_within_two_seconds_and_nothing_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]).await;
    let caller = server.caller.clone();
    caller.create_log().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers = write(&caller, &stop);
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (caller, stop) = (caller.clone(), Arc::clone(&stop));
        readers.spawn(async move {
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                // An answer that was on its way breaks off: that is what tells it from a whole one.
                let Ok((status, retry, body)) = caller.try_get("/v0/pipes/counted.json").await else { continue };
                assert!(status == 200 || (status == 503 && retry.is_some()), "{status} {retry:?} {body}");
                answers.push((Instant::now(), status));
            }
            answers
        });
    }
    until_rows(&caller, 40).await;
    let killed = server.engine;
    kill(killed, Signal::KILL);
    server.logged("the engine process has started").await;
    assert_ne!(server.engine, killed);
    server.logged("the engine is ready").await;
    caller.until_ready().await;
    // More is written and read after it than before.
    until_rows(&caller, 200).await;
    stop.store(true, Ordering::Relaxed);
    let written = join(writers).await;
    let mut answers: Vec<_> = readers.join_all().await.into_iter().flatten().collect();
    answers.sort();
    let failed: Vec<Instant> = answers.iter().filter(|(_, status)| *status == 503).map(|(at, _)| *at).collect();
    let outage = failed.last().zip(failed.first()).map(|(last, first)| *last - *first).unwrap_or_default();
    assert!(!failed.is_empty(), "nobody noticed that the engine was gone");
    assert!(outage < Duration::from_secs(2), "reads were refused for {outage:?}");
    assert_eq!(answers.last().unwrap().1, 200);
    assert_kept(&caller, &written).await;
    let (status, _) = server.stop().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]).await;
    let caller = server.caller.clone();
    caller.create_log().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers = write(&caller, &stop);
    until_rows(&caller, 40).await;
    server.signal(Signal::KILL);
    stop.store(true, Ordering::Relaxed);
    let written = join(writers).await;
    server.child.wait().await.unwrap();
    assert!(written.acknowledged.len() >= 36, "writers got on before");

    let server = Server::start(folder.path(), &[]).await;
    assert_kept(&server.caller, &written).await;
    server.caller.post("/v0/events?name=log", "{\"n\":999}").await;
}

/// Rows about numbered requests: all, different ones, and those that are summed up.
async fn recorded(caller: &Caller) -> (u64, u64, u64) {
    let sql = "SELECT count(), uniqExact(parameters['n']), (SELECT sum(view_count) FROM tinybird.pipe_stats WHERE \
               pipe_name = 'counted') FROM tinybird.pipe_stats_rt WHERE pipe_name = 'counted'";
    let line = caller.rows(sql).await.remove(0);
    let counts: Vec<u64> = line.split('\t').map(|count| count.parse().unwrap()).collect();
    (counts[0], counts[1], counts[2])
}

async fn until_recorded(caller: &Caller, requests: u64) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let found = recorded(caller).await;
        if found == (requests, requests, requests) {
            return;
        }
        assert!(found.0 <= requests, "some are recorded twice: {found:?}");
        assert!(Instant::now() < deadline, "{requests} requests, and recorded are {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_data_is_not_lost_with_the_engine_nor_with_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]).await;
    let caller = server.caller.clone();
    caller.create_log().await;
    let mut asked = 0;
    let mut ask = async |times: u64| {
        for n in asked..asked + times {
            // Whatever comes of it: an engine that is away is an answer, too.
            let _answer = caller.try_get(&format!("/v0/pipes/counted.json?n={n}")).await;
        }
        asked += times;
        asked
    };
    ask(50).await;
    kill(server.engine, Signal::KILL);
    ask(50).await;
    server.logged("the engine process has started").await;
    server.logged("the engine is ready").await;
    server.caller.until_ready().await;
    let requests = ask(50).await;
    until_recorded(&server.caller, requests).await;
    let requests = ask(50).await;
    server.stop().await;
    let server = Server::start(folder.path(), &[]).await;
    assert_eq!(recorded(&server.caller).await, (requests, requests, requests), "the end writes what is buffered");
    // How many of those around the kill failed is a matter of chance; that they are recorded is not.
    let answered = "SELECT countIf(status_code = 200) >= 150, countIf(status_code NOT IN (200, 503)) FROM \
                    tinybird.pipe_stats_rt WHERE pipe_name = 'counted'";
    assert_eq!(server.caller.rows(answered).await, ["1\t0"]);
    server.stop().await;
}

#[tokio::test]
async fn jobs_are_looked_at_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]).await;
    let caller = server.caller.clone();
    caller.create_log().await;
    caller.post("/v0/pipes", &json!({"name": "cp", "sql": "SELECT toUInt64(7) AS n"}).to_string()).await;
    caller.post("/v0/pipes/cp/nodes/cp_0/copy?target_datasource=log", "").await;
    let answer: Value = serde_json::from_str(&caller.post("/v0/pipes/cp/copy", "").await).unwrap();
    let id = answer["job"]["id"].as_str().unwrap();
    let job = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standpipe"));
        let output = command.arg("job").args(arguments).env("STANDPIPE_HOST", &caller.address).output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    // On the same machine no token is needed.
    let (code, shown, _) = job(&["show", id, "--wait"]).await;
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("status               done\n") && shown.contains("pipe_name            cp\n"), "{shown}");
    assert_eq!(caller.rows("SELECT n FROM log").await, ["7"]);
    let (code, listed, _) = job(&["ls", "--kind", "copy", "--token", &caller.token]).await;
    assert_eq!((code, listed.lines().count()), (Some(0), 2));
    assert!(listed.lines().nth(1).unwrap().starts_with(id) && listed.ends_with("  cp\n"), "{listed}");
    let (code, _, said) = job(&["cancel", id]).await;
    assert_eq!(code, Some(1));
    assert_eq!(said, format!("ERROR job '{id}' cannot be cancelled: it is done\n"));
    let (code, _, said) = job(&["ls", "--token", "nonsense"]).await;
    assert!(code == Some(1) && said.contains("the token is unknown"), "{said}");
}

#[tokio::test]
async fn waiting_for_a_job_outlives_a_restart_of_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_standpipe"));
    let arguments = ["job", "show", "j", "--wait", "--token", "t", "--host", &address];
    let output = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    // What a server says that works, stops, starts and has ended the job; nothing where it is gone.
    let answers = [
        Some(("200 OK", json!({"id": "j", "status": "working"}))),
        None,
        Some(("503 Service Unavailable", json!({"error": "the server is starting"}))),
        Some(("200 OK", json!({"id": "j", "status": "done"}))),
    ];
    for answer in answers {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).await.unwrap();
        assert!(request[..length].starts_with(b"GET /v0/jobs/j "));
        if let Some((status, body)) = answer {
            let body = body.to_string();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    }
    let output = output.unwrap().wait_with_output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.as_str()), (Some(0), "working\n"));
    assert!(String::from_utf8(output.stdout).unwrap().contains("status               done\n"));
}

/// A number from the environment, for `make chaos`, or this one.
fn size(name: &str, otherwise: u64) -> u64 {
    std::env::var_os(name).and_then(|text| text.to_str()?.parse().ok()).unwrap_or(otherwise)
}

/// The job's status, once it has ended.
async fn until_ended(caller: &Caller, job: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        if let Ok((200, _, body)) = caller.try_get(&format!("/v0/jobs/{job}")).await {
            let job: Value = serde_json::from_str(&body).unwrap();
            if ["done", "error", "cancelled"].contains(&job["status"].as_str().unwrap()) {
                return job;
            }
        }
        assert!(Instant::now() < deadline, "the job does not end");
    }
}

/// Kills engine or server at a random moment of each of several copies over 90 partitions: no row is doubled, none missing,
/// in the target and in a view over it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_killed_at_any_moment_is_copied_once() {
    let (rounds, rows) = (size("CHAOS_KILLS", 4), size("CHAOS_COPY_ROWS", 90_000));
    let mut seed = size("CHAOS_SEED", u64::from(std::process::id()));
    println!("seed {seed}: {rounds} kills, {rows} rows over 90 partitions");
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]).await;
    let target = json!({
        "name": "target", "schema": "part UInt64, n UInt64, mark UInt64",
        "engine": "MergeTree", "engine_partition_key": "part", "engine_sorting_key": "n",
    });
    server.caller.post("/v0/datasources", &target.to_string()).await;
    let sql =
        format!("%\nSELECT number % 90 AS part, number AS n, {{{{UInt64(mark, 0)}}}} AS mark FROM numbers({rows})");
    server.caller.post("/v0/pipes", &json!({"name": "cp", "sql": sql}).to_string()).await;
    server.caller.post("/v0/pipes/cp/nodes/cp_0/copy?target_datasource=target", "").await;
    let view = "SELECT mark, countState() AS c, sumState(n) AS s FROM target GROUP BY mark";
    server.caller.post("/v0/pipes", &json!({"name": "mv", "sql": view}).to_string()).await;
    server.caller.post("/v0/pipes/mv/nodes/mv_0/materialization?datasource=by_mark", "").await;
    let mut longest = 200;
    for round in 0..rounds {
        let answer = server.caller.post(&format!("/v0/pipes/cp/copy?mark={round}"), "").await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let job = answer["job"]["id"].as_str().unwrap().to_owned();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The moment is counted in looks at the job, each of which takes about as long as any other.
        let looks = (seed >> 33) % longest;
        let mut looked = 0;
        while looked < looks && server.caller.get(&format!("/v0/jobs/{job}")).await.contains("ing\"") {
            looked += 1;
        }
        // A copy that ended before tells how long copies take.
        longest = if looked < looks { looked.max(10) } else { longest };
        if round % 2 == 0 {
            kill(server.engine, Signal::KILL);
            server.logged("the engine process has started").await;
        } else {
            server.signal(Signal::KILL);
            server.child.wait().await.unwrap();
            server = Server::start(folder.path(), &[]).await;
        }
        let ended = until_ended(&server.caller, &job).await;
        assert_eq!(ended["status"], "done", "{ended}");
        server.caller.until_ready().await;
        let sql = format!("SELECT count(), uniqExact(n), sum(n) FROM target WHERE mark = {round}");
        let expected = format!("{rows}\t{rows}\t{}", rows * (rows - 1) / 2);
        assert_eq!(server.caller.rows(&sql).await, [expected], "after {looked} looks in round {round}");
    }
    let counts = server.caller.rows("SELECT count() FROM target").await;
    assert_eq!(counts, [(rounds * rows).to_string()], "no row of any round is missing or doubled");
    let view = "SELECT mark, countMerge(c), sumMerge(s) FROM by_mark GROUP BY mark ORDER BY mark";
    let fresh = "SELECT mark, count(), sum(n) FROM target GROUP BY mark ORDER BY mark";
    assert_eq!(server.caller.rows(view).await, server.caller.rows(fresh).await, "the view on the target");
    let (status, _) = server.stop().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn the_sample_is_loaded_once() {
    let folder = tempfile::tempdir().unwrap();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/flights");
    let mut counts = Vec::new();
    for _ in 0..2 {
        let mut server = Server::start(folder.path(), &["--sample", sample]).await;
        server.logged("the sample is loaded").await;
        counts.push(server.caller.rows("SELECT (SELECT count() FROM flights), (SELECT count() FROM airlines)").await);
        for (pipe, query) in [("delays_by_carrier", ""), ("routes", "?origin=JFK"), ("daily_totals", "")] {
            let data = server.caller.get(&format!("/v0/pipes/{pipe}.json{query}")).await;
            let data: Value = serde_json::from_str(&data).unwrap();
            assert!(data["rows"].as_u64().unwrap() > 0, "{pipe} has no rows");
        }
        assert_eq!(server.caller.rows("SELECT count() FROM flights_quarantine").await, ["0"]);
        server.stop().await;
    }
    assert!(counts[0][0].split('\t').all(|count| count.parse::<u64>().unwrap() > 10), "{counts:?}");
    assert_eq!(counts[0], counts[1]);
}
