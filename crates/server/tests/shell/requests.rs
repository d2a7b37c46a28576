//! What holds for every request: ids, errors as JSON, limits, CORS.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::routing::{get, post};
use standpipe_server::app::App;

use crate::test_app::TestApp;

/// Routes that fail in the ways that libraries and programmers do.
fn routes() -> Router<App> {
    Router::new()
        .route("/echo", post(|body: String| async move { body }))
        .route("/number/{n}", get(|axum::extract::Path(n): axum::extract::Path<u8>| async move { n.to_string() }))
        .route("/panic", get(async || -> &'static str { panic!("a test panics") }))
        .route("/teapot", get(async || StatusCode::IM_A_TEAPOT))
}

#[tokio::test]
async fn each_answer_has_an_id_of_its_own() {
    let app = TestApp::new().await;
    let (first, second) = (app.get("/health").await, app.get("/nowhere").await);
    assert_eq!(first.header("x-request-id").len(), 26);
    assert_eq!(second.header("x-request-id").len(), 26);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test]
async fn unknown_routes_and_methods_are_json_errors() {
    let app = TestApp::new().await;
    let answer = app.get("/v0/nothing?token=p.secret").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.error(), "there is no route 'GET /v0/nothing'");
    let answer = app.send(Method::POST, "/health", "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.error(), "the route '/health' does not take POST");
    assert!(answer.header("allow").contains("GET"), "{:?}", answer.headers);
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    let app = TestApp::with_routes(routes()).await;
    let answer = app.send(Method::POST, "/echo", "0123456789").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "0123456789"));
    let answer = app.send(Method::POST, "/echo", "0123456789a").await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.error(), "the request's body is larger than limits.body allows");

    // A body whose length is not told beforehand.
    let chunks = ["01234", "56789", "a"].map(Ok::<_, std::io::Error>);
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    let answer = app.request(Request::post("/echo").body(body).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(!answer.error().is_empty());
}

#[tokio::test]
async fn errors_of_libraries_become_json() {
    let app = TestApp::with_routes(routes()).await;
    let answer = app.get("/number/x").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.error().contains("number/x") || answer.error().contains('x'), "{}", answer.body);
    let answer = app.get("/teapot").await;
    assert_eq!((answer.status, answer.error().as_str()), (StatusCode::IM_A_TEAPOT, "i'm a teapot"));
}

#[tokio::test]
async fn a_panic_is_an_error_of_that_request_only() {
    let app = TestApp::with_routes(routes()).await;
    let answer = app.get("/panic").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.error().starts_with("the server failed to answer"), "{}", answer.body);
    assert!(!answer.body.contains("a test panics"), "the cause stays in the log");
    assert_eq!(answer.header("x-request-id").len(), 26);
    assert_eq!(app.get("/number/7").await.body, "7");
}

#[tokio::test]
async fn pages_of_any_origin_may_call() {
    let app = TestApp::new().await;
    let preflight = Request::options("/health")
        .header("origin", "https://example.com")
        .header("access-control-request-method", "DELETE")
        .header("access-control-request-headers", "authorization,x-other")
        .body(Body::empty())
        .unwrap();
    let answer = app.request(preflight).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "DELETE");
    assert_eq!(answer.header("access-control-allow-headers"), "authorization,x-other");

    for path in ["/health", "/nowhere"] {
        let request = Request::get(path).header("origin", "https://example.com").body(Body::empty()).unwrap();
        let answer = app.request(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(answer.header("access-control-expose-headers"), "*", "{path}");
    }
}
