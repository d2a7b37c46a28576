//! Requests to systems outside: the one way in which this program opens connections to addresses that users name.
//!
//! An address is looked up once, judged, and connected to; a redirect is an answer like any other and is not followed. So
//! what was judged is what is connected to. An answer is gathered whole, up to a bound.

mod address;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::client::{
    HttpClient, HttpConnector as StoreConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpService,
};

pub use address::is_private;

use crate::error::{Error, Result};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take, with its body and the whole of its answer: this, and its body's time on a slow line.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
const SLOW_BYTES_PER_SECOND: u64 = 256 << 10;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(20);

/// Largest answer in bytes: errors, listings and receipts.
const ANSWER_BYTES: usize = 16 << 20;

/// Sends requests to addresses that users name. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Outbound {
    client: Client<HttpsConnector<HttpConnector<Lookup>>, HttpRequestBody>,
    lookup: Lookup,
}

impl Outbound {
    /// A client that connects to private addresses only if told so.
    ///
    /// Errors: the TLS library refuses its own settings.
    pub fn new(allow_private_networks: bool) -> Result<Outbound> {
        let lookup = Lookup { allow_private_networks };
        let mut http = HttpConnector::new_with_resolver(lookup);
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        http.set_nodelay(true);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls()?).https_or_http().enable_http1().wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Outbound { client, lookup })
    }

    /// Fails when a host is, or leads to, an address that may not be connected to. A name that cannot be looked up now may
    /// be some other time.
    pub async fn judge_host(&self, host: &str) -> Result<(), Refused> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let Ok(found) = tokio::net::lookup_host((host, 0)).await else { return Ok(()) };
        for address in found {
            self.lookup.judge(address)?;
        }
        Ok(())
    }

    /// Sends a request and gathers its answer.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request.uri().host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        // A literal address is not looked up, so it is judged here.
        if let Ok(address) = host.parse() {
            self.lookup.judge(SocketAddr::new(address, 0)).map_err(|refused| other(Box::new(refused)))?;
        }
        let body_seconds = request.body().content_length() as u64 / SLOW_BYTES_PER_SECOND;
        let answer = async {
            let response = self.client.request(request).await.map_err(failed)?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| HttpError::new_boxed(HttpErrorKind::Interrupted, error))?;
            Ok(HttpResponse::from_parts(parts, body.to_bytes().into()))
        };
        match tokio::time::timeout(REQUEST_TIMEOUT + Duration::from_secs(body_seconds), answer).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(HttpError::new(HttpErrorKind::Timeout, elapsed)),
        }
    }
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("lookup", &self.lookup).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl HttpService for Outbound {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.send(request).await
    }
}

impl StoreConnector for Outbound {
    fn connect(&self, _options: &object_store::ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

fn tls() -> Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = || {
        rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal(format!("TLS cannot be set up: {error}")))
    };
    let config = match versions()?.with_native_roots() {
        Ok(config) => config,
        Err(error) => {
            tracing::warn!(%error, "this machine has no root certificates: no TLS server outside can be trusted");
            versions()?.with_root_certificates(rustls::RootCertStore::empty())
        }
    };
    Ok(config.with_no_client_auth())
}

fn failed(error: hyper_util::client::legacy::Error) -> HttpError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    let refused = std::iter::from_fn(|| {
        let this = source?;
        source = this.source();
        Some(this)
    })
    .find_map(|cause| cause.downcast_ref::<Refused>().copied());
    match refused {
        Some(refused) => other(Box::new(refused)),
        None if error.is_connect() => HttpError::new(HttpErrorKind::Connect, error),
        None => HttpError::new(HttpErrorKind::Request, error),
    }
}

fn other(error: Box<dyn std::error::Error + Send + Sync>) -> HttpError {
    HttpError::new_boxed(HttpErrorKind::Unknown, error)
}

/// An address that may not be connected to.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "the address {0} is one of this machine or its private network: connect to a public one, or set \
     outbound.allow_private_networks"
)]
pub struct Refused(std::net::IpAddr);

/// Looks names up and judges the addresses behind them.
#[derive(Clone, Copy, Debug)]
struct Lookup {
    allow_private_networks: bool,
}

impl Lookup {
    fn judge(self, address: SocketAddr) -> Result<SocketAddr, Refused> {
        if self.allow_private_networks || !is_private(address.ip()) { Ok(address) } else { Err(Refused(address.ip())) }
    }
}

impl tower::Service<Name> for Lookup {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            // One private address among public ones is reason enough: which of them is taken is not ours to say.
            let judged: Vec<SocketAddr> = found.map(|address| lookup.judge(address)).collect::<Result<_, _>>()?;
            Ok(judged.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str) -> HttpRequest {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = uri.parse().unwrap();
        request
    }

    #[tokio::test]
    async fn private_addresses_are_refused_by_number_and_by_name() {
        let outbound = Outbound::new(false).unwrap();
        for uri in [
            "http://127.0.0.1:9/",
            "https://[::1]:9/",
            "http://localhost:9/",
            "http://169.254.169.254/latest",
            "http://[::ffff:10.0.0.1]/",
        ] {
            let error = outbound.send(request(uri)).await.unwrap_err();
            let text = std::error::Error::source(&error).unwrap().to_string();
            assert!(text.contains("outbound.allow_private_networks"), "{uri}: {text}");
        }
    }

    #[tokio::test]
    async fn private_addresses_are_connected_to_where_that_is_allowed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = Outbound::new(true).unwrap().send(request(&format!("http://localhost:{port}/"))).await.unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Connect);
    }
}
