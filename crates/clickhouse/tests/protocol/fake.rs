//! A small HTTP server that records what it is sent and answers every request alike.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use standpipe_clickhouse::{Body, Client, Server};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

/// The running server. It ends with the test's runtime.
pub(crate) struct Fake {
    seen: Arc<Seen>,
    address: Address,
}

enum Address {
    Unix(PathBuf, #[expect(dead_code, reason = "deletes the socket's folder when dropped")] tempfile::TempDir),
    Tcp(String),
}

struct Seen {
    reply: Reply,
    requests: Mutex<Vec<Request>>,
    connections: Mutex<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: Bytes,
    chunk: Option<usize>,
    trailer: Option<(&'static str, &'static str)>,
    breaks: bool,
    answers: bool,
}

impl Reply {
    pub(crate) fn ok(body: &'static str) -> Self {
        Reply::status(200, body)
    }

    pub(crate) fn status(status: u16, body: &'static str) -> Self {
        Reply {
            status,
            headers: Vec::new(),
            body: body.into(),
            chunk: None,
            trailer: None,
            breaks: false,
            answers: true,
        }
    }

    /// Closes the connection instead of answering.
    pub(crate) fn close() -> Self {
        Reply { answers: false, ..Reply::ok("") }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sends the body without its length, in pieces.
    pub(crate) fn chunks(mut self, bytes: usize) -> Self {
        self.chunk = Some(bytes);
        self
    }

    /// Sends a field behind the body.
    pub(crate) fn trailer(self, name: &'static str, value: &'static str) -> Self {
        Reply { trailer: Some((name, value)), ..self.header("trailer", name).chunks(2) }
    }

    /// Closes the connection after the body instead of ending it.
    pub(crate) fn break_off(self) -> Self {
        Reply { breaks: true, ..self.chunks(2) }
    }

    fn response(&self) -> Result<hyper::Response<UnsyncBoxBody<Bytes, io::Error>>, io::Error> {
        if !self.answers {
            return Err(io::Error::other("the test closes the connection"));
        }
        let mut response = hyper::Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(*name, *value);
        }
        let body = match self.chunk {
            None => Full::new(self.body.clone()).map_err(|never: Infallible| match never {}).boxed_unsync(),
            Some(size) => {
                let chunks: Vec<_> =
                    self.body.chunks(size).map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk)))).collect();
                let trailers = self.trailer.iter().map(|(name, value)| {
                    let value = hyper::header::HeaderValue::from_static(value);
                    let name = hyper::header::HeaderName::from_static(name);
                    Ok(Frame::trailers(hyper::HeaderMap::from_iter([(name, value)])))
                });
                let trailers: Vec<_> = trailers.collect();
                // The pause lets hyper send what came before: an error at once would take the answer's head with it.
                let end = stream::iter(self.breaks.then_some(())).then(async |()| {
                    tokio::task::yield_now().await;
                    Err(io::Error::other("the test breaks off"))
                });
                StreamBody::new(stream::iter(chunks).chain(stream::iter(trailers)).chain(end)).boxed_unsync()
            }
        };
        Ok(response.body(body).unwrap())
    }
}

impl Fake {
    pub(crate) fn unix(reply: Reply) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let seen = Seen::new(reply);
        let shared = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.clone().serve(stream);
            }
        });
        Fake { seen, address: Address::Unix(path, folder) }
    }

    pub(crate) fn tcp(reply: Reply) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let listener = TcpListener::from_std(listener).unwrap();
        let seen = Seen::new(reply);
        let shared = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.clone().serve(stream);
            }
        });
        Fake { seen, address: Address::Tcp(url) }
    }

    /// A new client of this server.
    pub(crate) fn client(&self) -> Client {
        match &self.address {
            Address::Unix(path, _) => Client::unix(path).unwrap(),
            Address::Tcp(url) => {
                let server = Server { url: url.clone(), user: "reader".into(), password: Some("hunter2".into()) };
                Client::http(server).unwrap()
            }
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    pub(crate) fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1);
        requests.remove(0)
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        *self.seen.connections.lock().unwrap()
    }
}

impl Seen {
    fn new(reply: Reply) -> Arc<Self> {
        Arc::new(Seen { reply, requests: Mutex::default(), connections: Mutex::default() })
    }

    fn serve(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        *self.connections.lock().unwrap() += 1;
        tokio::spawn(async move {
            let service = service_fn(|request| self.answer(request));
            // Broken connections are what some tests ask for.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }

    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<UnsyncBoxBody<Bytes, io::Error>>, io::Error> {
        let (head, body) = request.into_parts();
        let query = form_urlencoded::parse(head.uri.query().unwrap_or("").as_bytes());
        let seen = Request {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: query.into_owned().collect(),
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        };
        self.requests.lock().unwrap().push(seen);
        self.reply.response()
    }
}

pub(crate) fn pair((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

pub(crate) fn stream_body(rows: impl Stream<Item = Result<&'static str, io::Error>> + Send + 'static) -> Body {
    Body::wrap_stream(rows.map(|row| row.map(|text| Bytes::from_static(text.as_bytes()))))
}
