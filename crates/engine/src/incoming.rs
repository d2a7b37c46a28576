//! Reads a request's body: the statement, or the part of it that `query=` left out, and an INSERT's data.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::mpsc;

use crate::exception::{Exception, NETWORK_ERROR, SYNTAX_ERROR};
use crate::insert::{CHUNKS_AHEAD, Chunk, Insert};
use crate::query::Query;
use crate::request::UrlParameters;
use crate::statement::{Statement, inline_data};

/// How far into a body an INSERT's data must begin: ClickHouse's default for `max_query_size`.
const HEAD: usize = 256 << 10;
/// Longest statement without data, in bytes.
const LONGEST_STATEMENT: usize = 64 << 20;
/// `Code: 229`: longer than that.
const QUERY_IS_TOO_LARGE: u32 = 229;

/// A statement ready for its lane.
pub(crate) enum Work {
    Query(Query),
    Insert(Insert),
}

impl Work {
    /// Whether it adds rows.
    pub(crate) fn is_insert(&self) -> bool {
        match self {
            Self::Query(query) => query.statement.is_insert(),
            Self::Insert(_) => true,
        }
    }
}

/// An INSERT's data on its way from the connection to the lane thread.
pub(crate) struct Data {
    first: Bytes,
    rest: Incoming,
    chunks: mpsc::Sender<Chunk>,
}

impl Data {
    /// Moves the data until it ends or the lane thread takes no more of it, which its answer explains.
    pub(crate) async fn pump(self) {
        let Self { first, mut rest, chunks } = self;
        if !first.is_empty() && chunks.send(Chunk::Data(first)).await.is_err() {
            return;
        }
        while let Some(frame) = rest.frame().await {
            // Dropping the sender without an end makes the lane thread cancel the INSERT.
            let Ok(frame) = frame else { return };
            if let Ok(data) = frame.into_data()
                && chunks.send(Chunk::Data(data)).await.is_err()
            {
                return;
            }
        }
        // A refused end is an early answer too.
        let _ended_early = chunks.send(Chunk::End).await;
    }
}

/// Reads what has to be known before the statement can run; an INSERT's data is left to [`Data::pump`].
pub(crate) async fn read(
    mut body: Incoming,
    mut url: UrlParameters,
    read_only: bool,
) -> Result<(Work, Option<Data>), Exception> {
    let mut sql = url.query.take().unwrap_or_default().into_bytes();
    if !sql.is_empty() && !body.is_end_stream() {
        // As ClickHouse does: the line end is not part of an INSERT's data, see `inline_data`.
        sql.push(b'\n');
        let statement = Statement::of(&sql);
        if statement.has_data(&sql) {
            return Ok(insert(sql, statement, url, read_only, body));
        }
    }
    let complete = append(&mut body, &mut sql, HEAD).await?;
    let statement = Statement::of(&sql);
    if statement.has_data(&sql) {
        return Ok(insert(sql, statement, url, read_only, body));
    }
    if !complete {
        append(&mut body, &mut sql, LONGEST_STATEMENT).await?;
    }
    if sql.len() > LONGEST_STATEMENT {
        return Err(too_long());
    }
    if sql.trim_ascii().is_empty() {
        // libchdb answers an empty text with an empty result; ClickHouse's HTTP interface refuses it.
        return Err(Exception::new(SYNTAX_ERROR, "SYNTAX_ERROR", "Empty query"));
    }
    let statement = Statement::of(&sql);
    Ok((Work::Query(Query { sql, statement, url, read_only }), None))
}

/// The whole body as one statement.
pub(crate) async fn whole(mut body: Incoming) -> Result<Vec<u8>, Exception> {
    let mut sql = Vec::new();
    if append(&mut body, &mut sql, LONGEST_STATEMENT).await? { Ok(sql) } else { Err(too_long()) }
}

fn insert(
    sql: Vec<u8>,
    statement: Statement,
    url: UrlParameters,
    read_only: bool,
    rest: Incoming,
) -> (Work, Option<Data>) {
    let (head, format, data) = match statement {
        Statement::InsertData { head, format, data } => (head, format, data),
        _ => (sql.len(), String::new(), sql.len()),
    };
    let sql = Bytes::from(sql);
    let inline = inline_data(&sql[data..]);
    let first = sql.slice(sql.len() - inline.len()..);
    let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
    let work = Insert { head: sql[..head].to_vec(), format, url, read_only, chunks };
    (Work::Insert(work), Some(Data { first, rest, chunks: sender }))
}

/// Appends the body to `sql` until it ends (true) or `sql` is longer than `limit` (false).
async fn append(body: &mut Incoming, sql: &mut Vec<u8>, limit: usize) -> Result<bool, Exception> {
    while sql.len() <= limit {
        let Some(frame) = body.frame().await else { return Ok(true) };
        let frame = frame.map_err(|error| {
            let message = format!("Could not read the request's body: {error}");
            Exception::new(NETWORK_ERROR, "NETWORK_ERROR", &message)
        })?;
        if let Ok(data) = frame.into_data() {
            sql.extend_from_slice(&data);
        }
    }
    Ok(false)
}

fn too_long() -> Exception {
    let message = format!("The statement is longer than {LONGEST_STATEMENT} bytes");
    Exception::new(QUERY_IS_TOO_LARGE, "QUERY_IS_TOO_LARGE", &message)
}
