//! Statements on `tokens`. Values are encrypted; the hash finds them.

use std::sync::Arc;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::rows;
use crate::access::{SecretKey, token_hash};
use crate::error::Result;
use crate::model::token::ScopeResource;
use crate::model::{DataSourceId, Grant, PipeId, RowFilter, Scope, ScopeKind, Token, TokenId, WorkspaceId};

const PUT: &str = "
    INSERT INTO tokens
        (id, workspace_id, name, description, origin, scopes, value_hash, value_encrypted, created_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (id) DO UPDATE
    SET name = excluded.name,
        description = excluded.description,
        origin = excluded.origin,
        scopes = excluded.scopes,
        value_hash = excluded.value_hash,
        value_encrypted = excluded.value_encrypted";
const REMOVE: &str = "
    DELETE FROM tokens
    WHERE id = ?1";
const OF: &str = "
    SELECT id, name, description, origin, scopes, value_encrypted, created_at
    FROM tokens
    WHERE workspace_id = ?1
    ORDER BY created_at, id";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PUT, REMOVE, OF];

/// A scope as its JSON column holds it.
#[derive(Serialize, Deserialize)]
struct StoredScope {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<StoredFilter>,
}

#[derive(Serialize, Deserialize)]
struct StoredFilter {
    text: String,
    bound: String,
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    key: &SecretKey,
    workspace: WorkspaceId,
    token: &Token,
) -> Result<()> {
    let scopes: Vec<StoredScope> = token.scopes.iter().map(stored).collect();
    let value = token.value.expose_secret();
    sqlx::query(PUT)
        .bind(token.id.to_string())
        .bind(workspace.to_string())
        .bind(&token.name)
        .bind(&token.description)
        .bind(&token.origin)
        .bind(rows::to_json(&scopes)?)
        .bind(token_hash(value).to_vec())
        .bind(key.encrypt(value.as_bytes()))
        .bind(rows::micros(token.created_at))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn remove(connection: &mut SqliteConnection, id: TokenId) -> Result<()> {
    sqlx::query(REMOVE).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub(super) async fn of(
    connection: &mut SqliteConnection,
    key: &SecretKey,
    workspace: WorkspaceId,
) -> Result<Vec<Token>> {
    let found = sqlx::query(OF).bind(workspace.to_string()).fetch_all(connection).await?;
    found.iter().map(|row| read(row, key)).collect()
}

fn read(row: &SqliteRow, key: &SecretKey) -> Result<Token> {
    let encrypted: Vec<u8> = row.try_get("value_encrypted")?;
    let value = String::from_utf8(key.decrypt(&encrypted)?)
        .map_err(|error| rows::damaged("token", "(not shown)", error.utf8_error()))?;
    let scopes: Vec<StoredScope> = rows::json(&row.try_get::<String, _>("scopes")?)?;
    Ok(Token {
        id: TokenId(rows::uuid(&row.try_get::<String, _>("id")?)?),
        name: row.try_get("name")?,
        description: row.try_get("description")?,
        origin: row.try_get("origin")?,
        scopes: scopes.iter().map(read_scope).collect::<Result<_>>()?,
        value: value.into(),
        created_at: rows::timestamp(row.try_get("created_at")?)?,
    })
}

fn stored(grant: &Grant) -> StoredScope {
    let resource = match grant.scope.resource() {
        ScopeResource::None => None,
        ScopeResource::DataSource(id) => Some(id.to_string()),
        ScopeResource::Pipe(id) => Some(id.to_string()),
    };
    let filter = grant.filter.as_ref().map(|it| StoredFilter { text: it.text.clone(), bound: it.bound.clone() });
    StoredScope { kind: grant.scope.kind().to_string(), resource, filter }
}

fn read_scope(stored: &StoredScope) -> Result<Grant> {
    let damaged = || rows::damaged("scope", &stored.kind, "unknown kind or resource");
    let kind = ScopeKind::parse(&stored.kind).ok_or_else(damaged)?;
    let resource = match &stored.resource {
        None => ScopeResource::None,
        Some(id) if kind.as_str().starts_with("PIPES") => ScopeResource::Pipe(rows::id(id, PipeId::parse)?),
        Some(id) => ScopeResource::DataSource(rows::id(id, DataSourceId::parse)?),
    };
    let filter = stored.filter.as_ref().map(|it| RowFilter { text: it.text.clone(), bound: it.bound.clone() });
    Ok(Grant { scope: Scope::new(kind, resource).ok_or_else(damaged)?, filter: filter.map(Arc::new) })
}
