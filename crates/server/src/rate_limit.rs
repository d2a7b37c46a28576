//! The headers that tell a client about a limit on how often it may ask.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What a client may know of a limit that counts its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests allowed in the window, or at once.
    pub limit: u64,
    /// Of these, how many are left.
    pub remaining: u64,
    /// Time until there are more.
    pub reset: Duration,
}

impl RateLimit {
    /// Tells of the limit in an answer of any status.
    pub fn tell(self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(self.reset_seconds()));
    }

    /// Tells of the limit in an answer that refuses the request.
    pub fn refuse(self, headers: &mut HeaderMap) {
        self.tell(headers);
        headers.insert(RETRY_AFTER, HeaderValue::from(self.reset_seconds().max(1)));
    }

    /// Whole seconds from now, rounded up: not a time of the clock.
    fn reset_seconds(self) -> u64 {
        self.reset.as_secs() + u64::from(self.reset.subsec_nanos() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_four_headers_in_whole_seconds() {
        let mut headers = HeaderMap::new();
        RateLimit { limit: 20, remaining: 0, reset: Duration::from_millis(1200) }.refuse(&mut headers);
        let shown: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        let expected = ["x-ratelimit-limit: 20", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 2", "retry-after: 2"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn trying_again_at_once_is_never_advised() {
        let mut headers = HeaderMap::new();
        RateLimit { limit: 1, remaining: 0, reset: Duration::ZERO }.refuse(&mut headers);
        assert_eq!((&headers[RESET], &headers[RETRY_AFTER]), (&"0".parse().unwrap(), &"1".parse().unwrap()));
    }
}
