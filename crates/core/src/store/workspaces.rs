//! Statements on `workspaces`.

use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};

use super::rows;
use crate::error::Result;
use crate::model::Workspace;

const INSERT: &str = "
    INSERT INTO workspaces (id, name, database, created_at)
    VALUES (?1, ?2, ?3, ?4)";
const ALL: &str = "
    SELECT id, name, database
    FROM workspaces
    ORDER BY created_at, id";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[INSERT, ALL];

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    workspace: &Workspace,
    created_at: Timestamp,
) -> Result<()> {
    sqlx::query(INSERT)
        .bind(workspace.id.to_string())
        .bind(&workspace.name)
        .bind(&workspace.database)
        .bind(rows::micros(created_at))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<Workspace>> {
    let mut found = Vec::new();
    for row in sqlx::query(ALL).fetch_all(connection).await? {
        let id = rows::workspace_id(&row.try_get::<String, _>("id")?)?;
        found.push(Workspace::new(id, row.try_get("name")?, row.try_get("database")?));
    }
    Ok(found)
}
