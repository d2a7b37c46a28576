//! From the engine's answer to the client's: bytes as they come.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body::{Frame, SizeHint};
use standpipe_core::access::Access;
use standpipe_core::read::{Answer, Broken, ReadBody};

/// Streams an answer, with its length where the engine says it. An error in its middle breaks the connection, so that half
/// an answer never looks whole.
pub fn stream(answer: Answer, access: Access) -> Response {
    let content_type = HeaderValue::from_static(answer.format.content_type);
    let body = HeldBody { body: answer.response.into_body(), _access: access };
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// An answer that holds the caller's snapshot of the catalog until its last byte: no table that it knows is dropped before.
struct HeldBody {
    body: ReadBody,
    _access: Access,
}

impl http_body::Body for HeldBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
