//! Runs one statement that brings no data: on a lane thread, on a connection of its own.

use std::ffi::CString;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::answer::{Answer, BlockSender, Output, Stop, Summary, stream};
use crate::engine::Engine;
use crate::exception::{Exception, SYNTAX_ERROR, TOO_MANY_ROWS_OR_BYTES};
use crate::ffi::{Connection, QueryResult, QueryStream};
use crate::format::{self, Joining};
use crate::request::{UrlParameters, connect_argument};
use crate::statement::{Statement, needs_whole_result};
use crate::ticket::Ticket;

/// Where the answer goes. Sending fails when the client has left, which nobody needs to know.
pub(crate) type Reply = oneshot::Sender<Result<Answer, Exception>>;

/// A statement ready to run.
pub(crate) struct Query {
    pub(crate) sql: Vec<u8>,
    pub(crate) statement: Statement,
    pub(crate) url: UrlParameters,
    /// The request came by GET, which may not change anything.
    pub(crate) read_only: bool,
}

impl Query {
    /// The format of the output: the statement's own, else the request's, else ClickHouse's default.
    fn format(&self) -> String {
        let own = match &self.statement {
            Statement::Select { format } | Statement::Other { format, .. } => format.clone(),
            Statement::InsertData { .. } => None,
        };
        own.or_else(|| self.url.default_format.clone()).unwrap_or_else(|| format::DEFAULT.to_owned())
    }

    fn joining(&self, format: &str) -> Joining {
        let whole = self.url.wait_end
            || !matches!(self.statement, Statement::Select { .. })
            || needs_whole_result(&self.sql)
            || self.url.settings.iter().any(|(name, value)| {
                matches!(name.as_str(), "extremes" | "output_format_json_array_of_rows") && value != "0"
            });
        if whole { Joining::Whole } else { Joining::of(format) }
    }

    /// Runs the statement and sends its answer; on the calling thread, which for a stream is until the client has it all.
    pub(crate) fn run(self, engine: &Engine, runtime: Handle, ticket: &Ticket, reply: Reply) {
        let format = self.format();
        let joining = self.joining(&format);
        let mut connection = match self.connect(engine, ticket, joining) {
            Ok(connection) => connection,
            Err(error) => return refuse(ticket, reply, error),
        };
        if joining != Joining::Whole {
            match connection.stream(&self.sql, &format, &self.url.parameters) {
                Ok(blocks) => {
                    let patience = patience(&self.url, "send_timeout", engine);
                    return Streaming { joining, format, ticket, patience, runtime }.run(blocks, reply);
                }
                // A statement that only looked like a query. It has not run.
                Err(text) if text.contains("Streaming query is not supported") => {}
                Err(text) => return refuse(ticket, reply, Exception::from_engine(text)),
            }
        }
        let answer = self.whole(&mut connection, &format, engine.result_limit);
        ticket.finish();
        let _unread = reply.send(answer);
    }

    fn whole(&self, connection: &mut Connection, format: &str, limit: u64) -> Result<Answer, Exception> {
        let result = connection.query(&self.sql, format, &self.url.parameters).map_err(Exception::from_engine)?;
        let summary = Summary::of(&result);
        if summary.result_bytes > limit {
            return Err(too_large(limit));
        }
        let format = (summary.result_bytes > 0 || !self.statement.is_insert()).then(|| format.to_owned());
        Ok(Answer { format, summary, output: Output::Whole(Bytes::from_owner(result)) })
    }

    fn connect(&self, engine: &Engine, ticket: &Ticket, joining: Joining) -> Result<Connection, Exception> {
        let limit = (joining == Joining::Whole).then(|| self.result_limit(engine)).flatten();
        let arguments = connect_arguments(&self.url, ticket, self.read_only, limit)?;
        let mut connection = engine.connect_for(&self.url, arguments)?;
        refuse_several(&mut connection, &self.sql)?;
        Ok(connection)
    }

    /// The smaller of our bound and the request's; none where the request wants too large results cut instead of refused.
    fn result_limit(&self, engine: &Engine) -> Option<u64> {
        if self.url.setting("result_overflow_mode").is_some_and(|mode| mode != "throw") {
            return None;
        }
        let asked = self.url.setting("max_result_bytes").and_then(|bytes| bytes.parse().ok());
        Some(asked.filter(|bytes| *bytes > 0).map_or(engine.result_limit, |bytes: u64| bytes.min(engine.result_limit)))
    }
}

/// How long to wait for a client that neither takes nor sends a byte: the request's setting `name`, else ours.
pub(crate) fn patience(url: &UrlParameters, name: &str, engine: &Engine) -> Duration {
    let asked = url.setting(name).and_then(|seconds| seconds.parse::<f64>().ok());
    asked.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(engine.send_timeout)
}

/// Settings that suit this process better than libchdb's own, where a request says nothing.
///
/// Formatting with threads of their own hands each block from one to the next: 0.27 ms more for a small result, and a sixth
/// more processor time for a large one, which is formatted block by block here anyway.
const DEFAULTS: [(&str, &str); 1] = [("output_format_parallel_formatting", "0")];

/// The settings of a request as connect arguments, with the ticket's id; `readonly` last, since it locks the others.
///
/// `result_limit` takes the place of the request's `max_result_bytes`.
pub(crate) fn connect_arguments(
    url: &UrlParameters,
    ticket: &Ticket,
    read_only: bool,
    result_limit: Option<u64>,
) -> Result<Vec<CString>, Exception> {
    let mut arguments = vec![ticket.connect_argument()?];
    for (name, value) in DEFAULTS {
        arguments.push(connect_argument(name, value)?);
    }
    let mut locks = Vec::new();
    for (name, value) in &url.settings {
        match name.as_str() {
            "readonly" => locks.push(connect_argument(name, value)?),
            "max_result_bytes" if result_limit.is_some() => {}
            _ => arguments.push(connect_argument(name, value)?),
        }
    }
    if let Some(limit) = result_limit {
        arguments.push(connect_argument("max_result_bytes", &limit.to_string())?);
    }
    arguments.append(&mut locks);
    if read_only && url.setting("readonly").is_none_or(|value| value == "0") {
        arguments.push(connect_argument("readonly", "1")?);
    }
    Ok(arguments)
}

/// The engine would run every statement of a text, one after the other; ClickHouse's HTTP interface takes one.
fn refuse_several(connection: &mut Connection, sql: &[u8]) -> Result<(), Exception> {
    // Classifying costs up to 0.1 ms, and a text without a semicolon holds one statement.
    if memchr::memchr(b';', sql).is_none() || connection.classify(sql).is_none_or(|(count, _)| count <= 1) {
        return Ok(());
    }
    Err(Exception::new(SYNTAX_ERROR, "SYNTAX_ERROR", "Multi-statements are not allowed"))
}

fn too_large(limit: u64) -> Exception {
    let message = format!("Limit for result exceeded, max bytes of a result in this format: {limit}");
    Exception::new(TOO_MANY_ROWS_OR_BYTES, "TOO_MANY_ROWS_OR_BYTES", &message)
}

/// Answers with an error; the engine is through with the statement.
pub(crate) fn refuse(ticket: &Ticket, reply: Reply, error: Exception) {
    ticket.finish();
    let _unread = reply.send(Err(error));
}

/// What running a stream needs beside its blocks.
struct Streaming<'a> {
    joining: Joining,
    format: String,
    ticket: &'a Ticket,
    patience: Duration,
    runtime: Handle,
}

impl Streaming<'_> {
    fn run(self, mut blocks: QueryStream<'_>, reply: Reply) {
        // The second block is fetched before anything is sent: a result of one block, which most are, goes out whole with
        // exact counters, and an error so far still gets a status of its own.
        let fetched = blocks.fetch().and_then(|first| Ok((first, blocks.fetch()?)));
        let (first, second) = match fetched {
            Ok(blocks) => blocks,
            Err(text) => return refuse(self.ticket, reply, Exception::from_engine(text)),
        };
        let summary = first.as_ref().map(Summary::of).unwrap_or_default();
        let header = first.as_ref().map_or(0, |first| self.joining.header_length(first.as_ref()));
        let first = first.map(Bytes::from_owner).unwrap_or_default();
        let answer = |summary, output| Ok(Answer { format: Some(self.format.clone()), summary, output });
        let Some(second) = second else {
            let summary = counted(blocks, summary);
            self.ticket.finish();
            let _unread = reply.send(answer(summary, Output::Whole(first)));
            return;
        };
        let (sender, receiver) = stream(self.runtime.clone(), self.patience);
        let ends = Ends { header: first.slice(..header), footer: self.joining.footer() };
        if reply.send(answer(summary, Output::Blocks(receiver))).is_ok() {
            match send_all(blocks, [(summary, ends.without_footer(first)), ends.joined(second)], &ends, &sender) {
                // Finished before the end is sent: what follows is the client's business.
                Ok(summary) => {
                    self.ticket.finish();
                    let _left = sender.end(summary);
                }
                Err(Broken::Engine(text)) => {
                    tracing::info!(query_id = self.ticket.query_id, error = text, "a result broke off in mid-stream");
                }
                Err(Broken::Client(stop)) => {
                    tracing::info!(query_id = self.ticket.query_id, ?stop, "a stream was cancelled");
                }
            }
        }
    }
}

/// Why a stream was not sent to its end.
enum Broken {
    Engine(String),
    Client(Stop),
}

/// Sends the blocks that are fetched already, then the rest; answers the counters of all.
fn send_all(
    mut blocks: QueryStream<'_>,
    fetched: [(Summary, Bytes); 2],
    ends: &Ends,
    sender: &BlockSender,
) -> Result<Summary, Broken> {
    let mut total = Summary::default();
    for (summary, block) in fetched {
        total.add(summary);
        sender.send(block).map_err(Broken::Client)?;
    }
    while let Some(block) = blocks.fetch().map_err(Broken::Engine)? {
        let (summary, block) = ends.joined(block);
        total.add(summary);
        sender.send(block).map_err(Broken::Client)?;
    }
    if !ends.footer.is_empty() {
        sender.send(Bytes::from_static(ends.footer)).map_err(Broken::Client)?;
    }
    Ok(counted(blocks, total))
}

/// What the engine counted for the whole run, with the rows, bytes and seconds that the blocks had: `sent`.
fn counted(blocks: QueryStream<'_>, sent: Summary) -> Summary {
    let Summary { result_rows, result_bytes, elapsed_seconds, .. } = sent;
    match blocks.totals() {
        Ok(total) => Summary { result_rows, result_bytes, elapsed_seconds, ..Summary::of(&total) },
        Err(text) => {
            tracing::warn!(error = text, "the counters of a stream are those of its blocks, which may be too low");
            sent
        }
    }
}

/// What every block begins and ends with, and the joined result once.
struct Ends {
    header: Bytes,
    footer: &'static [u8],
}

impl Ends {
    /// A later block with its counters, without what it has at its ends.
    fn joined(&self, block: QueryResult) -> (Summary, Bytes) {
        let summary = Summary::of(&block);
        let block = Bytes::from_owner(block);
        let block = if block.starts_with(&self.header) { block.slice(self.header.len()..) } else { block };
        (summary, self.without_footer(block))
    }

    fn without_footer(&self, block: Bytes) -> Bytes {
        if block.ends_with(self.footer) { block.slice(..block.len() - self.footer.len()) } else { block }
    }
}
