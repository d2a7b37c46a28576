//! Sink pipes: set, unset, run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::connections::find as find_connection;
use super::copies::{require_defaults, schedule_asked};
use super::nodes::{find, named, refuse_other_role};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::jobs::{Job, Origin, SinkJob, with_timestamp};
use crate::model::{
    Connection, ConnectionId, FileOutput, Node, Pipe, Published, Role, Service, SinkOutput, SinkRole, Workspace,
};
use crate::read::SinkQuery;
use crate::sinks::{Bucket, Compression, Destination, FileFormat, FileTemplate, WriteStrategy};
use crate::standpipe::Standpipe;

/// Where and how a sink is to write, as a request says it; absent parts stay as they are, or get their defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkRequest {
    /// Name or id of the connection.
    pub connection: Option<String>,
    /// `s3://bucket/prefix`.
    pub path: Option<String>,
    /// The bucket's region.
    pub region: Option<String>,
    /// Names of files.
    pub file_template: Option<String>,
    /// `csv`, `ndjson` or `parquet`.
    pub format: Option<String>,
    /// `none`, `gz`, `zstd`; `lz4` and `snappy` for Parquet.
    pub compression: Option<String>,
    /// `new` or `truncate`.
    pub write_strategy: Option<String>,
    /// The topic of a Kafka sink.
    pub topic: Option<String>,
    /// A cron expression; `@on-demand` for no schedule.
    pub cron: Option<String>,
    /// The time zone of the expression; UTC when absent.
    pub timezone: Option<String>,
}

/// A run of a sink pipe, as a request asks for it.
#[derive(Clone, Debug, Default)]
pub struct SinkRun {
    /// What differs from what the pipe says.
    pub request: SinkRequest,
    /// Template parameters, which also fill `{key}`s of the file template.
    pub params: BTreeMap<String, Value>,
    /// The request's id.
    pub request_id: String,
}

impl Standpipe {
    /// Makes a pipe a sink pipe: `node`'s rows are what it writes. Bucket and credentials are checked now.
    pub async fn set_sink(&self, access: &Access, pipe: &str, node: &str, request: &SinkRequest) -> Result<Arc<Pipe>> {
        access.require_admin()?;
        let pipe = self.pipe(access, pipe)?;
        let id = named(&pipe, node)?.id;
        refuse_set(&pipe)?;
        let sink = sink_role(access.workspace(), request, None)?;
        let published = Published { node: id, role: Role::Sink(sink.clone()) };
        refuse_other_role(&pipe, &published.role)?;
        self.check_sink(access, &pipe, find(&pipe, id)?, &sink).await?;
        self.change_scheduled_pipe(access, &pipe, |pipe| {
            find(pipe, id)?;
            refuse_set(pipe)?;
            refuse_other_role(pipe, &published.role)?;
            pipe.published = Some(published.clone());
            Ok(())
        })
        .await
    }

    /// What [`Standpipe::set_sink`] checks, for a pipe that is made whole. A sink that stays as it was needs no admin.
    pub(super) async fn check_new_sink(
        &self,
        access: &Access,
        pipe: &Pipe,
        published: &Published,
        old: Option<&Pipe>,
    ) -> Result<()> {
        let Role::Sink(sink) = &published.role else { return Ok(()) };
        if old.and_then(Pipe::sink) == Some(sink) {
            return Ok(());
        }
        access.require_admin()?;
        self.check_sink(access, pipe, find(pipe, published.node)?, sink).await
    }

    /// Fails when the sink cannot work: its query, its files, its bucket.
    async fn check_sink(&self, access: &Access, pipe: &Pipe, node: &Node, sink: &SinkRole) -> Result<()> {
        let query = self.reader.sink_query(access, pipe, node, None).await.map_err(forbidden)?;
        let params = with_timestamp(BTreeMap::new(), self.clock.now());
        if sink.schedule.is_some() {
            require_defaults(node, params.clone(), "sink")?;
        }
        let SinkOutput::Files(output) = &sink.output else { return Ok(()) };
        let template = FileTemplate::parse(&output.file_template)?;
        template.require_times(query.column_types())?;
        if sink.schedule.is_some() {
            template.resolve(&texts(&params), &query.column_names())?;
        }
        self.check_bucket(access.workspace(), sink.connection, output).await
    }

    /// Fails when the bucket cannot be reached, is not there, or refuses the credentials.
    async fn check_bucket(&self, workspace: &Workspace, connection: ConnectionId, output: &FileOutput) -> Result<()> {
        let connection = find_connection(workspace, &connection.to_string())?;
        let (bucket, destination) = self.bucket(workspace, connection, output).await?;
        bucket.check(&destination.prefix).await
    }

    /// The bucket of a sink, and where in it.
    pub(crate) async fn bucket(
        &self,
        workspace: &Workspace,
        connection: &Connection,
        output: &FileOutput,
    ) -> Result<(Bucket, Destination)> {
        let destination = Destination::parse(&output.path)?;
        let external_id = self.external_id(workspace);
        let bucket = self.gate.bucket(connection, &destination, output.region.as_deref(), &external_id).await?;
        Ok((bucket, destination))
    }

    /// Makes a sink pipe a pipe that does nothing of its own. Its schedule goes, and runs that wait are cancelled.
    pub async fn unset_sink(&self, access: &Access, pipe: &str, node: &str) -> Result<Arc<Pipe>> {
        access.require_admin()?;
        let pipe = self.pipe(access, pipe)?;
        let id = named(&pipe, node)?.id;
        if let (Some(_), Some(sink)) = (pipe.sink(), pipe.published_node().filter(|sink| sink.id != id)) {
            return Err(Error::bad_request(format!(
                "node '{node}' is not the sink of pipe '{}': that is node '{}'",
                pipe.name, sink.name
            )));
        }
        let changed = self
            .change_scheduled_pipe(access, &pipe, |pipe| match pipe.role_of(id) {
                Some(Role::Sink(_)) => {
                    pipe.published = None;
                    Ok(())
                }
                _ => Err(Error::NotSink { pipe: pipe.name.to_string() }),
            })
            .await?;
        self.cancel_waiting_jobs(pipe.id).await?;
        Ok(changed)
    }

    /// Adds the job that writes a sink pipe's rows now. Query, file names, bucket and credentials are checked first.
    pub async fn run_sink(&self, access: &Access, pipe: &str, run: SinkRun) -> Result<(Arc<Pipe>, Node, Job)> {
        access.require_admin()?;
        let pipe = self.pipe(access, pipe)?;
        let not_sink = || Error::NotSink { pipe: pipe.name.to_string() };
        let old = pipe.sink().ok_or_else(not_sink)?;
        let node = pipe.published_node().ok_or_else(not_sink)?;
        let workspace = access.workspace();
        let sink = sink_role(workspace, &run.request, Some(old))?;
        let SinkOutput::Files(output) = &sink.output else {
            return Err(Error::bad_request(format!(
                "sink pipe '{}' writes to kafka, which this version keeps but cannot run yet: use a connection of \
                 service s3, s3_iamrole, gcs_service_account or gcs_hmac",
                pipe.name
            )));
        };
        let params = with_timestamp(run.params, self.clock.now());
        let query = self.reader.sink_query(access, &pipe, node, Some(&params.clone().into())).await;
        let query: SinkQuery = query.map_err(forbidden)?;
        let template = FileTemplate::parse(&output.file_template)?;
        template.require_times(query.column_types())?;
        template.resolve(&texts(&params), &query.column_names())?;
        self.check_bucket(workspace, sink.connection, output).await?;
        let work = SinkJob {
            pipe: pipe.id,
            node: node.id,
            connection: sink.connection,
            output: output.clone(),
            params,
            token: Some(access.token().id.0),
            query_id: self.random.uuid(),
        };
        let origin = Origin::of_request(access, run.request_id);
        let job = work.new_job(workspace, &pipe, origin).job(self.clock.now(), &self.random)?;
        self.add_job(&job).await?;
        Ok((pipe.clone(), node.clone(), job))
    }
}

/// The documents call a query that may not be run 403 on these routes.
fn forbidden(error: Error) -> Error {
    match error {
        Error::Sql { refusal } if refusal.kind == standpipe_sql::RefusalKind::NotAllowed => {
            Error::QueryForbidden { reason: refusal.to_string() }
        }
        other => other,
    }
}

fn refuse_set(pipe: &Pipe) -> Result<()> {
    if pipe.sink().is_none() {
        return Ok(());
    }
    let node = pipe.published_node().map(|node| node.name.to_string()).unwrap_or_default();
    Err(Error::SinkSet { pipe: pipe.name.to_string(), node })
}

/// Parameters that are text, or can be written as one: those that may fill a `{key}`.
pub(crate) fn texts(params: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    params.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

/// The role that a request asks for; what it does not say is as in `old`.
pub(super) fn sink_role(workspace: &Workspace, request: &SinkRequest, old: Option<&SinkRole>) -> Result<SinkRole> {
    let connection = match (&request.connection, old) {
        (Some(reference), _) => find_connection(workspace, reference)?,
        (None, Some(old)) => find_connection(workspace, &old.connection.to_string())?,
        (None, None) => return Err(needed("connection", "<name of a connection>")),
    };
    let schedule = schedule_asked(
        request.cron.as_deref(),
        request.timezone.as_deref(),
        old.and_then(|old| old.schedule.as_ref()),
    )?;
    let output = if connection.service == Service::Kafka {
        let old_topic = match old.map(|old| &old.output) {
            Some(SinkOutput::Kafka { topic }) => Some(topic.clone()),
            _ => None,
        };
        let topic = request.topic.clone().or(old_topic).ok_or_else(|| needed("topic", "<name of a topic>"))?;
        SinkOutput::Kafka { topic }
    } else {
        let old = match old.map(|old| &old.output) {
            Some(SinkOutput::Files(files)) => Some(files),
            _ => None,
        };
        SinkOutput::Files(file_output(request, old)?)
    };
    Ok(SinkRole { connection: connection.id, output, schedule })
}

fn needed(name: &str, example: &str) -> Error {
    Error::bad_request(format!("a sink needs {name}: send {name}={example}"))
}

fn file_output(request: &SinkRequest, old: Option<&FileOutput>) -> Result<FileOutput> {
    let path = request.path.clone().or(old.map(|old| old.path.clone()));
    let path = path.ok_or_else(|| needed("path", "s3://bucket/prefix"))?;
    Destination::parse(&path)?;
    let template = request.file_template.clone().or(old.map(|old| old.file_template.clone()));
    let template = template.ok_or_else(|| needed("file_template", "<name of the files>"))?;
    FileTemplate::parse(&template)?;
    let format = request.format.as_deref().map(FileFormat::parse).transpose()?;
    let format = format.or(old.map(|old| old.format)).unwrap_or_default();
    let compression = request.compression.as_deref().map(Compression::parse).transpose()?;
    let compression = compression.or(old.map(|old| old.compression)).unwrap_or_default();
    compression.require_for(format)?;
    let strategy = request.write_strategy.as_deref().map(WriteStrategy::parse).transpose()?;
    Ok(FileOutput {
        path,
        region: request.region.clone().or(old.and_then(|old| old.region.clone())),
        file_template: template,
        format,
        compression,
        write_strategy: strategy.or(old.map(|old| old.write_strategy)).unwrap_or_default(),
    })
}
