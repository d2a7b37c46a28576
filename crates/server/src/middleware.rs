//! What every request passes on its way in and out.

mod compress;
mod json_errors;
mod observe;

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowMethods, Any as AnyOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;

use crate::app::App;
use crate::error::ApiError;

pub use observe::RequestId;

/// How long a browser may remember the answer to a preflight request.
const CORS_MAX_AGE: Duration = Duration::from_secs(3600);

/// Wraps every route and fallback. The first layer is the outermost.
///
/// They are one layer for the router: it boxes and copies what is inside for each layer of its own, at every request.
pub(crate) fn around(router: Router<App>, app: &App) -> Router<App> {
    let limits = &app.config.limits;
    router.layer(
        ServiceBuilder::new()
            // Outermost: what is inside looks at the texts of answers.
            .layer(compress::layer())
            .layer(from_fn_with_state(app.clone(), observe::observe))
            .layer(cors())
            .layer(CatchPanicLayer::custom(panicked))
            .layer(RequestBodyLimitLayer::new(limits.body.max(limits.append_body).as_usize()))
            // Handlers that take a whole body take this much; the one that appends rows reads its body itself.
            .layer(DefaultBodyLimit::max(limits.body.as_usize())),
    )
}

/// Pages of any origin may call the API: tokens come in a header or the address, never in a cookie.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods(AllowMethods::mirror_request())
        // A literal '*' would not include Authorization.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(AnyOrigin)
        .max_age(CORS_MAX_AGE)
}

/// What the panic said goes to the log, under the request's id; the client sees the id.
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("no text"), "a handler panicked");
    ApiError::http(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the server failed to answer; its log tells why, under this answer's x-request-id",
    )
    .into_response()
}
