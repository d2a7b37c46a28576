//! Statements on `jobs`. Each is a transaction of its own: a job is claimed by a lease, not by a lock.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::{Store, rows};
use crate::error::Result;
use crate::jobs::{Job, JobFilter, JobKind, JobStatus, Origin, SinkJob, Subject};
use crate::model::{ConnectionId, DataSourceId, JobId, NodeId, PipeId, WorkspaceId};

const INSERT: &str = "
    INSERT INTO jobs
        (id, workspace_id, kind, status, payload, checkpoint, details, progress, error, attempts, run_after,
         pipe_id, pipe_name, node_id, data_source_id, data_source_name, token_name, request_id, is_scheduled,
         created_at, started_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)";
const ONE: &str = "
    SELECT *
    FROM jobs
    WHERE id = ?1 AND workspace_id = ?2";
const LIST: &str = "
    SELECT *
    FROM jobs
    WHERE workspace_id = ?1
        AND (updated_at >= ?2 OR status IN ('waiting', 'working', 'cancelling'))
        AND (?3 IS NULL OR kind = ?3)
        AND (?4 IS NULL OR status = ?4)
        AND (?5 IS NULL OR pipe_id = ?5)
        AND (?6 IS NULL OR pipe_name = ?6)
        AND (?7 IS NULL OR created_at < ?7)
        AND (?8 IS NULL OR created_at >= ?8)
    ORDER BY created_at DESC, id
    LIMIT ?9";
const ACTIVE: &str = "
    SELECT id, workspace_id, kind, pipe_id, status, run_after, locked_until
    FROM jobs
    WHERE status IN ('waiting', 'working', 'cancelling')
    ORDER BY created_at, id";
const COUNT_ACTIVE: &str = "
    SELECT count(*)
    FROM jobs
    WHERE workspace_id = ?1 AND kind = ?2 AND status IN ('waiting', 'working', 'cancelling')";
const COUNT_ACTIVE_OF_PIPE: &str = "
    SELECT count(*)
    FROM jobs
    WHERE pipe_id = ?1 AND status IN ('waiting', 'working', 'cancelling')";
const ACTIVE_THROUGH: &str = "
    SELECT id
    FROM jobs
    WHERE workspace_id = ?1
        AND kind = ?2
        AND json_extract(payload, '$.connection') = ?3
        AND status IN ('waiting', 'working', 'cancelling')
    ORDER BY created_at, id
    LIMIT 1";
const CLAIM: &str = "
    UPDATE jobs
    SET status = 'working',
        lease_owner = ?2,
        locked_until = ?3,
        attempts = attempts + 1,
        started_at = COALESCE(started_at, ?4),
        updated_at = ?4
    WHERE id = ?1 AND status = 'waiting'
    RETURNING *";
const TAKE_OVER: &str = "
    UPDATE jobs
    SET lease_owner = ?2,
        locked_until = ?3
    WHERE id = ?1 AND status IN ('working', 'cancelling') AND locked_until <= ?4
    RETURNING *";
const RENEW: &str = "
    UPDATE jobs
    SET locked_until = ?3
    WHERE id = ?1 AND lease_owner = ?2 AND status IN ('working', 'cancelling')";
const VOID_LEASES: &str = "
    UPDATE jobs
    SET locked_until = ?2
    WHERE lease_owner <> ?1 AND status IN ('working', 'cancelling')";
const TELL: &str = "
    UPDATE jobs
    SET progress = COALESCE(?3, progress),
        details = json_patch(details, ?4),
        updated_at = ?5
    WHERE id = ?1 AND lease_owner = ?2";
const CHECKPOINT: &str = "
    UPDATE jobs
    SET checkpoint = ?2
    WHERE id = ?1";
const END: &str = "
    UPDATE jobs
    SET status = ?3,
        error = ?4,
        checkpoint = NULL,
        progress = CASE WHEN ?3 = 'done' AND progress IS NOT NULL THEN 100 ELSE progress END,
        lease_owner = NULL,
        locked_until = NULL,
        updated_at = ?5
    WHERE id = ?1 AND lease_owner = ?2
    RETURNING *";
const PUT_BACK: &str = "
    UPDATE jobs
    SET status = 'waiting',
        run_after = ?3,
        lease_owner = NULL,
        locked_until = NULL,
        updated_at = ?4
    WHERE id = ?1 AND lease_owner = ?2 AND status = 'working'
    RETURNING *";
const CANCEL: &str = "
    UPDATE jobs
    SET status = CASE WHEN status = 'waiting' AND attempts = 0 THEN 'cancelled' ELSE 'cancelling' END,
        locked_until = CASE status WHEN 'waiting' THEN ?3 ELSE locked_until END,
        updated_at = ?3
    WHERE id = ?1 AND workspace_id = ?2 AND status IN ('waiting', 'working')
    RETURNING *";
const CANCEL_WAITING_OF_PIPE: &str = "
    UPDATE jobs
    SET status = CASE attempts WHEN 0 THEN 'cancelled' ELSE 'cancelling' END,
        locked_until = ?2,
        updated_at = ?2
    WHERE pipe_id = ?1 AND status = 'waiting'
    RETURNING *";
const REMOVE_OLD: &str = "
    DELETE FROM jobs
    WHERE updated_at < ?1 AND status IN ('done', 'error', 'cancelled')";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    INSERT,
    ONE,
    LIST,
    ACTIVE,
    COUNT_ACTIVE,
    COUNT_ACTIVE_OF_PIPE,
    ACTIVE_THROUGH,
    CLAIM,
    TAKE_OVER,
    RENEW,
    VOID_LEASES,
    TELL,
    CHECKPOINT,
    END,
    PUT_BACK,
    CANCEL,
    CANCEL_WAITING_OF_PIPE,
    REMOVE_OLD,
];

/// A job that has not ended, as the runner looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveJob {
    /// Its id.
    pub id: JobId,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// Its kind.
    pub kind: String,
    /// The pipe that it is about.
    pub pipe: Option<PipeId>,
    /// How far it has come.
    pub status: JobStatus,
    /// While it waits, it is not run before.
    pub run_after: Timestamp,
    /// The end of its lease.
    pub locked_until: Option<Timestamp>,
}

/// A claim's owner and end.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    /// Who runs the job.
    pub owner: &'a str,
    /// Until when nobody else takes it.
    pub until: Timestamp,
}

/// Adds a job inside a transaction.
pub(super) async fn insert(connection: &mut SqliteConnection, job: &Job) -> Result<()> {
    sqlx::query(INSERT)
        .bind(job.id.to_string())
        .bind(job.workspace.to_string())
        .bind(&job.kind)
        .bind(job.status.as_str())
        .bind(rows::to_json(&job.payload)?)
        .bind(job.checkpoint.as_ref().map(rows::to_json).transpose()?)
        .bind(rows::to_json(&job.details)?)
        .bind(job.progress)
        .bind(&job.error)
        .bind(i64::from(job.attempts))
        .bind(rows::micros(job.run_after))
        .bind(job.subject.pipe.as_ref().map(|(id, _)| id.to_string()))
        .bind(job.subject.pipe.as_ref().map(|(_, name)| name))
        .bind(job.subject.node.map(|id| id.to_string()))
        .bind(job.subject.data_source.as_ref().map(|(id, _)| id.to_string()))
        .bind(job.subject.data_source.as_ref().map(|(_, name)| name))
        .bind(&job.origin.token_name)
        .bind(&job.origin.request_id)
        .bind(job.origin.is_scheduled)
        .bind(rows::micros(job.created_at))
        .bind(job.started_at.map(rows::micros))
        .bind(rows::micros(job.updated_at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Records how far a job has come, inside a transaction.
pub(super) async fn put_checkpoint(connection: &mut SqliteConnection, id: JobId, checkpoint: &Value) -> Result<()> {
    sqlx::query(CHECKPOINT).bind(id.to_string()).bind(rows::to_json(checkpoint)?).execute(connection).await?;
    Ok(())
}

impl Store {
    /// Adds a job.
    pub async fn insert_job(&self, job: &Job) -> Result<()> {
        insert(&mut *self.pool.acquire().await?, job).await
    }

    /// Adds a job unless its workspace has `limit` or more of its kind that have not ended. Answers whether it did.
    pub async fn insert_job_below(&self, job: &Job, limit: usize) -> Result<bool> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let count = sqlx::query_scalar(COUNT_ACTIVE).bind(job.workspace.to_string()).bind(&job.kind);
        let active: usize = rows::unsigned(count.fetch_one(&mut *transaction).await?)?;
        if active >= limit {
            return Ok(false);
        }
        insert(&mut transaction, job).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Whether a pipe has jobs that have not ended.
    pub async fn has_active_jobs(&self, pipe: PipeId) -> Result<bool> {
        let count: i64 = sqlx::query_scalar(COUNT_ACTIVE_OF_PIPE).bind(pipe.to_string()).fetch_one(&self.pool).await?;
        Ok(count > 0)
    }

    /// The oldest sink's job that has not ended and writes through this connection.
    pub async fn active_job_through(&self, workspace: WorkspaceId, connection: ConnectionId) -> Result<Option<JobId>> {
        let found = sqlx::query_scalar(ACTIVE_THROUGH)
            .bind(workspace.to_string())
            .bind(SinkJob::NAME)
            .bind(connection.to_string());
        let found: Option<String> = found.fetch_optional(&self.pool).await?;
        found.map(|id| rows::id(&id, JobId::parse)).transpose()
    }

    /// One job of a workspace.
    pub async fn job(&self, workspace: WorkspaceId, id: JobId) -> Result<Option<Job>> {
        let found =
            sqlx::query(ONE).bind(id.to_string()).bind(workspace.to_string()).fetch_optional(&self.pool).await?;
        found.as_ref().map(read).transpose()
    }

    /// The workspace's newest jobs: those that have not ended, and those that changed since `since`.
    pub async fn jobs(
        &self,
        workspace: WorkspaceId,
        since: Timestamp,
        filter: &JobFilter,
        limit: u32,
    ) -> Result<Vec<Job>> {
        let found = sqlx::query(LIST)
            .bind(workspace.to_string())
            .bind(rows::micros(since))
            .bind(&filter.kind)
            .bind(filter.status.map(JobStatus::as_str))
            .bind(&filter.pipe_id)
            .bind(&filter.pipe_name)
            .bind(filter.created_before.map(rows::micros))
            .bind(filter.created_after.map(rows::micros))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        found.iter().map(read).collect()
    }

    /// Every job that has not ended, oldest first.
    pub async fn active_jobs(&self) -> Result<Vec<ActiveJob>> {
        let found = sqlx::query(ACTIVE).fetch_all(&self.pool).await?;
        found.iter().map(read_active).collect()
    }

    /// Claims a waiting job; none when somebody else was faster, or it was cancelled.
    pub async fn claim_job(&self, id: JobId, lease: Lease<'_>, now: Timestamp) -> Result<Option<Job>> {
        let claimed = sqlx::query(CLAIM)
            .bind(id.to_string())
            .bind(lease.owner)
            .bind(rows::micros(lease.until))
            .bind(rows::micros(now));
        claimed.fetch_optional(&self.pool).await?.as_ref().map(read).transpose()
    }

    /// Claims a job whose owner let its lease end.
    pub async fn take_over_job(&self, id: JobId, lease: Lease<'_>, now: Timestamp) -> Result<Option<Job>> {
        let taken = sqlx::query(TAKE_OVER)
            .bind(id.to_string())
            .bind(lease.owner)
            .bind(rows::micros(lease.until))
            .bind(rows::micros(now));
        taken.fetch_optional(&self.pool).await?.as_ref().map(read).transpose()
    }

    /// Prolongs the lease of a job that its owner runs.
    pub async fn renew_lease(&self, id: JobId, lease: Lease<'_>) -> Result<()> {
        let renewed = sqlx::query(RENEW).bind(id.to_string()).bind(lease.owner).bind(rows::micros(lease.until));
        renewed.execute(&self.pool).await?;
        Ok(())
    }

    /// Ends the leases of every owner but this one.
    pub async fn void_leases_of_others(&self, owner: &str, now: Timestamp) -> Result<()> {
        sqlx::query(VOID_LEASES).bind(owner).bind(rows::micros(now)).execute(&self.pool).await?;
        Ok(())
    }

    /// Says how a job is getting on: percent, and members of its details.
    pub async fn tell_job(
        &self,
        id: JobId,
        owner: &str,
        progress: Option<f64>,
        details: &serde_json::Map<String, Value>,
        now: Timestamp,
    ) -> Result<()> {
        let told = sqlx::query(TELL)
            .bind(id.to_string())
            .bind(owner)
            .bind(progress)
            .bind(rows::to_json(details)?)
            .bind(rows::micros(now));
        told.execute(&self.pool).await?;
        Ok(())
    }

    /// Records how far a job has come.
    pub async fn put_job_checkpoint(&self, id: JobId, checkpoint: &Value) -> Result<()> {
        put_checkpoint(&mut *self.pool.acquire().await?, id, checkpoint).await
    }

    /// Ends a job that `owner` runs.
    pub async fn end_job(
        &self,
        id: JobId,
        owner: &str,
        status: JobStatus,
        error: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Job>> {
        let ended =
            sqlx::query(END).bind(id.to_string()).bind(owner).bind(status.as_str()).bind(error).bind(rows::micros(now));
        ended.fetch_optional(&self.pool).await?.as_ref().map(read).transpose()
    }

    /// Puts a job that `owner` runs back into the queue; none when it is being cancelled.
    pub async fn put_back_job(
        &self,
        id: JobId,
        owner: &str,
        run_after: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Job>> {
        let put_back = sqlx::query(PUT_BACK)
            .bind(id.to_string())
            .bind(owner)
            .bind(rows::micros(run_after))
            .bind(rows::micros(now));
        put_back.fetch_optional(&self.pool).await?.as_ref().map(read).transpose()
    }

    /// Cancels a job that was never run, or marks one to be stopped and cleaned up; none when there is nothing to cancel.
    pub async fn cancel_job(&self, workspace: WorkspaceId, id: JobId, now: Timestamp) -> Result<Option<Job>> {
        let cancelled = sqlx::query(CANCEL).bind(id.to_string()).bind(workspace.to_string()).bind(rows::micros(now));
        cancelled.fetch_optional(&self.pool).await?.as_ref().map(read).transpose()
    }

    /// Cancels the jobs of a pipe that are not being run, as [`Store::cancel_job`] does.
    pub async fn cancel_waiting_jobs_of(&self, pipe: PipeId, now: Timestamp) -> Result<Vec<Job>> {
        let cancelled = sqlx::query(CANCEL_WAITING_OF_PIPE).bind(pipe.to_string()).bind(rows::micros(now));
        cancelled.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// Forgets jobs that were made before `before` and have ended.
    pub async fn remove_old_jobs(&self, before: Timestamp) -> Result<u64> {
        Ok(sqlx::query(REMOVE_OLD).bind(rows::micros(before)).execute(&self.pool).await?.rows_affected())
    }
}

fn read(row: &SqliteRow) -> Result<Job> {
    let text = |column: &str| -> Result<Option<String>> { Ok(row.try_get(column)?) };
    let named = |id: &str, name: &str| -> Result<Option<(String, String)>> { Ok(text(id)?.zip(text(name)?)) };
    let pipe = named("pipe_id", "pipe_name")?;
    let data_source = named("data_source_id", "data_source_name")?;
    Ok(Job {
        id: rows::id(&row.try_get::<String, _>("id")?, JobId::parse)?,
        workspace: rows::workspace_id(&row.try_get::<String, _>("workspace_id")?)?,
        kind: row.try_get("kind")?,
        status: status(row)?,
        payload: rows::json(&row.try_get::<String, _>("payload")?)?,
        checkpoint: text("checkpoint")?.as_deref().map(rows::json).transpose()?,
        details: rows::json(&row.try_get::<String, _>("details")?)?,
        progress: row.try_get("progress")?,
        error: row.try_get("error")?,
        attempts: rows::unsigned(row.try_get("attempts")?)?,
        run_after: rows::timestamp(row.try_get("run_after")?)?,
        subject: Subject {
            pipe: pipe.map(|(id, name)| Ok::<_, crate::Error>((rows::id(&id, PipeId::parse)?, name))).transpose()?,
            node: text("node_id")?.map(|id| rows::id(&id, NodeId::parse)).transpose()?,
            data_source: data_source
                .map(|(id, name)| Ok::<_, crate::Error>((rows::id(&id, DataSourceId::parse)?, name)))
                .transpose()?,
        },
        origin: Origin {
            token_name: row.try_get("token_name")?,
            request_id: row.try_get("request_id")?,
            is_scheduled: row.try_get("is_scheduled")?,
        },
        created_at: rows::timestamp(row.try_get("created_at")?)?,
        started_at: row.try_get::<Option<i64>, _>("started_at")?.map(rows::timestamp).transpose()?,
        updated_at: rows::timestamp(row.try_get("updated_at")?)?,
    })
}

fn read_active(row: &SqliteRow) -> Result<ActiveJob> {
    Ok(ActiveJob {
        id: rows::id(&row.try_get::<String, _>("id")?, JobId::parse)?,
        workspace: rows::workspace_id(&row.try_get::<String, _>("workspace_id")?)?,
        kind: row.try_get("kind")?,
        pipe: row.try_get::<Option<String>, _>("pipe_id")?.map(|id| rows::id(&id, PipeId::parse)).transpose()?,
        status: status(row)?,
        run_after: rows::timestamp(row.try_get("run_after")?)?,
        locked_until: row.try_get::<Option<i64>, _>("locked_until")?.map(rows::timestamp).transpose()?,
    })
}

fn status(row: &SqliteRow) -> Result<JobStatus> {
    rows::id(&row.try_get::<String, _>("status")?, JobStatus::parse)
}
