//! From the engine's answer to the client's: bytes as they come.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body::{Body as _, Frame, SizeHint};
use standpipe_core::read::{Answer, Broken, ReadBody};

use super::observed::Recording;
use crate::error::ApiError;

/// Answers with data or with the error in its place, and records how it ends.
pub fn respond(answered: Result<Answer, ApiError>, recording: Recording) -> Result<Response, ApiError> {
    match answered {
        Ok(answer) => Ok(stream(answer, recording)),
        Err(error) => {
            recording.failed(&error);
            Err(error)
        }
    }
}

/// Streams an answer, with its length where the engine says it. An error in its middle breaks the connection, so that half
/// an answer never looks whole.
fn stream(answer: Answer, recording: Recording) -> Response {
    let content_type = HeaderValue::from_static(answer.format.content_type);
    let body = RecordedBody { body: answer.response.into_body(), recording: Some(recording) };
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// An answer that is recorded at its end. With the recording it holds the caller's snapshot of the catalog until then.
struct RecordedBody {
    body: ReadBody,
    recording: Option<Recording>,
}

impl Drop for RecordedBody {
    fn drop(&mut self) {
        // An answer of known length is not asked for its end once all of it is there, one to HEAD for nothing at all.
        let ended = |recording: &mut Recording| self.body.is_end_stream() || recording.is_head();
        if let Some(recording) = self.recording.take_if(ended) {
            recording.succeeded(self.body.summary());
        }
    }
}

impl http_body::Body for RecordedBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let summary = self.body.summary();
        match &frame {
            Poll::Ready(None) => self.recording.take().into_iter().for_each(|it| it.succeeded(summary)),
            Poll::Ready(Some(Err(_))) => self.recording.take().into_iter().for_each(|it| it.broke_off(summary)),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
