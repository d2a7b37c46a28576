//! Statements on `physical_tables`.

use sqlx::{Row, SqliteConnection};

use super::{TableState, rows};
use crate::error::Result;
use crate::model::{DataSourceId, PhysicalTable, WorkspaceId};

const PUT: &str = "
    INSERT INTO physical_tables (data_source_id, incarnation, workspace_id, state)
    VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (data_source_id, incarnation) DO UPDATE
    SET state = excluded.state";
const REMOVE: &str = "
    DELETE FROM physical_tables
    WHERE data_source_id = ?1 AND incarnation = ?2";
const ALL: &str = "
    SELECT data_source_id, incarnation, workspace_id, state
    FROM physical_tables
    ORDER BY data_source_id, incarnation";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PUT, REMOVE, ALL];

/// A table that exists, or may exist, in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// The workspace that owns it.
    pub workspace: WorkspaceId,
    /// Which table.
    pub table: PhysicalTable,
    /// How far it has come.
    pub state: TableState,
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    table: PhysicalTable,
    state: TableState,
) -> Result<()> {
    sqlx::query(PUT)
        .bind(table.data_source.to_string())
        .bind(i64::from(table.incarnation))
        .bind(workspace.to_string())
        .bind(state_text(state))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn remove(connection: &mut SqliteConnection, table: PhysicalTable) -> Result<()> {
    sqlx::query(REMOVE)
        .bind(table.data_source.to_string())
        .bind(i64::from(table.incarnation))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<TableRow>> {
    let mut found = Vec::new();
    for row in sqlx::query(ALL).fetch_all(connection).await? {
        let state: String = row.try_get("state")?;
        found.push(TableRow {
            workspace: rows::workspace_id(&row.try_get::<String, _>("workspace_id")?)?,
            table: PhysicalTable {
                data_source: rows::id(&row.try_get::<String, _>("data_source_id")?, DataSourceId::parse)?,
                incarnation: rows::unsigned(row.try_get("incarnation")?)?,
            },
            state: match state.as_str() {
                "creating" => TableState::Creating,
                "live" => TableState::Live,
                "retired" => TableState::Retired,
                other => return Err(rows::damaged("table state", other, "unknown")),
            },
        });
    }
    Ok(found)
}

fn state_text(state: TableState) -> &'static str {
    match state {
        TableState::Creating => "creating",
        TableState::Live => "live",
        TableState::Retired => "retired",
    }
}
