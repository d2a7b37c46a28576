//! The engine's side of the catalog: databases and tables, made and dropped so that a crash at any moment can be
//! finished or undone.
//!
//! SQLite and ClickHouse share no transaction. Each operation records its intent, runs DDL that may be repeated, and
//! marks the result; [`Storage::reconcile`] at start reads the intents that a crash left behind.

mod copying;
mod counts;
pub mod ddl;
mod definition;
mod expression;
mod expressions;
mod fault;
mod reconcile;
mod service_tables;
mod wall;

use std::time::Duration;

use standpipe_clickhouse::{Client, Error as EngineError, Lane, QueryOptions, codes};

pub(crate) use copying::read_columns;
pub use copying::{TableColumn, Transfer};
pub use definition::CheckedDefinition;
pub use expressions::check_definition;
pub use fault::{Fault, Faults};
pub use reconcile::Reconciled;
pub use service_tables::{Retention, ServiceTables};

use crate::catalog::{Catalog, Snapshot};
use crate::error::{Error, Result};
use crate::model::{PhysicalTable, Workspace};
use crate::write::Registry;

/// How long one DDL statement may take.
const DDL_TIMEOUT: Duration = Duration::from_secs(30);

/// How long formatting a text may take.
const FORMAT_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs DDL in the engine.
#[derive(Clone, Debug)]
pub struct Storage {
    client: Client,
    faults: Faults,
}

impl Storage {
    /// Storage over `client`. `faults` are failures that tests plan; none in production.
    pub fn new(client: Client, faults: Faults) -> Storage {
        Storage { client, faults }
    }

    /// Makes a workspace's database, when it is not there.
    pub async fn create_database(&self, workspace: &Workspace) -> Result<()> {
        self.execute(ddl::create_database(&workspace.database), "create the workspace's database").await
    }

    /// Makes the pair of tables of a data source, when they are not there: rows, then quarantine.
    pub async fn create_tables(
        &self,
        workspace: &Workspace,
        table: PhysicalTable,
        definition: &CheckedDefinition,
    ) -> Result<()> {
        let rows = ddl::create_rows(&workspace.database, table, definition)?;
        let quarantine = ddl::create_quarantine(&workspace.database, table, definition)?;
        self.execute(rows, "create the data source").await?;
        self.faults.check(Fault::BetweenTables)?;
        self.execute(quarantine, "create the quarantine").await
    }

    /// Drops a pair of tables, when they are there.
    pub async fn drop_tables(&self, workspace: &Workspace, table: PhysicalTable) -> Result<()> {
        for name in [table.rows(), table.quarantine()] {
            match self.execute(ddl::drop_table(&workspace.database, &name), "drop a table").await {
                // With the database gone the tables are, too.
                Err(Error::Engine { code: codes::UNKNOWN_DATABASE, .. }) => {}
                other => other?,
            }
            self.faults.check(Fault::BetweenDrops)?;
        }
        Ok(())
    }

    /// Finishes or undoes what a crash left half done. Called once, before requests are served.
    pub async fn reconcile(&self, catalog: &Catalog) -> Result<Reconciled> {
        reconcile::run(self, catalog).await
    }

    /// Ends the query of this id, if it runs. That it cannot be told to end is no failure: its client has left, too.
    pub async fn kill(&self, query_id: &str) {
        if let Err(error) = self.client.kill(query_id).await {
            tracing::warn!(%error, query_id, "a query could not be told to end");
        }
    }

    /// Failures that tests plan.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Runs a question of our own and answers its text.
    async fn ask(&self, question: &ddl::Statement, action: &'static str) -> Result<String> {
        let options = QueryOptions::new(Lane::Background).setting("max_execution_time", DDL_TIMEOUT.as_secs());
        let answer = async { self.client.query(question, &options).await?.text().await };
        answer.await.map_err(|error| Error::from_engine(error, action))
    }

    /// Asks the engine how many rows and bytes each table has, and tells the registry.
    pub async fn refresh_counts(&self, snapshot: &Snapshot, registry: &Registry) -> Result<()> {
        counts::refresh(self, snapshot, registry).await
    }

    /// A SQL text in the engine's own form: keywords in capitals, one clause per line, no comments.
    pub async fn format_query(&self, sql: &str) -> Result<String> {
        let action = "format the SQL";
        let options = QueryOptions::new(Lane::Check)
            .setting("readonly", 1)
            .setting("max_execution_time", FORMAT_TIMEOUT.as_secs())
            // The text stands in the query as a literal, in which a byte may take four.
            .setting("max_query_size", 4 * sql.len() + 1024);
        let statement = ddl::format_query(sql);
        let answer = async { self.client.query(&statement, &options).await?.text().await };
        let answer = match tokio::time::timeout(FORMAT_TIMEOUT, answer).await {
            Err(_) => return Err(Error::EngineUnavailable { action }),
            Ok(answer) => answer.map_err(|error| Error::from_engine(error, action))?,
        };
        let (text,): (String,) = serde_json::from_str(&answer)
            .map_err(|error| Error::internal(format!("the engine's formatted SQL cannot be read: {error}")))?;
        Ok(text)
    }

    async fn execute(&self, statement: ddl::Statement, action: &'static str) -> Result<()> {
        let options = QueryOptions::new(Lane::Background).setting("max_execution_time", DDL_TIMEOUT.as_secs());
        match tokio::time::timeout(DDL_TIMEOUT, self.client.execute(&statement, &options)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(EngineError::Exception(exception))) => {
                Err(Error::Engine { code: exception.code, message: exception.message })
            }
            Ok(Err(error)) => Err(Error::from_engine(error, action)),
            Err(_) => Err(Error::EngineUnavailable { action }),
        }
    }
}
