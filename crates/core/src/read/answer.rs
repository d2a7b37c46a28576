//! An answer on its way from the engine to the client: counted, bounded, and given up when nobody takes it.
//!
//! What is known to be too large before its first byte is refused. A row stream that grows too large later, or breaks in the
//! engine, ends in an error, so that half an answer never looks whole.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use standpipe_clickhouse::{AnswerBody, Error as EngineError, QueryResponse, Summary};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::admission::Place;
use super::format::Format;
use super::limits::ReadLimits;
use super::overdue::Run;
use crate::error::{Error, Result};

/// How much of a row stream is looked at before the answer begins.
const FIRST_FLUSH_BYTES: u64 = 256 << 10;
/// How long at most the rest of the first flush is waited for, once its first rows are there.
const FIRST_FLUSH_TIME: Duration = Duration::from_millis(20);

/// An answer on its way from the engine.
#[derive(Debug)]
pub struct Answer {
    /// Its format.
    pub format: Format,
    /// Its bytes, and what the engine said of them.
    pub response: ReadResponse,
}

/// The engine's answer to a read.
#[derive(Debug)]
pub struct ReadResponse {
    body: ReadBody,
}

/// Why an answer broke off in its middle.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The query failed half-way, or the engine died.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It grew too large.
    #[error("the answer is larger than {bytes} bytes")]
    TooLarge {
        /// The limit.
        bytes: u64,
    },
    /// The query ran too long, or the client took no bytes for too long.
    #[error("the answer was given up: {reason}")]
    GivenUp {
        /// Which of the two.
        reason: &'static str,
    },
}

impl ReadResponse {
    /// Looks at the answer's beginning and refuses what is too large already.
    pub(super) async fn open(
        response: QueryResponse,
        format: Format,
        limits: &ReadLimits,
        run: Run,
        place: Place,
    ) -> Result<ReadResponse> {
        let mut rest = Rest { body: response.into_body(), run, place };
        let known = rest.body.size_hint().exact();
        if known.is_some() {
            // What has a length was complete before it was sent.
            rest.run.set_ended();
        }
        let too_large = || Error::ResultTooLarge { bytes: limits.result_bytes };
        if known.is_some_and(|length| length > limits.result_bytes) {
            return Err(too_large());
        }
        // A ClickHouse server may send a whole result without telling its length.
        let patient = known.is_none() && !format.is_row_stream();
        let wanted = match known {
            Some(length) if length > FIRST_FLUSH_BYTES => 0,
            None if patient => limits.result_bytes,
            Some(_) | None => limits.result_bytes.min(FIRST_FLUSH_BYTES),
        };
        let first = FirstFlush::read(&mut rest, wanted, patient).await?;
        if first.bytes > limits.result_bytes {
            return Err(too_large());
        }
        if !first.is_all && (patient || first.frames.is_empty()) {
            return Err(Error::Timeout { seconds: limits.time.as_secs() });
        }
        let body = ReadBody::new(first, rest, known, limits);
        Ok(ReadResponse { body })
    }

    /// The body as it arrives. An error is its last frame.
    pub fn into_body(self) -> ReadBody {
        self.body
    }

    /// An answer that is here as a whole, and took nothing of the engine.
    pub(super) fn whole(bytes: Bytes) -> ReadResponse {
        ReadResponse { body: ReadBody::whole(bytes) }
    }

    /// Gathers the whole body.
    pub async fn bytes(mut self) -> Result<Bytes> {
        let mut all = BytesMut::new();
        while let Some(chunk) = self.next_chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    /// Gathers the body unless it has more than `limit` bytes.
    pub(super) async fn gather(mut self, limit: u64) -> Result<Gathered> {
        if self.body.length.is_some_and(|length| length > limit) {
            return Ok(Gathered::Larger(Box::new(self)));
        }
        let (mut chunks, mut bytes) = (VecDeque::new(), 0);
        while let Some(chunk) = self.next_chunk().await? {
            bytes += chunk.len() as u64;
            chunks.push_back(chunk);
            if bytes > limit {
                self.body.put_back(chunks);
                return Ok(Gathered::Larger(Box::new(self)));
            }
        }
        let whole = match chunks.len() {
            1 => chunks.pop_front().unwrap_or_default(),
            _ => chunks.iter().flatten().copied().collect(),
        };
        Ok(Gathered::Whole(whole))
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            let next = std::future::poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await;
            return match next {
                None => Ok(None),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) => Ok(Some(chunk)),
                    Err(_trailers) => continue,
                },
                Some(Err(Broken::TooLarge { bytes })) => Err(Error::ResultTooLarge { bytes }),
                Some(Err(Broken::Engine(error))) => Err(Error::from_engine(error, "run the query")),
                Some(Err(broken @ Broken::GivenUp { .. })) => Err(Error::internal(broken.to_string())),
            };
        }
    }
}

/// What gathering a body up to a limit gives.
#[derive(Debug)]
pub(super) enum Gathered {
    /// All of it.
    Whole(Bytes),
    /// It is larger: the body from its first byte on.
    Larger(Box<ReadResponse>),
}

/// What has not yet come of an answer, with all that is given back at its end.
#[derive(Debug)]
struct Rest {
    body: AnswerBody,
    run: Run,
    place: Place,
}

/// The beginning of an answer.
struct FirstFlush {
    frames: VecDeque<Bytes>,
    bytes: u64,
    is_all: bool,
}

impl FirstFlush {
    /// Reads until there are more than `wanted` bytes or the end; unless `patient`, only what comes at once after the first
    /// rows.
    async fn read(rest: &mut Rest, wanted: u64, patient: bool) -> Result<FirstFlush> {
        let mut first = FirstFlush { frames: VecDeque::new(), bytes: 0, is_all: false };
        let mut deadline = rest.run.deadline();
        while first.bytes <= wanted {
            match timeout_at(deadline, next_chunk(&mut rest.body)).await {
                Ok(Some(Ok(chunk))) => {
                    first.bytes += chunk.len() as u64;
                    first.frames.push_back(chunk);
                }
                Ok(Some(Err(error))) => {
                    tracing::info!(%error, "an answer broke off before it began");
                    return Err(Error::EngineUnavailable { action: "read the query's answer" });
                }
                Ok(None) => {
                    first.is_all = true;
                    rest.run.set_ended();
                    break;
                }
                Err(_) => break,
            }
            if !patient {
                deadline = deadline.min(Instant::now() + FIRST_FLUSH_TIME);
            }
        }
        Ok(first)
    }
}

async fn next_chunk(body: &mut AnswerBody) -> Option<Result<Bytes, EngineError>> {
    std::future::poll_fn(|context| poll_chunk(body, context)).await
}

/// The next bytes; trailers, which the body has read for itself, are passed over.
fn poll_chunk(body: &mut AnswerBody, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, EngineError>>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(context)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            Some(Ok(frame)) => {
                if let Ok(chunk) = frame.into_data() {
                    return Poll::Ready(Some(Ok(chunk)));
                }
            }
        }
    }
}

/// The bytes of an answer. Dropped before its end, it ends the query.
#[derive(Debug)]
pub struct ReadBody {
    first: VecDeque<Bytes>,
    summary: Option<Summary>,
    /// Bytes of a body whose length is known that are still to come.
    length: Option<u64>,
    /// Bytes that may still come.
    left: u64,
    limit: u64,
    rest: Option<Watched>,
    /// The place of a body that is here as a whole.
    _place: Option<Place>,
}

/// A rest that is given up when its time is over or nobody takes it.
#[derive(Debug)]
struct Watched {
    shared: Arc<Shared>,
    watch: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Frames that were taken.
    taken: AtomicU64,
}

#[derive(Debug)]
enum State {
    Coming(Box<Rest>),
    Ended,
    GivenUp(&'static str),
}

impl ReadBody {
    fn new(first: FirstFlush, rest: Rest, length: Option<u64>, limits: &ReadLimits) -> ReadBody {
        let left = limits.result_bytes.saturating_sub(first.bytes);
        let mut body = ReadBody {
            length: if first.is_all { Some(first.bytes) } else { length },
            first: first.frames,
            summary: rest.body.summary(),
            left,
            limit: limits.result_bytes,
            rest: None,
            _place: None,
        };
        if first.is_all {
            body._place = Some(rest.place);
        } else {
            body.rest = Some(Watched::new(rest, length.is_none(), limits.send));
        }
        body
    }

    fn whole(bytes: Bytes) -> ReadBody {
        let length = bytes.len() as u64;
        ReadBody {
            first: VecDeque::from([bytes]),
            summary: None,
            length: Some(length),
            left: 0,
            limit: length,
            rest: None,
            _place: None,
        }
    }

    /// The counts as far as they are known: final at the answer's end. `None` for what the engine was not asked for, and where
    /// it tells none.
    pub fn summary(&self) -> Option<Summary> {
        self.summary
    }

    /// Puts back what was taken from its beginning.
    fn put_back(&mut self, mut chunks: VecDeque<Bytes>) {
        let bytes: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        self.length = self.length.map(|length| length + bytes);
        chunks.append(&mut self.first);
        self.first = chunks;
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let Some(watched) = &self.rest else { return Poll::Ready(None) };
        let mut state = watched.shared.lock();
        let rest = match &mut *state {
            State::Coming(rest) => rest,
            State::Ended => return Poll::Ready(None),
            State::GivenUp(reason) => {
                let reason = *reason;
                *state = State::Ended;
                return Poll::Ready(Some(Err(Broken::GivenUp { reason })));
            }
        };
        let chunk = ready!(poll_chunk(&mut rest.body, context));
        self.summary = rest.body.summary();
        watched.shared.taken.fetch_add(1, Ordering::Relaxed);
        match chunk {
            Some(Ok(chunk)) if chunk.len() as u64 <= self.left => {
                self.left -= chunk.len() as u64;
                Poll::Ready(Some(Ok(chunk)))
            }
            Some(Ok(_)) => {
                *state = State::Ended;
                tracing::info!(limit = self.limit, "an answer grew too large and is broken off");
                Poll::Ready(Some(Err(Broken::TooLarge { bytes: self.limit })))
            }
            Some(Err(error)) => {
                rest.run.set_ended();
                *state = State::Ended;
                tracing::info!(%error, "an answer broke off");
                Poll::Ready(Some(Err(error.into())))
            }
            None => {
                rest.run.set_ended();
                *state = State::Ended;
                Poll::Ready(None)
            }
        }
    }
}

impl Body for ReadBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let next = match self.first.pop_front() {
            Some(chunk) => Some(Ok(chunk)),
            None => ready!(self.poll_rest(context)),
        };
        if let (Some(Ok(chunk)), Some(length)) = (&next, &mut self.length) {
            *length = length.saturating_sub(chunk.len() as u64);
        }
        Poll::Ready(next.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Watched {
    /// `streams` says that the query runs until the last byte.
    fn new(rest: Rest, streams: bool, send: Duration) -> Watched {
        let deadline = streams.then(|| rest.run.deadline());
        let shared = Arc::new(Shared { state: Mutex::new(State::Coming(Box::new(rest))), taken: AtomicU64::new(0) });
        let watch = tokio::spawn(watch(Arc::clone(&shared), send, deadline)).abort_handle();
        Watched { shared, watch }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.abort();
        // The watch may hold its share a moment longer; the query ends now.
        *self.shared.lock() = State::Ended;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives an answer up at its deadline, or when its client has taken nothing for `send`.
async fn watch(shared: Arc<Shared>, send: Duration, deadline: Option<Instant>) {
    let mut taken = 0;
    loop {
        let look = Instant::now() + send;
        sleep_until(deadline.map_or(look, |deadline| deadline.min(look))).await;
        let now = shared.taken.load(Ordering::Relaxed);
        let reason = if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            "its query's time is over"
        } else if now == taken {
            "its client takes no bytes"
        } else {
            taken = now;
            continue;
        };
        let mut state = shared.lock();
        if let State::Coming(_) = &*state {
            tracing::info!(reason, "an answer is given up");
            *state = State::GivenUp(reason);
        }
        return;
    }
}

#[cfg(test)]
mod tests;
