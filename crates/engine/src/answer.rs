//! What a lane thread hands back to the connection that asked: one whole result, or the blocks of a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::cancel::CancelOnDrop;
use crate::ffi::QueryResult;

/// Blocks that wait for the client at most; a block is some 65,000 rows.
const BLOCKS_AHEAD: usize = 2;
/// Counters of the run: a header of every answer, and the trailer of a stream, which knows them only at its end.
pub(crate) const SUMMARY: HeaderName = HeaderName::from_static("x-clickhouse-summary");
/// Largest part of a block given to the connection at once, so that a slow client's progress is seen.
const SLICE: usize = 256 << 10;

/// An answer that is not an error.
pub(crate) struct Answer {
    /// The output format, when the statement has output.
    pub(crate) format: Option<String>,
    pub(crate) summary: Summary,
    pub(crate) output: Output,
}

/// The bytes of an answer.
pub(crate) enum Output {
    Whole(Bytes),
    Blocks(Blocks),
}

/// `X-ClickHouse-Summary`: counters as ClickHouse writes them, numbers in strings.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
    /// Rows of the result; in the header of a stream, those of its first block.
    pub(crate) result_rows: u64,
    /// Bytes of the output; in the header of a stream, those of its first block.
    pub(crate) result_bytes: u64,
    pub(crate) elapsed_seconds: f64,
}

impl Summary {
    /// The counters of one result or block.
    pub(crate) fn of(result: &QueryResult) -> Self {
        Self {
            read_rows: result.rows_read(),
            read_bytes: result.bytes_read(),
            written_rows: result.rows_written(),
            written_bytes: result.bytes_written(),
            result_rows: result.rows(),
            result_bytes: result.as_ref().len() as u64,
            elapsed_seconds: result.elapsed_seconds(),
        }
    }

    /// Counts the next block of a stream.
    pub(crate) fn add(&mut self, block: Summary) {
        self.read_rows += block.read_rows;
        self.read_bytes += block.read_bytes;
        self.written_rows += block.written_rows;
        self.written_bytes += block.written_bytes;
        self.result_rows += block.result_rows;
        self.result_bytes += block.result_bytes;
        self.elapsed_seconds += block.elapsed_seconds;
    }

    /// The header's value.
    pub(crate) fn to_json(self) -> String {
        #[derive(Serialize)]
        struct Strings {
            read_rows: String,
            read_bytes: String,
            written_rows: String,
            written_bytes: String,
            result_rows: String,
            result_bytes: String,
            elapsed_ns: String,
        }
        let nanoseconds = Duration::try_from_secs_f64(self.elapsed_seconds).unwrap_or_default().as_nanos();
        let strings = Strings {
            read_rows: self.read_rows.to_string(),
            read_bytes: self.read_bytes.to_string(),
            written_rows: self.written_rows.to_string(),
            written_bytes: self.written_bytes.to_string(),
            result_rows: self.result_rows.to_string(),
            result_bytes: self.result_bytes.to_string(),
            elapsed_ns: nanoseconds.to_string(),
        };
        serde_json::to_string(&strings).expect("seven strings are always JSON")
    }
}

/// One message of a stream.
enum Piece {
    Block(Bytes),
    /// The result is complete, with the counters of all of it. A stream that ends without it must not look complete to
    /// the client.
    End(Summary),
}

/// The lane thread's end of a stream.
pub(crate) struct BlockSender {
    pieces: mpsc::Sender<Piece>,
    taken: Arc<AtomicU64>,
    runtime: Handle,
    patience: Duration,
}

/// Why a stream cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The client closed its connection.
    Gone,
    /// The client took no byte for the whole `send_timeout`.
    Stalled,
}

/// A pair of ends; `patience` is the stream's `send_timeout`.
pub(crate) fn stream(runtime: Handle, patience: Duration) -> (BlockSender, Blocks) {
    let (sender, receiver) = mpsc::channel(BLOCKS_AHEAD);
    let taken = Arc::new(AtomicU64::new(0));
    let blocks = Blocks { pieces: receiver, taken: Arc::clone(&taken), current: Bytes::new() };
    (BlockSender { pieces: sender, taken, runtime, patience }, blocks)
}

impl BlockSender {
    /// Hands over a block; waits while the client is behind.
    pub(crate) fn send(&self, block: Bytes) -> Result<(), Stop> {
        self.push(Piece::Block(block))
    }

    /// Says that the result is complete.
    pub(crate) fn end(self, summary: Summary) -> Result<(), Stop> {
        self.push(Piece::End(summary))
    }

    fn push(&self, piece: Piece) -> Result<(), Stop> {
        let mut piece = piece;
        loop {
            piece = match self.pieces.try_send(piece) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(Stop::Gone),
                Err(mpsc::error::TrySendError::Full(back)) => back,
            };
            let before = self.taken.load(Ordering::Relaxed);
            // The timer is made inside the runtime that drives it.
            let room = self.runtime.block_on(async { timeout(self.patience, self.pieces.reserve()).await });
            if room.is_err() && self.taken.load(Ordering::Relaxed) == before {
                return Err(Stop::Stalled);
            }
        }
    }
}

/// The client's end of a stream: the blocks not yet sent.
pub(crate) struct Blocks {
    pieces: mpsc::Receiver<Piece>,
    taken: Arc<AtomicU64>,
    current: Bytes,
}

/// The stream broke before its end: the connection is closed without the final chunk.
#[derive(Debug, thiserror::Error)]
#[error("the result ended before it was complete")]
pub(crate) struct Incomplete;

/// A response body. Dropped before its end, it cancels the statement.
pub(crate) struct ResponseBody {
    kind: BodyKind,
    _guard: Option<CancelOnDrop>,
}

enum BodyKind {
    Whole(Bytes),
    Blocks(Blocks),
    Ended,
}

impl ResponseBody {
    /// A body that is known as a whole.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { kind: BodyKind::Whole(bytes.into()), _guard: None }
    }

    /// A body that comes in blocks; `guard` cancels the statement when the client leaves.
    pub(crate) fn blocks(blocks: Blocks, guard: CancelOnDrop) -> Self {
        Self { kind: BodyKind::Blocks(blocks), _guard: Some(guard) }
    }
}

impl Blocks {
    /// The next bytes; behind the last ones, the summary as a trailer.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Frame<Bytes>, Incomplete>> {
        while self.current.is_empty() {
            match self.pieces.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Piece::Block(block))) => self.current = block,
                Poll::Ready(Some(Piece::End(summary))) => return Poll::Ready(Ok(Frame::trailers(trailers(summary)))),
                Poll::Ready(None) => return Poll::Ready(Err(Incomplete)),
            }
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
        let length = self.current.len().min(SLICE);
        Poll::Ready(Ok(Frame::data(self.current.split_to(length))))
    }
}

fn trailers(summary: Summary) -> HeaderMap {
    let value = HeaderValue::try_from(summary.to_json()).expect("JSON of digits and names is a header's value");
    HeaderMap::from_iter([(SUMMARY, value)])
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Incomplete;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        let next = match &mut self.kind {
            BodyKind::Ended => None,
            BodyKind::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.kind = BodyKind::Ended;
                (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)))
            }
            BodyKind::Blocks(blocks) => match blocks.poll_piece(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(next) => Some(next),
            },
        };
        if !next.as_ref().is_some_and(|next| next.as_ref().is_ok_and(Frame::is_data)) {
            self.kind = BodyKind::Ended;
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            BodyKind::Whole(bytes) => bytes.is_empty(),
            BodyKind::Ended => true,
            BodyKind::Blocks(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            BodyKind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            BodyKind::Ended => SizeHint::with_exact(0),
            BodyKind::Blocks(_) => SizeHint::default(),
        }
    }
}
