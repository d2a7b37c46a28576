//! Rows of a staging table on their way into a data source and, through the views over it, into others.
//!
//! What each view makes of the rows goes into a staging table of its own; then all of them enter their data sources in one
//! transaction of the catalog. So the views see these rows exactly once, however often this is tried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Context, Failure};
use crate::catalog::Snapshot;
use crate::error::{Error, Result};
use crate::model::{CopyMode, DataSourceId, JobId, Materialization, NodeId, Workspace};
use crate::operations::copies::fit_columns;
use crate::operations::new_rows::NewRows;
use crate::storage::{Fault, Transfer};
use crate::store::Change;
use crate::views::lineage::{downstream, views};

/// What begins the names of a job's tables.
pub(crate) fn tables_prefix(job: JobId) -> String {
    format!("job_{}_", job.0.simple())
}

pub(super) fn prefix(context: &Context) -> String {
    tables_prefix(context.job().id)
}

/// The staging table of a job for the rows of its own target.
pub(super) fn staging(context: &Context) -> String {
    format!("{}0", prefix(context))
}

/// Drops every table that a job made.
pub(super) async fn drop_tables(context: &Context) -> Result<()> {
    let standpipe = context.standpipe();
    let Some(workspace) = standpipe.catalog().snapshot().workspace(context.job().workspace) else { return Ok(()) };
    standpipe.storage.drop_all(&workspace, &prefix(context)).await
}

/// A view that the rows pass.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    node: NodeId,
    view: Materialization,
}

/// What becomes of the rows that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Present {
    /// They stay, and are older than those that enter: where rows replace each other, the later ones win.
    Older,
    /// They stay, and are newer than those that enter.
    Newer,
    /// They go.
    Gone,
}

impl From<CopyMode> for Present {
    fn from(mode: CopyMode) -> Present {
        match mode {
            CopyMode::Append => Present::Older,
            CopyMode::Replace => Present::Gone,
        }
    }
}

/// Enters the rows of the job's staging table into `target`, and what views make of them into theirs. Where the rows that
/// are there go, so do those of a view's target, unless something else fills it too. What `with` decides is written in the same
/// transaction; when it fails, nothing has entered.
pub(super) async fn enter(
    context: &Context,
    target: DataSourceId,
    present: Present,
    with: impl Fn(&Workspace) -> Result<Vec<Change>>,
) -> Result<(), Failure> {
    let (standpipe, id) = (context.standpipe(), context.job().workspace);
    loop {
        // Held while tables are read, so that none is dropped; and no longer, since those that go wait for it.
        let catalog = standpipe.catalog().snapshot();
        let workspace = of_snapshot(&catalog, context)?;
        let steps = steps(&workspace, target);
        let staged = pass_on(context, &workspace, target, &steps).await?;
        drop((workspace, catalog));
        standpipe.storage.faults().check(Fault::AfterFill)?;
        context.go_on()?;
        let closed = standpipe.close_gates(id, staged.keys().copied()).await?;
        let workspace = standpipe.current_workspace(id)?;
        // A view that was made or unlinked meanwhile would miss these rows, or see them for nothing.
        if self::steps(&workspace, target) == steps {
            let rows = new_rows(&workspace, target, present, staged);
            return Ok(standpipe.replace_rows_closed(&closed, &workspace, &rows, with).await?);
        }
    }
}

/// The job's workspace as this snapshot has it.
pub(super) fn of_snapshot(catalog: &Snapshot, context: &Context) -> Result<Arc<Workspace>> {
    let id = context.job().workspace;
    catalog.workspace(id).ok_or_else(|| Error::internal(format!("workspace {id} is not in the catalog")))
}

fn steps(workspace: &Workspace, target: DataSourceId) -> Vec<Step> {
    // Whether a view was populated says nothing about what it does.
    let step = |view: &Materialization| Materialization { is_populated: false, ..view.clone() };
    downstream(workspace, target).iter().map(|it| Step { node: it.node, view: step(it.view) }).collect()
}

fn new_rows(
    workspace: &Workspace,
    target: DataSourceId,
    present: Present,
    staged: BTreeMap<DataSourceId, String>,
) -> Vec<(DataSourceId, NewRows)> {
    let kept =
        if present == Present::Gone { fed_by_others(workspace, target) } else { staged.keys().copied().collect() };
    staged
        .into_iter()
        .map(|(id, staging)| {
            let rows = NewRows {
                staging: Some(staging),
                is_staging_older: present == Present::Newer,
                keeps_rows: kept.contains(&id),
                keeps_quarantine: true,
                definition: None,
            };
            (id, rows)
        })
        .collect()
}

/// The data sources below `target` that hold what does not come from it: filled by a copy, or by a view whose source is
/// elsewhere or such a one itself.
fn fed_by_others(workspace: &Workspace, target: DataSourceId) -> BTreeSet<DataSourceId> {
    let passed = downstream(workspace, target);
    let is_passed = |node| passed.iter().any(|it| it.node == node);
    let copied = workspace.pipes.values().filter_map(|pipe| Some(pipe.copy()?.target));
    let others = views(workspace).filter(|it| !is_passed(it.node)).map(|it| it.view.target);
    let mut fed: BTreeSet<DataSourceId> = copied.chain(others).filter(|id| *id != target).collect();
    // Each view comes after those that feed its source.
    for it in &passed {
        if fed.contains(&it.view.source) {
            fed.insert(it.view.target);
        }
    }
    fed
}

/// Applies each view to the staged rows of its source.
async fn pass_on(
    context: &Context,
    workspace: &Workspace,
    target: DataSourceId,
    steps: &[Step],
) -> Result<BTreeMap<DataSourceId, String>, Failure> {
    let mut staged = BTreeMap::from([(target, staging(context))]);
    for Step { view, .. } in steps {
        context.go_on()?;
        let source = staged.get(&view.source).cloned();
        let source = source.ok_or_else(|| Error::internal("a view was reached before what feeds it"))?;
        let into = match staged.get(&view.target) {
            Some(staging) => staging.clone(),
            None => {
                let staging = format!("{}{}", prefix(context), staged.len());
                let gone = || Error::DataSourceNotFound { name: view.target.to_string() };
                let data_source = workspace.data_sources.get(&view.target).ok_or_else(gone)?;
                context.standpipe().storage.create_staging(workspace, &staging, data_source.table()).await?;
                staged.insert(view.target, staging.clone());
                staging
            }
        };
        let query_id = context.standpipe().random().uuid().to_string();
        let applied = Applied { query_id: &query_id, source: &source, into: &into, filter: None };
        apply(context, workspace, view, applied).await?;
    }
    Ok(staged)
}

/// Which rows a view is applied to, and where the result goes.
pub(super) struct Applied<'a> {
    /// Names the query in the engine.
    pub(super) query_id: &'a str,
    /// The table that stands in for the view's source.
    pub(super) source: &'a str,
    /// The table that the rows go into.
    pub(super) into: &'a str,
    /// The engine's filter of the rows that are seen, if not all are.
    pub(super) filter: Option<String>,
}

/// Applies a view's query to the rows of a table.
pub(super) async fn apply(
    context: &Context,
    workspace: &Workspace,
    view: &Materialization,
    applied: Applied<'_>,
) -> Result<(), Failure> {
    let standpipe = context.standpipe();
    let instead = BTreeMap::from([(view.source, applied.source.to_owned())]);
    let query = standpipe.reader().view_sql(workspace, view, &instead).await?;
    let gone = || Error::DataSourceNotFound { name: view.target.to_string() };
    let target = workspace.data_sources.get(&view.target).ok_or_else(gone)?;
    let columns = standpipe.storage.columns(workspace, target.table()).await?;
    let columns = fit_columns(&standpipe.storage.query_columns(&query).await?, &columns, target.name.as_str())?;
    let limits = standpipe.reader().limits();
    let transfer = Transfer {
        query_id: applied.query_id,
        time: standpipe.jobs.limits().copy.time,
        memory_bytes: limits.memory_bytes,
        threads: limits.max_threads,
        filter: applied.filter,
    };
    let insert = standpipe.storage.insert_select(workspace, applied.into, &columns, &query, &transfer);
    context.query(applied.query_id, insert).await
}
