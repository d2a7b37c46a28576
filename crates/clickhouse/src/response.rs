//! The answer to a query.

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http::header::TRAILER;
use http::{HeaderMap, Response};
use http_body::Body;
use http_body_util::{BodyDataStream, BodyExt};
use serde::de::DeserializeOwned;

use crate::transport::AnswerBody;
use crate::{Error, Summary};

/// The answer to a query whose body has yet to be read.
///
/// Dropping it, or the stream made of it, closes the connection; the embedded engine then cancels the query.
#[derive(Debug)]
pub struct QueryResponse {
    /// The id under which the query ran.
    pub query_id: Option<String>,
    /// The body's format, for example `JSON`.
    pub format: Option<String>,
    /// The body's media type.
    pub content_type: Option<String>,
    /// Counts known when the answer began. Final for answers that were gathered first, early for streamed ones: see
    /// [`AnswerBody::summary`].
    pub summary: Option<Summary>,
    /// Whether [`AnswerBody::summary`] is final when the body was read to its end. The embedded engine sends the counts
    /// behind a stream; a ClickHouse server does not.
    pub ends_with_summary: bool,
    /// Copied from the options.
    limit_bytes: Option<usize>,
    body: AnswerBody,
}

impl QueryResponse {
    pub(crate) fn new(response: Response<AnswerBody>, limit_bytes: Option<usize>) -> Self {
        let headers = response.headers();
        QueryResponse {
            query_id: text_header(headers, "x-clickhouse-query-id"),
            format: text_header(headers, "x-clickhouse-format"),
            content_type: text_header(headers, "content-type"),
            summary: response.body().summary(),
            ends_with_summary: headers.contains_key(TRAILER) || response.body().size_hint().exact().is_some(),
            limit_bytes,
            body: response.into_body(),
        }
    }

    /// Gathers the body.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond the options' limit, [`Error::Incomplete`] when the answer breaks off.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        let limit = self.limit_bytes;
        gather(self.body, limit).await
    }

    /// Gathers the body as text.
    ///
    /// # Errors
    /// As [`QueryResponse::bytes`], and [`Error::Protocol`] when the body is not UTF-8.
    pub async fn text(self) -> Result<String, Error> {
        let bytes = self.bytes().await?;
        String::from_utf8(bytes.into())
            .map_err(|error| Error::protocol(format!("clickhouse's answer is not UTF-8 text: {error}")))
    }

    /// Gathers the body and reads it as one JSON document.
    ///
    /// # Errors
    /// As [`QueryResponse::bytes`], and [`Error::Protocol`] when the body is not such a document.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::protocol(format!("could not read clickhouse's answer as json: {error}")))
    }

    /// The body as it arrives, not bounded. An error is its last frame.
    pub fn into_body(self) -> AnswerBody {
        self.body
    }

    /// The body as it arrives, not bounded. An error is its last item.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        BodyDataStream::new(self.body)
    }
}

/// Reads the whole body, up to `limit_bytes`.
pub(crate) async fn gather(mut body: AnswerBody, limit_bytes: Option<usize>) -> Result<Bytes, Error> {
    let limit = limit_bytes.unwrap_or(usize::MAX);
    let too_large = || Error::TooLarge { limit_bytes: limit };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let Some(first) = next_chunk(&mut body).await? else { return Ok(Bytes::new()) };
    // Most answers are one chunk: hand it on without a copy.
    let Some(second) = next_chunk(&mut body).await? else {
        return if first.len() > limit { Err(too_large()) } else { Ok(first) };
    };
    let mut all = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        if all.len() + chunk.len() > limit {
            return Err(too_large());
        }
        all.extend_from_slice(&chunk);
        next = next_chunk(&mut body).await?;
    }
    Ok(all.freeze())
}

/// The next bytes.
async fn next_chunk(body: &mut AnswerBody) -> Result<Option<Bytes>, Error> {
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame?.into_data() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}

pub(crate) fn text_header(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
