//! From facts of the product to answers of HTTP: the one place that knows status codes.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde::Serialize;
use standpipe_core::{Error, ErrorCode};
use utoipa::ToSchema;

use crate::rate_limit::RateLimit;

/// ClickHouse's error code, where ClickHouse raised the error.
const EXCEPTION_CODE: HeaderName = HeaderName::from_static("x-db-exception-code");

/// How long a client should wait before it tries again, in seconds.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What the client learns of a fault of ours.
const INTERNAL: &str = "the request failed inside the server: its log says more under this answer's x-request-id";

/// What every error answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong and what to do about it.
    pub error: String,
    /// A stable word for it; `docs/errors.md` lists them.
    pub code: String,
}

/// A failed request: an error of the product, or one of HTTP alone.
#[derive(Debug)]
pub struct ApiError(Reason);

#[derive(Debug)]
enum Reason {
    Product(Error),
    Http { status: StatusCode, message: String },
}

impl From<Error> for ApiError {
    fn from(error: Error) -> ApiError {
        ApiError(Reason::Product(error))
    }
}

impl ApiError {
    /// An error about the request itself.
    pub fn bad_request(message: impl Into<String>) -> ApiError {
        Error::bad_request(message).into()
    }

    /// The status that it answers.
    pub fn status(&self) -> StatusCode {
        match &self.0 {
            Reason::Product(Error::Custom { status, .. }) => custom_status(*status),
            Reason::Product(error) => status(error.code()),
            Reason::Http { status, .. } => *status,
        }
    }

    /// What the client reads.
    pub fn message(&self) -> String {
        match &self.0 {
            Reason::Product(Error::Internal { .. }) => INTERNAL.to_owned(),
            Reason::Product(error) => error.to_string(),
            Reason::Http { message, .. } => message.clone(),
        }
    }

    /// What kind of error it is, in words that hold nothing of the request.
    pub fn kind(&self) -> String {
        match &self.0 {
            Reason::Product(error) => format!("{}: {}", error.code().as_str(), error.code().meaning()),
            Reason::Http { status, .. } => status.canonical_reason().unwrap_or("error").to_ascii_lowercase(),
        }
    }

    /// An error that only HTTP knows. A status that clients should retry gets `Retry-After`.
    pub fn http(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError(Reason::Http { status, message: message.into() })
    }
}

/// The status of each kind of error.
pub fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::TokenMissing
        | ErrorCode::TokenUnknown
        | ErrorCode::Forbidden
        | ErrorCode::NameForbidden
        | ErrorCode::SinkSet
        | ErrorCode::QueryForbidden
        | ErrorCode::RoleRefused => StatusCode::FORBIDDEN,
        ErrorCode::DataSourceNotFound
        | ErrorCode::PipeNotFound
        | ErrorCode::NodeNotFound
        | ErrorCode::TokenNotFound
        | ErrorCode::ConnectionNotFound
        | ErrorCode::BucketNotFound
        | ErrorCode::JobNotFound
        | ErrorCode::ScheduleNotFound
        | ErrorCode::NotPublished => StatusCode::NOT_FOUND,
        ErrorCode::NameTaken
        | ErrorCode::ChangedMeanwhile
        | ErrorCode::RoleTaken
        | ErrorCode::CannotOverride
        | ErrorCode::ConnectionInUse
        | ErrorCode::DataSourceInUse => StatusCode::CONFLICT,
        ErrorCode::ViewFailed => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::BadName
        | ErrorCode::NameUnknown
        | ErrorCode::WrongNode
        | ErrorCode::NodePublished
        | ErrorCode::NotCopy
        | ErrorCode::AlreadyMaterialized
        | ErrorCode::NotMaterialized
        | ErrorCode::JobNotPossible
        | ErrorCode::NotSink
        | ErrorCode::StorageFailed
        | ErrorCode::BadRequest
        | ErrorCode::SqlRefused
        | ErrorCode::TemplateFailed
        | ErrorCode::EngineRefused => StatusCode::BAD_REQUEST,
        ErrorCode::CredentialsRefused => StatusCode::UNAUTHORIZED,
        ErrorCode::Timeout => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::ResultTooLarge | ErrorCode::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::TooManyReads | ErrorCode::JobLimit => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::EngineUnavailable | ErrorCode::QueueTimeout | ErrorCode::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self.0 {
            Reason::Product(error) => product(&error),
            Reason::Http { status, message } => {
                let code = status.canonical_reason().unwrap_or("error").to_ascii_lowercase().replace(' ', "_");
                with_retry((status, Json(ErrorBody { error: message, code })).into_response())
            }
        }
    }
}

fn product(error: &Error) -> Response {
    let code = error.code();
    let body = |error: String| Json(ErrorBody { error, code: code.as_str().to_owned() });
    let mut response = match error {
        Error::Custom { status, body } => (custom_status(*status), Json(body.clone())).into_response(),
        Error::Internal { .. } => {
            tracing::error!(%error, "request failed");
            (status(code), body(INTERNAL.to_owned())).into_response()
        }
        error => (status(code), body(error.to_string())).into_response(),
    };
    if let Some(exception) = error.exception_code() {
        response.headers_mut().insert(EXCEPTION_CODE, HeaderValue::from(exception));
    }
    if let Error::TooManyReads { limit, .. } = error {
        // Nobody knows when the next read will end; most do within a second.
        RateLimit { limit: *limit, remaining: 0, reset: Duration::from_secs(1) }.refuse(response.headers_mut());
    }
    with_retry(response)
}

/// The status that a template chose, where it is one.
fn custom_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
}

/// Tells when trying again may help.
fn with_retry(mut response: Response) -> Response {
    if matches!(response.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response.headers_mut().entry(RETRY_AFTER).or_insert(RETRY_SECONDS);
    }
    response
}

/// Answers requests to paths that do not exist.
pub async fn route_not_found(method: Method, uri: Uri) -> ApiError {
    ApiError::http(StatusCode::NOT_FOUND, format!("there is no route '{method} {}'", uri.path()))
}

/// Answers requests to paths that exist under another method.
pub async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    ApiError::http(StatusCode::METHOD_NOT_ALLOWED, format!("the route '{}' does not take {method}", uri.path()))
}
