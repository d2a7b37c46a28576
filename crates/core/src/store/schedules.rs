//! Statements on `schedules`: when each schedule's next run is.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Store, jobs, rows};
use crate::error::Result;
use crate::jobs::Job;
use crate::model::{PipeId, WorkspaceId};

const PUT: &str = "
    INSERT INTO schedules (pipe_id, workspace_id, next_run, moved_at, is_paused, skipped, missed)
    VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)
    ON CONFLICT (pipe_id) DO UPDATE
    SET next_run = excluded.next_run,
        moved_at = excluded.moved_at,
        is_paused = excluded.is_paused";
const REMOVE: &str = "
    DELETE FROM schedules
    WHERE pipe_id = ?1";
const DUE: &str = "
    SELECT pipe_id, workspace_id, next_run, moved_at, skipped, missed
    FROM schedules
    WHERE is_paused = 0 AND (next_run <= ?1 OR moved_at > ?2)
    ORDER BY next_run, pipe_id";
const ONE: &str = "
    SELECT pipe_id, workspace_id, next_run, moved_at, skipped, missed
    FROM schedules
    WHERE pipe_id = ?1";
const NEXT: &str = "
    SELECT min(next_run)
    FROM schedules
    WHERE is_paused = 0";
const MOVE: &str = "
    UPDATE schedules
    SET next_run = ?3,
        moved_at = ?4,
        skipped = skipped + ?5,
        missed = missed + ?6
    WHERE pipe_id = ?1 AND next_run = ?2 AND is_paused = 0";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PUT, REMOVE, DUE, ONE, NEXT, MOVE];

/// A schedule's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    /// Whose schedule it is.
    pub pipe: PipeId,
    /// The pipe's workspace.
    pub workspace: WorkspaceId,
    /// When it runs next.
    pub next_run: Timestamp,
    /// When that was decided.
    pub moved_at: Timestamp,
    /// Runs left out because the one before had not ended.
    pub skipped: u64,
    /// Runs left out because the server did not run.
    pub missed: u64,
}

/// A schedule's move to its next run.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleMove {
    /// When it runs next.
    pub next_run: Timestamp,
    /// Runs left out because the one before had not ended.
    pub skipped: u64,
    /// Runs left out because the server did not run.
    pub missed: u64,
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    pipe: PipeId,
    (next_run, moved_at): (Timestamp, Timestamp),
    is_paused: bool,
) -> Result<()> {
    sqlx::query(PUT)
        .bind(pipe.to_string())
        .bind(workspace.to_string())
        .bind(rows::micros(next_run))
        .bind(rows::micros(moved_at))
        .bind(is_paused)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn remove(connection: &mut SqliteConnection, pipe: PipeId) -> Result<()> {
    sqlx::query(REMOVE).bind(pipe.to_string()).execute(connection).await?;
    Ok(())
}

impl Store {
    /// Schedules whose next run is not after `now`, and those that were last moved after `horizon`.
    pub async fn due_schedules(&self, now: Timestamp, horizon: Timestamp) -> Result<Vec<ScheduleRow>> {
        let found = sqlx::query(DUE).bind(rows::micros(now)).bind(rows::micros(horizon)).fetch_all(&self.pool).await?;
        found.iter().map(read).collect()
    }

    /// A pipe's schedule.
    pub async fn schedule(&self, pipe: PipeId) -> Result<Option<ScheduleRow>> {
        let found = sqlx::query(ONE).bind(pipe.to_string()).fetch_optional(&self.pool).await?;
        found.as_ref().map(read).transpose()
    }

    /// The next run of all schedules.
    pub async fn next_scheduled_run(&self) -> Result<Option<Timestamp>> {
        let next: Option<i64> = sqlx::query_scalar(NEXT).fetch_one(&self.pool).await?;
        next.map(rows::timestamp).transpose()
    }

    /// Moves a schedule from the run it was read with to its next one, and adds the job of that run: both or, when the
    /// schedule has changed meanwhile, nothing.
    pub async fn move_schedule(
        &self,
        schedule: &ScheduleRow,
        to: ScheduleMove,
        job: Option<&Job>,
        now: Timestamp,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let moved = sqlx::query(MOVE)
            .bind(schedule.pipe.to_string())
            .bind(rows::micros(schedule.next_run))
            .bind(rows::micros(to.next_run))
            .bind(rows::micros(now))
            .bind(i64::try_from(to.skipped).unwrap_or(i64::MAX))
            .bind(i64::try_from(to.missed).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(job) = job {
            jobs::insert(&mut transaction, job).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

fn read(row: &SqliteRow) -> Result<ScheduleRow> {
    Ok(ScheduleRow {
        pipe: rows::id(&row.try_get::<String, _>("pipe_id")?, PipeId::parse)?,
        workspace: rows::workspace_id(&row.try_get::<String, _>("workspace_id")?)?,
        next_run: rows::timestamp(row.try_get("next_run")?)?,
        moved_at: rows::timestamp(row.try_get("moved_at")?)?,
        skipped: rows::unsigned(row.try_get("skipped")?)?,
        missed: rows::unsigned(row.try_get("missed")?)?,
    })
}
