//! The Tokens API.

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::{HeaderMap, Uri};
use secrecy::ExposeSecret;
use serde::Serialize;
use standpipe_core::access::Access;
use standpipe_core::model::token::ScopeResource;
use standpipe_core::model::{Grant, Token, format_timestamp};
use standpipe_core::operations::tokens::{NewScope, NewToken};
use utoipa::ToSchema;

use super::body_fields;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, ErrorBody};
use crate::fields::Fields;

const KEYS: &[&str] = &["name", "scope", "scopes", "description", "origin"];

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenBody {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// What it allows.
    pub scopes: Vec<ScopeBody>,
    /// The secret that callers send; absent where the caller may not know it: only an admin is told an admin's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Where it works.
    pub host: &'static str,
    /// What kind of client made it.
    pub origin: OriginBody,
    /// Always false.
    pub is_internal: bool,
    /// Creation time, UTC.
    pub created_at: String,
}

/// One permission.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScopeBody {
    /// `PIPES:READ`, say.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Name of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The rows it is about: an expression over the resource's columns. All rows when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// What kind of client made a token.
#[derive(Debug, Serialize, ToSchema)]
pub struct OriginBody {
    /// `C` for custom, `P` for a pipe's, `DS` for a data source's.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The tokens of a workspace.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenList {
    /// Tokens, oldest first.
    pub tokens: Vec<TokenBody>,
}

/// The answer to deleting.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ok {
    /// Always true.
    pub ok: bool,
}

/// List tokens
///
/// Lists all tokens of the workspace. Needs `TOKENS` or `ADMIN`.
#[utoipa::path(
    get, path = "/v0/tokens", tag = "Tokens", security(("token" = [])),
    responses((status = 200, body = TokenList), (status = 403, body = ErrorBody)),
)]
pub async fn list_tokens(State(app): State<App>, Caller(access): Caller) -> Result<Json<TokenList>, ApiError> {
    let tokens = app.standpipe.tokens(&access)?;
    Ok(Json(TokenList { tokens: tokens.iter().map(|token| TokenBody::of(token, &access)).collect() }))
}

/// Create a token
///
/// Creates a token with a `name` and any number of `scope` values, such as `PIPES:READ:top_routes`. `DATASOURCES:READ` and
/// `PIPES:READ` take a row filter behind their resource, `DATASOURCES:READ:events:tenant = 'acme'`: the token then sees only
/// the rows for which one of its filters is true, wherever it reads them.
#[utoipa::path(
    post, path = "/v0/tokens", tag = "Tokens", security(("token" = [])),
    params(
        ("name" = Option<String>, Query, description = "The token's name"),
        ("scope" = Option<Vec<String>>, Query, description = "A scope; may be repeated"),
        ("description" = Option<String>, Query, description = "What it is for"),
    ),
    responses(
        (status = 200, body = TokenBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody),
    ),
)]
pub async fn create_token(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    Caller(access): Caller,
    body: Bytes,
) -> Result<Json<TokenBody>, ApiError> {
    let fields = body_fields(&uri, &headers, &body, KEYS)?;
    if fields.has("expiration_time") {
        return Err(ApiError::bad_request(
            "tokens that expire (JWT) cannot be made yet: leave out 'expiration_time' for one that does not",
        ));
    }
    let token = app.standpipe.create_token(&access, new_token(&fields)?).await?;
    Ok(Json(TokenBody::of(&token, &current(&app, &access))))
}

/// Read a token
///
/// Reads one token by name, id or value. A token may read itself.
#[utoipa::path(
    get, path = "/v0/tokens/{token}", tag = "Tokens", security(("token" = [])),
    params(("token" = String, Path, description = "Name, id or value")),
    responses((status = 200, body = TokenBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub async fn get_token(
    State(app): State<App>,
    Path(reference): Path<String>,
    Caller(access): Caller,
) -> Result<Json<TokenBody>, ApiError> {
    Ok(Json(TokenBody::of(&*app.standpipe.token(&access, &reference)?, &access)))
}

/// Change a token
///
/// Changes a token's name or description; `scope` values, when there are any, replace all it had. A scope that the token has
/// with a row filter and that comes without one keeps it; to remove a filter, remove the scope first.
#[utoipa::path(
    put, path = "/v0/tokens/{token}", tag = "Tokens", security(("token" = [])),
    params(
        ("token" = String, Path, description = "Name, id or value"),
        ("name" = Option<String>, Query, description = "The new name"),
        ("scope" = Option<Vec<String>>, Query, description = "A scope; may be repeated"),
        ("description" = Option<String>, Query, description = "The new description"),
    ),
    responses(
        (status = 200, body = TokenBody), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    ),
)]
pub async fn update_token(
    State(app): State<App>,
    uri: Uri,
    Path(reference): Path<String>,
    headers: HeaderMap,
    Caller(access): Caller,
    body: Bytes,
) -> Result<Json<TokenBody>, ApiError> {
    let fields = body_fields(&uri, &headers, &body, KEYS)?;
    let token = app.standpipe.update_token(&access, &reference, new_token(&fields)?).await?;
    Ok(Json(TokenBody::of(&token, &current(&app, &access))))
}

/// Refresh a token
///
/// Gives the token a new secret; the old one stops working at once.
#[utoipa::path(
    post, path = "/v0/tokens/{token}/refresh", tag = "Tokens", security(("token" = [])),
    params(("token" = String, Path, description = "Name, id or value")),
    responses((status = 200, body = TokenBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub async fn refresh_token(
    State(app): State<App>,
    Path(reference): Path<String>,
    Caller(access): Caller,
) -> Result<Json<TokenBody>, ApiError> {
    let token = app.standpipe.refresh_token(&access, &reference).await?;
    Ok(Json(TokenBody::of(&token, &access)))
}

/// Delete a token
///
/// Deletes a token; it stops working at once. The last one with `ADMIN` stays.
#[utoipa::path(
    delete, path = "/v0/tokens/{token}", tag = "Tokens", security(("token" = [])),
    params(("token" = String, Path, description = "Name, id or value")),
    responses((status = 200, body = Ok), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)),
)]
pub async fn delete_token(
    State(app): State<App>,
    Path(reference): Path<String>,
    Caller(access): Caller,
) -> Result<Json<Ok>, ApiError> {
    app.standpipe.delete_token(&access, &reference).await?;
    Ok(Json(Ok { ok: true }))
}

impl TokenBody {
    fn of(token: &Token, access: &Access) -> TokenBody {
        TokenBody {
            id: token.id.to_string(),
            name: token.name.clone(),
            description: token.description.clone(),
            scopes: token.scopes.iter().map(|grant| ScopeBody::of(grant, access)).collect(),
            token: access.sees_secret(token).then(|| token.value.expose_secret().to_owned()),
            host: "local",
            origin: OriginBody { kind: token.origin.clone() },
            is_internal: false,
            created_at: format_timestamp(token.created_at),
        }
    }
}

impl ScopeBody {
    fn of(grant: &Grant, access: &Access) -> ScopeBody {
        let workspace = access.workspace();
        let resource = match grant.scope.resource() {
            ScopeResource::None => None,
            ScopeResource::DataSource(id) => workspace.data_sources.get(&id).map(|found| found.name.to_string()),
            ScopeResource::Pipe(id) => workspace.pipes.get(&id).map(|found| found.name.to_string()),
        };
        ScopeBody {
            kind: grant.scope.kind().as_str(),
            resource,
            filter: grant.filter.as_ref().map(|filter| filter.text.clone()),
        }
    }
}

/// Scopes come as repeated `scope` values, or as `scopes` in a JSON body: texts, or `{"type", "resource", "filter"}`.
fn new_token(fields: &Fields) -> Result<NewToken, ApiError> {
    let mut scopes: Vec<NewScope> = fields.texts("scope").iter().map(|scope| NewScope::parse(scope)).collect();
    if let Some(serde_json::Value::Array(listed)) = fields.value("scopes") {
        for scope in listed {
            scopes.push(listed_scope(scope)?);
        }
    }
    Ok(NewToken {
        name: fields.filled("name"),
        description: fields.text("description"),
        origin: fields.filled("origin"),
        scopes,
    })
}

fn listed_scope(scope: &serde_json::Value) -> Result<NewScope, ApiError> {
    if scope.get("fixed_params").and_then(|it| it.as_object()).is_some_and(|params| !params.is_empty()) {
        // To leave them out would allow more than was asked for.
        return Err(ApiError::bad_request(
            "'fixed_params' cannot be kept by a token without 'expiration_time': leave them out, or use a row filter",
        ));
    }
    let text = |key: &str| {
        let text = scope.get(key).and_then(|it| it.as_str()).map(str::trim);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Ok(match scope.as_str() {
        Some(scope) => NewScope::parse(scope),
        None => NewScope { kind: text("type").unwrap_or_default(), resource: text("resource"), filter: text("filter") },
    })
}

/// The caller's access over the catalog as it is now, to name resources that were made meanwhile.
fn current(app: &App, access: &Access) -> Access {
    access.refreshed(app.standpipe.catalog().snapshot())
}
