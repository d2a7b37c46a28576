//! Who calls: the token of a request, turned into what it may do.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use standpipe_core::Error;
use standpipe_core::access::Access;

use crate::app::App;
use crate::error::ApiError;
use crate::middleware::RequestId;

/// The caller of a request. A handler that takes it runs only for a token of ours; what the token allows is checked by
/// the operation it calls.
#[derive(Clone, Debug)]
pub struct Caller(pub Access);

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, ApiError> {
        if !app.is_prepared() {
            return Err(Error::EngineUnavailable { action: "begin before the start is complete" }.into());
        }
        let snapshot = app.standpipe.catalog().snapshot();
        let access = Access::authenticate(snapshot, token(parts).as_deref())?;
        let id = parts.extensions.get::<RequestId>().map(ToString::to_string).unwrap_or_default();
        Ok(Caller(access.for_request(&id)))
    }
}

/// The token's value: from `Authorization: Bearer <token>`, else from `?token=<token>`. Clients send one, the other or
/// both.
fn token(parts: &Parts) -> Option<String> {
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    bearer.filter(|token| !token.is_empty()).or_else(|| {
        let query = parts.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token").map(|(_, value)| value.into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: Option<&str>, uri: &str, expected: Option<&str>) {
        let mut request = http::Request::builder().uri(uri);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(token(&parts).as_deref(), expected);
    }

    #[test]
    fn a_token_comes_in_the_header_or_the_query() {
        check(Some("Bearer p.a.b"), "/v0/pipes", Some("p.a.b"));
        check(Some("bearer p.a.b"), "/v0/pipes?token=p.c.d", Some("p.a.b"));
        check(None, "/v0/pipes?&x=1&token=p.c.d", Some("p.c.d"));
        check(Some("Basic dXNlcg=="), "/v0/pipes", None);
        check(Some("Bearer "), "/v0/pipes?token=p.c.d", Some("p.c.d"));
        check(None, "/v0/pipes", None);
    }
}
