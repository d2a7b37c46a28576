//! What travels beside a statement: lane, ids, settings and parameters.

use std::borrow::Cow;

use crate::Error;

/// Which of the engine's bounded lanes a request takes. A ClickHouse server ignores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lane {
    /// Kill and readiness; never queued behind work.
    Control,
    /// Inspection of statements.
    Check,
    /// Inserts of users' rows.
    Insert,
    /// Users' queries.
    #[default]
    Read,
    /// Our own statements that do not take long: DDL, questions, service data.
    Background,
    /// The statements of jobs, which may take hours.
    Job,
}

impl Lane {
    /// The lane's name in the `X-Standpipe-Lane` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Lane::Control => "control",
            Lane::Check => "check",
            Lane::Insert => "insert",
            Lane::Read => "read",
            Lane::Background => "background",
            Lane::Job => "job",
        }
    }
}

/// How one statement is to be run.
#[derive(Debug, Clone, Default)]
pub struct QueryOptions {
    /// The lane to run in.
    pub lane: Lane,
    /// Unique id of the run, for logs and [`crate::Client::kill`]; the engine makes one when absent.
    pub query_id: Option<String>,
    /// Database that unqualified table names mean.
    pub database: Option<String>,
    /// Output format of a statement that names none.
    pub format: Option<String>,
    /// ClickHouse settings for this run only.
    pub settings: Vec<(Cow<'static, str>, String)>,
    /// Values of `{name:Type}` placeholders, without the `param_` prefix, in ClickHouse's escaped text form
    /// (see [`crate::quote::param_value`]).
    pub params: Vec<(String, String)>,
    /// Most bytes that [`crate::QueryResponse::bytes`] and its kin gather; `None` is no limit.
    pub answer_limit_bytes: Option<usize>,
}

impl QueryOptions {
    /// Options for `lane` with everything else absent.
    pub fn new(lane: Lane) -> Self {
        QueryOptions { lane, ..QueryOptions::default() }
    }

    /// Names the run; see [`QueryOptions::query_id`].
    pub fn query_id(mut self, id: impl Into<String>) -> Self {
        self.query_id = Some(id.into());
        self
    }

    /// Sets the database of unqualified names.
    pub fn database(mut self, name: impl Into<String>) -> Self {
        self.database = Some(name.into());
        self
    }

    /// Sets the output format, for example `JSONEachRow`.
    pub fn format(mut self, name: impl Into<String>) -> Self {
        self.format = Some(name.into());
        self
    }

    /// Adds a setting.
    pub fn setting(mut self, name: impl Into<Cow<'static, str>>, value: impl ToString) -> Self {
        self.settings.push((name.into(), value.to_string()));
        self
    }

    /// Adds the value of a placeholder; see [`QueryOptions::params`].
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Bounds the gathered answer; see [`QueryOptions::answer_limit_bytes`].
    pub fn answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit_bytes = Some(bytes);
        self
    }

    /// The URL parameters these options become.
    ///
    /// # Errors
    /// [`Error::Protocol`] when a setting or parameter has a name that would change another URL parameter.
    pub(crate) fn url_pairs(&self) -> Result<Vec<(Cow<'_, str>, &str)>, Error> {
        let mut pairs: Vec<(Cow<'_, str>, &str)> = Vec::with_capacity(3 + self.settings.len() + self.params.len());
        let named = [("database", &self.database), ("default_format", &self.format), ("query_id", &self.query_id)];
        pairs.extend(named.into_iter().filter_map(|(name, value)| Some((Cow::from(name), value.as_deref()?))));
        for (name, value) in &self.settings {
            if !is_setting_name(name) {
                return Err(Error::protocol(format!("cannot send '{name}' as a setting: it is not a setting's name")));
            }
            pairs.push((Cow::from(name.as_ref()), value));
        }
        for (name, value) in &self.params {
            if !is_word(name) {
                return Err(Error::protocol(format!("cannot send '{name}' as a query parameter's name")));
            }
            pairs.push((Cow::from(format!("param_{name}")), value));
        }
        Ok(pairs)
    }
}

/// URL parameters that are part of the protocol, so that no setting may be called so.
const RESERVED: &[&str] =
    &["query", "query_id", "database", "default_format", "user", "password", "session_id", "role", "quota_key"];

fn is_setting_name(name: &str) -> bool {
    is_word(name) && !name.starts_with("param_") && !RESERVED.contains(&name)
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_url_parameters() {
        let options = QueryOptions::new(Lane::Read)
            .query_id("q1")
            .database("ws")
            .format("JSON")
            .setting("max_threads", 1)
            .param("n", "3");
        let pairs = options.url_pairs().unwrap();
        let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(text, ["database=ws", "default_format=JSON", "query_id=q1", "max_threads=1", "param_n=3"]);
    }

    #[test]
    fn a_setting_cannot_pose_as_another_parameter() {
        for name in ["query", "database", "param_x", "a b", "", "a&b"] {
            let options = QueryOptions::new(Lane::Read).setting(name, 1);
            assert!(options.url_pairs().is_err(), "'{name}' was accepted as a setting");
        }
        assert!(QueryOptions::new(Lane::Read).param("x&query", "1").url_pairs().is_err());
    }
}
