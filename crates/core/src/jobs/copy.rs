//! The job that copies a pipe's rows into a data source.
//!
//! The rows go into a table of the job's own first, which is dropped and filled anew after any failure; then they enter the
//! target in one transaction of the catalog, which also records that they have. So a copy happens once or not at all,
//! however often it is run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use standpipe_clickhouse::Progress;
use standpipe_template::Params;
use uuid::Uuid;

use super::context::published;
use super::entering::{drop_tables, enter, staging};
use super::{Context, Failure, Job, JobKind, JobStatus, Left, NewJob, Origin, Retry, Subject};
use crate::clock::Random;
use crate::error::{Error, Result};
use crate::model::{CopyMode, CopyRole, DataSourceId, NodeId, Pipe, PipeId, TokenId, Workspace, format_timestamp};
use crate::operations::copies::fit_columns;
use crate::read::CopyQuery;
use crate::standpipe::Standpipe;
use crate::storage::{Fault, Transfer};
use crate::store::Change;

/// The member of a copy's details that holds its query.
pub const QUERY_SQL: &str = "query_sql";

/// The member of a job's details that names its run in the engine.
pub(super) const QUERY_ID: &str = "query_id";

/// The template parameter that holds the time of the copy.
const JOB_TIMESTAMP: &str = "job_timestamp";

/// A copy of a pipe's rows into a data source.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CopyJob {
    /// The pipe.
    pub pipe: PipeId,
    /// Its node.
    pub node: NodeId,
    /// Where the rows go.
    pub target: DataSourceId,
    /// What becomes of the rows that are there.
    pub mode: CopyMode,
    /// Template parameters.
    pub params: BTreeMap<String, Value>,
    /// The token that asked for it; none for a schedule.
    pub token: Option<Uuid>,
    /// Names the run in the engine.
    pub query_id: Uuid,
}

/// How far a copy has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Checkpoint {
    /// Whether the rows are in the target.
    has_entered: bool,
}

impl CopyJob {
    /// The job of a schedule's run for `time`, made at `now`.
    pub(crate) fn scheduled(
        standpipe: &Standpipe,
        workspace: &Workspace,
        pipe: &Pipe,
        copy: &CopyRole,
        (time, now): (Timestamp, Timestamp),
    ) -> Result<Job> {
        let node = pipe.published_node().map(|node| node.id);
        let node = node.ok_or_else(|| Error::NotCopy { pipe: pipe.name.to_string() })?;
        let work = CopyJob {
            pipe: pipe.id,
            node,
            target: copy.target,
            mode: copy.mode,
            params: with_timestamp(BTreeMap::new(), time),
            token: None,
            query_id: standpipe.random().uuid(),
        };
        work.new_job(workspace, pipe, Origin::of_schedule(), None).job(now, standpipe.random())
    }

    /// The job as it is added to the queue; `query_sql` is its query, when that is known already.
    pub(crate) fn new_job(
        self,
        workspace: &Workspace,
        pipe: &Pipe,
        origin: Origin,
        query_sql: Option<&str>,
    ) -> NewJob<CopyJob> {
        let target = workspace.data_sources.get(&self.target).map(|target| target.name.to_string());
        let mut details = Map::from_iter([(QUERY_ID.to_owned(), self.query_id.to_string().into())]);
        if let Some(sql) = query_sql {
            details.insert(QUERY_SQL.to_owned(), sql.into());
        }
        details.insert("mode".to_owned(), self.mode.as_str().into());
        let subject = Subject {
            pipe: Some((pipe.id, pipe.name.to_string())),
            node: Some(self.node),
            data_source: target.map(|name| (self.target, name)),
        };
        NewJob { workspace: workspace.id, work: self, details, subject, origin }
    }
}

/// These parameters, and the time of the copy unless they say one.
pub(crate) fn with_timestamp(mut params: BTreeMap<String, Value>, time: Timestamp) -> BTreeMap<String, Value> {
    let seconds = format_timestamp(time).get(..19).unwrap_or_default().to_owned();
    params.entry(JOB_TIMESTAMP.to_owned()).or_insert(seconds.into());
    params
}

impl JobKind for CopyJob {
    const NAME: &'static str = "copy";
    const RETRY: Retry = Retry::Exact(6);

    async fn run(&self, context: &Context) -> Result<(), Failure> {
        if !has_entered(context).await? {
            self.copy(context).await?;
        }
        let faults = context.standpipe().storage.faults();
        faults.check(Fault::AfterSwitch)?;
        drop_tables(context).await?;
        Ok(faults.check(Fault::BeforeDone)?)
    }

    fn ask_again(&mut self, job: &mut Job, token: TokenId, random: &Random) {
        self.token = Some(token.0);
        self.query_id = random.uuid();
        job.details.insert(QUERY_ID.to_owned(), self.query_id.to_string().into());
        job.details.remove("rows");
    }

    async fn clean_up(&self, context: &Context, _ending: JobStatus) -> Result<Left> {
        drop_tables(context).await?;
        Ok(if has_entered(context).await? { Left::Done } else { Left::Undone })
    }
}

impl CopyJob {
    async fn copy(&self, context: &Context) -> Result<(), Failure> {
        let standpipe = context.standpipe();
        // Held to the end of the reading: no table that the query names is dropped before.
        let access = context.access_of(self.token)?;
        let workspace = access.workspace().clone();
        let (pipe, node) = published(&workspace, self.pipe, self.node)?;
        let gone = || Error::DataSourceNotFound { name: self.target.to_string() };
        let target = workspace.data_sources.get(&self.target).filter(|it| it.is_ready()).ok_or_else(gone)?;
        pipe.copy().ok_or_else(|| Error::NotCopy { pipe: pipe.name.to_string() })?;
        if self.token.is_some() {
            // Rights may have been taken away since.
            access.require_pipe_read(pipe)?;
            access.require_append(target)?;
        }
        let params: Params = self.params.clone().into();
        let query = standpipe.reader().copy_query(&access, pipe, node, Some(&params));
        let query = context.unless_cancelled(query).await?;
        context.show(Map::from_iter([(QUERY_SQL.to_owned(), query.shown.as_str().into())])).await?;
        let columns = standpipe.storage.columns(&workspace, target.table()).await?;
        let columns = fit_columns(&query.columns, &columns, target.name.as_str())?;
        let staging = staging(context);
        context.go_on()?;
        if context.job().attempts > 1 {
            // A server may not have noticed that an earlier run lost its connection.
            standpipe.storage.kill(&self.run_id(context.job().attempts - 1)).await;
        }
        standpipe.storage.create_staging(&workspace, &staging, target.table()).await?;
        self.fill(context, &workspace, &staging, &columns, &query).await?;
        drop(access);
        let rows = standpipe.storage.rows(&workspace, &staging).await?;
        self.require_rows(context, rows)?;
        context.show(Map::from_iter([("rows".to_owned(), rows.into())])).await?;
        let entered = json!({"has_entered": true});
        let id = context.job().id;
        enter(context, self.target, self.mode.into(), |_| Ok(vec![Change::PutCheckpoint(id, entered.clone())])).await
    }

    /// Names a run in the engine, which takes a name only once at a time.
    fn run_id(&self, attempt: u32) -> String {
        match attempt {
            0 | 1 => self.query_id.to_string(),
            later => format!("{}-{later}", self.query_id),
        }
    }

    /// Fills the staging table.
    async fn fill(
        &self,
        context: &Context,
        workspace: &Workspace,
        staging: &str,
        columns: &[String],
        query: &CopyQuery,
    ) -> Result<(), Failure> {
        let standpipe = context.standpipe();
        let query_id = self.run_id(context.job().attempts);
        let transfer = Transfer {
            query_id: &query_id,
            time: standpipe.jobs.limits().copy.time,
            memory_bytes: standpipe.reader().limits().memory_bytes,
            threads: query.threads,
            filter: None,
        };
        let insert = standpipe.storage.insert_select(workspace, staging, columns, &query.sql, &transfer);
        // A query that writes too much is ended here: the engine knows no such limit.
        let look = |running: Option<Progress>| {
            let written = running.map_or(0, |running| running.written_rows);
            self.require_rows(context, written).map(|()| Map::new())
        };
        let filled = context.watched_query(&query_id, insert, look).await;
        if matches!(filled, Err(Failure::Failed(Error::JobLimit { .. }))) {
            standpipe.storage.kill(&query_id).await;
        }
        filled
    }

    fn require_rows(&self, context: &Context, rows: u64) -> Result<()> {
        let limit = context.standpipe().jobs.limits().copy.rows;
        if rows <= limit { Ok(()) } else { Err(too_many_rows(limit)) }
    }
}

/// The error for a copy of more rows than one may have.
pub(crate) fn too_many_rows(limit: u64) -> Error {
    Error::JobLimit { message: format!("a copy may have at most {limit} rows: copy less at once") }
}

/// Whether the rows are in the target, by this run or an earlier one.
async fn has_entered(context: &Context) -> Result<bool> {
    Ok(context.checkpoint::<Checkpoint>().await?.is_some_and(|checkpoint| checkpoint.has_entered))
}
