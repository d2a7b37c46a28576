//! What the tests are made of.

mod answer;
mod app;
mod client;
mod engine;
mod file;
mod google;
mod redact;
mod s3;
mod slow;
mod wait;

pub(crate) use answer::Answer;
pub(crate) use app::TestApp;
pub(crate) use client::{Client, Request};
pub(crate) use file::assert_file;
pub(crate) use google::{OTHER_PRIVATE_KEY, PRIVATE_KEY, key_file};
pub(crate) use redact::redact;
pub(crate) use s3::{KEY, Part, S3Server, SECRET};
pub(crate) use slow::SlowChecks;

/// Compresses as clients do.
pub(crate) fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}
