//! One kept HTTP/1.1 connection, over TCP or a Unix socket: the same code for every way that is compared.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Where requests go.
#[derive(Debug, Clone)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A request that is sent many times.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query string. `{id}` becomes the request's number.
    pub(crate) path: String,
    pub(crate) header: (HeaderName, HeaderValue),
    pub(crate) body: Bytes,
}

/// An answer, gathered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The answer, or an error that quotes it when it is not a success.
    pub(crate) fn success(self) -> Result<Answer> {
        anyhow::ensure!(
            self.status.is_success(),
            "the answer is {}: '{}'",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        Ok(self)
    }
}

/// An open connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: &Address) -> Result<Connection> {
        let sender = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await.context("cannot connect to the server")?;
                stream.set_nodelay(true)?;
                start(stream).await?
            }
            Address::Unix(path) => {
                start(UnixStream::connect(path).await.context("cannot connect to the engine's socket")?).await?
            }
        };
        Ok(Connection { sender })
    }

    /// Sends `call` and gathers the answer. `id` makes it unlike every other request.
    pub(crate) async fn send(&mut self, call: &Call, id: u64) -> Result<Answer> {
        let path = call.path.replace("{id}", &format!("{id:026}"));
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = path.parse()?;
        let (name, value) = call.header.clone();
        request.headers_mut().insert(name, value);
        request.headers_mut().insert(http::header::HOST, HeaderValue::from_static("bench"));
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

async fn start<S>(stream: S) -> Result<SendRequest<Full<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // The task ends with the connection; whoever waits for an answer is told why.
    drop(tokio::spawn(connection));
    Ok(sender)
}
