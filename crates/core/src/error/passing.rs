//! Which errors are worth another try.

use standpipe_clickhouse::codes;

use super::Error;

impl Error {
    /// Whether it says more about the moment than about the work: the same may succeed when it is tried again. What the
    /// engine raises passes, unless it is about the text, the names in it or their types: a view that is given up for a
    /// moment's sake loses rows, and a job that is run again for nothing only ends a little later.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::CheckTimeout { .. }
            | Error::EngineUnavailable { .. }
            | Error::TooManyReads { .. }
            | Error::QueueTimeout { .. }
            | Error::Busy
            | Error::Internal { .. } => true,
            Error::Engine { code, .. } => !is_about_text(*code),
            _ => false,
        }
    }
}

/// Whether the engine raises it again whenever it sees the same text over the same tables. Subqueries in the place of values
/// are run when a text is looked at, so that rows can be the reason, too.
fn is_about_text(code: i32) -> bool {
    use codes::*;
    matches!(
        code,
        UNSUPPORTED_METHOD
            | BAD_ARGUMENTS
            | CANNOT_PARSE_TEXT
            | NUMBER_OF_ARGUMENTS_DOESNT_MATCH
            | ILLEGAL_TYPE_OF_ARGUMENT
            | UNKNOWN_FUNCTION
            | UNKNOWN_IDENTIFIER
            | NOT_IMPLEMENTED
            | UNKNOWN_TYPE
            | TYPE_MISMATCH
            | TABLE_ALREADY_EXISTS
            | UNKNOWN_TABLE
            | SYNTAX_ERROR
            | CANNOT_CONVERT_TYPE
            | UNKNOWN_FORMAT
            | UNKNOWN_DATABASE
            | UNKNOWN_SETTING
            | INCORRECT_RESULT_OF_SCALAR_SUBQUERY
            | READONLY
            | MULTIPLE_EXPRESSIONS_FOR_ALIAS
            | ILLEGAL_FINAL
            | ILLEGAL_AGGREGATION
            | AMBIGUOUS_IDENTIFIER
            | NOT_AN_AGGREGATE
            | SUPPORT_IS_DISABLED
            | NO_COMMON_TYPE
            | FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
            | INVALID_JOIN_ON_EXPRESSION
            | UNKNOWN_QUERY_PARAMETER
            | BAD_QUERY_PARAMETER
            | ACCESS_DENIED
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
            engine(-1),
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
        ] {
            assert!(!lasting.is_passing(), "{lasting:?}");
        }
    }
}
