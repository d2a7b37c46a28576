//! The engine's errors: ClickHouse's code and text, and the HTTP status that ClickHouse gives them.

use http::StatusCode;

/// `Code: 36`: an argument cannot be used.
pub(crate) const BAD_ARGUMENTS: u32 = 36;
/// `Code: 62`: text that is not a statement.
pub(crate) const SYNTAX_ERROR: u32 = 62;
/// `Code: 115`: no such setting.
pub(crate) const UNKNOWN_SETTING: u32 = 115;
/// `Code: 202`: a lane is full.
pub(crate) const TOO_MANY_SIMULTANEOUS_QUERIES: u32 = 202;
/// `Code: 209`: the client sends nothing.
pub(crate) const SOCKET_TIMEOUT: u32 = 209;
/// `Code: 210`: the client went away or takes nothing.
pub(crate) const NETWORK_ERROR: u32 = 210;
/// `Code: 396`: the result is larger than allowed.
pub(crate) const TOO_MANY_ROWS_OR_BYTES: u32 = 396;
/// `Code: 1001`: the engine failed without a code.
pub(crate) const STD_EXCEPTION: u32 = 1001;

/// An error of a statement, as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    /// ClickHouse's error code.
    pub(crate) code: u32,
    /// `Code: N. DB::Exception: ...`, without a line feed at the end.
    pub(crate) text: String,
}

impl Exception {
    /// An error of our own in ClickHouse's words; `name` is the code's name in capitals.
    pub(crate) fn new(code: u32, name: &str, message: &str) -> Self {
        Self { code, text: format!("Code: {code}. DB::Exception: {message}. ({name})") }
    }

    /// Reads the code out of the engine's text; a text without one becomes code 1001.
    pub(crate) fn from_engine(text: String) -> Self {
        let digits = text.strip_prefix("Code: ").map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        match digits.flatten().and_then(|digits| digits.parse().ok()) {
            Some(code) => Self { code, text },
            None => Self::new(STD_EXCEPTION, "STD_EXCEPTION", text.trim_end_matches('.')),
        }
    }

    /// The HTTP status for this code.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            // Text, values and syntax trees that cannot be read.
            6 | 25..=27 | 37 | 38 | 41 | 53 | 62 | 72 | 117 | 123 | 167 | 168 | 223 => StatusCode::BAD_REQUEST,
            // Unknown function, identifier, type, storage, table, aggregate function, format, query type, database,
            // database engine, setting, sort direction.
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 => StatusCode::NOT_FOUND,
            229 => StatusCode::PAYLOAD_TOO_LARGE,
            48 => StatusCode::NOT_IMPLEMENTED,
            76 | TOO_MANY_SIMULTANEOUS_QUERIES | SOCKET_TIMEOUT => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_comes_from_the_text() {
        let unknown = Exception::from_engine("Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)".to_owned());
        assert_eq!((unknown.code, unknown.status()), (60, StatusCode::NOT_FOUND));
    }

    #[test]
    fn a_text_without_a_code_gets_one() {
        let odd = Exception::from_engine("No active streaming query".to_owned());
        assert_eq!(odd.text, "Code: 1001. DB::Exception: No active streaming query. (STD_EXCEPTION)");
        assert_eq!((odd.code, odd.status()), (1001, StatusCode::INTERNAL_SERVER_ERROR));
    }
}
