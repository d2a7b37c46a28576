//! The address under which clients reach this server, for the URLs in answers.

use axum::extract::FromRequestParts;
use http::header::HOST;
use http::request::Parts;

use crate::app::App;

/// Scheme and host, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The URL of a path that begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromRequestParts<App> for PublicUrl {
    type Rejection = std::convert::Infallible;

    /// What the configuration says, else what the client or the proxy before us says it called.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<PublicUrl, Self::Rejection> {
        if let Some(url) = &app.config.server.public_url {
            return Ok(PublicUrl(url.trim_end_matches('/').to_owned()));
        }
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let scheme = header("x-forwarded-proto").unwrap_or("http");
        let host = header("x-forwarded-host").or(header(HOST.as_str())).map(str::to_owned);
        let host = host.unwrap_or_else(|| app.config.server.listen.to_string());
        Ok(PublicUrl(format!("{scheme}://{host}")))
    }
}
