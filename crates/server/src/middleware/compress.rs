//! gzip and zstd for clients that take them.
//!
//! What has been compressed is handed on as soon as no more rows are there, so that a stream's rows arrive when they come.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body::Body;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, Predicate, SizeAbove};

/// Answers shorter than this fit into a packet or two anyway.
const SMALLEST: u64 = 1024;

/// Compresses text that is worth it, by `Accept-Encoding`; `Vary` says so.
pub(super) fn layer() -> CompressionLayer<And<SizeAbove, IsText>> {
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(SizeAbove::new(SMALLEST).and(IsText))
}

/// Passes what is text: Parquet and the other binary formats are compressed already, or meant for fast links.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsText;

impl Predicate for IsText {
    fn should_compress<B: Body>(&self, response: &http::Response<B>) -> bool {
        is_text(response.headers())
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
    [&b"text/"[..], b"application/json", b"application/x-ndjson", b"application/xml", b"application/openmetrics-text"]
        .iter()
        .any(|text| content_type.starts_with(text))
}
