//! Statements on `data_sources`.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use standpipe_datafile::Engine;

use super::rows;
use crate::error::{Error, Result};
use crate::model::{DataSource, DataSourceId, DataSourceState, ResourceName, WorkspaceId};

const PUT: &str = "
    INSERT INTO data_sources
        (id, workspace_id, name, description, columns, engine, tags, incarnation, state, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
    ON CONFLICT (id) DO UPDATE
    SET name = excluded.name,
        description = excluded.description,
        columns = excluded.columns,
        engine = excluded.engine,
        tags = excluded.tags,
        incarnation = excluded.incarnation,
        state = excluded.state,
        updated_at = excluded.updated_at";
const REMOVE: &str = "
    DELETE FROM data_sources
    WHERE id = ?1";
const OF: &str = "
    SELECT id, name, description, columns, engine, tags, incarnation, state, created_at, updated_at
    FROM data_sources
    WHERE workspace_id = ?1
    ORDER BY id";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PUT, REMOVE, OF];

pub(super) async fn put(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    data_source: &DataSource,
) -> Result<()> {
    sqlx::query(PUT)
        .bind(data_source.id.to_string())
        .bind(workspace.to_string())
        .bind(data_source.name.as_str())
        .bind(&data_source.description)
        .bind(standpipe_datafile::print_schema(&data_source.columns))
        .bind(engine_text(&data_source.engine)?)
        .bind(rows::to_json(&data_source.tags)?)
        .bind(i64::from(data_source.incarnation))
        .bind(match data_source.state {
            DataSourceState::Creating => "creating",
            DataSourceState::Ready => "ready",
        })
        .bind(rows::micros(data_source.created_at))
        .bind(rows::micros(data_source.updated_at))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn remove(connection: &mut SqliteConnection, id: DataSourceId) -> Result<()> {
    sqlx::query(REMOVE).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub(super) async fn of(connection: &mut SqliteConnection, workspace: WorkspaceId) -> Result<Vec<DataSource>> {
    let found = sqlx::query(OF).bind(workspace.to_string()).fetch_all(connection).await?;
    found.iter().map(read).collect()
}

fn read(row: &SqliteRow) -> Result<DataSource> {
    let columns: String = row.try_get("columns")?;
    let state: String = row.try_get("state")?;
    Ok(DataSource {
        id: rows::id(&row.try_get::<String, _>("id")?, DataSourceId::parse)?,
        name: ResourceName::parse(&row.try_get::<String, _>("name")?)?,
        description: row.try_get("description")?,
        columns: standpipe_datafile::parse_schema(&columns).map_err(|error| {
            Error::internal(format!("the metadata store holds a schema that cannot be read: {error}"))
        })?,
        engine: read_engine(&row.try_get::<String, _>("engine")?)?,
        tags: rows::json(&row.try_get::<String, _>("tags")?)?,
        incarnation: rows::unsigned(row.try_get("incarnation")?)?,
        state: if state == "ready" { DataSourceState::Ready } else { DataSourceState::Creating },
        created_at: rows::timestamp(row.try_get("created_at")?)?,
        updated_at: rows::timestamp(row.try_get("updated_at")?)?,
    })
}

/// An engine as its column holds it: the options' names and texts, as the API takes them.
fn engine_text(engine: &Engine) -> Result<String> {
    let mut options: BTreeMap<&str, &str> = engine.params().collect();
    options.insert("engine", engine.name.as_str());
    rows::to_json(&options)
}

fn read_engine(text: &str) -> Result<Engine> {
    let options: BTreeMap<String, String> = rows::json(text)?;
    let name = options.get("engine").map(String::as_str);
    Engine::from_params(name, options.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .map_err(|error| rows::damaged("engine", text, error))
}
