//! Statements on `pipes` and `nodes`. A pipe is always written whole.

use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::rows;
use crate::error::Result;
use crate::model::{DataSourceId, Node, NodeId, Pipe, PipeId, ResourceName, WorkspaceId};
use crate::read::{NodeSql, TemplateLimits};

const PUT_PIPE: &str = "
    INSERT INTO pipes (id, workspace_id, name, description, published, published_at, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (id) DO UPDATE
    SET name = excluded.name,
        description = excluded.description,
        published = excluded.published,
        published_at = excluded.published_at,
        updated_at = excluded.updated_at";
const REMOVE_PIPE: &str = "
    DELETE FROM pipes
    WHERE id = ?1";
const REMOVE_NODES: &str = "
    DELETE FROM nodes
    WHERE pipe_id = ?1";
const INSERT_NODE: &str = "
    INSERT INTO nodes
        (id, pipe_id, position, name, sql, description, materialized, tags, dependencies, params, version,
         created_at, updated_at, cache_seconds)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
const PIPES_OF: &str = "
    SELECT id, name, description, published, published_at, created_at, updated_at
    FROM pipes
    WHERE workspace_id = ?1
    ORDER BY id";
const NODES_OF: &str = "
    SELECT nodes.id, pipe_id, nodes.name, sql, nodes.description, materialized, tags, dependencies, params, version,
           nodes.created_at, nodes.updated_at, cache_seconds
    FROM nodes
    JOIN pipes ON pipes.id = nodes.pipe_id
    WHERE pipes.workspace_id = ?1
    ORDER BY pipe_id, position";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PUT_PIPE, REMOVE_PIPE, REMOVE_NODES, INSERT_NODE, PIPES_OF, NODES_OF];

pub(super) async fn put(connection: &mut SqliteConnection, workspace: WorkspaceId, pipe: &Pipe) -> Result<()> {
    let id = pipe.id.to_string();
    sqlx::query(PUT_PIPE)
        .bind(&id)
        .bind(workspace.to_string())
        .bind(pipe.name.as_str())
        .bind(&pipe.description)
        .bind(pipe.published.as_ref().map(rows::to_json).transpose()?)
        .bind(rows::micros(pipe.published_at))
        .bind(rows::micros(pipe.created_at))
        .bind(rows::micros(pipe.updated_at))
        .execute(&mut *connection)
        .await?;
    sqlx::query(REMOVE_NODES).bind(&id).execute(&mut *connection).await?;
    for (position, node) in (0_i64..).zip(&pipe.nodes) {
        insert_node(connection, &id, position, node).await?;
    }
    Ok(())
}

async fn insert_node(connection: &mut SqliteConnection, pipe_id: &str, position: i64, node: &Node) -> Result<()> {
    sqlx::query(INSERT_NODE)
        .bind(node.id.to_string())
        .bind(pipe_id)
        .bind(position)
        .bind(node.name.as_str())
        .bind(node.sql.as_str())
        .bind(&node.description)
        .bind(node.materialized.map(|target| target.to_string()))
        .bind(rows::to_json(&node.tags)?)
        .bind(rows::to_json(&node.dependencies)?)
        .bind(rows::to_json(&node.params)?)
        .bind(i64::from(node.version))
        .bind(rows::micros(node.created_at))
        .bind(rows::micros(node.updated_at))
        .bind(node.cache_seconds.map(i64::from))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn remove(connection: &mut SqliteConnection, id: PipeId) -> Result<()> {
    sqlx::query(REMOVE_PIPE).bind(id.to_string()).execute(connection).await?;
    Ok(())
}

pub(super) async fn of(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    limits: &TemplateLimits,
) -> Result<Vec<Pipe>> {
    let mut nodes: HashMap<String, Vec<Node>> = HashMap::new();
    for row in sqlx::query(NODES_OF).bind(workspace.to_string()).fetch_all(&mut *connection).await? {
        nodes.entry(row.try_get("pipe_id")?).or_default().push(read_node(&row, limits)?);
    }
    let found = sqlx::query(PIPES_OF).bind(workspace.to_string()).fetch_all(connection).await?;
    found.iter().map(|row| read_pipe(row, &mut nodes)).collect()
}

fn read_pipe(row: &SqliteRow, nodes: &mut HashMap<String, Vec<Node>>) -> Result<Pipe> {
    let id: String = row.try_get("id")?;
    let published: Option<String> = row.try_get("published")?;
    Ok(Pipe {
        id: rows::id(&id, PipeId::parse)?,
        name: ResourceName::parse(&row.try_get::<String, _>("name")?)?,
        description: row.try_get("description")?,
        nodes: nodes.remove(&id).unwrap_or_default(),
        published: published.as_deref().map(rows::json).transpose()?,
        published_at: rows::timestamp(row.try_get("published_at")?)?,
        created_at: rows::timestamp(row.try_get("created_at")?)?,
        updated_at: rows::timestamp(row.try_get("updated_at")?)?,
    })
}

fn read_node(row: &SqliteRow, limits: &TemplateLimits) -> Result<Node> {
    let materialized: Option<String> = row.try_get("materialized")?;
    let name = ResourceName::parse(&row.try_get::<String, _>("name")?)?;
    let sql: String = row.try_get("sql")?;
    Ok(Node {
        id: rows::id(&row.try_get::<String, _>("id")?, NodeId::parse)?,
        sql: NodeSql::stored(name.as_str(), &sql, limits),
        name,
        description: row.try_get("description")?,
        materialized: materialized.map(|target| rows::id(&target, DataSourceId::parse)).transpose()?,
        cache_seconds: row.try_get::<Option<i64>, _>("cache_seconds")?.map(rows::unsigned).transpose()?,
        tags: rows::json(&row.try_get::<String, _>("tags")?)?,
        dependencies: rows::json(&row.try_get::<String, _>("dependencies")?)?,
        params: rows::json(&row.try_get::<String, _>("params")?)?,
        version: rows::unsigned(row.try_get("version")?)?,
        created_at: rows::timestamp(row.try_get("created_at")?)?,
        updated_at: rows::timestamp(row.try_get("updated_at")?)?,
    })
}
