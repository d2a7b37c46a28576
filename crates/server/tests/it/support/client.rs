//! A caller of the API: who it is, and the requests it makes.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderName, HeaderValue, Method};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::Answer;

/// Somebody who calls the API with one token, or none.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    token: Option<String>,
}

/// A request that is not sent yet.
#[must_use]
pub(crate) struct Request {
    router: Router,
    request: http::Request<Body>,
}

impl Client {
    pub(crate) fn new(router: Router, token: Option<String>) -> Client {
        Client { router, token }
    }

    /// The token it sends.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().expect("this client has a token")
    }

    pub(crate) fn get(&self, uri: &str) -> Request {
        self.request(Method::GET, uri)
    }

    pub(crate) fn post(&self, uri: &str) -> Request {
        self.request(Method::POST, uri)
    }

    pub(crate) fn put(&self, uri: &str) -> Request {
        self.request(Method::PUT, uri)
    }

    pub(crate) fn delete(&self, uri: &str) -> Request {
        self.request(Method::DELETE, uri)
    }

    pub(crate) fn request(&self, method: Method, uri: &str) -> Request {
        let peer = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 50_000)));
        let request = http::Request::builder().method(method).uri(uri).extension(peer).header(HOST, "localhost:7181");
        let mut request = Request { router: self.router.clone(), request: request.body(Body::empty()).unwrap() };
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, &format!("Bearer {token}"));
        }
        request
    }
}

impl Request {
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Request {
        self.request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        self
    }

    /// A body without a content type.
    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Request {
        *self.request.body_mut() = Body::from(body.into());
        self
    }

    /// A body that says it is a form: what `curl -d` sends, whatever the body is.
    pub(crate) fn form(self, body: &str) -> Request {
        self.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body.to_owned())
    }

    pub(crate) fn json(self, body: &Value) -> Request {
        self.header(CONTENT_TYPE, "application/json").body(body.to_string())
    }

    /// A body of plain text, as the SDKs send SQL.
    pub(crate) fn plain(self, body: &str) -> Request {
        self.header(CONTENT_TYPE, "text/plain").body(body.to_owned())
    }

    /// A multipart form of one file.
    pub(crate) fn file(self, part: &str, file: &str, content: &[u8]) -> Request {
        let head = format!("--sep\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"{file}\"\r\n\r\n");
        let body = [head.as_bytes(), content, b"\r\n--sep--\r\n"].concat();
        self.header(CONTENT_TYPE, "multipart/form-data; boundary=sep").body(body)
    }

    /// Sends it and hands out the answer with its body unread.
    pub(crate) async fn begin(self) -> http::Response<Body> {
        self.router.oneshot(self.request).await.unwrap()
    }

    /// Sends it and reads the whole answer. Whatever the route: nothing fails inside the server, and errors say why.
    pub(crate) async fn send(self) -> Answer {
        let what = format!("{} {}", self.request.method(), self.request.uri());
        let response = self.router.oneshot(self.request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap_or_else(|error| panic!("{what}: the answer broke off: {error}"));
        let answer = Answer { what, status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() };
        answer.check_manners();
        answer
    }
}
