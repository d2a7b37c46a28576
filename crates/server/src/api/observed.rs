//! What service data records of a request for data: how it came and how it ended. What a body brought is never recorded,
//! nor is a token.

mod address;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::header::USER_AGENT;
use http::request::Parts;
use http::{HeaderValue, Method, Uri};
use jiff::Timestamp;
use standpipe_clickhouse::Summary;
use standpipe_core::access::Access;
use standpipe_core::model::Pipe;
use standpipe_core::service_data::{EndpointErrorRow, PipeStatsRow, ServiceData};
use tokio::time::Instant;

use self::address::Address;
use crate::app::App;
use crate::error::ApiError;

/// Id and name under which requests of the Query API are recorded.
const QUERY_API: &str = "query_api";

/// The status that is recorded of a client that left before the end; nobody is answered with it.
const CLIENT_LEFT: u16 = 499;

/// How a request came. Taken before its body is read, so that its time counts from there.
#[derive(Clone, Debug)]
pub struct Observed {
    began: Instant,
    at: Timestamp,
    method: Method,
    uri: Uri,
    user_agent: Option<HeaderValue>,
    client: Option<IpAddr>,
}

impl FromRequestParts<App> for Observed {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Observed, Infallible> {
        Ok(Observed {
            began: Instant::now(),
            at: app.standpipe.clock().now(),
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            user_agent: parts.headers.get(USER_AGENT).cloned(),
            client: parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()),
        })
    }
}

impl Observed {
    /// A request for the data of an endpoint.
    pub fn of_endpoint(self, app: &App, access: Access, pipe: &Pipe) -> Recording {
        self.of(app, access, Resource { id: pipe.id.to_string(), name: pipe.name.to_string(), is_endpoint: true })
    }

    /// A request to the Query API.
    pub fn of_query_api(self, app: &App, access: Access) -> Recording {
        self.of(app, access, Resource { id: QUERY_API.to_owned(), name: QUERY_API.to_owned(), is_endpoint: false })
    }

    fn of(self, app: &App, access: Access, resource: Resource) -> Recording {
        Recording {
            observed: self,
            service_data: app.standpipe.service_data().clone(),
            access,
            resource,
            is_open: true,
        }
    }
}

/// A request that is being answered. It is recorded once, when it ends; dropped before, the client has left.
#[derive(Debug)]
pub struct Recording {
    observed: Observed,
    service_data: ServiceData,
    /// Holds the caller's snapshot of the catalog until the last byte: no table that it knows is dropped before.
    access: Access,
    resource: Resource,
    is_open: bool,
}

/// Whose data it is.
#[derive(Debug)]
struct Resource {
    id: String,
    name: String,
    is_endpoint: bool,
}

/// How a request ended.
#[derive(Default)]
struct End {
    status: u16,
    /// The answer was an error, or broke off.
    is_error: bool,
    message: Option<String>,
    summary: Summary,
}

impl Recording {
    /// Whether its answer ends with its head.
    pub fn is_head(&self) -> bool {
        self.observed.method == Method::HEAD
    }

    /// The whole answer was sent.
    pub fn succeeded(mut self, summary: Option<Summary>) {
        self.record(End { status: 200, summary: summary.unwrap_or_default(), ..End::default() });
    }

    /// The answer began and broke off.
    pub fn broke_off(mut self, summary: Option<Summary>) {
        let message = Some("the answer broke off before its end: the query failed in the middle of it".to_owned());
        self.record(End { status: 200, is_error: true, message, summary: summary.unwrap_or_default() });
    }

    /// An error was answered.
    pub fn failed(mut self, error: &ApiError) {
        // An error may quote what it is about.
        let message = if self.observed.method == Method::POST { error.kind() } else { error.message() };
        let (status, is_error) = (error.status().as_u16(), true);
        self.record(End { status, is_error, message: Some(message), ..End::default() });
    }

    fn record(&mut self, end: End) {
        if !std::mem::take(&mut self.is_open) {
            return;
        }
        let (observed, token) = (&self.observed, self.access.token());
        let is_token = |value: &str| self.access.snapshot().find_token(value).is_some();
        let address = Address::without_tokens(&observed.uri, is_token);
        let message = end.message.map(|message| address.mask(message));
        let client_ip = observed.client.map(|ip| ip.to_string());
        let row = PipeStatsRow {
            start_datetime: observed.at.as_second(),
            pipe_id: &self.resource.id,
            pipe_name: &self.resource.name,
            token: &token.id.to_string(),
            token_name: &token.name,
            duration: observed.began.elapsed().as_secs_f32(),
            read_bytes: end.summary.read_bytes.unwrap_or_default(),
            read_rows: end.summary.read_rows.unwrap_or_default(),
            result_rows: end.summary.result_rows.unwrap_or_default(),
            url: &address.url,
            error: u8::from(end.is_error),
            error_message: message.as_deref(),
            status_code: end.status,
            request_id: self.access.request_id(),
            parameters: &address.parameters,
            method: observed.method.as_str(),
            user_agent: observed.user_agent.as_ref().and_then(|value| value.to_str().ok()),
            client_ip: client_ip.as_deref(),
            memory_usage: end.summary.memory_usage.unwrap_or_default(),
        };
        self.service_data.record(self.access.workspace().id, &row);
        if end.is_error && self.resource.is_endpoint {
            self.record_error(&row);
        }
    }

    /// An endpoint's error has a row of its own besides.
    fn record_error(&self, request: &PipeStatsRow<'_>) {
        let params = serde_json::json!(request.parameters).to_string();
        let row = EndpointErrorRow {
            start_datetime: request.start_datetime,
            request_id: request.request_id,
            pipe_id: request.pipe_id,
            pipe_name: request.pipe_name,
            params: &params,
            url: request.url,
            status_code: request.status_code,
            error: request.error_message,
        };
        self.service_data.record(self.access.workspace().id, &row);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let end = if std::thread::panicking() {
            let message = Some("the server failed to answer".to_owned());
            End { status: 500, is_error: true, message, ..End::default() }
        } else {
            let message = Some("the client left before the answer's end".to_owned());
            End { status: CLIENT_LEFT, message, ..End::default() }
        };
        self.record(end);
    }
}
