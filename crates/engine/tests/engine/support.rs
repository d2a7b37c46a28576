//! Starts engine processes and talks HTTP to them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use standpipe_engine::library_path;
use tempfile::TempDir;

fn libchdb() -> PathBuf {
    library_path(std::env::var_os("STANDPIPE_LIBCHDB").map(PathBuf::from))
        .unwrap_or_else(|error| panic!("these tests need the embedded engine: {error}"))
}

/// `examples/engine.rs`, which `cargo test` has built beside this test.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/engine");
    assert!(program.is_file(), "these tests need cargo build -p standpipe-engine --example engine");
    program
}

/// A running engine process; killed when dropped.
pub(crate) struct Engine {
    child: Child,
    dir: TempDir,
    small: bool,
}

impl Engine {
    pub(crate) fn start() -> Self {
        Self::with(false)
    }

    /// With one read thread, one place in its queue and results of 1 MiB.
    pub(crate) fn start_small() -> Self {
        Self::with(true)
    }

    fn with(small: bool) -> Self {
        let dir = TempDir::new().unwrap();
        let child = spawn(dir.path(), small);
        let mut engine = Self { child, dir, small };
        engine.wait_ready();
        engine
    }

    /// As the child of a shell; `signal` then reaches the shell.
    pub(crate) fn start_below_a_shell() -> Self {
        let dir = TempDir::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "\"$@\" & wait", "sh"]).arg(program());
        let child = command.args(arguments(dir.path())).stdin(Stdio::null()).spawn().unwrap();
        let mut engine = Self { child, dir, small: false };
        engine.wait_ready();
        engine
    }

    /// Whether a process listens on the socket.
    pub(crate) fn accepts(&self) -> bool {
        UnixStream::connect(self.socket()).is_ok()
    }

    /// The socket appears before the library is loaded; what is asked meanwhile is answered when the engine is ready.
    fn wait_ready(&mut self) {
        loop {
            if let Some(exit) = self.child.try_wait().unwrap() {
                panic!("the engine process ended before it was ready: {exit}");
            }
            if let Ok(stream) = UnixStream::connect(self.socket()) {
                let reply = Client::new(stream).get("/ping");
                assert_eq!((reply.status, reply.text()), (200, "Ok.\n".to_owned()));
                return;
            }
            pause();
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("engine.sock")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(UnixStream::connect(self.socket()).unwrap())
    }

    /// Sends a statement as the body; `url` is what follows the path, such as `?database=d`.
    pub(crate) fn post(&self, url: &str, sql: &str) -> Reply {
        self.client().post(&format!("/{url}"), sql.as_bytes())
    }

    /// Runs a statement that must succeed and returns its output.
    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) -> String {
        let reply = self.post("", sql);
        assert_eq!(reply.status, 200, "{sql}: {}", reply.text());
        reply.text()
    }

    /// Runs a statement that must fail and returns (status, code).
    #[track_caller]
    pub(crate) fn error(&self, url: &str, sql: &str) -> (u16, u32) {
        let reply = self.post(url, sql);
        assert_ne!(reply.status, 200, "{sql} must fail, but answered {}", reply.text());
        let code = reply.header("x-clickhouse-exception-code").unwrap().parse().unwrap();
        assert!(reply.text().starts_with(&format!("Code: {code}. DB::")), "{}", reply.text());
        (reply.status, code)
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        serde_json::from_slice(&self.client().get("/status").body).unwrap()
    }

    /// Asks for the status until `accept` does; the time a test may take is its only limit.
    pub(crate) fn wait_for(&self, accept: impl Fn(&serde_json::Value) -> bool) {
        while !accept(&self.status()) {
            pause();
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn wait_exit(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Starts the process again on the same directory, without waiting for the lock to be free.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.dir.path(), self.small);
        self.wait_ready();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Both fail only for a process that has ended.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Lets the engine have the processor between two looks at it. No test depends on how long it is.
pub(crate) fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(2));
}

fn arguments(dir: &Path) -> [PathBuf; 3] {
    [dir.join("data"), dir.join("engine.sock"), libchdb()]
}

fn spawn(dir: &Path, small: bool) -> Child {
    let mut command = Command::new(program());
    command.args(arguments(dir));
    if small {
        command.arg("small");
    }
    command.stdin(Stdio::null()).spawn().unwrap()
}

/// One HTTP connection; plain enough to see exactly what is on the wire.
pub(crate) struct Client {
    stream: BufReader<UnixStream>,
    trailers: Vec<(String, String)>,
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    trailers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The body ended as announced; false when the connection broke first.
    pub(crate) complete: bool,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// A number from `X-ClickHouse-Summary`.
    pub(crate) fn summary(&self, name: &str) -> u64 {
        summary_of(&self.headers, name).unwrap()
    }

    /// The same from the trailer; none where there is no trailer.
    pub(crate) fn final_summary(&self, name: &str) -> Option<u64> {
        summary_of(&self.trailers, name)
    }
}

fn summary_of(fields: &[(String, String)], name: &str) -> Option<u64> {
    let (_, summary) = fields.iter().find(|(found, _)| found == "x-clickhouse-summary")?;
    let summary: serde_json::Value = serde_json::from_str(summary).unwrap();
    Some(summary[name].as_str().unwrap().parse().unwrap())
}

impl Client {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream: BufReader::new(stream), trailers: Vec::new() }
    }

    pub(crate) fn get(mut self, path: &str) -> Reply {
        self.send("GET", path, "", b"");
        self.reply()
    }

    pub(crate) fn post(mut self, path: &str, body: &[u8]) -> Reply {
        self.send("POST", path, "", body);
        self.reply()
    }

    /// Sends a request and does not wait for the answer. `headers` are whole lines.
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        let path = path.replace(' ', "+");
        self.write(
            format!("{method} {path} HTTP/1.1\r\nhost: engine\r\n{headers}content-length: {length}\r\n\r\n").as_bytes(),
        );
        self.write(body);
    }

    /// The engine may answer and close before it has taken all: then the answer is what counts.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.get_mut().write_all(bytes) {
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
    }

    pub(crate) fn reply(&mut self) -> Reply {
        let (status, headers) = self.head();
        let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse().unwrap());
        let (body, complete) = match length {
            Some(length) => self.exactly(length),
            None => self.chunks(),
        };
        Reply { status, headers, trailers: std::mem::take(&mut self.trailers), body, complete }
    }

    /// Reads status and headers only.
    pub(crate) fn head(&mut self) -> (u16, Vec<(String, String)>) {
        let first = self.line();
        let status = first.split(' ').nth(1).unwrap_or_else(|| panic!("'{first}' is no status line")).parse().unwrap();
        (status, self.fields())
    }

    /// Header or trailer fields, up to an empty line.
    fn fields(&mut self) -> Vec<(String, String)> {
        std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty()))
            .map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
            .collect()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn exactly(&mut self, length: u64) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        let complete = self.stream.by_ref().take(length).read_to_end(&mut body).is_ok() && body.len() as u64 == length;
        (body, complete)
    }

    /// The chunks of a body, and whether the last one came.
    pub(crate) fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let size = self.line();
            let Ok(size) = u64::from_str_radix(&size, 16) else { return (body, false) };
            let (chunk, complete) = self.exactly(size);
            body.extend(chunk);
            if !complete {
                return (body, false);
            }
            if size == 0 {
                self.trailers = self.fields();
                return (body, true);
            }
            self.line();
        }
    }
}
