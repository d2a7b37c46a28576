//! Copy pipes: set, change, unset, run, and look after their schedules.

mod columns;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use standpipe_template::Params;

pub(crate) use columns::fit_columns;

use super::nodes::{find, named, refuse_other_role};
use crate::access::Access;
use crate::error::{Error, Result};
use crate::jobs::{CopyJob, Job, JobFilter, Origin, too_many_rows, with_timestamp};
use crate::model::{CopyMode, CopyRole, DataSource, Node, NodeId, Pipe, Published, Role, Workspace};
use crate::read::{CopyQuery, short_first};
use crate::schedules::Schedule;
use crate::standpipe::Standpipe;
use crate::store::Change;

/// How long a query may take to tell how many rows it has. One that takes longer is let through, and watched.
const ESTIMATE_TIME: Duration = Duration::from_secs(2);

/// How a pipe is to copy, as a request says it; absent parts stay as they are, or get their defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyRequest {
    /// Name or id of the data source where the rows go.
    pub target: Option<String>,
    /// `append` or `replace`.
    pub mode: Option<String>,
    /// A cron expression; `None` (the word) or `@on-demand` for no schedule.
    pub cron: Option<String>,
    /// The time zone of the expression; UTC when absent.
    pub timezone: Option<String>,
}

/// A run of a copy pipe, as a request asks for it.
#[derive(Clone, Debug, Default)]
pub struct CopyRun {
    /// Template parameters.
    pub params: BTreeMap<String, Value>,
    /// `append` or `replace` instead of what the pipe says.
    pub mode: Option<String>,
    /// The request's id.
    pub request_id: String,
}

impl Standpipe {
    /// Makes a pipe a copy pipe: `node`'s rows are what it copies.
    pub async fn set_copy(&self, access: &Access, pipe: &str, node: &str, request: &CopyRequest) -> Result<Arc<Pipe>> {
        access.require_pipe_create()?;
        let pipe = self.pipe(access, pipe)?;
        let node = named(&pipe, node)?.id;
        if pipe.copy().is_some() {
            let node = pipe.published_node().map(|node| node.name.to_string()).unwrap_or_default();
            return Err(Error::CopySet { pipe: pipe.name.to_string(), node });
        }
        self.publish_copy(access, &pipe, node, copy_role(access.workspace(), request, None)?).await
    }

    /// Changes where, how and when a copy pipe copies.
    pub async fn change_copy(
        &self,
        access: &Access,
        pipe: &str,
        node: &str,
        request: &CopyRequest,
    ) -> Result<Arc<Pipe>> {
        access.require_pipe_create()?;
        let pipe = self.pipe(access, pipe)?;
        let node = named(&pipe, node)?.id;
        let old = copy_of(&pipe)?;
        self.publish_copy(access, &pipe, node, copy_role(access.workspace(), request, Some(old))?).await
    }

    async fn publish_copy(&self, access: &Access, pipe: &Pipe, node: NodeId, copy: CopyRole) -> Result<Arc<Pipe>> {
        let published = Published { node, role: Role::Copy(copy) };
        refuse_other_role(pipe, &published.role)?;
        self.check_copy(access, pipe, &published).await?;
        self.change_scheduled_pipe(access, pipe, |pipe| {
            find(pipe, node)?;
            refuse_other_role(pipe, &published.role)?;
            pipe.published = Some(published.clone());
            Ok(())
        })
        .await
    }

    /// Fails when the role cannot work: the caller may not append to its target, the columns do not fit, or parameters
    /// of a scheduled pipe have no defaults.
    pub(super) async fn check_copy(&self, access: &Access, pipe: &Pipe, published: &Published) -> Result<()> {
        let Role::Copy(copy) = &published.role else { return Ok(()) };
        let (workspace, node) = (access.workspace(), find(pipe, published.node)?);
        let gone = || Error::DataSourceNotFound { name: copy.target.to_string() };
        let target = workspace.data_sources.get(&copy.target).ok_or_else(gone)?;
        access.require_append(target)?;
        if target.engine.name == standpipe_datafile::EngineName::Null {
            return Err(Error::bad_request(format!(
                "data source '{}' cannot be copied into: its engine Null keeps no rows",
                target.name
            )));
        }
        let query = self.reader.copy_query(access, pipe, node, None).await?;
        self.fitting(workspace, target, &query).await?;
        if copy.schedule.is_some() {
            require_defaults(node, with_timestamp(BTreeMap::new(), self.clock.now()), "copy")?;
        }
        Ok(())
    }

    async fn fitting(&self, workspace: &Workspace, target: &DataSource, query: &CopyQuery) -> Result<Vec<String>> {
        let columns = self.storage.columns(workspace, target.table()).await?;
        fit_columns(&query.columns, &columns, target.name.as_str())
    }

    /// Makes a copy pipe a pipe that does nothing of its own. Its schedule goes, and what waits to be copied.
    pub async fn unset_copy(&self, access: &Access, pipe: &str, node: &str) -> Result<Arc<Pipe>> {
        access.require_pipe_create()?;
        let pipe = self.pipe(access, pipe)?;
        let wrong = || Error::WrongNode { pipe: pipe.name.to_string(), node: node.to_owned() };
        let id = pipe.node(node).ok_or_else(wrong)?.id;
        let unset = |pipe: &mut Pipe| match pipe.role_of(id) {
            Some(Role::Copy(_)) => {
                pipe.published = None;
                Ok(())
            }
            _ => Err(Error::bad_request(format!(
                "node '{node}' of pipe '{}' is no copy node: nothing to unset",
                pipe.name
            ))),
        };
        let pipe = self.change_scheduled_pipe(access, &pipe, unset).await?;
        self.cancel_waiting_jobs(pipe.id).await?;
        Ok(pipe)
    }

    /// Keeps a copy pipe's schedule from running, or lets it run again from now on.
    pub async fn pause_copy(&self, access: &Access, pipe: &str, is_paused: bool) -> Result<Arc<Pipe>> {
        access.require_pipe_create()?;
        let pipe = self.pipe(access, pipe)?;
        copy_of(&pipe)?;
        self.change_scheduled_pipe(access, &pipe, |pipe| {
            let name = pipe.name.to_string();
            schedule_of(pipe).ok_or(Error::ScheduleNotFound { pipe: name })?.is_paused = is_paused;
            Ok(())
        })
        .await
    }

    /// Cancels what a copy pipe copies or is about to, and pauses its schedule, if it has one.
    pub async fn cancel_copies(&self, access: &Access, pipe: &str) -> Result<(Arc<Pipe>, Vec<Job>)> {
        access.require_pipe_create()?;
        let mut pipe = self.pipe(access, pipe)?;
        if copy_of(&pipe)?.schedule.is_some() {
            pipe = self.pause_copy(access, &pipe.id.to_string(), true).await?;
        }
        let filter = JobFilter { pipe_id: Some(pipe.id.to_string()), ..JobFilter::default() };
        let (store, workspace) = (self.catalog.store(), access.workspace().id);
        let mut cancelled = Vec::new();
        // Of those that began before now, only the ones that have not ended.
        for job in store.jobs(workspace, self.clock.now(), &filter, u32::MAX).await? {
            if !job.status.is_final()
                && let Some(job) = store.cancel_job(workspace, job.id, self.clock.now()).await?
            {
                self.cancelled(&job);
                cancelled.push(job);
            }
        }
        Ok((pipe, cancelled))
    }

    /// Adds the job that copies a copy pipe's rows now.
    pub async fn run_copy(&self, access: &Access, pipe: &str, run: CopyRun) -> Result<(Arc<Pipe>, Node, Job)> {
        let pipe = self.pipe(access, pipe)?;
        access.require_pipe_read(&pipe)?;
        let copy = copy_of(&pipe)?;
        let node = pipe.published_node().ok_or_else(|| Error::NotCopy { pipe: pipe.name.to_string() })?;
        let workspace = access.workspace();
        let gone = || Error::DataSourceNotFound { name: copy.target.to_string() };
        let target = workspace.data_sources.get(&copy.target).filter(|it| it.is_ready()).ok_or_else(gone)?;
        access.require_append(target)?;
        let mode = run.mode.as_deref().map_or(Ok(copy.mode), read_mode)?;
        let params = with_timestamp(run.params, self.clock.now());
        let query = self.reader.copy_query(access, &pipe, node, Some(&params.clone().into())).await?;
        self.fitting(workspace, target, &query).await?;
        self.refuse_too_many_rows(&query).await?;
        let work = CopyJob {
            pipe: pipe.id,
            node: node.id,
            target: target.id,
            mode,
            params,
            token: Some(access.token().id.0),
            query_id: self.random.uuid(),
        };
        let origin = Origin::of_request(access, run.request_id);
        let job = work.new_job(workspace, &pipe, origin, Some(&query.shown)).job(self.clock.now(), &self.random)?;
        self.add_job(&job).await?;
        Ok((pipe.clone(), node.clone(), super::jobs::narrowed(access, job)))
    }

    /// Fails when the query has more rows than a copy may have, as far as that can be told at once.
    async fn refuse_too_many_rows(&self, query: &CopyQuery) -> Result<()> {
        let limit = self.jobs.limits().copy.rows;
        if query.source_rows.is_some_and(|rows| rows <= limit) {
            return Ok(());
        }
        match self.storage.count(&query.sql, ESTIMATE_TIME).await {
            Some(rows) if rows > limit => Err(too_many_rows(limit)),
            _ => Ok(()),
        }
    }

    /// Changes a pipe as it is at that moment, and when its schedule runs next.
    pub(super) async fn change_scheduled_pipe(
        &self,
        access: &Access,
        pipe: &Pipe,
        change: impl FnOnce(&mut Pipe) -> Result<()>,
    ) -> Result<Arc<Pipe>> {
        let now = self.clock.now();
        let (_, changed) = self
            .catalog
            .change(access.workspace().id, |workspace| {
                let gone = || Error::PipeNotFound { name: pipe.name.to_string() };
                let mut pipe = Pipe::clone(workspace.pipes.get(&pipe.id).ok_or_else(gone)?);
                change(&mut pipe)?;
                pipe.updated_at = now;
                let next_run = schedule_change(&pipe, now)?;
                let pipe = Arc::new(pipe);
                Ok((vec![Change::PutPipe(pipe.clone()), next_run], pipe))
            })
            .await?;
        self.jobs.wake();
        Ok(changed)
    }
}

/// Fails when a scheduled run, which has these parameters and no others, would miss one. `kind` is what runs.
pub(super) fn require_defaults(node: &Node, params: BTreeMap<String, Value>, kind: &str) -> Result<()> {
    let params: Params = params.into();
    let rendered = short_first(|effort| node.sql.render(&params, effort));
    let missing = |error| Error::bad_request(format!("a scheduled {kind} needs a default for each parameter: {error}"));
    rendered.map(drop).map_err(missing)
}

/// What to record of when the pipe's schedule runs next.
pub(crate) fn schedule_change(pipe: &Pipe, now: Timestamp) -> Result<Change> {
    Ok(match pipe.schedule() {
        None => Change::RemoveSchedule(pipe.id),
        Some(schedule) => {
            Change::PutSchedule { pipe: pipe.id, next_run: schedule.next_run(now)?, now, is_paused: schedule.is_paused }
        }
    })
}

/// The role that a request asks for; what it does not say is as in `old`.
pub(super) fn copy_role(workspace: &Workspace, request: &CopyRequest, old: Option<&CopyRole>) -> Result<CopyRole> {
    let target = match (&request.target, old) {
        (Some(name), _) => {
            workspace.data_source(name).ok_or_else(|| Error::DataSourceNotFound { name: name.clone() })?.id
        }
        (None, Some(old)) => old.target,
        (None, None) => {
            return Err(Error::bad_request("a copy needs a target: send target_datasource=<name or id>"));
        }
    };
    let old_schedule = old.and_then(|old| old.schedule.as_ref());
    let schedule = schedule_asked(request.cron.as_deref(), request.timezone.as_deref(), old_schedule)?;
    let mode = request.mode.as_deref().map(read_mode).transpose()?;
    Ok(CopyRole { target, mode: mode.or(old.map(|old| old.mode)).unwrap_or_default(), schedule })
}

/// The schedule that a request asks for; what it does not say is as in `old`.
pub(super) fn schedule_asked(
    cron: Option<&str>,
    timezone: Option<&str>,
    old: Option<&Schedule>,
) -> Result<Option<Schedule>> {
    let zone = timezone.or(old.map(|schedule| schedule.timezone.as_str())).unwrap_or("UTC");
    match (cron.map(str::trim), old) {
        (Some("" | "None" | "none" | "null" | "@on-demand"), _) | (None, None) => Ok(None),
        (Some(cron), _) => {
            // Who paused a schedule resumes it; those who change it, or deploy a project once more, do not.
            let is_paused = old.is_some_and(|old| old.is_paused);
            Ok(Some(Schedule { is_paused, ..Schedule::parse(cron, zone)? }))
        }
        (None, Some(old)) => Ok(Some(Schedule { is_paused: old.is_paused, ..Schedule::parse(&old.cron, zone)? })),
    }
}

fn read_mode(word: &str) -> Result<CopyMode> {
    CopyMode::parse(word).ok_or_else(|| Error::bad_request(format!("mode '{word}' is unknown: use append or replace")))
}

fn copy_of(pipe: &Pipe) -> Result<&CopyRole> {
    pipe.copy().ok_or_else(|| Error::NotCopy { pipe: pipe.name.to_string() })
}

fn schedule_of(pipe: &mut Pipe) -> Option<&mut Schedule> {
    pipe.published.as_mut()?.role.schedule_mut()
}
