//! Runs an INSERT whose rows come with the request, chunk by chunk.

use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::answer::{Answer, Output, Summary};
use crate::engine::Engine;
use crate::exception::{Exception, NETWORK_ERROR, SOCKET_TIMEOUT};
use crate::ffi::InsertStream;
use crate::query::{Reply, connect_arguments, patience};
use crate::request::UrlParameters;
use crate::ticket::Ticket;

/// Chunks that wait for the engine at most; a chunk is what the connection read at once, up to some 400 KB.
pub(crate) const CHUNKS_AHEAD: usize = 4;

/// One part of an INSERT's data.
pub(crate) enum Chunk {
    Data(Bytes),
    /// The data is complete. Without it nothing of the last block is stored.
    End,
}

/// An INSERT ready to run.
pub(crate) struct Insert {
    /// The statement without FORMAT and data.
    pub(crate) head: Vec<u8>,
    pub(crate) format: String,
    pub(crate) url: UrlParameters,
    pub(crate) read_only: bool,
    pub(crate) chunks: mpsc::Receiver<Chunk>,
}

impl Insert {
    /// Runs the INSERT and sends its answer; on the calling thread, until the client has sent all.
    pub(crate) fn run(mut self, engine: &Engine, runtime: &Handle, ticket: &Ticket, reply: Reply) {
        let answer = self.answer(engine, runtime, ticket);
        ticket.finish();
        let _unread = reply.send(answer);
    }

    fn answer(&mut self, engine: &Engine, runtime: &Handle, ticket: &Ticket) -> Result<Answer, Exception> {
        let arguments = connect_arguments(&self.url, ticket, self.read_only, None)?;
        let mut connection = engine.connect_for(&self.url, arguments)?;
        let stream = connection
            .insert(self.head.trim_ascii_end(), &self.format, &self.url.parameters)
            .map_err(Exception::from_engine)?;
        let mut chunks =
            Chunks { chunks: &mut self.chunks, runtime, patience: patience(&self.url, "receive_timeout", engine) };
        let summary = store(stream, &mut chunks)?;
        Ok(Answer { format: None, summary, output: Output::Whole(Bytes::new()) })
    }
}

/// Passes the chunks on; dropping the stream on any way out but the last cancels it.
fn store(mut stream: InsertStream<'_>, chunks: &mut Chunks<'_>) -> Result<Summary, Exception> {
    while let Some(data) = chunks.next()? {
        stream.append(&data).map_err(Exception::from_engine)?;
    }
    let result = stream.finish().map_err(Exception::from_engine)?;
    Ok(Summary::of(&result))
}

/// The data's lane thread end.
struct Chunks<'a> {
    chunks: &'a mut mpsc::Receiver<Chunk>,
    runtime: &'a Handle,
    patience: Duration,
}

impl Chunks<'_> {
    /// The next part of the data, `None` at its end.
    fn next(&mut self) -> Result<Option<Bytes>, Exception> {
        let next = match self.chunks.try_recv() {
            Err(mpsc::error::TryRecvError::Empty) => {
                // The timer is made inside the runtime that drives it.
                let next = self.runtime.block_on(async { timeout(self.patience, self.chunks.recv()).await });
                next.map_err(|_| Exception::new(SOCKET_TIMEOUT, "SOCKET_TIMEOUT", "The client sends no more data"))?
            }
            received => received.ok(),
        };
        match next {
            Some(Chunk::Data(data)) => Ok(Some(data)),
            Some(Chunk::End) => Ok(None),
            None => {
                let message = "The client left before its data was complete";
                Err(Exception::new(NETWORK_ERROR, "NETWORK_ERROR", message))
            }
        }
    }
}
