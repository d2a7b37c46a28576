//! The server's router with a fake engine behind it, and requests to it that read like prose.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use standpipe_core::Standpipe;
use standpipe_server::app::App;
use standpipe_server::config::Layers;
use standpipe_server::engine_process::{EngineHandle, EngineState};
use standpipe_server::metrics::Metrics;
use standpipe_server::{router, startup};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::fake_engine::FakeEngine;

pub(crate) struct TestApp {
    pub(crate) app: App,
    router: Router,
    /// Sets what the supervisor would say.
    pub(crate) state: watch::Sender<EngineState>,
    /// `None` when nobody listens on the engine's socket.
    _engine: Option<FakeEngine>,
    _data: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_str(&self.body).unwrap()
    }

    /// The message of an answer that must be an error.
    pub(crate) fn error(&self) -> String {
        assert!(!self.status.is_success());
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

impl TestApp {
    /// With an engine that is ready.
    pub(crate) async fn new() -> Self {
        Self::with_routes(router::routes().split_for_parts().0).await
    }

    /// With routes of the test's own.
    pub(crate) async fn with_routes(routes: Router<App>) -> Self {
        let engine = FakeEngine::start();
        let client = engine.client();
        Self::build(routes, client, Some(engine)).await
    }

    /// With an engine that the supervisor believes in but that does not answer.
    pub(crate) async fn without_engine() -> Self {
        let client = standpipe_clickhouse::Client::unix("/nowhere/engine.sock".as_ref()).unwrap();
        Self::build(router::routes().split_for_parts().0, client, None).await
    }

    async fn build(routes: Router<App>, client: standpipe_clickhouse::Client, engine: Option<FakeEngine>) -> Self {
        let (state, seen) = watch::channel(EngineState::Ready);
        let data = tempfile::tempdir().unwrap();
        let layers = Layers::defaults()
            .value("limits.body", "10 B", "the test")
            .and_then(|layers| layers.value("limits.append_body", "10 B", "the test"))
            .and_then(|layers| layers.value("server.data", &data.path().to_string_lossy(), "the test"));
        let config = layers.unwrap().config().unwrap();
        let parts = startup::parts(&config, client.clone(), client.clone(), "fake".to_owned());
        let standpipe = Standpipe::open(parts).await.unwrap();
        let tokens = startup::first_tokens(&config, &standpipe).await.unwrap();
        let handle = EngineHandle::new(client, seen);
        let app = App::new(Arc::new(config), handle, Metrics::new(), Arc::new(standpipe), tokens);
        app.set_prepared();
        TestApp { router: router::finish(routes, app.clone()), app, state, _engine: engine, _data: data }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &'static str) -> Answer {
        self.request(Request::builder().method(method).uri(path).body(body.into()).unwrap()).await
    }

    pub(crate) async fn request(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body: String::from_utf8(body.into()).unwrap() }
    }
}
