//! Metrics in rows of consecutive steps.

use super::SqliteStore;
use crate::gan::Losses;
use crate::job::JobId;
use crate::store::StoreError;
use crate::store::columns::{MetricRow, STEPS_A_ROW, runs};
use crate::store::values::{signed, unsigned};
use sqlx::SqliteConnection;

impl SqliteStore {
    pub(super) async fn select_metrics(&self, id: JobId, from: u64, to: u64) -> Result<Vec<Losses>, StoreError> {
        let rows: Vec<MetricRow> = sqlx::query_as(
            "SELECT first_step, d_loss, g_loss, value, d_real, d_fake FROM metrics
             WHERE job_id = $1 AND first_step > $2 - $4 AND first_step <= $3 AND last_step >= $2 ORDER BY first_step",
        )
        .bind(id.0)
        .bind(signed(from))
        .bind(signed(to))
        // No row is longer: what lies further back need not be looked at.
        .bind(signed(STEPS_A_ROW as u64))
        .fetch_all(&self.readers)
        .await?;
        let mut found = Vec::new();
        for row in rows {
            found.extend(row.unpack()?.into_iter().filter(|losses| (from..=to).contains(&losses.step)));
        }
        Ok(found)
    }
}

/// Stores steps that are not there yet. They fill up the newest row, unless a checkpoint closed it: what lies beyond a
/// checkpoint must be removable row by row.
pub(super) async fn insert(connection: &mut SqliteConnection, job: JobId, steps: &[Losses]) -> Result<(), StoreError> {
    for run in runs(steps) {
        let row = MetricRow::pack(run);
        let last_step = row.first_step + signed(run.len() as u64) - 1;
        let open: Option<(i64,)> = sqlx::query_as(
            "SELECT first_step FROM metrics WHERE job_id = $1 AND last_step = $2 - 1 AND $3 - first_step < $4
                 AND first_step > COALESCE((SELECT max(step) FROM checkpoints WHERE job_id = $1), 0)
             ORDER BY first_step DESC LIMIT 1",
        )
        .bind(job.0)
        .bind(row.first_step)
        .bind(last_step)
        .bind(signed(STEPS_A_ROW as u64))
        .fetch_optional(&mut *connection)
        .await?;
        let statement = match open {
            Some(_) => {
                "UPDATE metrics SET last_step = $3, d_loss = CAST(d_loss || $4 AS BLOB),
                     g_loss = CAST(g_loss || $5 AS BLOB), value = CAST(value || $6 AS BLOB),
                     d_real = CAST(d_real || $7 AS BLOB), d_fake = CAST(d_fake || $8 AS BLOB)
                 WHERE job_id = $1 AND first_step = $2"
            }
            None => {
                "INSERT INTO metrics (job_id, first_step, last_step, d_loss, g_loss, value, d_real, d_fake)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
            }
        };
        sqlx::query(statement)
            .bind(job.0)
            .bind(open.map_or(row.first_step, |(first_step,)| first_step))
            .bind(last_step)
            .bind(row.d_loss)
            .bind(row.g_loss)
            .bind(row.value)
            .bind(row.d_real)
            .bind(row.d_fake)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Removes what lies beyond `step`, and returns the metrics of `step` itself.
pub(super) async fn truncate(
    connection: &mut SqliteConnection,
    job: JobId,
    step: u64,
) -> Result<Option<Losses>, StoreError> {
    sqlx::query("DELETE FROM metrics WHERE job_id = $1 AND first_step > $2")
        .bind(job.0)
        .bind(signed(step))
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "UPDATE metrics SET last_step = $2,
             d_loss = substr(d_loss, 1, 4 * ($2 - first_step + 1)),
             g_loss = substr(g_loss, 1, 4 * ($2 - first_step + 1)),
             value = substr(value, 1, 4 * ($2 - first_step + 1)),
             d_real = substr(d_real, 1, 4 * ($2 - first_step + 1)),
             d_fake = substr(d_fake, 1, 4 * ($2 - first_step + 1))
         WHERE job_id = $1 AND last_step > $2",
    )
    .bind(job.0)
    .bind(signed(step))
    .execute(&mut *connection)
    .await?;
    let last: Option<MetricRow> = sqlx::query_as(
        "SELECT first_step, d_loss, g_loss, value, d_real, d_fake FROM metrics WHERE job_id = $1 AND last_step = $2",
    )
    .bind(job.0)
    .bind(signed(step))
    .fetch_optional(&mut *connection)
    .await?;
    Ok(last.map(|row| row.unpack()).transpose()?.and_then(|steps| steps.last().copied()))
}

/// The newest checkpoint's step; 0 where there is none.
pub(super) async fn newest_checkpoint(connection: &mut SqliteConnection, job: JobId) -> Result<u64, StoreError> {
    let (step,): (i64,) = sqlx::query_as("SELECT COALESCE(max(step), 0) FROM checkpoints WHERE job_id = $1")
        .bind(job.0)
        .fetch_one(connection)
        .await?;
    Ok(unsigned(step))
}
