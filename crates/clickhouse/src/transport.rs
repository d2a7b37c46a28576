//! Connections to one ClickHouse: each carries one request at a time and is kept while idle.
//!
//! A connection has no task of its own. Whoever waits for its answer drives it, which costs no change of task, and an
//! answer that is dropped closes its connection at once.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;

use crate::response::text_header;
use crate::{Body, Error, Summary};

/// Counters of a run: a header, and behind a streamed answer a trailer.
const SUMMARY: &str = "x-clickhouse-summary";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where ClickHouse listens.
#[derive(Debug)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

/// Makes and keeps connections.
#[derive(Debug)]
pub(crate) struct Transport {
    address: Address,
    /// Idle connections older than this are given up.
    keep_idle: Duration,
    /// The one used last stands last.
    idle: Mutex<Vec<(Instant, Connection)>>,
}

impl Transport {
    /// Connects to `address` at the first request.
    pub(crate) fn new(address: Address, keep_idle: Duration) -> Arc<Transport> {
        Arc::new(Transport { address, keep_idle, idle: Mutex::default() })
    }

    /// Sends a request; returns when its answer begins.
    pub(crate) async fn send(self: &Arc<Self>, mut request: Request<Body>) -> Result<Response<AnswerBody>, Error> {
        while let Some(mut connection) = self.take_idle().await {
            match connection.send(request).await {
                Ok(answer) => return Ok(self.answer(answer, connection)),
                // The other side had closed it, and nothing of this request was sent.
                Err(Failure::Unsent(unsent)) => request = *unsent,
                Err(Failure::Broken(error)) => return Err(Error::unavailable(true, error)),
            }
        }
        let mut connection = self.connect().await.map_err(|error| Error::unavailable(false, error))?;
        match connection.send(request).await {
            Ok(answer) => Ok(self.answer(answer, connection)),
            Err(Failure::Unsent(_)) => {
                Err(Error::unavailable(false, io::Error::from(io::ErrorKind::ConnectionAborted)))
            }
            Err(Failure::Broken(error)) => Err(Error::unavailable(true, error)),
        }
    }

    fn answer(self: &Arc<Self>, answer: Response<Incoming>, connection: Connection) -> Response<AnswerBody> {
        let (transport, connection) = (Arc::clone(self), Some(connection));
        let summary = summary_of(answer.headers());
        answer.map(|incoming| AnswerBody { incoming, summary, ended: false, connection, transport })
    }

    /// An idle connection that the other side has not closed, as far as this side knows.
    async fn take_idle(&self) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.lock_idle().pop()?;
            if since.elapsed() < self.keep_idle && poll_fn(|context| Poll::Ready(connection.is_free(context))).await {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.lock_idle();
        let is_old = |(since, _): &(Instant, Connection)| since.elapsed() >= self.keep_idle;
        if idle.first().is_some_and(is_old) {
            idle.retain(|kept| !is_old(kept));
        }
        idle.push((Instant::now(), connection));
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Connection)>> {
        // Nothing that can panic leaves the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> io::Result<Connection> {
        let connect = async {
            match &self.address {
                Address::Unix(path) => Connection::start(UnixStream::connect(path).await?).await,
                Address::Tcp { host, port } => {
                    let stream = TcpStream::connect((host.as_str(), *port)).await?;
                    stream.set_nodelay(true)?;
                    Connection::start(stream).await
                }
            }
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connect).await?
    }
}

struct Connection {
    sender: SendRequest<Body>,
    /// Moves the connection's bytes while it is polled; none once the connection has ended.
    driver: Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>,
}

/// Why there is no answer.
enum Failure {
    /// Nothing was sent.
    Unsent(Box<Request<Body>>),
    /// Something may have been sent.
    Broken(hyper::Error),
}

impl Connection {
    async fn start<S>(stream: S) -> io::Result<Connection>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Connection { sender, driver: Some(Box::pin(driver)) })
    }

    /// Whether a request can be sent.
    fn is_free(&mut self, context: &mut Context<'_>) -> bool {
        self.drive(context);
        self.driver.is_some() && matches!(self.sender.poll_ready(context), Poll::Ready(Ok(())))
    }

    async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, Failure> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let answer = poll_fn(|context| {
            self.drive(context);
            answer.as_mut().poll(context)
        });
        answer.await.map_err(|mut error| match error.take_message() {
            Some(unsent) => Failure::Unsent(Box::new(unsent)),
            None => Failure::Broken(error.into_error()),
        })
    }

    fn drive(&mut self, context: &mut Context<'_>) {
        // How it ended is told to whoever waits for the answer or its body.
        if self.driver.as_mut().is_some_and(|driver| driver.as_mut().poll(context).is_ready()) {
            self.driver = None;
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("has_ended", &self.driver.is_none()).finish_non_exhaustive()
    }
}

/// The body of an answer, as it arrives. Dropped before its end, it closes the connection.
#[derive(Debug)]
pub struct AnswerBody {
    incoming: Incoming,
    summary: Option<Summary>,
    /// The end was read.
    ended: bool,
    connection: Option<Connection>,
    transport: Arc<Transport>,
}

impl AnswerBody {
    /// The counts as far as they are known: those that came when the answer began, or the final ones, which may come at its
    /// end. `None` when the other side tells none.
    pub fn summary(&self) -> Option<Summary> {
        self.summary
    }
}

fn summary_of(fields: &HeaderMap) -> Option<Summary> {
    text_header(fields, SUMMARY).as_deref().and_then(Summary::parse)
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(connection) = &mut self.connection {
            connection.drive(context);
        }
        let mut frame = Pin::new(&mut self.incoming).poll_frame(context);
        // A trailer says something about the answer; it is no part of it.
        while let Poll::Ready(Some(Ok(trailers))) = &frame
            && let Some(trailers) = trailers.trailers_ref()
        {
            self.summary = summary_of(trailers).or(self.summary);
            frame = Pin::new(&mut self.incoming).poll_frame(context);
        }
        match &frame {
            Poll::Ready(None) => self.ended = true,
            Poll::Ready(Some(Err(_))) => self.connection = None,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame.map_err(Error::incomplete)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if (self.ended || self.incoming.is_end_stream())
            && let Some(connection) = self.connection.take()
        {
            self.transport.keep(connection);
        }
    }
}
