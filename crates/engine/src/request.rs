//! Reads a request's URL: which parameters are ours, which are query parameters, which are engine settings.

use std::collections::HashSet;
use std::ffi::CString;

use crate::exception::{BAD_ARGUMENTS, Exception, UNKNOWN_SETTING};

/// Parameters of ClickHouse's HTTP interface that mean nothing here: no users, no compression, no progress headers.
const IGNORED: [&str; 7] =
    ["user", "password", "quota_key", "buffer_size", "stacktrace", "compress", "send_progress_in_http_headers"];

/// What the URL of one request says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct UrlParameters {
    /// `query=`, the statement or its beginning.
    pub(crate) query: Option<String>,
    /// `database=`, checked to be a plain name.
    pub(crate) database: Option<String>,
    /// `default_format=`, for statements without a FORMAT clause.
    pub(crate) default_format: Option<String>,
    /// `query_id=`.
    pub(crate) query_id: Option<String>,
    /// `wait_end_of_query=1`: do not stream.
    pub(crate) wait_end: bool,
    /// `param_<name>=<value>` as (name, value).
    pub(crate) parameters: Vec<(String, String)>,
    /// Everything else, as (name, value), names known to the engine.
    pub(crate) settings: Vec<(String, String)>,
}

impl UrlParameters {
    /// Reads the part of a URL after `?`; `known` holds the names of the engine's settings.
    pub(crate) fn parse(url_query: &str, known: &HashSet<String>) -> Result<Self, Exception> {
        let mut found = Self::default();
        for (name, value) in form_urlencoded::parse(url_query.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "query" => found.query = Some(value),
                "database" if value.is_empty() => {}
                "database" => found.database = Some(plain_name(value)?),
                "default_format" => found.default_format = Some(value).filter(|format| !format.is_empty()),
                "query_id" => found.query_id = Some(value).filter(|id| !id.is_empty()),
                "wait_end_of_query" => found.wait_end = value != "0",
                ignored if IGNORED.contains(&ignored) => {}
                name => match name.strip_prefix("param_") {
                    Some(parameter) => found.parameters.push((parameter.to_owned(), value)),
                    None => found.settings.push((known_setting(name, known)?, value)),
                },
            }
        }
        Ok(found)
    }

    /// A setting's value, the last one when it is given twice.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

fn plain_name(name: String) -> Result<String, Exception> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain && !name.as_bytes()[0].is_ascii_digit() {
        return Ok(name);
    }
    let message = format!("Database name '{name}' cannot be used: only letters, digits and '_' are allowed");
    Err(Exception::new(BAD_ARGUMENTS, "BAD_ARGUMENTS", &message))
}

/// `log_comment` carries the id by which a query is cancelled, so nobody else may set it.
fn known_setting(name: &str, known: &HashSet<String>) -> Result<String, Exception> {
    if name == "log_comment" {
        let message = "Setting 'log_comment' belongs to the engine process, use query_id instead";
        return Err(Exception::new(BAD_ARGUMENTS, "BAD_ARGUMENTS", message));
    }
    if known.contains(name) {
        return Ok(name.to_owned());
    }
    let message = format!("Setting '{name}' is neither a builtin setting nor a parameter of the HTTP interface");
    Err(Exception::new(UNKNOWN_SETTING, "UNKNOWN_SETTING", &message))
}

/// `--name=value` for the engine's command line.
pub(crate) fn connect_argument(name: &str, value: &str) -> Result<CString, Exception> {
    CString::new(format!("--{name}={value}")).map_err(|_| {
        let message = format!("The value of '{name}' contains a zero byte");
        Exception::new(BAD_ARGUMENTS, "BAD_ARGUMENTS", &message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url_query: &str) -> Result<UrlParameters, String> {
        let known = HashSet::from(["max_threads".to_owned(), "log_comment".to_owned()]);
        UrlParameters::parse(url_query, &known).map_err(|error| error.text)
    }

    #[test]
    fn parameters_are_told_apart() {
        let found =
            parse("query=SELECT+%7Bx:Int8%7D&database=ws_1&param_x=5&max_threads=2&query_id=q&user=me").unwrap();
        assert_eq!(found.query.as_deref(), Some("SELECT {x:Int8}"));
        assert_eq!(found.database.as_deref(), Some("ws_1"));
        assert_eq!(found.parameters, [("x".to_owned(), "5".to_owned())]);
        assert_eq!(found.setting("max_threads"), Some("2"));
        assert_eq!(found.query_id.as_deref(), Some("q"));
    }

    #[test]
    fn unknown_settings_and_ours_are_refused_by_name() {
        assert!(parse("path=/etc").unwrap_err().starts_with("Code: 115. DB::Exception: Setting 'path' is neither"));
        assert!(parse("log_comment=x").unwrap_err().contains("'log_comment' belongs"));
    }

    #[test]
    fn a_database_is_a_plain_name() {
        assert!(parse("database=a`b").unwrap_err().starts_with("Code: 36. DB::Exception: Database name 'a`b'"));
        assert!(parse("database=1a").is_err());
    }
}
