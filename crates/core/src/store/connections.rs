//! Statements on `connections`. Settings are encrypted as a whole.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::rows;
use crate::access::SecretKey;
use crate::error::Result;
use crate::model::connection::{Connection, Service, Settings};
use crate::model::{ConnectionId, WorkspaceId};

const PUT: &str = "
    INSERT INTO connections (id, workspace_id, name, service, settings_encrypted, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (id) DO UPDATE
    SET name = excluded.name,
        settings_encrypted = excluded.settings_encrypted,
        updated_at = excluded.updated_at";
const REMOVE: &str = "
    DELETE FROM connections
    WHERE id = ?1";
const OF: &str = "
    SELECT id, name, service, settings_encrypted, created_at, updated_at
    FROM connections
    WHERE workspace_id = ?1
    ORDER BY created_at, id";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PUT, REMOVE, OF];

pub(super) async fn put(
    connection: &mut SqliteConnection,
    key: &SecretKey,
    workspace: WorkspaceId,
    it: &Connection,
) -> Result<()> {
    sqlx::query(PUT)
        .bind(it.id.to_string())
        .bind(workspace.to_string())
        .bind(&it.name)
        .bind(it.service.as_str())
        .bind(key.encrypt(it.settings.to_json().to_string().as_bytes()))
        .bind(rows::micros(it.created_at))
        .bind(rows::micros(it.updated_at))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn remove(connection: &mut SqliteConnection, id: ConnectionId) -> Result<()> {
    sqlx::query(REMOVE).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub(super) async fn of(
    connection: &mut SqliteConnection,
    key: &SecretKey,
    workspace: WorkspaceId,
) -> Result<Vec<Connection>> {
    let found = sqlx::query(OF).bind(workspace.to_string()).fetch_all(connection).await?;
    found.iter().map(|row| read(row, key)).collect()
}

fn read(row: &SqliteRow, key: &SecretKey) -> Result<Connection> {
    let service: String = row.try_get("service")?;
    let service = Service::parse(&service).ok_or_else(|| rows::damaged("service", &service, "unknown"))?;
    let encrypted: Vec<u8> = row.try_get("settings_encrypted")?;
    let settings = key.decrypt(&encrypted)?;
    let settings: serde_json::Value = serde_json::from_slice(&settings)
        .map_err(|_| rows::damaged("connection", "(not shown)", "its settings are no JSON"))?;
    Ok(Connection {
        id: ConnectionId(rows::uuid(&row.try_get::<String, _>("id")?)?),
        name: row.try_get("name")?,
        service,
        settings: Settings::read(service, |name| Some(settings.get(name)?.as_str()?.to_owned()))?,
        created_at: rows::timestamp(row.try_get("created_at")?)?,
        updated_at: rows::timestamp(row.try_get("updated_at")?)?,
    })
}
