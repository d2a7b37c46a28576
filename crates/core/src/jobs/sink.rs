//! The job that writes a pipe's rows outside.
//!
//! What it begins in the bucket it records first, so that a run that fails, is cancelled or is cut off leaves nothing
//! half-written: its parts are dropped, and of `new` its files removed. It is never run twice, as that could not be told
//! from two runs.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::BodyDataStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use standpipe_clickhouse::Error as EngineError;
use standpipe_template::Params;
use uuid::Uuid;

use super::context::published;
use super::copy::{QUERY_ID, with_timestamp};
use super::{Context, Failure, Job, JobKind, JobStatus, Left, NewJob, Origin, Retry, Subject};
use crate::clock::Random;
use crate::error::{Error, Result};
use crate::model::{ConnectionId, FileOutput, NodeId, Pipe, PipeId, SinkOutput, SinkRole, TokenId, Workspace};
use crate::operations::sinks::texts;
use crate::sinks::{
    Begun, Bucket, ClaimedKey, Destination, FileFormat, FileTemplate, PATIENCE, Run, Stays, remove_all, write,
};
use crate::standpipe::Standpipe;

/// Members of a sink's details that say where it writes: for admins only.
pub const SINK_TARGET: [&str; 3] = ["path", "file_template", "output"];

/// The member of a sink's details that says how many bytes are written, so far or in all.
const WRITTEN_BYTES: &str = "written_bytes";

/// That which says how many files: of runs that came to their end only.
const WRITTEN_FILES: &str = "written_files";

/// Members of a sink's details that a run finds.
const RESULTS: [&str; 6] = ["read_rows", "read_bytes", "written_rows", WRITTEN_BYTES, WRITTEN_FILES, "output"];

/// Files that a job's details name; there may be thousands.
const SHOWN_FILES: usize = 100;

/// Files that a job's error names.
const NAMED_FILES: usize = 10;

/// A run of a sink.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SinkJob {
    /// The pipe.
    pub pipe: PipeId,
    /// Its node.
    pub node: NodeId,
    /// How the store is reached.
    pub connection: ConnectionId,
    /// What is written.
    pub output: FileOutput,
    /// Template parameters, which also fill `{key}`s of the file template.
    pub params: BTreeMap<String, Value>,
    /// The token that asked for it; none for a schedule.
    pub token: Option<Uuid>,
    /// Names the run in the engine.
    pub query_id: Uuid,
}

impl SinkJob {
    /// The job of a schedule's run; none for what this version keeps and cannot run.
    pub(crate) fn scheduled(
        standpipe: &Standpipe,
        workspace: &Workspace,
        pipe: &Pipe,
        sink: &SinkRole,
        (time, now): (Timestamp, Timestamp),
    ) -> Result<Option<Job>> {
        let not_sink = || Error::NotSink { pipe: pipe.name.to_string() };
        let node = pipe.published_node().ok_or_else(not_sink)?.id;
        let SinkOutput::Files(output) = &sink.output else {
            tracing::warn!(pipe = %pipe.name, "a scheduled run is left out: sinks to kafka cannot be run yet");
            return Ok(None);
        };
        let work = SinkJob {
            pipe: pipe.id,
            node,
            connection: sink.connection,
            output: output.clone(),
            params: with_timestamp(BTreeMap::new(), time),
            token: None,
            query_id: standpipe.random().uuid(),
        };
        work.new_job(workspace, pipe, Origin::of_schedule()).job(now, standpipe.random()).map(Some)
    }

    /// The job as it is added to the queue.
    pub(crate) fn new_job(self, workspace: &Workspace, pipe: &Pipe, origin: Origin) -> NewJob<SinkJob> {
        let service = workspace.connections.get(&self.connection).map(|connection| connection.service.as_str());
        let output = &self.output;
        let details = Map::from_iter([
            (QUERY_ID.to_owned(), self.query_id.to_string().into()),
            ("service".to_owned(), service.into()),
            ("path".to_owned(), output.path.as_str().into()),
            ("file_template".to_owned(), output.file_template.as_str().into()),
            ("format".to_owned(), output.format.as_str().into()),
            ("compression".to_owned(), output.compression.as_str().into()),
            ("write_strategy".to_owned(), output.write_strategy.as_str().into()),
        ]);
        let subject =
            Subject { pipe: Some((pipe.id, pipe.name.to_string())), node: Some(self.node), data_source: None };
        NewJob { workspace: workspace.id, work: self, details, subject, origin }
    }
}

impl JobKind for SinkJob {
    const NAME: &'static str = "sink";
    const RETRY: Retry = Retry::Never;

    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let query_id = self.query_id.to_string();
        let bytes = AtomicU64::new(0);
        let written = || Map::from_iter([(WRITTEN_BYTES.to_owned(), bytes.load(Ordering::Relaxed).into())]);
        // What was written is told when nobody tells how much there is so far.
        let details =
            context.watched_query(&query_id, self.write(context, &query_id, &bytes), |_| Ok(written())).await?;
        Ok(context.show(details).await?)
    }

    fn ask_again(&mut self, job: &mut Job, token: TokenId, random: &Random) {
        self.token = Some(token.0);
        self.query_id = random.uuid();
        job.details.retain(|name, _| !RESULTS.contains(&name.as_str()));
        job.details.insert(QUERY_ID.to_owned(), self.query_id.to_string().into());
    }

    fn take_over(&self, standpipe: &Standpipe, job: &Job) -> Result<()> {
        let Some(begun) = begun(job)? else { return Ok(()) };
        let bucket = Destination::parse(&self.output.path)?.bucket;
        for key in begun.files {
            standpipe.gate.claims.take_over(ClaimedKey { bucket: bucket.clone(), key }, job.id);
        }
        Ok(())
    }

    async fn clean_up(&self, context: &Context, _ending: JobStatus) -> Result<Left> {
        // How much there was when it was cut off is no result.
        if !context.job().details.contains_key(WRITTEN_FILES) {
            context.show(Map::from_iter([(WRITTEN_BYTES.to_owned(), Value::Null)])).await?;
        }
        let Some(begun) = context.checkpoint::<Begun>().await? else { return Ok(Left::Undone) };
        if begun.is_done {
            return Ok(Left::Done);
        }
        let Err(stays) = self.remove(context, &begun).await else { return Ok(Left::Undone) };
        tracing::warn!(reason = stays.reason, items = ?stays.items, "what a sink left in its bucket stays there");
        Ok(Left::Stays(what_stays(&stays)))
    }
}

impl SinkJob {
    /// Writes the rows, keeps in `progress` how many bytes the store has of them, and answers what the job shows of it.
    async fn write(&self, context: &Context, query_id: &str, progress: &AtomicU64) -> Result<Map<String, Value>> {
        let standpipe = context.standpipe();
        let access = context.access_of(self.token)?;
        if self.token.is_some() {
            access.require_admin()?;
        }
        let (pipe, node) = published(access.workspace(), self.pipe, self.node)?;
        let params: Params = self.params.clone().into();
        let query = standpipe.reader().sink_query(&access, pipe, node, Some(&params)).await?;
        let template = FileTemplate::parse(&self.output.file_template)?;
        template.require_times(query.column_types())?;
        let names = template.resolve(&texts(&self.params), &query.column_names())?;
        let (bucket, destination) = self.bucket(standpipe, access.workspace()).await?;
        let limits = (query_id, standpipe.jobs.limits().sink_time);
        let (stream, response) =
            standpipe.reader().sink_rows(&access, &query, &names, self.output.format, limits).await?;
        let header = match self.output.format {
            FileFormat::Csv => csv_header(&query.column_names()),
            FileFormat::Ndjson | FileFormat::Parquet => Vec::new(),
        };
        let run = Run {
            bucket: &bucket,
            destination: &destination,
            output: &self.output,
            names,
            header,
            stream,
            engine_counts: response.ends_with_summary,
            progress,
            access,
            spool: (&standpipe.spool_dir, context.job().id.to_string()),
        };
        let mut rows = response.into_body();
        let written = write(run, BodyDataStream::new(&mut rows), broken_off, context).await?;
        let read = rows.summary().unwrap_or_default();
        let shown: Vec<&String> = written.files.iter().take(SHOWN_FILES).collect();
        Ok(Map::from_iter([
            ("read_rows".to_owned(), read.read_rows.into()),
            ("read_bytes".to_owned(), read.read_bytes.into()),
            ("written_rows".to_owned(), written.rows.or(read.result_rows).into()),
            (WRITTEN_BYTES.to_owned(), written.bytes.into()),
            (WRITTEN_FILES.to_owned(), written.files.len().into()),
            ("output".to_owned(), serde_json::json!(shown)),
        ]))
    }

    async fn bucket(&self, standpipe: &Standpipe, workspace: &Workspace) -> Result<(Bucket, Destination)> {
        let gone = || Error::ConnectionNotFound { name: self.connection.to_string() };
        let connection = workspace.connections.get(&self.connection).ok_or_else(gone)?;
        standpipe.bucket(workspace, connection, &self.output).await
    }

    async fn remove<'a>(&self, context: &Context, begun: &'a Begun) -> std::result::Result<(), Stays<Item<'a>>> {
        let (standpipe, job) = (context.standpipe(), context.job());
        let in_parts: HashSet<&str> = begun.uploads.iter().map(|(key, _)| key.as_str()).collect();
        let uploads = begun.uploads.iter().map(|(key, id)| Item::Upload(key, id));
        let files = begun.files.iter().map(|key| Item::File(key, !in_parts.contains(key.as_str())));
        let items: Vec<Item<'a>> = uploads.chain(files).collect();
        let Some(workspace) = standpipe.catalog().snapshot().workspace(job.workspace) else { return Ok(()) };
        if items.is_empty() {
            return Ok(());
        }
        let bucket = match tokio::time::timeout(PATIENCE, self.bucket(standpipe, &workspace)).await {
            Ok(Ok((bucket, _))) => bucket,
            Ok(Err(error)) => return Err(Stays { items, reason: error.to_string() }),
            Err(_) => return Err(Stays { items, reason: "the store does not answer".to_owned() }),
        };
        let bucket = &bucket;
        let remove = |item: Item<'a>| async move {
            match item {
                Item::Upload(key, id) => bucket.abort(key, id).await,
                Item::File(key, is_stamped) => bucket.remove_of(job.id, key, is_stamped).await,
            }
        };
        remove_all(items, remove).await
    }
}

/// Something that a run began.
#[derive(Clone, Copy, Debug)]
enum Item<'a> {
    /// A file in parts: its key, and the upload's id.
    Upload(&'a str, &'a String),
    /// A file; whether it says of which job it is.
    File(&'a str, bool),
}

impl Item<'_> {
    fn key(&self) -> &str {
        match self {
            Item::Upload(key, _) | Item::File(key, _) => key,
        }
    }
}

fn what_stays(stays: &Stays<Item<'_>>) -> String {
    let keys: BTreeSet<&str> = stays.items.iter().map(Item::key).collect();
    let named: Vec<String> = keys.iter().take(NAMED_FILES).map(|key| format!("'{key}'")).collect();
    let more = if keys.len() > NAMED_FILES { format!(" and {} more", keys.len() - NAMED_FILES) } else { String::new() };
    format!("what it had begun in the bucket could not be removed: {}{more} ({})", named.join(", "), stays.reason)
}

/// What the job recorded before its process ended.
fn begun(job: &Job) -> Result<Option<Begun>> {
    let begun = job.checkpoint.as_ref().map(Begun::deserialize).transpose();
    begun.map_err(|error| Error::internal(format!("the checkpoint of job {} cannot be read: {error}", job.id)))
}

/// An answer of the engine's that stopped in its middle.
fn broken_off(error: EngineError) -> Error {
    match error {
        EngineError::Incomplete { .. } => Error::EngineUnavailable { action: "read the rows" },
        error => Error::from_engine(error, "read the rows"),
    }
}

fn csv_header(columns: &[&str]) -> Vec<u8> {
    let quoted: Vec<String> = columns.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    format!("{}\n", quoted.join(",")).into_bytes()
}
