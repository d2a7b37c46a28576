//! Appends a body to a data source.

use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use standpipe_clickhouse::{Client, Error as EngineError, Lane, QueryOptions};
use standpipe_ingest::{Batch, CsvDialect, DecodeError, HeaderMode, quarantine_columns, quarantine_row_binary};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::Instrument;

use super::decode::{RowDecoder, row_decoder};
use super::registry::Registry;
use crate::access::Access;
use crate::catalog::Catalog;
use crate::clock::{Clock, Random};
use crate::dialect::with_dialect;
use crate::error::{Error, Result};
use crate::model::{DataSource, DataSourceId, Workspace};
use crate::service_data::{Event, Operation, ServiceData};
use crate::storage::ddl;

/// Bodies from this size on are decoded on a thread of their own, so that they do not hold up other requests.
const LARGE_BODY: usize = 256 << 10;

/// How many of them at once; the others wait.
const LARGE_BODIES_AT_ONCE: usize = 4;

/// Rows and bytes of the largest block the engine makes of one insert: more than any body holds, so that a body is one
/// block, stored whole or not at all.
const ONE_BLOCK: u64 = 1 << 40;

/// Partitions that one body may touch: each becomes a part, so a body over years of days is many files.
const MAX_PARTITIONS: u32 = 1_000;

/// Pause between two tries to reach an engine that is restarting.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// What appends may use.
#[derive(Clone, Copy, Debug)]
pub struct WriteLimits {
    /// How long an insert is tried again while the engine restarts.
    pub retry: Duration,
    /// Longest time of one insert.
    pub time: Duration,
}

/// The format of a body.
#[derive(Clone, Debug, Default)]
pub enum AppendFormat {
    /// One JSON value per line.
    #[default]
    Ndjson,
    /// One JSON object, over any number of lines.
    Json,
    /// One JSON value over any number of lines, or one per line: whichever the body is.
    JsonOrNdjson,
    /// Comma-separated values.
    Csv(CsvDialect),
}

impl AppendFormat {
    /// What reads it, as logs name it.
    pub fn parser(&self) -> &'static str {
        if matches!(self, AppendFormat::Csv(_)) { "csv" } else { "ndjson" }
    }
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
}

/// A body to append.
#[derive(Clone, Debug)]
pub struct AppendRequest {
    /// The bytes as they came.
    pub body: Bytes,
    /// Their format.
    pub format: AppendFormat,
    /// Their compression. A body that begins with gzip's signature is taken as gzip anyway.
    pub compression: Compression,
    /// Largest body once decompressed, in bytes.
    pub limit: u64,
    /// What the operations log calls it.
    pub event: Event,
}

/// What an append did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The id under which its quarantined rows are found.
    pub import_id: String,
    /// Rows stored.
    pub rows: u64,
    /// Rows put into the quarantine, unreadable lines included.
    pub quarantined: u64,
    /// Lines that could not be read as a row; they are in the quarantine, too.
    pub invalid_lines: u64,
    /// Bytes of the body once decompressed.
    pub bytes: u64,
}

type Decoders = HashMap<DataSourceId, (Arc<DataSource>, Arc<RowDecoder>)>;

/// Appends to data sources.
#[derive(Debug)]
pub struct Writer {
    client: Client,
    limits: WriteLimits,
    registry: Registry,
    clock: Clock,
    random: Random,
    decoders: RwLock<Decoders>,
    /// Bodies that are decoded on threads of their own at once: each holds its rows in memory.
    large_bodies: Semaphore,
    /// Where appends are recorded, if anywhere.
    service_data: Option<ServiceData>,
}

impl Writer {
    /// A writer over `client`.
    pub fn new(client: Client, limits: WriteLimits, registry: Registry, clock: Clock, random: Random) -> Writer {
        let large_bodies = Semaphore::new(LARGE_BODIES_AT_ONCE);
        let decoders = RwLock::default();
        Writer { client, limits, registry, clock, random, decoders, large_bodies, service_data: None }
    }

    /// The same, recording each append.
    pub fn recording_in(self, service_data: ServiceData) -> Writer {
        Writer { service_data: Some(service_data), ..self }
    }

    /// Appends a body. When this returns, its rows are in the engine: the good ones in the data source, the others in
    /// its quarantine.
    ///
    /// Errors: a body in which nothing can be read; [`Error::EngineUnavailable`] when the engine did not come back in
    /// time. The rows are then stored, or they are not: sending them again may store them twice.
    pub async fn append(
        self: &Arc<Self>,
        access: &Access,
        catalog: &Catalog,
        data_source: DataSourceId,
        request: AppendRequest,
    ) -> Result<Appended> {
        let (writer, access, catalog) = (self.clone(), access.clone(), catalog.clone());
        // A client that leaves does not open the gate while its rows are still on their way.
        let append = async move { writer.append_to_its_end(&access, &catalog, data_source, request).await };
        let done = tokio::spawn(append.in_current_span()).await;
        done.map_err(|error| Error::internal(format!("appending failed: {error}")))?
    }

    async fn append_to_its_end(
        &self,
        access: &Access,
        catalog: &Catalog,
        data_source: DataSourceId,
        request: AppendRequest,
    ) -> Result<Appended> {
        let state = self.registry.state(data_source);
        // The table and its columns are looked up inside the gate: whoever held it before may have changed both.
        let _gate = state.enter().await;
        let (workspace, data_source) = current(access, catalog, data_source)?;
        access.require_append(&data_source)?;
        let begin = |service_data| Operation::begin(service_data, access, request.event, &data_source);
        let (operation, parser) = (self.service_data.as_ref().map(begin), request.format.parser());
        let appended = self.store(&workspace, &data_source, request).await;
        if let Some(operation) = operation {
            operation.end_append(&appended, parser);
        }
        let appended = appended?;
        state.wrote(appended.rows, appended.quarantined);
        Ok(appended)
    }

    /// Decodes a body and inserts what it holds.
    async fn store(
        &self,
        workspace: &Workspace,
        data_source: &Arc<DataSource>,
        request: AppendRequest,
    ) -> Result<Appended> {
        let decoder = self.decoder(data_source)?;
        let (batch, bytes) = self.decode(request, decoder.clone()).await?;
        let import_id = self.random.ulid(self.clock.now());
        let appended = Appended {
            rows: batch.rows,
            quarantined: batch.quarantine.len() as u64,
            invalid_lines: batch.invalid_lines,
            bytes,
            import_id,
        };
        self.registry.note_write();
        // The quarantine first: when the engine is lost between the two, a body sent again doubles rows only there.
        self.insert_quarantine(workspace, data_source, &decoder, &batch, &appended).await?;
        self.insert_rows(workspace, data_source, &decoder, batch, &appended).await?;
        Ok(appended)
    }

    async fn insert_rows(
        &self,
        workspace: &Workspace,
        data_source: &DataSource,
        decoder: &RowDecoder,
        batch: Batch,
        appended: &Appended,
    ) -> Result<()> {
        if batch.rows == 0 {
            return Ok(());
        }
        let table = data_source.table().rows();
        let statement =
            ddl::insert(&workspace.database, &table, decoder.decoder.columns(), decoder.decoder.insert_format());
        let token = format!("{table}:{}", appended.import_id);
        self.insert(&statement, batch.row_binary.into(), &token, decoder.decoder.insert_settings()).await
    }

    async fn insert_quarantine(
        &self,
        workspace: &Workspace,
        data_source: &DataSource,
        decoder: &RowDecoder,
        batch: &Batch,
        appended: &Appended,
    ) -> Result<()> {
        if batch.quarantine.is_empty() {
            return Ok(());
        }
        let table = data_source.table().quarantine();
        let columns = quarantine_columns(&decoder.schema);
        let columns = columns.iter().map(|(name, _)| *name);
        let statement = ddl::insert(&workspace.database, &table, columns, "RowBinary");
        let seconds = u32::try_from(self.clock.now().as_second()).unwrap_or_default();
        let rows = quarantine_row_binary(&batch.quarantine, Some(&appended.import_id), seconds);
        let token = format!("{table}:{}", appended.import_id);
        self.insert(&statement, rows.into(), &token, &[]).await
    }

    /// Inserts under a token until the engine has answered: a repeated insert of the same token is stored once, so an
    /// outcome that is unknown is no loss and no double.
    async fn insert(
        &self,
        statement: &ddl::Statement,
        rows: Bytes,
        token: &str,
        settings: &[(&'static str, &'static str)],
    ) -> Result<()> {
        let mut options = with_dialect(QueryOptions::new(Lane::Insert))
            .setting("max_execution_time", self.limits.time.as_secs())
            .setting("async_insert", 0)
            .setting("insert_deduplication_token", token)
            .setting("deduplicate_blocks_in_dependent_materialized_views", 1)
            .setting("max_partitions_per_insert_block", MAX_PARTITIONS)
            .setting("max_insert_block_size", ONE_BLOCK)
            .setting("min_insert_block_size_rows", ONE_BLOCK)
            .setting("min_insert_block_size_bytes", ONE_BLOCK);
        for (name, value) in settings {
            options = options.setting(*name, *value);
        }
        let deadline = Instant::now() + self.limits.retry;
        loop {
            let error = match self.client.insert(statement, rows.clone(), &options).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let may_pass = matches!(
                error,
                EngineError::Unavailable { .. } | EngineError::Incomplete { .. } | EngineError::Busy { .. }
            );
            if !may_pass || Instant::now() >= deadline {
                return Err(Error::from_engine(error, "store the rows"));
            }
            tracing::debug!(%error, token, "insert is tried again under the same token");
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn decode(&self, request: AppendRequest, decoder: Arc<RowDecoder>) -> Result<(Batch, u64)> {
        // A small compressed body may be a large one.
        if request.body.len() < LARGE_BODY && !request.is_gzip() {
            return decode_now(&request, &decoder);
        }
        let failed = |error: &dyn std::fmt::Display| Error::internal(format!("decoding a body failed: {error}"));
        let _turn = self.large_bodies.acquire().await.map_err(|error| failed(&error))?;
        let decoding = tokio::task::spawn_blocking(move || decode_now(&request, &decoder)).await;
        decoding.map_err(|error| failed(&error))?
    }

    /// The decoder of a data source, made once for each version of it.
    fn decoder(&self, data_source: &Arc<DataSource>) -> Result<Arc<RowDecoder>> {
        let known = self.decoders.read().unwrap_or_else(PoisonError::into_inner).get(&data_source.id).cloned();
        if let Some((of, decoder)) = known
            && Arc::ptr_eq(&of, data_source)
        {
            return Ok(decoder);
        }
        let made = Arc::new(row_decoder(&data_source.columns)?);
        let mut decoders = self.decoders.write().unwrap_or_else(PoisonError::into_inner);
        decoders.insert(data_source.id, (data_source.clone(), made.clone()));
        Ok(made)
    }

    /// Forgets a deleted data source.
    pub fn forget(&self, data_source: DataSourceId) {
        self.decoders.write().unwrap_or_else(PoisonError::into_inner).remove(&data_source);
        self.registry.remove(data_source);
    }
}

fn current(access: &Access, catalog: &Catalog, id: DataSourceId) -> Result<(Arc<Workspace>, Arc<DataSource>)> {
    let not_found = || Error::DataSourceNotFound { name: id.to_string() };
    let workspace = catalog.snapshot().workspace(access.workspace().id).ok_or_else(not_found)?;
    let data_source = workspace.data_source(&id.to_string()).ok_or_else(not_found)?.clone();
    Ok((workspace, data_source))
}

fn decode_now(request: &AppendRequest, decoder: &RowDecoder) -> Result<(Batch, u64)> {
    let body = decompress(request)?;
    let decoder = &decoder.decoder;
    let mut batch = Batch::default();
    let decoded = match &request.format {
        AppendFormat::Ndjson => decoder.ndjson(&body, &mut batch),
        AppendFormat::Json => decoder.json(&body, &mut batch),
        AppendFormat::JsonOrNdjson => match decoder.json(&body, &mut batch) {
            Err(DecodeError::NotJson { .. }) => decoder.ndjson(&body, &mut batch),
            decoded => decoded,
        },
        AppendFormat::Csv(dialect) => decoder.csv(&body, dialect, HeaderMode::Detect, &mut batch),
    };
    decoded.map_err(|error: DecodeError| Error::bad_request(error.to_string()))?;
    Ok((batch, body.len() as u64))
}

impl AppendRequest {
    fn is_gzip(&self) -> bool {
        self.compression == Compression::Gzip || self.body.starts_with(&[0x1f, 0x8b])
    }
}

fn decompress(request: &AppendRequest) -> Result<Bytes> {
    let limit = request.limit;
    let too_large = || Error::BodyTooLarge { bytes: limit };
    if !request.is_gzip() {
        return if request.body.len() as u64 > limit { Err(too_large()) } else { Ok(request.body.clone()) };
    }
    let mut plain = Vec::new();
    MultiGzDecoder::new(&request.body[..])
        .take(limit + 1)
        .read_to_end(&mut plain)
        .map_err(|error| Error::bad_request(format!("the body cannot be read as gzip: {error}")))?;
    if plain.len() as u64 > limit { Err(too_large()) } else { Ok(plain.into()) }
}
