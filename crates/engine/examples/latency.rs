//! What the hop costs: the same statement over the engine process's socket and inside this process.
//!
//! `cargo run --release -p standpipe-engine --example latency -- <count> <sql> [name=value ...]`, with libchdb from the
//! checkout. Run it on a quiet machine; the two cases take turns over the same empty data directory.
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use standpipe_engine::{Error, Options, bench_in_process, library_path};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const FORMAT: &str = "JSON";

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, data_dir, socket] = arguments.as_slice()
        && word == "engine"
    {
        return Ok(serve(Path::new(data_dir), Path::new(socket))?);
    }
    let count = arguments.first().map_or(Ok(2000), |count| count.parse())?;
    let sql = arguments.get(1).map_or("SELECT 1", String::as_str);
    let settings: Vec<(&str, &str)> = arguments.iter().skip(2).filter_map(|setting| setting.split_once('=')).collect();
    let scratch = tempfile::tempdir()?;
    let data_dir = scratch.path().join("data");
    for clients in [1, 2, 4, 8] {
        let socket = scratch.path().join("engine.sock");
        let mut engine = start(&data_dir, &socket)?;
        over_socket(&socket, sql, &settings, 1, 300)?;
        let began = Instant::now();
        let times = over_socket(&socket, sql, &settings, clients, count)?;
        print("socket", clients, times, began.elapsed());
        engine.kill()?;
        engine.wait()?;
        let times = in_own_process(&data_dir, sql, &settings, clients, count)?;
        print("in process", clients, times.0, times.1);
    }
    Ok(())
}

/// The library cannot be opened twice in one process, so every round here is the first of its process.
fn in_own_process(
    data_dir: &Path,
    sql: &str,
    settings: &[(&str, &str)],
    clients: usize,
    count: usize,
) -> Outcome<(Vec<Duration>, Duration)> {
    let library = library_path(None)?;
    let warm = bench_in_process(&library, data_dir, sql, FORMAT, settings, 1, 300)?;
    drop(warm);
    let began = Instant::now();
    let times = bench_in_process(&library, data_dir, sql, FORMAT, settings, clients, count)?;
    Ok((times, began.elapsed()))
}

fn serve(data_dir: &Path, socket: &Path) -> Result<(), Error> {
    standpipe_engine::run(Options::new(data_dir.to_owned(), socket.to_owned(), library_path(None)?))
}

fn start(data_dir: &Path, socket: &Path) -> Outcome<Child> {
    let engine = Command::new(std::env::current_exe()?).arg("engine").arg(data_dir).arg(socket).spawn()?;
    loop {
        if let Ok(stream) = UnixStream::connect(socket) {
            request(&mut BufReader::new(stream), "/ping", "")?;
            return Ok(engine);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn over_socket(
    socket: &Path,
    sql: &str,
    settings: &[(&str, &str)],
    clients: usize,
    count: usize,
) -> Outcome<Vec<Duration>> {
    let settings: String = settings.iter().map(|(name, value)| format!("&{name}={value}")).collect();
    let path = format!("/?default_format={FORMAT}{settings}");
    let run = || -> Outcome<Vec<Duration>> {
        let mut stream = BufReader::new(UnixStream::connect(socket)?);
        let timed = |_| {
            let began = Instant::now();
            request(&mut stream, &path, sql).map(|()| began.elapsed())
        };
        (0..count).map(timed).collect()
    };
    let all = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a client panicked")?).collect::<Outcome<Vec<_>>>()
    })?;
    Ok(all.concat())
}

/// One request and its whole answer; an empty statement means GET.
fn request(stream: &mut BufReader<UnixStream>, path: &str, sql: &str) -> Outcome<()> {
    let method = if sql.is_empty() { "GET" } else { "POST" };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: e\r\ncontent-length: {}\r\n\r\n{sql}", sql.len());
    stream.get_mut().write_all(head.as_bytes())?;
    let (mut line, mut length) = (String::new(), 0);
    let mut first = true;
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        if std::mem::take(&mut first) && !line.contains(" 200 ") {
            return Err(format!("the engine answered {line}").into());
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim_end().parse()?;
        }
        if line.trim_end().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(())
}

fn print(case: &str, clients: usize, mut times: Vec<Duration>, whole: Duration) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let rate = times.len() as f64 / whole.as_secs_f64();
    println!("{case:>10}, {clients} clients: p50 {:.3} ms, p99 {:.3} ms, {rate:.0} per second", at(0.5), at(0.99));
}
