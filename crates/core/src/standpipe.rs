//! The product as one value: everything that operations need.

use std::path::PathBuf;
use std::sync::Arc;

use standpipe_clickhouse::Client;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::access::SecretKey;
use crate::catalog::Catalog;
use crate::clock::{Clock, Random};
use crate::error::{Error, Result};
use crate::jobs::{JobLimits, Jobs};
use crate::outbound::Outbound;
use crate::read::{Guard, ReadRules, Reader, RestartEngine};
use crate::service_data::{ServiceData, ServiceDataSettings};
use crate::sinks::{AwsIdentity, Claims, Gate};
use crate::storage::{Faults, Reconciled, ServiceTables, Storage};
use crate::store::Store;
use crate::views::ViewLocks;
use crate::write::{Registry, WriteLimits, Writer};

/// Everything that operations need. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Standpipe {
    pub(crate) catalog: Catalog,
    pub(crate) storage: Storage,
    pub(crate) reader: Reader,
    pub(crate) writer: Arc<Writer>,
    pub(crate) registry: Registry,
    pub(crate) service_data: ServiceData,
    pub(crate) jobs: Jobs,
    pub(crate) views: ViewLocks,
    pub(crate) gate: Gate,
    /// Where runs put aside what is too much for memory.
    pub(crate) spool_dir: Arc<PathBuf>,
    pub(crate) key: SecretKey,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) database_prefix: String,
    /// Work that outlives its request. What is cut off by the end of the process, the next start finishes.
    pub(crate) tasks: TaskTracker,
    /// Tells that work to stop.
    pub(crate) stopping: CancellationToken,
}

/// What a [`Standpipe`] is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Where the metadata and the key are.
    pub data_dir: PathBuf,
    /// The key file, when it is not in the data directory.
    pub key_file: Option<PathBuf>,
    /// Runs statements.
    pub client: Client,
    /// Tells what statements are and touch; the same as `client` for the embedded engine.
    pub checker: Client,
    /// Names the engine and its version: what is remembered of statements holds for one engine.
    pub engine: String,
    /// What the names of our databases begin with; empty for the embedded engine.
    pub database_prefix: String,
    /// Limits of reads.
    pub read_rules: ReadRules,
    /// Limits of appends.
    pub write_limits: WriteLimits,
    /// How service data is kept.
    pub service_data: ServiceDataSettings,
    /// Limits of jobs.
    pub job_limits: JobLimits,
    /// Whether addresses that users name may be private ones.
    pub allow_private_networks: bool,
    /// Who this installation is to AWS.
    pub aws_identity: Option<AwsIdentity>,
    /// The time.
    pub clock: Clock,
    /// Random bytes.
    pub random: Random,
    /// Failures that tests plan.
    pub faults: Faults,
    /// Restarts the engine when a query cannot be ended otherwise.
    pub restart_engine: RestartEngine,
}

impl Standpipe {
    /// Opens the metadata and reads the catalog. The engine is not asked for anything yet: see
    /// [`Standpipe::reconcile`].
    pub async fn open(parts: Parts) -> Result<Standpipe> {
        let key_file = parts.key_file.unwrap_or_else(|| parts.data_dir.join("secret.key"));
        let key = SecretKey::open(&key_file, &parts.random)?;
        let store = Store::open(&parts.data_dir.join("metadata.sqlite"), key.clone()).await?;
        let catalog = Catalog::load(store, &parts.read_rules.templates).await?;
        let registry = Registry::default();
        let gate = Gate {
            outbound: Outbound::new(parts.allow_private_networks)?,
            trusted: Outbound::new(true)?,
            identity: parts.aws_identity.map(Arc::new),
            claims: Claims::default(),
        };
        let (client, clock, random) = (parts.client, parts.clock, parts.random);
        let storage = Storage::new(client.clone(), parts.faults);
        let tables = ServiceTables::new(storage.clone(), parts.service_data.retention);
        let buffer_bytes = parts.service_data.buffer_bytes;
        let service_data =
            ServiceData::new(catalog.clone(), tables.clone(), buffer_bytes, clock.clone(), random.clone());
        let reader = Reader::new(
            client.clone(),
            Guard::new(parts.checker, &parts.engine),
            parts.read_rules,
            registry.clone(),
            parts.restart_engine,
        );
        let writer = Writer::new(client, parts.write_limits, registry.clone(), clock.clone(), random.clone());
        Ok(Standpipe {
            catalog,
            storage,
            reader: reader.with_service_tables(tables),
            writer: Arc::new(writer.recording_in(service_data.clone())),
            registry,
            gate,
            spool_dir: Arc::new(parts.data_dir),
            service_data,
            jobs: Jobs::new(parts.job_limits, &random),
            views: ViewLocks::default(),
            key,
            clock,
            random,
            database_prefix: parts.database_prefix,
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        })
    }

    /// Finishes or undoes what a crash left half done, then counts rows. Called once, when the engine first answers.
    pub async fn reconcile(&self) -> Result<Reconciled> {
        let done = self.storage.reconcile(&self.catalog).await?;
        for workspace in self.catalog.snapshot().workspaces() {
            self.ensure_views(workspace.id).await?;
            self.drop_stray_tables(workspace).await?;
        }
        self.service_data.update_tables().await?;
        self.refresh_counts().await?;
        Ok(done)
    }

    /// Asks the engine how many rows and bytes each data source has, and records what has changed.
    pub async fn refresh_counts(&self) -> Result<()> {
        self.storage.refresh_counts(&self.catalog.snapshot(), &self.registry).await?;
        self.service_data.record_storage(&self.registry, true);
        Ok(())
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Reads data.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Appends data.
    pub fn writer(&self) -> &Arc<Writer> {
        &self.writer
    }

    /// What the server tells each workspace about itself.
    pub fn service_data(&self) -> &ServiceData {
        &self.service_data
    }

    /// What is known of each data source while the server runs.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Random bytes.
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// Runs an operation of several steps to its end, although the request that asked for it may be dropped half-way.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        operation: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let done = self.tasks.spawn(operation.in_current_span()).await;
        done.map_err(|error| Error::internal(format!("an operation failed: {error}")))?
    }

    /// Runs work that outlives its request, until it ends or the server stops.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Waits until no work that outlives its request runs, for tests.
    pub async fn settle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    /// Stops work that outlives its request, writes the service data that is still buffered, then closes the metadata.
    /// Nothing may be asked of it afterwards.
    pub async fn close(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = self.service_data.flush().await {
            tracing::warn!(%error, "service data of the last moments could not be written and is lost");
        }
        self.catalog.store().close().await;
    }
}
