//! The client: one request per call, over a pool of kept connections.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, HeaderName, TE, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, Uri};
use secrecy::{ExposeSecret, SecretString};
use standpipe_sql::Sql;

use crate::response::{gather, text_header};
use crate::transport::{Address, AnswerBody, Transport};
use crate::{
    AnalyzeAnswer, Body, EngineStatus, Error, Internal, Lane, QueryOptions, QueryResponse, Statement, Summary, quote,
};

/// Most bytes of an error text or control answer that are read.
const SMALL_ANSWER_BYTES: usize = 4 << 20;
/// How long kill, ping and status may take; they never wait behind work, so a longer silence means a dead engine.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections to a server are given up before the server does it (its default is 3 s on old versions): a
/// statement sent on a connection that is just being closed has an unknown outcome.
const SERVER_IDLE: Duration = Duration::from_secs(2);
/// The embedded engine never closes an idle connection; this gives up what a burst left.
const EMBEDDED_IDLE: Duration = Duration::from_secs(90);

const LANE: HeaderName = HeaderName::from_static("x-standpipe-lane");
const USER: HeaderName = HeaderName::from_static("x-clickhouse-user");
const KEY: HeaderName = HeaderName::from_static("x-clickhouse-key");

/// A ClickHouse server (or cluster's front) and how to sign in.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where its HTTP interface is, for example `http://host:8123`.
    pub url: String,
    /// User name; ClickHouse's own default is `default`.
    pub user: String,
    /// The user's password, if any.
    pub password: Option<SecretString>,
}

/// Client of one ClickHouse. A clone shares its connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Arc<Transport>,
    /// The `Host` header.
    host: HeaderValue,
    /// What every path begins with; it ends in a slash.
    base: String,
    target: Target,
}

enum Target {
    /// Our own engine process.
    Embedded,
    /// A ClickHouse server: the headers that sign in.
    Server { user: HeaderValue, password: Option<HeaderValue> },
}

/// How far a running query has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows read so far.
    pub read_rows: u64,
    /// Rows that it will read, as far as ClickHouse knows; 0 when it does not.
    pub total_rows: u64,
    /// Rows written so far.
    pub written_rows: u64,
}

impl Client {
    /// A client of the embedded engine that listens on `socket`. It connects at the first request.
    ///
    /// # Errors
    /// [`Error::Protocol`] when the path is longer than the system allows for a socket.
    pub fn unix(socket: &Path) -> Result<Self, Error> {
        std::os::unix::net::SocketAddr::from_pathname(socket).map_err(|error| {
            Error::protocol(format!("cannot use '{}' as the engine's socket: {error}", socket.display()))
        })?;
        let transport = Transport::new(Address::Unix(socket.to_owned()), EMBEDDED_IDLE);
        let (host, base) = (HeaderValue::from_static("engine"), "/".to_owned());
        Ok(Client { inner: Arc::new(Inner { transport, host, base, target: Target::Embedded }) })
    }

    /// A client of a ClickHouse server. It connects at the first request.
    ///
    /// # Errors
    /// [`Error::Protocol`] when the address is not an `http` one, or user or password cannot be sent in a header.
    pub fn http(server: Server) -> Result<Self, Error> {
        let (address, host, base) = parse_url(&server.url)?;
        let transport = Transport::new(address, SERVER_IDLE);
        let user = credential("user", &server.user)?;
        let password = server.password.as_ref().map(|password| credential("password", password.expose_secret()));
        let target = Target::Server { user, password: password.transpose()? };
        Ok(Client { inner: Arc::new(Inner { transport, host, base, target }) })
    }

    /// Runs one statement and returns as soon as its answer begins.
    ///
    /// A server (not the embedded engine) is asked to gather the answer first, unless the options set
    /// `wait_end_of_query`: only then can no error hide in the middle of a successful answer.
    ///
    /// # Errors
    /// Any [`Error`] but `TooLarge` and `Incomplete`.
    pub async fn query(&self, sql: impl Into<Statement<'_>>, options: &QueryOptions) -> Result<QueryResponse, Error> {
        let sql = sql.into();
        let uri = self.uri("", None, options)?;
        let response = self.post(uri, options.lane, sql.as_str().to_owned()).await?;
        Ok(QueryResponse::new(response, options.answer_limit_bytes))
    }

    /// Sends rows: `statement` is an `INSERT ... FORMAT ...` and `body` its data.
    ///
    /// # Errors
    /// Any [`Error`]; where [`Error::is_outcome_unknown`], repeat with the same `insert_deduplication_token`.
    pub async fn insert(
        &self,
        statement: &Internal<Sql>,
        body: impl Into<Body>,
        options: &QueryOptions,
    ) -> Result<Summary, Error> {
        let uri = self.uri("", Some(statement.as_str()), options)?;
        finish(self.post(uri, options.lane, body).await?).await
    }

    /// Runs a statement that answers nothing, and waits for its end.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn execute(&self, ddl: &Internal<Sql>, options: &QueryOptions) -> Result<Summary, Error> {
        let uri = self.uri("", None, options)?;
        finish(self.post(uri, options.lane, ddl.as_str().to_owned()).await?).await
    }

    /// Tells what a text is and touches. Nothing of it is run, so it may be any string.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Protocol`] on a ClickHouse server, which has no such route.
    pub async fn analyze(&self, sql: &str, params: &[(String, String)]) -> Result<AnalyzeAnswer, Error> {
        // A server that does not know the route might take the text for a statement to run.
        self.require_embedded("analyze")?;
        let mut options = QueryOptions::new(Lane::Check);
        options.params = params.to_vec();
        let response = self.post(self.uri("analyze", None, &options)?, Lane::Check, sql.to_owned()).await?;
        let mut answer: AnalyzeAnswer = read_json(response).await?;
        answer.exception = answer.exception.map(crate::Exception::with_name);
        Ok(answer)
    }

    /// Cancels the run with this id; returns once the engine has been told, not once the run has ended.
    ///
    /// # Errors
    /// Any [`Error`]. An id that runs nowhere is no error.
    pub async fn kill(&self, query_id: &str) -> Result<(), Error> {
        let statement = Internal::<Sql>::new(format!("KILL QUERY WHERE {} ASYNC", self.is_run(query_id)));
        within_control_timeout(self.execute(&statement, &QueryOptions::new(Lane::Control))).await?;
        Ok(())
    }

    /// Whether a run with this id is listed: a killed one is until it has ended.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn is_running(&self, query_id: &str) -> Result<bool, Error> {
        Ok(self.progress(query_id).await?.is_some())
    }

    /// Whether this is the embedded engine, which ends a query by itself when its client leaves.
    pub fn is_embedded(&self) -> bool {
        matches!(self.inner.target, Target::Embedded)
    }

    /// How far the run with this id has come; `None` when it runs nowhere.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn progress(&self, query_id: &str) -> Result<Option<Progress>, Error> {
        let statement = Internal::<Sql>::new(format!(
            "SELECT read_rows, total_rows_approx, written_rows FROM system.processes WHERE {} LIMIT 1",
            self.is_run(query_id)
        ));
        let options = QueryOptions::new(Lane::Control).format("TabSeparated").answer_limit(1024);
        let answer = async { self.query(&statement, &options).await?.text().await };
        let text = within_control_timeout(answer).await?;
        let numbers: Option<Vec<u64>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some([]) => Ok(None),
            Some(&[read_rows, total_rows, written_rows]) => Ok(Some(Progress { read_rows, total_rows, written_rows })),
            _ => Err(Error::protocol(format!("could not read clickhouse's answer about a running query: '{text}'"))),
        }
    }

    /// The condition on `system.processes` that only the run with this id meets.
    fn is_run(&self, query_id: &str) -> String {
        match self.inner.target {
            // libchdb cannot set query ids: the engine process makes each run's log comment '<its own id> <query id>'.
            Target::Embedded => {
                let end = quote::string_literal(&format!(" {query_id}"));
                format!("endsWith(Settings['log_comment'], {end})")
            }
            Target::Server { .. } => format!("query_id = {}", quote::string_literal(query_id)),
        }
    }

    /// Succeeds when ClickHouse answers.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn ping(&self) -> Result<(), Error> {
        let answer = self.get("ping").await?;
        if answer.starts_with(b"Ok.") {
            return Ok(());
        }
        Err(Error::protocol("what answers at clickhouse's address is not clickhouse: its ping does not say 'Ok.'"))
    }

    /// What the embedded engine says about its lanes, memory and sandbox.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Protocol`] on a ClickHouse server, which has no such route.
    pub async fn status(&self) -> Result<EngineStatus, Error> {
        self.require_embedded("status")?;
        parse_json(&self.get("status").await?)
    }

    /// The version that ClickHouse tells about itself, for example `26.7.2.1`.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn version(&self) -> Result<String, Error> {
        let statement = Internal::<Sql>::new("SELECT version()");
        let options = QueryOptions::new(Lane::Control).format("TabSeparated").answer_limit(1024);
        let answer = async { self.query(&statement, &options).await?.text().await };
        Ok(within_control_timeout(answer).await?.trim_end().to_owned())
    }

    fn require_embedded(&self, route: &str) -> Result<(), Error> {
        match self.inner.target {
            Target::Embedded => Ok(()),
            Target::Server { .. } => Err(Error::protocol(format!(
                "cannot ask a clickhouse server for '/{route}': only the embedded engine has it"
            ))),
        }
    }

    fn uri(&self, route: &str, query: Option<&str>, options: &QueryOptions) -> Result<Uri, Error> {
        let mut pairs = options.url_pairs()?;
        if let (Target::Server { .. }, "") = (&self.inner.target, route)
            && !pairs.iter().any(|(name, _)| name == "wait_end_of_query")
        {
            pairs.push((Cow::from("wait_end_of_query"), "1"));
        }
        let mut uri = format!("{}{route}", self.inner.base);
        if query.is_some() || !pairs.is_empty() {
            uri.push('?');
            let begin = uri.len();
            let mut encoded = form_urlencoded::Serializer::for_suffix(uri, begin);
            uri = encoded.extend_pairs(query.map(|sql| ("query", sql))).extend_pairs(pairs).finish();
        }
        let length = uri.len();
        Uri::try_from(uri).map_err(|error| {
            Error::protocol(format!("cannot send {length} bytes of statement and settings in an address: {error}"))
        })
    }

    async fn post(&self, uri: Uri, lane: Lane, body: impl Into<Body>) -> Result<Response<AnswerBody>, Error> {
        self.send(self.request(Method::POST, uri, lane, body.into())).await
    }

    async fn get(&self, route: &str) -> Result<bytes::Bytes, Error> {
        let uri = self.uri(route, None, &QueryOptions::new(Lane::Control))?;
        let request = self.request(Method::GET, uri, Lane::Control, Body::from(""));
        within_control_timeout(async { gather(self.send(request).await?.into_body(), Some(SMALL_ANSWER_BYTES)).await })
            .await
    }

    fn request(&self, method: Method, uri: Uri, lane: Lane, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(HOST, self.inner.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("standpipe/", env!("CARGO_PKG_VERSION"))));
        match &self.inner.target {
            Target::Embedded => {
                headers.insert(LANE, HeaderValue::from_static(lane.as_str()));
                headers.insert(TE, HeaderValue::from_static("trailers"));
            }
            Target::Server { user, password } => {
                headers.insert(USER, user.clone());
                if let Some(password) = password {
                    headers.insert(KEY, password.clone());
                }
            }
        }
        request
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<AnswerBody>, Error> {
        let response = self.inner.transport.send(request).await?;
        let code = text_header(response.headers(), "x-clickhouse-exception-code").and_then(|code| code.parse().ok());
        if response.status().is_success() && code.is_none() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = gather(response.into_body(), Some(SMALL_ANSWER_BYTES)).await?;
        Err(Error::from_answer(status, code, &String::from_utf8_lossy(&body)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.inner.base).finish_non_exhaustive()
    }
}

/// Where a server listens, what it is called, and what its paths begin with.
fn parse_url(text: &str) -> Result<(Address, HeaderValue, String), Error> {
    // Credentials are not repeated in a message that ends up in a log.
    let shown = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let cannot =
        |why: &dyn fmt::Display| Error::protocol(format!("cannot use '{shown}' as clickhouse's address: {why}"));
    let uri: Uri = text.parse().map_err(|error| cannot(&error))?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let (Some("http"), Some(authority)) = (uri.scheme_str(), authority) else {
        return Err(cannot(&"write http://host:port, and user and password in their own settings"));
    };
    let host = HeaderValue::from_str(authority.as_str()).map_err(|error| cannot(&error))?;
    let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let base = format!("{}/", uri.path().trim_end_matches('/'));
    Ok((Address::Tcp { host: name, port: authority.port_u16().unwrap_or(80) }, host, base))
}

fn credential(what: &str, value: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Error::protocol(format!("cannot send clickhouse's {what}: it holds a control character")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Reads the rest of an answer that says nothing but that it worked.
async fn finish(response: Response<AnswerBody>) -> Result<Summary, Error> {
    let summary = response.body().summary();
    gather(response.into_body(), Some(SMALL_ANSWER_BYTES)).await?;
    Ok(summary.unwrap_or_default())
}

async fn read_json<T: serde::de::DeserializeOwned>(response: Response<AnswerBody>) -> Result<T, Error> {
    parse_json(&gather(response.into_body(), None).await?)
}

fn parse_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body)
        .map_err(|error| Error::protocol(format!("could not read the engine's answer as json: {error}")))
}

async fn within_control_timeout<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(CONTROL_TIMEOUT, answer).await {
        Ok(answer) => answer,
        Err(elapsed) => Err(Error::Unavailable { outcome_unknown: true, source: Box::new(elapsed) }),
    }
}
