//! The three tokens that command-line tools in local mode ask for before they have any.

use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::extract::{ConnectInfo, State};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Version};
use secrecy::ExposeSecret;
use serde::Serialize;
use standpipe_core::Error;
use standpipe_core::model::Token;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{ApiError, ErrorBody};

/// The tokens of a local installation.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LocalTokens {
    /// For managing workspaces.
    pub user_token: String,
    /// For everything in the workspace.
    pub admin_token: String,
    /// The same, under the name that tools look for.
    pub workspace_admin_token: String,
}

impl LocalTokens {
    /// One token in all three places.
    pub fn of(token: &Token) -> LocalTokens {
        let value = token.value.expose_secret();
        LocalTokens {
            user_token: value.to_owned(),
            admin_token: value.to_owned(),
            workspace_admin_token: value.to_owned(),
        }
    }
}

/// Headers that only a proxy adds: its clients may be anywhere, though it is on this machine itself.
const PROXY_HEADERS: [&str; 8] = [
    "cf-connecting-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Read the local tokens
///
/// Answers the admin tokens to programs on this machine, as command-line tools in local mode expect, and to nobody else:
/// not to pages in a browser, not through a proxy, and not when the server listens to more than this machine.
#[utoipa::path(
    get, path = "/tokens", tag = "Local",
    responses((status = 200, body = LocalTokens), (status = 403, body = ErrorBody)),
)]
pub async fn get_local_tokens(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    version: Version,
    headers: HeaderMap,
) -> Result<Json<LocalTokens>, ApiError> {
    let is_local = app.config.server.local_tokens
        && app.config.server.public_url.is_none()
        // What a plain reverse proxy speaks to what is behind it.
        && version != Version::HTTP_10
        && app.config.server.listen.ip().is_loopback()
        && peer.ip().to_canonical().is_loopback()
        && names_this_machine(&headers);
    if is_local {
        return Ok(Json(app.local_tokens()?));
    }
    let needed =
        "a program on this machine that asks a server on loopback; 'tokens.json' in the data directory has them";
    Err(Error::Forbidden { needed: needed.to_owned() }.into())
}

/// Whether the request was made for this machine by name, by a program: a page that made its own name point here
/// (DNS rebinding) says that name, and a browser says where the page is from.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let from_elsewhere = headers.contains_key(ORIGIN) || PROXY_HEADERS.iter().any(|name| headers.contains_key(*name));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let name = name.unwrap_or_else(|| host.split(':').next().unwrap_or_default());
    let is_loopback = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_loopback && !from_elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        assert_eq!(names_this_machine(&map), expected, "{headers:?}");
    }

    #[test]
    fn only_programs_on_this_machine_are_told() {
        check(&[("host", "127.0.0.1:7181")], true);
        check(&[("host", "localhost:7181")], true);
        check(&[("host", "[::1]:7181")], true);
        check(&[], false);
        check(&[("host", "rebound.example:7181")], false);
        check(&[("host", "127.0.0.1:7181"), ("origin", "https://page.example")], false);
        check(&[("host", "127.0.0.1:7181"), ("x-forwarded-for", "203.0.113.7")], false);
        check(&[("host", "localhost.example")], false);
    }
}
