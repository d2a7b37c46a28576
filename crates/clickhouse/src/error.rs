//! What can go wrong between the product and ClickHouse.

use crate::{Exception, codes};

/// The outcome of a request that gave no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answered: the connection could not be made, or it broke before the answer began.
    #[error("could not reach clickhouse{}", if *.outcome_unknown { ": the connection broke before it answered" } else { "" })]
    Unavailable {
        /// True when the statement had been sent, so that it may or may not have taken effect.
        outcome_unknown: bool,
        /// What the transport said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer began and did not end: the query failed half-way, or the engine died.
    #[error("clickhouse's answer broke off before its end")]
    Incomplete {
        /// What the transport said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The lane's queue, or the server's limit of simultaneous queries, is full; nothing was run.
    #[error("clickhouse is busy: {message}")]
    Busy {
        /// ClickHouse's text.
        message: String,
    },
    /// ClickHouse refused or failed the statement.
    #[error(transparent)]
    Exception(#[from] Exception),
    /// The answer is larger than the caller's limit; the rest of it was not read.
    #[error("the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// [`crate::QueryOptions::answer_limit_bytes`].
        limit_bytes: usize,
    },
    /// The other side does not speak the protocol, or was asked for what it does not have.
    #[error("{message}")]
    Protocol {
        /// What was tried and what came back.
        message: String,
    },
}

impl Error {
    /// ClickHouse's error code, where ClickHouse raised the error.
    pub fn code(&self) -> Option<i32> {
        match self {
            Error::Exception(exception) => Some(exception.code),
            Error::Busy { .. } => Some(codes::TOO_MANY_SIMULTANEOUS_QUERIES),
            _ => None,
        }
    }

    /// Whether the statement may have taken effect although no answer says so.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Error::Unavailable { outcome_unknown: true, .. } | Error::Incomplete { .. })
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Error::Protocol { message: message.into() }
    }

    /// A failure before the answer's head; `outcome_unknown` when the statement may have been sent.
    pub(crate) fn unavailable(
        outcome_unknown: bool,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Error::Unavailable { outcome_unknown, source: source.into() }
    }

    /// A failure inside the answer's body.
    pub(crate) fn incomplete(source: hyper::Error) -> Self {
        Error::Incomplete { source: Box::new(source) }
    }

    /// Reads a failed answer: a code in the header, or only the text on old servers.
    pub(crate) fn from_answer(status: u16, code: Option<i32>, body: &str) -> Self {
        match Exception::parse(code, body) {
            Some(exception) if exception.code == codes::TOO_MANY_SIMULTANEOUS_QUERIES => {
                Error::Busy { message: exception.message }
            }
            Some(exception) => Error::Exception(exception),
            None => {
                let start: String = body.chars().take(200).collect();
                Error::protocol(format!("clickhouse answered with status {status} and no error code: '{start}'"))
            }
        }
    }
}
