//! Which errors are worth another try.

use standpipe_clickhouse::codes;

use super::Error;

impl Error {
    /// Whether it says more about the moment than about the work: the same may succeed when it is tried again.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::CheckTimeout { .. }
            | Error::EngineUnavailable { .. }
            | Error::TooManyReads { .. }
            | Error::QueueTimeout { .. }
            | Error::Busy
            | Error::Internal { .. } => true,
            Error::Engine { code, .. } => is_about_moment(*code),
            _ => false,
        }
    }
}

/// Whether the engine raises it for want of something that it may have a moment later. What is not known to be so is not:
/// nobody's writes wait for ever because of a view that the engine will never take.
fn is_about_moment(code: i32) -> bool {
    use codes::*;
    matches!(
        code,
        CANNOT_READ_FROM_FILE_DESCRIPTOR
            | CANNOT_WRITE_TO_FILE_DESCRIPTOR
            | CANNOT_OPEN_FILE
            | TIMEOUT_EXCEEDED
            | TOO_SLOW
            | CANNOT_ALLOCATE_MEMORY
            | TOO_MANY_SIMULTANEOUS_QUERIES
            | SOCKET_TIMEOUT
            | NETWORK_ERROR
            | ABORTED
            | MEMORY_LIMIT_EXCEEDED
            | TABLE_IS_READ_ONLY
            | NOT_ENOUGH_SPACE
            | TOO_MANY_PARTS
            | QUERY_WAS_CANCELLED
            | CANNOT_SCHEDULE_TASK
            | KEEPER_EXCEPTION
            | POCO_EXCEPTION
            | STD_EXCEPTION
            | UNKNOWN_EXCEPTION
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_moment_passes() {
        let engine = |code| Error::Engine { code, message: String::new() };
        for passing in [
            Error::CheckTimeout { seconds: 3 },
            Error::EngineUnavailable { action: "check the query" },
            Error::Busy,
            Error::internal("the store failed"),
            engine(codes::MEMORY_LIMIT_EXCEEDED),
            engine(codes::TOO_MANY_SIMULTANEOUS_QUERIES),
            engine(codes::TIMEOUT_EXCEEDED),
            engine(codes::NOT_ENOUGH_SPACE),
        ] {
            assert!(passing.is_passing(), "{passing:?}");
        }
        for lasting in [
            Error::Timeout { seconds: 3 },
            Error::bad_request("no"),
            Error::JobLimit { message: String::new() },
            engine(codes::UNKNOWN_TABLE),
            engine(codes::UNKNOWN_IDENTIFIER),
            engine(codes::TYPE_MISMATCH),
            engine(-1),
        ] {
            assert!(!lasting.is_passing(), "{lasting:?}");
        }
    }
}
