//! Answers of a ClickHouse server, which may tell no length and does not notice that its client has left.

use standpipe_clickhouse::{Client, Internal, Lane, QueryOptions, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::super::admission::{Admission, ReadPlaces};
use super::super::overdue::{Overdue, RestartEngine};
use super::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A server that answers queries with these chunks, then ends or just stops, and everything else with `0`.
struct Fake {
    client: Client,
    /// The bodies of requests.
    asked: UnboundedReceiver<String>,
}

impl Fake {
    async fn start(chunks: &'static [usize], ends: bool) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (say, asked) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let say = say.clone();
                tokio::spawn(async move {
                    let body = request_body(&mut stream).await;
                    let is_query = body == "SELECT rows";
                    say.send(body).unwrap();
                    let mut text = HEAD.to_owned();
                    let single = [1];
                    for length in if is_query { chunks } else { &single } {
                        text += &format!("{length:x}\r\n{}\r\n", "0".repeat(*length));
                    }
                    if ends || !is_query {
                        text += "0\r\n\r\n";
                    }
                    stream.write_all(text.as_bytes()).await.unwrap();
                    // Until the client closes.
                    let _closed = stream.read(&mut [0]).await;
                });
            }
        });
        let client = Client::http(Server { url, user: "default".to_owned(), password: None }).unwrap();
        Fake { client, asked }
    }

    async fn open(&self, admission: &Admission, format: &str, limits: &ReadLimits) -> Result<ReadResponse> {
        let overdue = Overdue::new(self.client.clone(), RestartEngine::default());
        let run = overdue.follow("the-id".to_owned(), Instant::now() + limits.time);
        let options = QueryOptions::new(Lane::Read).format(format);
        let response = self.client.query(&Internal::new("SELECT rows"), &options).await.unwrap();
        ReadResponse::open(response, Format::by_name(format).unwrap(), limits, run, admission.any_place()).await
    }

    /// Waits for a request whose body begins so.
    async fn until_asked(&mut self, start: &str) {
        while !self.asked.recv().await.unwrap().starts_with(start) {}
    }
}

async fn request_body(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.unwrap();
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize =
                head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
            if body.len() >= length {
                return String::from_utf8_lossy(&bytes[bytes.len() - length..]).into_owned();
            }
        }
    }
}

fn admission() -> Admission {
    Admission::new(ReadPlaces { lanes: 1, workspace_share: 100, workspace_reads: 1, queue: Duration::ZERO })
}

fn limits(result_bytes: u64) -> ReadLimits {
    ReadLimits {
        query_bytes: 100,
        time: Duration::from_secs(60),
        memory_bytes: 0,
        result_bytes,
        rows_read: None,
        bytes_read: None,
        single_thread_rows: 0,
        max_threads: 1,
        send: Duration::from_secs(60),
    }
}

async fn read(body: ReadBody) -> (usize, bool) {
    let mut body = body;
    let mut bytes = 0;
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        match frame {
            Ok(frame) => bytes += frame.into_data().unwrap().len(),
            Err(_) => return (bytes, false),
        }
    }
    (bytes, true)
}

#[tokio::test]
async fn a_whole_result_without_a_length_is_gathered_and_gets_one() {
    let (fake, admission) = (Fake::start(&[300_000, 300_000, 300_000], true).await, admission());
    let body = fake.open(&admission, "JSON", &limits(1_000_000)).await.unwrap().into_body();
    assert_eq!(body.size_hint().exact(), Some(900_000));
    assert_eq!(admission.figures().running, 1, "the place is held to the last byte");
    assert_eq!(read(body).await, (900_000, true));
    assert_eq!(admission.figures().running, 0);
    let refused = fake.open(&admission, "JSON", &limits(800_000)).await.unwrap_err();
    assert!(matches!(refused, Error::ResultTooLarge { bytes: 800_000 }), "{refused}");
    assert_eq!(admission.figures().running, 0);
}

#[tokio::test]
async fn a_row_stream_begins_before_it_is_whole() {
    let (fake, admission) = (Fake::start(&[10, 10], false).await, admission());
    let mut body = fake.open(&admission, "CSV", &limits(1_000)).await.unwrap().into_body();
    let first = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
    assert_eq!(first.unwrap().unwrap().into_data().unwrap().len(), 10);
    assert_eq!(body.size_hint().exact(), None);
}

#[tokio::test]
async fn a_row_stream_breaks_off_at_its_limit() {
    let (fake, admission) = (Fake::start(&[300_000, 300_000, 300_000], true).await, admission());
    let body = fake.open(&admission, "CSV", &limits(700_000)).await.unwrap().into_body();
    let (bytes, whole) = read(body).await;
    assert!(!whole && (256_000..=700_000).contains(&bytes), "{bytes} {whole}");
    assert_eq!(admission.figures().running, 0);
}

#[tokio::test]
async fn a_server_is_told_to_end_what_nobody_reads() {
    let (mut fake, admission) = (Fake::start(&[10], false).await, admission());
    drop(fake.open(&admission, "CSV", &limits(1_000)).await.unwrap());
    fake.until_asked("KILL QUERY WHERE query_id = 'the-id' ASYNC").await;
    assert_eq!(admission.figures().running, 0);
}

#[tokio::test]
async fn what_stops_in_its_middle_is_given_up() {
    let (mut fake, admission) = (Fake::start(&[10], false).await, admission());
    let soon = Duration::from_millis(50);
    let late = fake.open(&admission, "JSON", &ReadLimits { time: soon, ..limits(1_000) }).await.unwrap_err();
    assert!(matches!(late, Error::Timeout { .. }), "{late}");
    fake.until_asked("KILL").await;
    for limits in [ReadLimits { time: soon, ..limits(1_000) }, ReadLimits { send: soon, ..limits(1_000) }] {
        let body = fake.open(&admission, "CSV", &limits).await.unwrap().into_body();
        let deadline = Instant::now() + Duration::from_secs(30);
        while admission.figures().running > 0 {
            assert!(Instant::now() < deadline, "its place was never given back");
            tokio::task::yield_now().await;
        }
        assert_eq!(read(body).await, (10, false));
        fake.until_asked("KILL").await;
    }
}
