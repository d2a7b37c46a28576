//! ClickHouse's HTTP protocol over the Unix socket: which request goes to which lane, and what its answer looks like.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, TRAILER};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::analyze;
use crate::answer::{Answer, Output, ResponseBody, SUMMARY};
use crate::cancel::{CancelOnDrop, Canceller};
use crate::engine::Engine;
use crate::exception::{BAD_ARGUMENTS, Exception, STD_EXCEPTION, TOO_MANY_SIMULTANEOUS_QUERIES};
use crate::format;
use crate::incoming::{self, Work};
use crate::lane::{Kind, Lanes};
use crate::request::UrlParameters;
use crate::sandbox;
use crate::status::Status;
use crate::ticket::Ticket;

const LANE: HeaderName = HeaderName::from_static("x-standpipe-lane");
const QUERY_ID: HeaderName = HeaderName::from_static("x-clickhouse-query-id");
const FORMAT: HeaderName = HeaderName::from_static("x-clickhouse-format");
const EXCEPTION_CODE: HeaderName = HeaderName::from_static("x-clickhouse-exception-code");

/// Everything a request needs.
pub(crate) struct App {
    pub(crate) engine: Arc<Engine>,
    pub(crate) lanes: Lanes,
    pub(crate) canceller: Arc<Canceller>,
    pub(crate) sandbox: sandbox::State,
    pub(crate) runtime: Handle,
    pub(crate) connections: AtomicUsize,
}

/// Accepts connections until `stop` turns true; returns when all of them have ended.
pub(crate) async fn serve(app: Arc<App>, listener: UnixListener, mut stop: watch::Receiver<bool>) {
    let stopped = stop.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(connection(Arc::clone(&app), stream, stopped.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    // Out of descriptors, most likely: give the open connections time to end.
                    sleep(Duration::from_millis(50)).await;
                }
            },
            () = stopping(&mut stop) => break,
        }
    }
}

/// Waits for the word to stop; a sender that is gone has stopped too.
async fn stopping(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Serves one client until it closes its connection, or until its running request is answered after `stop`.
async fn connection(app: Arc<App>, stream: UnixStream, mut stop: watch::Receiver<bool>) {
    app.connections.fetch_add(1, Ordering::Relaxed);
    let own = Arc::clone(&app);
    let service = service_fn(move |request| {
        let app = Arc::clone(&own);
        async move { Ok::<_, Infallible>(answer(&app, request).await) }
    });
    let mut server = http1::Builder::new();
    server.auto_date_header(false).header_read_timeout(None);
    let mut served = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = stopping(&mut stop) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    app.connections.fetch_sub(1, Ordering::Relaxed);
}

type Answered = Response<ResponseBody>;

async fn answer(app: &Arc<App>, request: Request<Incoming>) -> Answered {
    let read = request.method() == Method::GET;
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::POST, "/") => query(app, request, read).await,
        (&Method::POST, "/analyze") => analysis(app, request).await,
        (&Method::GET, "/ping") => ping(app).await,
        (&Method::GET, "/status") => status(app),
        (_, "/" | "/analyze" | "/ping" | "/status") => {
            plain(StatusCode::METHOD_NOT_ALLOWED, "there is no such method on this path\n")
        }
        _ => plain(StatusCode::NOT_FOUND, "there is no such path, use /, /analyze, /ping or /status\n"),
    }
}

async fn query(app: &Arc<App>, request: Request<Incoming>, read_only: bool) -> Answered {
    let lane = match request.headers().get(LANE).map(|name| name.to_str().map(str::parse::<Kind>)) {
        None => None,
        Some(Ok(Ok(kind))) => Some(kind),
        Some(_) => return refuse_lane(),
    };
    let parsed = UrlParameters::parse(request.uri().query().unwrap_or_default(), &app.engine.known_settings);
    let mut url = match parsed {
        Ok(url) => url,
        Err(error) => return failed(&error, None),
    };
    let ticket = Arc::new(Ticket::new(url.query_id.take()));
    match run(app, request, url, read_only, lane, &ticket).await {
        Ok(response) => response,
        Err(error) => failed(&error, Some(&ticket)),
    }
}

/// Hands the request's statement to its lane and waits for the answer.
async fn run(
    app: &Arc<App>,
    request: Request<Incoming>,
    url: UrlParameters,
    read_only: bool,
    lane: Option<Kind>,
    ticket: &Arc<Ticket>,
) -> Result<Answered, Exception> {
    let (work, data) = incoming::read(request.into_body(), url, read_only).await?;
    let lane = lane.unwrap_or(if work.is_insert() { Kind::Insert } else { Kind::Read });
    // From here on, dropping this future (the client closed its connection) cancels the statement.
    let guard = CancelOnDrop { ticket: Arc::clone(ticket), canceller: Arc::clone(&app.canceller) };
    let (reply, answer) = oneshot::channel();
    let (engine, runtime, own) = (Arc::clone(&app.engine), app.runtime.clone(), Arc::clone(ticket));
    let submitted = app.lanes.get(lane).submit(Arc::clone(ticket), move || match work {
        Work::Query(query) => query.run(&engine, runtime, &own, reply),
        Work::Insert(insert) => insert.run(&engine, &runtime, &own, reply),
    });
    if submitted.is_err() {
        ticket.finish();
    }
    submitted?;
    let mut answer = std::pin::pin!(answer);
    let answered = match data {
        None => answer.await,
        // An INSERT may be answered before its client has sent all of the data, or any more of it.
        Some(data) => tokio::select! {
            answered = &mut answer => answered,
            () = data.pump() => answer.await,
        },
    };
    let answer = answered.unwrap_or_else(|_| {
        let message = "The engine process failed while it ran the statement, its log says why";
        Err(Exception::new(STD_EXCEPTION, "STD_EXCEPTION", message))
    })?;
    Ok(succeeded(answer, guard))
}

async fn analysis(app: &Arc<App>, request: Request<Incoming>) -> Answered {
    let parsed = UrlParameters::parse(request.uri().query().unwrap_or_default(), &app.engine.known_settings);
    let mut url = match parsed {
        Ok(url) => url,
        Err(error) => return failed(&error, None),
    };
    let sql = match incoming::whole(request.into_body()).await {
        Ok(sql) => sql,
        Err(error) => return failed(&error, None),
    };
    let ticket = Arc::new(Ticket::new(url.query_id.take()));
    let (engine, own) = (Arc::clone(&app.engine), Arc::clone(&ticket));
    let analyzed = on_lane(app, Kind::Check, &ticket, move || {
        let analysis = analyze::analyze(&engine, &url, &sql, &own)?;
        Ok(serde_json::to_vec(&analysis).expect("an analysis is plain text and numbers"))
    });
    match analyzed.await {
        Ok(json) => with_type(Response::new(ResponseBody::whole(json)), "application/json; charset=UTF-8"),
        Err(error) => failed(&error, Some(&ticket)),
    }
}

/// Says `Ok.` when the engine answers a query, however busy the other lanes are.
async fn ping(app: &Arc<App>) -> Answered {
    let ticket = Arc::new(Ticket::new(None));
    let engine = Arc::clone(&app.engine);
    let answered = on_lane(app, Kind::Control, &ticket, move || {
        engine.connect()?.query(b"SELECT 1", "Null", &[]).map(drop).map_err(Exception::from_engine)
    });
    match answered.await {
        Ok(()) => plain(StatusCode::OK, "Ok.\n"),
        Err(error) => failed(&error, Some(&ticket)),
    }
}

fn status(app: &App) -> Answered {
    let connections = app.connections.load(Ordering::Relaxed);
    let status = Status::now(&app.engine, &app.sandbox, &app.lanes, connections);
    let json = serde_json::to_vec(&status).expect("a status is plain text and numbers");
    with_type(Response::new(ResponseBody::whole(json)), "application/json; charset=UTF-8")
}

/// Runs `work` on a lane's thread and waits for it.
async fn on_lane<T: Send + 'static>(
    app: &App,
    lane: Kind,
    ticket: &Arc<Ticket>,
    work: impl FnOnce() -> Result<T, Exception> + Send + 'static,
) -> Result<T, Exception> {
    let _guard = CancelOnDrop { ticket: Arc::clone(ticket), canceller: Arc::clone(&app.canceller) };
    let (reply, answer) = oneshot::channel();
    let own = Arc::clone(ticket);
    let submitted = app.lanes.get(lane).submit(Arc::clone(ticket), move || {
        let result = work();
        own.finish();
        let _unread = reply.send(result);
    });
    if submitted.is_err() {
        ticket.finish();
    }
    submitted?;
    answer.await.unwrap_or_else(|_| {
        Err(Exception::new(STD_EXCEPTION, "STD_EXCEPTION", "The engine process failed, its log says why"))
    })
}

fn succeeded(answer: Answer, guard: CancelOnDrop) -> Answered {
    let ticket = Arc::clone(&guard.ticket);
    let mut response = match answer.output {
        Output::Whole(bytes) => Response::new(ResponseBody::whole(bytes)),
        Output::Blocks(blocks) => {
            let mut response = Response::new(ResponseBody::blocks(blocks, guard));
            // Sent to clients that say `TE: trailers`.
            set(&mut response, TRAILER, SUMMARY.as_str());
            response
        }
    };
    set(&mut response, QUERY_ID, &ticket.query_id);
    set(&mut response, SUMMARY, &answer.summary.to_json());
    match &answer.format {
        Some(format) => {
            set(&mut response, FORMAT, format);
            with_type(response, format::content_type(format))
        }
        None => with_type(response, "text/plain; charset=UTF-8"),
    }
}

fn failed(error: &Exception, ticket: Option<&Ticket>) -> Answered {
    let mut response = Response::new(ResponseBody::whole(Bytes::from(format!("{}\n", error.text))));
    *response.status_mut() = error.status();
    set(&mut response, EXCEPTION_CODE, &error.code.to_string());
    if let Some(ticket) = ticket {
        set(&mut response, QUERY_ID, &ticket.query_id);
    }
    if error.code == TOO_MANY_SIMULTANEOUS_QUERIES {
        set(&mut response, RETRY_AFTER, "1");
    }
    with_type(response, "text/plain; charset=UTF-8")
}

fn refuse_lane() -> Answered {
    let message = "X-Standpipe-Lane must be control, check, insert, read, background or job";
    let mut response = failed(&Exception::new(BAD_ARGUMENTS, "BAD_ARGUMENTS", message), None);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

fn plain(status: StatusCode, text: &'static str) -> Answered {
    let mut response = Response::new(ResponseBody::whole(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    with_type(response, "text/plain; charset=UTF-8")
}

fn with_type(mut response: Answered, content_type: &'static str) -> Answered {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Sets a header; a value that no header can carry (a query id with a line feed) is left out.
fn set(response: &mut Answered, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
