//! Grids of jobs.

use super::sql::{now, select_jobs};
use super::{PostgresStore, jobs};
use crate::job::{Job, JobId, NewSweep, Page, Score, Sweep, SweepCell, SweepId};
use crate::store::rows::{JobRow, ScoreRow, SweepCountRow, SweepRow};
use crate::store::values::plain;
use crate::store::{Created, IdempotencyKey, StoreError};
use sqlx::PgConnection;
use sqlx::types::Json;

impl PostgresStore {
    pub(super) async fn insert_sweep(
        &self,
        sweep: NewSweep,
        key: Option<IdempotencyKey>,
    ) -> Result<Created<Sweep>, StoreError> {
        loop {
            if let Some(created) = self.try_insert_sweep(&sweep, key.as_ref()).await? {
                return Ok(created);
            }
            // Another request used the key at the same moment: its sweep is there by now.
        }
    }

    async fn try_insert_sweep(
        &self,
        sweep: &NewSweep,
        key: Option<&IdempotencyKey>,
    ) -> Result<Option<Created<Sweep>>, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(key) = key
            && let Some(before) = used(&mut transaction, key).await?
        {
            return Ok(Some(before));
        }
        if !insert(&mut transaction, sweep, key).await? {
            return Ok(None);
        }
        insert_jobs(&mut transaction, sweep).await?;
        let sweep = own(&mut transaction, sweep.id).await?;
        self.commit(transaction).await?;
        Ok(Some(Created::New(sweep)))
    }

    pub(super) async fn select_sweep_of_key(&self, key: &IdempotencyKey) -> Result<Option<Created<Sweep>>, StoreError> {
        let mut transaction = self.snapshot().await?;
        used(&mut transaction, key).await
    }

    pub(super) async fn select_sweep(&self, id: SweepId) -> Result<Option<Sweep>, StoreError> {
        // One moment for all statements: a sweep whose last job is deleted in between is gone, not empty.
        let mut transaction = self.snapshot().await?;
        find(&mut transaction, id).await
    }

    pub(super) async fn list_sweeps(&self, before: Option<SweepId>, limit: u32) -> Result<Page<Sweep>, StoreError> {
        let mut transaction = self.snapshot().await?;
        let mut found: Vec<SweepRow> = sqlx::query_as(
            "SELECT id, name, tags, axes, created_at FROM sweeps WHERE $1 IS NULL OR id < $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(before.map(|id| id.0))
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *transaction)
        .await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let mut items = Vec::with_capacity(found.len());
        for row in found {
            let counts = counts(&mut transaction, row.id).await?;
            items.push(row.sweep(counts)?);
        }
        Ok(Page { items, more })
    }

    pub(super) async fn select_sweep_jobs(&self, id: SweepId) -> Result<Vec<Job>, StoreError> {
        let rows: Vec<JobRow> = sqlx::query_as(select_jobs!("WHERE j.sweep_id = $1 ORDER BY j.sweep_position"))
            .bind(id.0)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(JobRow::job).collect()
    }

    pub(super) async fn select_sweep_scores(&self, id: SweepId) -> Result<Vec<Score>, StoreError> {
        let rows: Vec<ScoreRow> = sqlx::query_as(
            "SELECT e.job_id, e.step, (e.result ->> 'log_likelihood')::float8 AS log_likelihood,
                    (e.result ->> 'standard_error')::float8 AS standard_error,
                    e.result -> 'quality' ->> 'coverage' AS coverage, e.result -> 'quality' ->> 'frechet' AS frechet
             FROM evaluations e JOIN jobs j ON j.id = e.job_id
             WHERE j.sweep_id = $1 AND e.state = 'succeeded' AND NOT e.requested ORDER BY e.job_id, e.step",
        )
        .bind(id.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(ScoreRow::score).collect()
    }
}

/// What a key was used for. A sweep that is gone takes its key along.
async fn used(connection: &mut PgConnection, key: &IdempotencyKey) -> Result<Option<Created<Sweep>>, StoreError> {
    let used: Option<(uuid::Uuid, String)> =
        sqlx::query_as("SELECT id, body_sha256 FROM sweeps WHERE idempotency_key = $1")
            .bind(plain(&key.key))
            .fetch_optional(&mut *connection)
            .await?;
    match used {
        Some((_, body)) if body != key.body_sha256 => Ok(Some(Created::KeyReused)),
        Some((id, _)) => Ok(find(connection, SweepId(id)).await?.map(Created::Replayed)),
        None => Ok(None),
    }
}

/// Writes the sweep's row; `false` if its key is used already.
async fn insert(
    connection: &mut PgConnection,
    sweep: &NewSweep,
    key: Option<&IdempotencyKey>,
) -> Result<bool, StoreError> {
    let tags: Vec<String> = sweep.tags.iter().map(|tag| plain(tag)).collect();
    let inserted = sqlx::query(concat!(
        "INSERT INTO sweeps (id, name, tags, axes, created_at, idempotency_key, body_sha256)
         VALUES ($1, $2, $3, $4, ",
        now!(),
        ", $5, $6) ON CONFLICT DO NOTHING"
    ))
    .bind(sweep.id.0)
    .bind(sweep.name.as_deref().map(plain))
    .bind(Json(&tags))
    .bind(Json(&sweep.axes))
    .bind(key.map(|key| plain(&key.key)))
    .bind(key.map(|key| key.body_sha256.as_str()))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

async fn insert_jobs(connection: &mut PgConnection, sweep: &NewSweep) -> Result<(), StoreError> {
    for (position, job) in (0..).zip(&sweep.jobs) {
        jobs::insert(connection, JobId::new(), job, Some(SweepCell { sweep: sweep.id, position })).await?;
    }
    Ok(())
}

async fn find(connection: &mut PgConnection, id: SweepId) -> Result<Option<Sweep>, StoreError> {
    let row: Option<SweepRow> = sqlx::query_as("SELECT id, name, tags, axes, created_at FROM sweeps WHERE id = $1")
        .bind(id.0)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let counts = counts(connection, row.id).await?;
    row.sweep(counts).map(Some)
}

/// A sweep that must be there, since this transaction just wrote or read it.
async fn own(connection: &mut PgConnection, id: SweepId) -> Result<Sweep, StoreError> {
    find(connection, id)
        .await?
        .ok_or_else(|| StoreError::Corrupt(format!("sweep {id} vanished in its own transaction")))
}

async fn counts(connection: &mut PgConnection, id: uuid::Uuid) -> Result<Vec<SweepCountRow>, StoreError> {
    let rows = sqlx::query_as("SELECT status, count(*) AS count FROM jobs WHERE sweep_id = $1 GROUP BY status")
        .bind(id)
        .fetch_all(connection)
        .await?;
    Ok(rows)
}
