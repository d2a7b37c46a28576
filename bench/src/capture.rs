//! What the server sends to its engine for an endpoint: read from the server's own log, in a run made for it.

use std::path::Path;

use anyhow::{Context, Result};
use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use crate::client::Call;
use crate::load::Target;
use crate::server::Server;

/// The environment of the run that logs statements.
pub(crate) const ENVIRONMENT: [(&str, &str); 2] =
    [("STANDPIPE_LOG__FORMAT", "json"), ("STANDPIPE_LOG__LEVEL", "info,standpipe::query=debug")];

/// A statement as the server sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Statement {
    /// The endpoint that it is of.
    pub(crate) pipe: String,
    /// The text, with names resolved.
    pub(crate) sql: String,
    /// The format of the answer.
    pub(crate) format: String,
    /// Settings in the order they are sent.
    pub(crate) settings: Vec<(String, String)>,
}

/// The server's log line of a statement.
#[derive(Debug, Deserialize)]
struct Line {
    target: String,
    query_id: Option<String>,
    format: Option<String>,
    settings: Option<String>,
    sql: Option<String>,
}

/// Asks the endpoint of `pipe` once and reads from `log` what the server sent.
pub(crate) async fn statement(server: &Server, log: &Path, pipe: &str) -> Result<Statement> {
    let answer = server.call(Method::GET, &format!("/v0/pipes/{pipe}.json"), "").await?;
    let id = answer.headers.get("x-request-id").context("the answer has no x-request-id")?.to_str()?;
    find(&std::fs::read_to_string(log)?, id, pipe).with_context(|| format!("the log has no statement of request {id}"))
}

fn find(log: &str, id: &str, pipe: &str) -> Option<Statement> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let line =
        lines.filter(|line| line.target == "standpipe::query").find(|line| line.query_id.as_deref() == Some(id))?;
    let settings = serde_json::from_str(&line.settings?).ok()?;
    Some(Statement { pipe: pipe.to_owned(), sql: line.sql?, format: line.format?, settings })
}

impl Statement {
    /// The same request to the engine's own socket.
    pub(crate) fn to_engine(&self, server: &Server) -> Result<Target> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("default_format", &self.format).extend_pairs(&self.settings);
        let path = format!("/?query_id={{id}}&{}", query.finish());
        Ok(Target { address: server.engine(), call: engine_call(&path, self.sql.clone())?.into() })
    }

    /// The request to the endpoint.
    pub(crate) fn to_endpoint(&self, server: &Server) -> Result<Target> {
        server.target(Method::GET, &format!("/v0/pipes/{}.json", self.pipe), "")
    }
}

/// A request to the engine's socket, on the lane of users' queries.
pub(crate) fn engine_call(path: &str, sql: String) -> Result<Call> {
    let header = (HeaderName::from_static("x-standpipe-lane"), HeaderValue::from_static("read"));
    Ok(Call { method: Method::POST, path: path.to_owned(), header, body: sql.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_found_by_its_requests_id() {
        let log = r#"{"target":"standpipe_server::serve","message":"listening"}
not json
{"target":"standpipe::query","query_id":"A","format":"JSON","settings":"[[\"readonly\",\"1\"]]","sql":"SELECT 1"}
{"target":"standpipe::query","query_id":"B","format":"JSON","settings":"[]","sql":"SELECT 2"}"#;
        let found = find(log, "A", "p").unwrap();
        assert_eq!((found.sql.as_str(), found.format.as_str()), ("SELECT 1", "JSON"));
        assert_eq!(found.settings, [("readonly".to_owned(), "1".to_owned())]);
        assert_eq!(find(log, "B", "p").unwrap().sql, "SELECT 2");
        assert!(find(log, "C", "p").is_none());
    }
}
