//! The metadata store: SQLite tables and the statements on them. One module per family of tables.
//!
//! The store keeps rows and knows no rules; the catalog decides, inside one transaction per change.

pub mod change;
mod connections;
mod data_sources;
pub(crate) mod jobs;
mod pipes;
mod rows;
mod schedules;
mod tables;
mod tokens;
mod workspaces;

use std::path::Path;
use std::str::FromStr;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

pub use change::{Change, TableState};
pub use jobs::{ActiveJob, Lease};
pub use schedules::{ScheduleMove, ScheduleRow};
pub use tables::TableRow;

use crate::access::SecretKey;
use crate::error::{Error, Result};
use crate::model::Workspace;
use crate::read::TemplateLimits;

const NEXT_VERSION: &str = "UPDATE catalog SET version = version + 1 WHERE only_row = 1 RETURNING version";
const READ_VERSION: &str = "SELECT version FROM catalog WHERE only_row = 1";

/// A handle on the metadata database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    key: SecretKey,
}

impl Store {
    /// Opens the database file at `path`, making it when missing, and brings its tables up to date.
    pub async fn open(path: &Path, key: SecretKey) -> Result<Store> {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        Store::connect(options, 4, key).await
    }

    /// A database that lives in memory as long as the handle, for tests.
    pub async fn in_memory(key: SecretKey) -> Result<Store> {
        // Every connection to ":memory:" would be a database of its own.
        Store::connect(SqliteConnectOptions::from_str("sqlite::memory:")?, 1, key).await
    }

    async fn connect(options: SqliteConnectOptions, connections: u32, key: SecretKey) -> Result<Store> {
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged change survives a power loss.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await?;
        sqlx::migrate!("./migrations")
            .run(&pool)
            .await
            .map_err(|error| Error::internal(format!("could not bring the metadata store up to date: {error}")))?;
        Ok(Store { pool, key })
    }

    /// Starts a transaction that will be committed by the caller, and raises the catalog's version in it.
    pub async fn begin(&self) -> Result<(Transaction<'static, Sqlite>, u64)> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let version: i64 = sqlx::query_scalar(NEXT_VERSION).fetch_one(&mut *transaction).await?;
        Ok((transaction, rows::unsigned(version)?))
    }

    /// Writes one change of `workspace` inside a transaction.
    pub async fn apply(&self, connection: &mut SqliteConnection, workspace: &Workspace, change: &Change) -> Result<()> {
        match change {
            Change::PutDataSource(data_source) => data_sources::put(connection, workspace.id, data_source).await,
            Change::RemoveDataSource(id) => data_sources::remove(connection, *id).await,
            Change::PutPipe(pipe) => pipes::put(connection, workspace.id, pipe).await,
            Change::RemovePipe(id) => pipes::remove(connection, *id).await,
            Change::PutToken(token) => tokens::put(connection, &self.key, workspace.id, token).await,
            Change::RemoveToken(id) => tokens::remove(connection, *id).await,
            Change::PutConnection(it) => connections::put(connection, &self.key, workspace.id, it).await,
            Change::RemoveConnection(id) => connections::remove(connection, *id).await,
            Change::PutTable(table, state) => tables::put(connection, workspace.id, *table, *state).await,
            Change::RemoveTable(table) => tables::remove(connection, *table).await,
            Change::PutSchedule { pipe, next_run, now, is_paused } => {
                schedules::put(connection, workspace.id, *pipe, (*next_run, *now), *is_paused).await
            }
            Change::RemoveSchedule(pipe) => schedules::remove(connection, *pipe).await,
            Change::PutJob(job) => jobs::insert(connection, job).await,
            Change::PutCheckpoint(job, checkpoint) => jobs::put_checkpoint(connection, *job, checkpoint).await,
        }
    }

    /// Adds an empty workspace inside a transaction.
    pub async fn insert_workspace(
        &self,
        connection: &mut SqliteConnection,
        workspace: &Workspace,
        created_at: jiff::Timestamp,
    ) -> Result<()> {
        workspaces::insert(connection, workspace, created_at).await
    }

    /// Reads everything: the catalog's version and each workspace with all it owns.
    pub async fn load(&self, limits: &TemplateLimits) -> Result<(u64, Vec<Workspace>)> {
        let mut connection = self.pool.acquire().await?;
        let version: i64 = sqlx::query_scalar(READ_VERSION).fetch_one(&mut *connection).await?;
        let mut workspaces = workspaces::all(&mut connection).await?;
        for workspace in &mut workspaces {
            for data_source in data_sources::of(&mut connection, workspace.id).await? {
                workspace.put_data_source(data_source.into());
            }
            for pipe in pipes::of(&mut connection, workspace.id, limits).await? {
                workspace.put_pipe(pipe.into());
            }
            for token in tokens::of(&mut connection, &self.key, workspace.id).await? {
                workspace.tokens.insert(token.id, token.into());
            }
            for it in connections::of(&mut connection, &self.key, workspace.id).await? {
                workspace.connections.insert(it.id, it.into());
            }
        }
        Ok((rows::unsigned(version)?, workspaces))
    }

    /// The tables that exist, or may exist, in the engine.
    pub async fn physical_tables(&self) -> Result<Vec<TableRow>> {
        let mut connection = self.pool.acquire().await?;
        tables::all(&mut connection).await
    }

    /// Closes every connection, so that the file is whole on disk.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Executor, SqlSafeStr};

    use super::*;

    #[tokio::test]
    async fn a_store_from_before_roles_keeps_its_endpoints() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.sqlite");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let old = SqlitePoolOptions::new().connect_with(options).await.unwrap();
        sqlx::migrate!("./migrations").run_to(1, &old).await.unwrap();
        for statement in [
            "INSERT INTO workspaces VALUES ('00000000-0000-4000-8000-000000000001', 'w', 'd_1', 0)",
            "INSERT INTO pipes VALUES ('t_00000000000000000000000000000002', '00000000-0000-4000-8000-000000000001',
                'p', NULL, 't_00000000000000000000000000000003', 0, 0, 0)",
            "INSERT INTO pipes VALUES ('t_00000000000000000000000000000004', '00000000-0000-4000-8000-000000000001',
                'q', NULL, NULL, 0, 0, 0)",
        ] {
            sqlx::query(statement).execute(&old).await.unwrap();
        }
        old.close().await;
        let store = Store::open(&path, SecretKey::from_bytes([7; 32])).await.unwrap();
        let (_, workspaces) = store.load(&TemplateLimits::default()).await.unwrap();
        let endpoint = |name: &str| workspaces[0].pipe(name).unwrap().endpoint().map(|node| node.to_string());
        assert_eq!(endpoint("p").as_deref(), Some("t_00000000000000000000000000000003"));
        assert_eq!((endpoint("q"), &workspaces[0].pipe("q").unwrap().published), (None, &None));
    }

    #[tokio::test]
    async fn every_statement_prepares_against_the_schema() {
        let store = Store::in_memory(SecretKey::from_bytes([7; 32])).await.unwrap();
        let mut connection = store.pool.acquire().await.unwrap();
        let families = [
            &[NEXT_VERSION, READ_VERSION][..],
            connections::STATEMENTS,
            data_sources::STATEMENTS,
            jobs::STATEMENTS,
            schedules::STATEMENTS,
            pipes::STATEMENTS,
            tables::STATEMENTS,
            tokens::STATEMENTS,
            workspaces::STATEMENTS,
        ];
        for statement in families.concat() {
            if let Err(error) = connection.prepare(statement.into_sql_str()).await {
                panic!("{statement}\n{error}");
            }
        }
    }
}
