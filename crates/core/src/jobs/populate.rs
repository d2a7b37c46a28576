//! The job that applies a materialized view to the rows that its source already has.
//!
//! It works on an exact snapshot of the source: either the one that was taken in the very moment in which the view was
//! made, so that each row is seen once, by the view or here; or one that its own first step takes. What the view makes of
//! it goes into a staging table, partition by partition, and enters the target in one recorded step.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::entering::{Applied, Present, apply, drop_tables, enter, of_snapshot, prefix, staging, tables_prefix};
use super::{Context, Failure, Job, JobKind, JobStatus, Left, NewJob, Origin, Retry, Subject};
use crate::clock::Random;
use crate::error::{Error, Result};
use crate::model::{
    DataSource, DataSourceId, Materialization, NodeId, Pipe, PipeId, Published, Role, TokenId, Workspace,
};
use crate::operations::new_rows::NewRows;
use crate::standpipe::Standpipe;
use crate::storage::{Fault, Partition, ddl};
use crate::store::Change;
use crate::views::Closed;

/// Most rows that a populate of a subset takes.
const SUBSET_ROWS: u64 = 2_000_000;

/// Shares are compared as whole numbers of this many parts.
const SHARES: u64 = 1_000_000_000;

/// The member of a populate's details that says how each of its queries is getting on.
const QUERIES: &str = "queries";

/// A populate of a materialized view.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PopulateJob {
    /// The pipe.
    pub pipe: PipeId,
    /// Its materialized node.
    pub node: NodeId,
    /// The view's source.
    pub source: DataSourceId,
    /// The view's target.
    pub target: DataSourceId,
    /// Which link of the node it is for.
    #[serde(default)]
    pub link: Option<Uuid>,
    /// Which share of the source's rows; all when absent.
    pub subset: Option<f64>,
    /// Which of the source's rows, as an expression that the guard passed; all when absent. A share goes before it.
    pub condition: Option<String>,
    /// Whether the target's rows go first.
    pub truncate: bool,
    /// Whether a failure unlinks the view although an earlier populate succeeded.
    pub unlink_on_error: bool,
    /// Whether its snapshot is that of the moment in which the view was made, which cannot be taken again.
    pub is_with_view: bool,
}

/// How far a populate has come.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Checkpoint {
    /// Whether the snapshot is taken.
    has_snapshot: bool,
    /// Whether the rows are in the target.
    has_entered: bool,
}

impl PopulateJob {
    /// The work of a job; none of one of another kind.
    pub(crate) fn of(job: &Job) -> Result<Option<PopulateJob>> {
        if job.kind == PopulateJob::NAME { Ok(Some(super::kind::read(job)?)) } else { Ok(None) }
    }

    /// The job as it is added to the queue.
    pub(crate) fn job(self, standpipe: &Standpipe, workspace: &Workspace, pipe: &Pipe, origin: Origin) -> Result<Job> {
        let target = workspace.data_sources.get(&self.target).map(|target| target.name.to_string());
        let subject = Subject {
            pipe: Some((pipe.id, pipe.name.to_string())),
            node: Some(self.node),
            data_source: target.map(|name| (self.target, name)),
        };
        let details = Map::from_iter([(QUERIES.to_owned(), json!([]))]);
        let new = NewJob { workspace: workspace.id, work: self, details, subject, origin };
        let job = new.job(standpipe.clock().now(), standpipe.random())?;
        Ok(Job { progress: Some(0.0), ..job })
    }
}

/// Takes the snapshot that `job` will work on, and has the job know. The source's gate is closed.
pub(crate) async fn take_snapshot(
    standpipe: &Standpipe,
    _closed: &Closed,
    workspace: &Workspace,
    source: &DataSource,
    job: &mut Job,
) -> Result<()> {
    let snapshot = format!("{}source", tables_prefix(job.id));
    standpipe.storage.create_snapshot(workspace, &snapshot, &source.table().rows()).await?;
    job.checkpoint = Some(checkpoint(false));
    standpipe.storage.faults().check(Fault::AfterSnapshot)
}

/// How far an earlier run or this one has come.
async fn reached(context: &Context) -> Result<Checkpoint> {
    Ok(context.checkpoint().await?.unwrap_or_default())
}

fn checkpoint(has_entered: bool) -> Value {
    json!({"has_snapshot": true, "has_entered": has_entered})
}

impl JobKind for PopulateJob {
    const NAME: &'static str = "populateview";
    const RETRY: Retry = Retry::Exact(6);
    // One that empties the target must not do so in the middle of another.
    const IN_TURN: bool = true;

    async fn run(&self, context: &Context) -> Result<(), Failure> {
        let reached = reached(context).await?;
        if !reached.has_entered {
            if !reached.has_snapshot {
                self.begin(context).await?;
            }
            self.fill(context).await?;
            let entered = |workspace: &Workspace| self.entered(context, workspace);
            // What the view sent on since the snapshot is newer than what comes of it.
            enter(context, self.target, Present::Newer, entered).await?;
        }
        let faults = context.standpipe().storage.faults();
        faults.check(Fault::AfterSwitch)?;
        drop_tables(context).await?;
        Ok(faults.check(Fault::BeforeDone)?)
    }

    fn refuse_retry(&self) -> Option<&'static str> {
        let why = "its snapshot was taken with the view, and what came since would be counted twice: populate the view \
                   with truncate=true";
        self.is_with_view.then_some(why)
    }

    fn ask_again(&mut self, job: &mut Job, _token: TokenId, _random: &Random) {
        job.progress = Some(0.0);
        job.details.insert(QUERIES.to_owned(), json!([]));
        job.details.remove("rows");
    }

    async fn clean_up(&self, context: &Context, ending: JobStatus) -> Result<Left> {
        drop_tables(context).await?;
        if reached(context).await?.has_entered {
            return Ok(Left::Done);
        }
        end_queries(context, ending).await?;
        if ending == JobStatus::Error {
            self.unlink(context).await?;
        }
        Ok(Left::Undone)
    }
}

impl PopulateJob {
    /// Takes the snapshot, and empties the target in the same moment if that was asked for.
    async fn begin(&self, context: &Context) -> Result<(), Failure> {
        let (standpipe, id) = (context.standpipe(), context.job().workspace);
        let closed = standpipe.close_gates(id, [self.source, self.target]).await?;
        let workspace = standpipe.current_workspace(id)?;
        self.view(&workspace)?;
        let source = data_source(&workspace, self.source)?;
        let mut job = context.job().clone();
        take_snapshot(standpipe, &closed, &workspace, source, &mut job).await?;
        if !self.truncate {
            return Ok(context.put_checkpoint(&checkpoint(false)).await?);
        }
        let taken = |_: &Workspace| Ok(vec![Change::PutCheckpoint(job.id, checkpoint(false))]);
        let nothing = [(self.target, NewRows::default())];
        Ok(standpipe.replace_rows_closed(&closed, &workspace, &nothing, taken).await?)
    }

    /// Fills the staging table, one query for each partition of the snapshot.
    async fn fill(&self, context: &Context) -> Result<(), Failure> {
        let standpipe = context.standpipe();
        // Held to the end of the reading: no table that the queries name is dropped before.
        let catalog = standpipe.catalog().snapshot();
        let workspace = of_snapshot(&catalog, context)?;
        let (_, view) = self.view(&workspace)?;
        let snapshot = format!("{}source", prefix(context));
        let into = staging(context);
        standpipe.storage.create_staging(&workspace, &into, data_source(&workspace, self.target)?.table()).await?;
        let partitions = standpipe.storage.partitions(&workspace, &snapshot).await?;
        let total: u64 = partitions.iter().map(|it| it.rows).sum();
        let mut queries: Vec<Value> = Vec::new();
        let mut done = 0;
        for (condition, rows) in self.conditions(&partitions) {
            context.go_on()?;
            let query_id = standpipe.random().uuid().to_string();
            queries.push(json!({"query_id": query_id, "status": JobStatus::Working.as_str()}));
            show(context, &queries).await?;
            let filter = ddl::table_filter(&workspace.database, &snapshot, &condition);
            let applied = Applied { query_id: &query_id, source: &snapshot, into: &into, filter: Some(filter) };
            apply(context, &workspace, &view, applied).await?;
            done += rows;
            if let Some(query) = queries.last_mut() {
                query["status"] = "done".into();
            }
            // 100 is said when the rows are in the target.
            let percent = done.saturating_mul(99) / total.max(1);
            context.set_progress(u32::try_from(percent).unwrap_or(99).into()).await?;
        }
        show(context, &queries).await?;
        let rows = standpipe.storage.rows(&workspace, &into).await?;
        Ok(context.show(Map::from_iter([("rows".to_owned(), rows.into())])).await?)
    }

    /// Which rows each query sees, as an expression, and how many the snapshot has of its kind.
    fn conditions(&self, partitions: &[Partition]) -> Vec<(String, u64)> {
        let total = partitions.iter().map(|it| it.rows).sum();
        if let Some(share) = self.subset {
            return if total == 0 { Vec::new() } else { vec![(every_nth(share, total), total)] };
        }
        let of = |partition: &Partition| {
            let this = format!("_partition_id = {}", standpipe_clickhouse::quote::string_literal(&partition.id));
            match &self.condition {
                None => this,
                Some(condition) => format!("{this} AND ({condition})"),
            }
        };
        partitions.iter().map(|partition| (of(partition), partition.rows)).collect()
    }

    /// The pipe and its view, if that is still the one to populate.
    fn view(&self, workspace: &Workspace) -> Result<(Arc<Pipe>, Materialization)> {
        let pipe = workspace.pipes.get(&self.pipe);
        let pipe = pipe.ok_or_else(|| Error::PipeNotFound { name: self.pipe.to_string() })?;
        let is_this = |view: &&Materialization| {
            view.link == self.link && view.source == self.source && view.target == self.target
        };
        let linked = pipe.published.as_ref().is_some_and(|published| published.node == self.node);
        let view = pipe.materialization().filter(is_this).filter(|_| linked);
        let unlinked = || {
            Error::bad_request(format!(
                "the materialized view of pipe '{}' was unlinked before its populate ended",
                pipe.name
            ))
        };
        Ok((pipe.clone(), view.ok_or_else(unlinked)?.clone()))
    }

    /// What is recorded when the rows are in the target.
    fn entered(&self, context: &Context, workspace: &Workspace) -> Result<Vec<Change>> {
        let (pipe, view) = self.view(workspace)?;
        let role = Role::Materialized(Materialization { is_populated: true, ..view });
        let published = Some(Published { node: self.node, role });
        let pipe = Pipe { published, ..Pipe::clone(&pipe) };
        Ok(vec![Change::PutPipe(Arc::new(pipe)), Change::PutCheckpoint(context.job().id, checkpoint(true))])
    }

    /// Unlinks the view after a failure: if none of its populates ever succeeded, or if that was asked for.
    async fn unlink(&self, context: &Context) -> Result<()> {
        let workspace = context.standpipe().current_workspace(context.job().workspace)?;
        match self.view(&workspace) {
            Ok((_, view)) if self.unlink_on_error || !view.is_populated => {
                let job = Some(context.job().id);
                context.standpipe().unlink(workspace.id, self.pipe, self.node, self.link, job).await
            }
            // It was unlinked before, or stays.
            _ => Ok(()),
        }
    }
}

fn data_source(workspace: &Workspace, id: DataSourceId) -> Result<&DataSource> {
    let gone = || Error::DataSourceNotFound { name: id.to_string() };
    workspace.data_sources.get(&id).map(Arc::as_ref).ok_or_else(gone)
}

async fn show(context: &Context, queries: &[Value]) -> Result<()> {
    context.show(Map::from_iter([(QUERIES.to_owned(), queries.into())])).await
}

/// Has no query say that it works when nobody waits for it any more.
async fn end_queries(context: &Context, ending: JobStatus) -> Result<()> {
    let details = context.shown().await?;
    let Some(Value::Array(mut queries)) = details.get(QUERIES).cloned() else { return Ok(()) };
    for query in queries.iter_mut().filter(|query| query["status"] == JobStatus::Working.as_str()) {
        query["status"] = ending.as_str().into();
    }
    show(context, &queries).await
}

/// An expression that holds for this share of a table's rows, evenly spread: every tenth for 0.1, at most two million.
fn every_nth(share: f64, rows: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a share of rows is no exact number")]
    let most = SUBSET_ROWS as f64 / rows as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and SHARES")]
    let taken = ((share.min(most) * SHARES as f64) as u64).max(1);
    format!("((_part_starting_offset + _part_offset) * {taken}) % {SHARES} < {taken}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many rows of `rows` the expression takes, as the engine would reckon.
    fn taken(share: f64, rows: u64) -> u64 {
        let text = every_nth(share, rows);
        let number: u64 = text.rsplit(' ').next().unwrap().parse().unwrap();
        (u128::from(rows) * u128::from(number)).div_ceil(u128::from(SHARES)).try_into().unwrap()
    }

    #[test]
    fn a_subset_is_its_share_and_never_more_than_two_million() {
        assert_eq!(taken(0.1, 1000), 100);
        assert_eq!(taken(0.1, 7), 1);
        assert_eq!(taken(0.05, 10_000_000), 500_000);
        assert_eq!(taken(0.1, 20_000_000), 2_000_000);
        assert!(taken(0.1, 30_000_000) <= SUBSET_ROWS);
        assert!(taken(0.1, 3_000_000_000) <= SUBSET_ROWS);
    }
}
