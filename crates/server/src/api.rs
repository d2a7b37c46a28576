//! HTTP handlers, one file per resource, named after it. A handler reads the request, calls one operation and shows what
//! it answers; it decides nothing.

pub mod answer;
pub mod connectors;
pub mod data_sources;
pub mod events;
pub mod health;
pub mod integrations;
pub mod jobs;
pub mod local_tokens;
pub mod metrics;
pub mod observed;
pub mod pipes;
pub mod sql;
pub mod sql_text;
pub mod tokens;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Uri};

use crate::error::ApiError;
use crate::fields::{Fields, form_with, looks_like_json};

/// Named values of a request whose body is a form or a JSON object, whatever its names are. What the body says wins over the
/// same name in the query: values do not add up to a list across the two.
pub fn sent_fields(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Fields, ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let sent = match body.trim_ascii() {
        [] => Fields::default(),
        body if looks_like_json(content_type, body) => Fields::parse_json(body)?,
        body => Fields::parse_form(body),
    };
    Ok(Fields::of_query(uri).without(&sent).and(sent))
}

/// Named values of a request that carries no data of its own: the query string, then a form with one of `keys` or a JSON
/// object in the body. A body that is neither is an error, so that nothing sent is silently ignored.
pub fn body_fields(uri: &Uri, headers: &HeaderMap, body: &[u8], keys: &[&str]) -> Result<Fields, ApiError> {
    let query = Fields::of_query(uri);
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match body.trim_ascii() {
        [] => Ok(query),
        body if looks_like_json(content_type, body) => Ok(query.and(Fields::parse_json(body)?)),
        body => match form_with(body, keys) {
            Some(form) => Ok(query.and(form)),
            None => Err(ApiError::bad_request(format!(
                "the body is neither a JSON object nor a form with one of {}",
                keys.join(", ")
            ))),
        },
    }
}
