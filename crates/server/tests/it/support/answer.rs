//! An answer of the API, and what tests ask of it.

use axum::body::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::redact;

/// A whole answer.
pub(crate) struct Answer {
    /// The request, for messages.
    pub(crate) what: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// What holds for every answer: an id; no fault of ours; 401 only for what others think of credentials, and 422 for
    /// failing views; errors are JSON that says why.
    #[track_caller]
    pub(super) fn check_manners(&self) {
        assert!(self.header("x-request-id").is_some(), "{}: no request id", self.what);
        let code = || self.json()["code"].clone();
        let is_strange = match self.status {
            401 => code() != "credentials_refused",
            422 => code() != "view_failed",
            status => status == 500,
        };
        assert!(!is_strange, "{}: {} {}", self.what, self.status, self.text());
        if self.status >= 400 && !self.body.is_empty() {
            assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.what);
            let json = self.json();
            assert!(json["error"].as_str().is_some_and(|text| !text.is_empty()), "{}: {json}", self.what);
        }
    }

    #[track_caller]
    pub(crate) fn assert_status(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}: {}", self.what, self.text());
        self
    }

    /// Asserts the status of an error and hands out its message.
    #[track_caller]
    pub(crate) fn assert_error(self, status: u16) -> String {
        let answer = self.assert_status(status);
        answer.json()["error"].as_str().unwrap_or_else(|| panic!("{}: no error", answer.what)).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|error| panic!("{}: {error}", self.what))
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {}", self.what, self.text()))
    }

    /// The body as JSON for people, with ids, times and tokens replaced by names.
    #[track_caller]
    pub(crate) fn shown(&self) -> String {
        serde_json::to_string_pretty(&redact(self.json())).unwrap()
    }
}
