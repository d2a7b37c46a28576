//! Where a sink writes: a bucket and a path in it.

use crate::error::{Error, Result};

/// A bucket and a path in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The bucket.
    pub bucket: String,
    /// Where below it; no slash at its ends, empty for the bucket itself.
    pub prefix: String,
}

impl Destination {
    /// Reads `s3://bucket/prefix` (`gs://`, `gcs://`). Errors say which part is wrong.
    pub fn parse(uri: &str) -> Result<Destination> {
        let refuse = |reason: &str| {
            Err(Error::bad_request(format!("path '{uri}' cannot be written to: {reason}; write s3://bucket/prefix")))
        };
        let Some((scheme, rest)) = uri.trim().split_once("://") else { return refuse("it names no bucket") };
        if !["s3", "gs", "gcs"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return refuse("only s3:// and gs:// are known");
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if bucket.len() < 3 || bucket.len() > 222 || !bucket.bytes().all(is_name) || bucket.contains("..") {
            return refuse("a bucket's name has 3 or more letters, digits, dots and dashes");
        }
        let segments: Vec<&str> = prefix.split('/').filter(|segment| !segment.is_empty()).collect();
        if segments.iter().any(|segment| matches!(*segment, "." | "..")) {
            return refuse("'.' and '..' are no folders here");
        }
        if prefix.chars().any(|c| c.is_control() || matches!(c, '\\' | '{' | '}' | '?' | '*')) {
            return refuse("it holds a character that folders cannot have; placeholders belong into file_template");
        }
        Ok(Destination { bucket: bucket.to_owned(), prefix: segments.join("/") })
    }

    /// The key of a file below the path.
    pub fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_paths() {
        for (uri, bucket, prefix) in [
            ("s3://bucket-name/prefix", "bucket-name", "prefix"),
            ("s3://bucket", "bucket", ""),
            (" gs://b.c.d//x///y/ ", "b.c.d", "x/y"),
        ] {
            let found = Destination::parse(uri).unwrap();
            assert_eq!((found.bucket.as_str(), found.prefix.as_str()), (bucket, prefix));
        }
        assert_eq!(Destination::parse("s3://bucket/a").unwrap().key("b.csv"), "a/b.csv");
        assert_eq!(Destination::parse("s3://bucket").unwrap().key("b.csv"), "b.csv");
        for bad in [
            "",
            "bucket/x",
            "http://bucket/x",
            "s3://",
            "s3://a/b",
            "s3://b ck/x",
            "s3://bucket/../x",
            "s3://bucket/{d}",
            "s3://b..c/",
        ] {
            assert!(Destination::parse(bad).is_err(), "{bad}");
        }
    }
}
