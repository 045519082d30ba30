//! Checkpoints: a row, its chunks in order, and the chunks' bytes.

use super::claim::rewind;
use super::sql::now;
use super::{SqliteStore, records, rows};
use crate::job::{CheckpointInfo, EventKind, Finding, JobId, Severity};
use crate::store::blob::{self, Blob};
use crate::store::retention::expendable;
use crate::store::rows::{CheckpointRow, signed, unsigned};
use crate::store::state::State;
use crate::store::{Guarded, Hold, LeaseLost, NewCheckpoint, Record, StoreError};
use serde_json::json;
use sqlx::SqliteConnection;
use std::collections::BTreeSet;

impl SqliteStore {
    pub(super) async fn select_checkpoints(&self, id: JobId) -> Result<Vec<CheckpointInfo>, StoreError> {
        let mut transaction = self.readers.begin().await?;
        let rows: Vec<CheckpointRow> = sqlx::query_as(
            "SELECT step, sha256, size_bytes, created_at FROM checkpoints WHERE job_id = $1 ORDER BY step",
        )
        .bind(id.0)
        .fetch_all(&mut *transaction)
        .await?;
        let best = best(&mut transaction, id).await?;
        Ok(rows.into_iter().map(|row| row.info(best)).collect())
    }

    pub(super) async fn read_checkpoint(&self, id: JobId, step: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut transaction = self.readers.begin().await?;
        let found: Option<(String, i64)> =
            sqlx::query_as("SELECT sha256, size_bytes FROM checkpoints WHERE job_id = $1 AND step = $2")
                .bind(id.0)
                .bind(signed(step))
                .fetch_optional(&mut *transaction)
                .await?;
        let Some((sha256, size_bytes)) = found else { return Ok(None) };
        let chunks: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT sha256, bytes FROM checkpoint_chunks JOIN chunks USING (sha256)
             WHERE job_id = $1 AND step = $2 ORDER BY position",
        )
        .bind(id.0)
        .bind(signed(step))
        .fetch_all(&mut *transaction)
        .await?;
        drop(transaction);
        blob::join(step, sha256, unsigned(size_bytes), chunks).await.map(Some)
    }

    pub(super) async fn publish(&self, hold: Hold, checkpoint: NewCheckpoint, records: &[Record]) -> Guarded<()> {
        let blob = Blob::cut(checkpoint.bytes).await?;
        let mut transaction = self.begin().await?;
        let Some(mut state) = rows::held(&mut transaction, hold).await? else { return Ok(Err(LeaseLost)) };
        records::insert(&mut transaction, &mut state, records).await?;
        insert(&mut transaction, &mut state, checkpoint.step, &blob).await?;
        prune(&mut transaction, hold.job, checkpoint.keep).await?;
        rows::save(&mut transaction, &state).await?;
        self.commit(transaction).await?;
        Ok(Ok(()))
    }

    pub(super) async fn discard(&self, hold: Hold, step: u64, reason: &str) -> Guarded<Option<u64>> {
        let mut transaction = self.begin().await?;
        let Some(mut state) = rows::held(&mut transaction, hold).await? else { return Ok(Err(LeaseLost)) };
        remove(&mut transaction, hold.job, &[step]).await?;
        rewind(&mut transaction, &mut state).await?;
        state.find(&Finding {
            kind: "checkpoint_discarded".to_owned(),
            severity: Severity::Warning,
            step,
            detail: format!(
                "the checkpoint of step {step} was given up ({reason}); going on from step {}",
                state.last_step
            ),
        });
        rows::save(&mut transaction, &state).await?;
        self.commit(transaction).await?;
        Ok(Ok((state.last_step > 0).then_some(state.last_step)))
    }

    pub(super) async fn go_back(&self, hold: Hold, finding: &Finding) -> Guarded<u64> {
        let mut transaction = self.begin().await?;
        let Some(mut state) = rows::held(&mut transaction, hold).await? else { return Ok(Err(LeaseLost)) };
        rewind(&mut transaction, &mut state).await?;
        state.find(finding);
        rows::save(&mut transaction, &state).await?;
        self.commit(transaction).await?;
        Ok(Ok(state.last_step))
    }
}

/// Writes a checkpoint, in place of an earlier one of the same step.
async fn insert(
    connection: &mut SqliteConnection,
    state: &mut State,
    step: u64,
    blob: &Blob,
) -> Result<(), StoreError> {
    let former: Option<(String,)> = sqlx::query_as("SELECT sha256 FROM checkpoints WHERE job_id = $1 AND step = $2")
        .bind(state.id.0)
        .bind(signed(step))
        .fetch_optional(&mut *connection)
        .await?;
    let same = former.is_some_and(|(sha256,)| sha256 == blob.sha256);
    if !same {
        remove(connection, state.id, &[step]).await?;
    }
    for (sha256, bytes) in blob.unique_chunks() {
        // A chunk that is there already is compared, not trusted: if it was damaged, this heals it.
        sqlx::query(
            "INSERT INTO chunks (sha256, bytes) VALUES ($1, $2)
             ON CONFLICT (sha256) DO UPDATE SET bytes = excluded.bytes WHERE chunks.bytes <> excluded.bytes",
        )
        .bind(sha256)
        .bind(bytes)
        .execute(&mut *connection)
        .await?;
    }
    if same {
        return Ok(());
    }
    sqlx::query(concat!(
        "INSERT INTO checkpoints (job_id, step, sha256, size_bytes, created_at) VALUES ($1, $2, $3, $4, ",
        now!(),
        ")"
    ))
    .bind(state.id.0)
    .bind(signed(step))
    .bind(&blob.sha256)
    .bind(signed(blob.bytes.len() as u64))
    .execute(&mut *connection)
    .await?;
    for (position, chunk) in (0_i32..).zip(&blob.chunks) {
        sqlx::query("INSERT INTO checkpoint_chunks (job_id, step, position, sha256) VALUES ($1, $2, $3, $4)")
            .bind(state.id.0)
            .bind(signed(step))
            .bind(position)
            .bind(chunk.sha256.as_slice())
            .execute(&mut *connection)
            .await?;
    }
    let data = json!({ "step": step, "sha256": blob.sha256, "size_bytes": blob.bytes.len() });
    state.log(EventKind::Checkpoint, Some(step), data);
    Ok(())
}

/// The newest step that an evaluation in training found the best, among those that have a checkpoint.
async fn best(connection: &mut SqliteConnection, job: JobId) -> Result<Option<u64>, StoreError> {
    let (step,): (Option<i64>,) = sqlx::query_as(
        "SELECT max(step) FROM evaluations JOIN checkpoints USING (job_id, step) WHERE job_id = $1 AND best",
    )
    .bind(job.0)
    .fetch_one(connection)
    .await?;
    Ok(step.map(unsigned))
}

async fn prune(connection: &mut SqliteConnection, job: JobId, keep: u32) -> Result<(), StoreError> {
    let steps: Vec<(i64,)> = sqlx::query_as("SELECT step FROM checkpoints WHERE job_id = $1")
        .bind(job.0)
        .fetch_all(&mut *connection)
        .await?;
    let named: Vec<(i64,)> = sqlx::query_as(
        "SELECT step FROM evaluations WHERE job_id = $1 AND requested AND state <> 'failed'
         UNION SELECT from_step FROM jobs WHERE from_job = $1",
    )
    .bind(job.0)
    .fetch_all(&mut *connection)
    .await?;
    let steps: Vec<u64> = steps.into_iter().map(|(step,)| unsigned(step)).collect();
    let named: BTreeSet<u64> = named.into_iter().map(|(step,)| unsigned(step)).collect();
    let best = best(connection, job).await?;
    remove(connection, job, &expendable(&steps, keep, best, &named)).await
}

/// Removes checkpoints, and the chunks that no other one shares.
async fn remove(connection: &mut SqliteConnection, job: JobId, steps: &[u64]) -> Result<(), StoreError> {
    for step in steps {
        let chunks: Vec<(Vec<u8>,)> =
            sqlx::query_as("DELETE FROM checkpoint_chunks WHERE job_id = $1 AND step = $2 RETURNING sha256")
                .bind(job.0)
                .bind(signed(*step))
                .fetch_all(&mut *connection)
                .await?;
        for (sha256,) in chunks {
            sqlx::query(
                "DELETE FROM chunks WHERE sha256 = $1
                     AND NOT EXISTS (SELECT 1 FROM checkpoint_chunks WHERE sha256 = $1)",
            )
            .bind(sha256)
            .execute(&mut *connection)
            .await?;
        }
        sqlx::query("DELETE FROM checkpoints WHERE job_id = $1 AND step = $2")
            .bind(job.0)
            .bind(signed(*step))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Removes every checkpoint of a job.
pub(super) async fn remove_all(connection: &mut SqliteConnection, job: JobId) -> Result<(), StoreError> {
    let steps: Vec<(i64,)> = sqlx::query_as("SELECT step FROM checkpoints WHERE job_id = $1")
        .bind(job.0)
        .fetch_all(&mut *connection)
        .await?;
    let steps: Vec<u64> = steps.into_iter().map(|(step,)| unsigned(step)).collect();
    remove(connection, job, &steps).await
}
