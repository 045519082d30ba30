//! Checkpoints: a row, its chunks in order, and the chunks' bytes.

use super::claim::rewind;
use super::open::unchanged;
use super::sql::now;
use super::{PostgresStore, records, rows};
use crate::job::health;
use crate::job::{CheckpointInfo, EventKind, Finding, JobId, Severity};
use crate::store::blob::{self, Blob};
use crate::store::retention::expendable;
use crate::store::rows::CheckpointRow;
use crate::store::state::State;
use crate::store::values::{signed, unsigned};
use crate::store::{Guarded, Hold, LeaseLost, NewCheckpoint, Record, StoreError};
use serde_json::json;
use sqlx::PgConnection;
use std::collections::BTreeSet;

impl PostgresStore {
    pub(super) async fn select_checkpoints(&self, id: JobId) -> Result<Vec<CheckpointInfo>, StoreError> {
        let mut transaction = self.snapshot().await?;
        let rows: Vec<CheckpointRow> = sqlx::query_as(
            "SELECT step, digest, size_bytes, created_at FROM checkpoints WHERE job_id = $1 ORDER BY step",
        )
        .bind(id.0)
        .fetch_all(&mut *transaction)
        .await?;
        let best = best(&mut transaction, id).await?;
        Ok(rows.into_iter().map(|row| row.info(best)).collect())
    }

    pub(super) async fn read_checkpoint(&self, id: JobId, step: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut transaction = self.snapshot().await?;
        let found: Option<(String, i64)> =
            sqlx::query_as("SELECT digest, size_bytes FROM checkpoints WHERE job_id = $1 AND step = $2")
                .bind(id.0)
                .bind(signed(step))
                .fetch_optional(&mut *transaction)
                .await?;
        let Some((digest, size_bytes)) = found else { return Ok(None) };
        let chunks: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(
            "SELECT digest, bytes FROM checkpoint_chunks JOIN chunks USING (digest)
             WHERE job_id = $1 AND step = $2 ORDER BY position",
        )
        .bind(id.0)
        .bind(signed(step))
        .fetch_all(&mut *transaction)
        .await?;
        drop(transaction);
        blob::join(step, digest, unsigned(size_bytes), chunks).await.map(Some)
    }

    pub(super) async fn publish(&self, hold: Hold, checkpoint: NewCheckpoint, records: &[Record]) -> Guarded<()> {
        let blob = Blob::cut(checkpoint.bytes).await?;
        let mut transaction = self.begin().await?;
        // The bytes go first, while heartbeats and commands still have the job's row to themselves; if the hold turns
        // out to be stale, they vanish with the transaction.
        upload(&mut transaction, &blob).await?;
        let Some(mut state) = rows::held(&mut transaction, hold).await? else {
            return unchanged(transaction, Err(LeaseLost)).await;
        };
        records::insert(&mut transaction, &mut state, records).await?;
        insert(&mut transaction, &mut state, checkpoint.step, &blob).await?;
        prune(&mut transaction, hold.job, checkpoint.keep).await?;
        rows::save(&mut transaction, &state).await?;
        self.commit(transaction).await?;
        Ok(Ok(()))
    }

    pub(super) async fn begin_again(&self, hold: Hold, checkpoint: NewCheckpoint, finding: &Finding) -> Guarded<()> {
        let blob = Blob::cut(checkpoint.bytes).await?;
        let mut transaction = self.begin().await?;
        upload(&mut transaction, &blob).await?;
        let Some(mut state) = rows::held(&mut transaction, hold).await? else {
            return unchanged(transaction, Err(LeaseLost)).await;
        };
        // The new one goes in before the others' chunks are collected: it may share some.
        let former = steps(&mut transaction, hold.job).await?;
        insert(&mut transaction, &mut state, checkpoint.step, &blob).await?;
        let former: Vec<u64> = former.into_iter().filter(|step| *step != checkpoint.step).collect();
        remove(&mut transaction, hold.job, &former).await?;
        rewind(&mut transaction, &mut state).await?;
        health::forget_beyond(&mut state.health, state.last_step);
        state.find(finding);
        rows::save(&mut transaction, &state).await?;
        self.commit(transaction).await?;
        Ok(Ok(()))
    }

    pub(super) async fn discard(&self, hold: Hold, step: u64, reason: &str) -> Guarded<Option<u64>> {
        let mut transaction = self.begin().await?;
        let Some(mut state) = rows::held(&mut transaction, hold).await? else {
            return unchanged(transaction, Err(LeaseLost)).await;
        };
        remove(&mut transaction, hold.job, &[step]).await?;
        rewind(&mut transaction, &mut state).await?;
        state.find(&Finding {
            kind: "checkpoint_discarded".to_owned(),
            severity: Severity::Warning,
            step,
            until_step: Some(step),
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
        let Some(mut state) = rows::held(&mut transaction, hold).await? else {
            return unchanged(transaction, Err(LeaseLost)).await;
        };
        rewind(&mut transaction, &mut state).await?;
        health::forget_beyond(&mut state.health, state.last_step);
        state.find(finding);
        rows::save(&mut transaction, &state).await?;
        self.commit(transaction).await?;
        Ok(Ok(state.last_step))
    }
}

/// Writes chunks. Their rows stay locked, so that nobody collects them before they are published.
async fn upload(connection: &mut PgConnection, blob: &Blob) -> Result<(), StoreError> {
    for (digest, bytes) in blob.unique_chunks() {
        // A chunk that is there already is compared, not trusted: if it was damaged, this heals it.
        sqlx::query(
            "INSERT INTO chunks (digest, bytes) VALUES ($1, $2)
             ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes WHERE chunks.bytes <> excluded.bytes",
        )
        .bind(digest)
        .bind(bytes)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Writes a checkpoint whose chunks are uploaded, in place of an earlier one of the same step.
async fn insert(connection: &mut PgConnection, state: &mut State, step: u64, blob: &Blob) -> Result<(), StoreError> {
    let former: Option<(String,)> = sqlx::query_as("SELECT digest FROM checkpoints WHERE job_id = $1 AND step = $2")
        .bind(state.id.0)
        .bind(signed(step))
        .fetch_optional(&mut *connection)
        .await?;
    if former.is_some_and(|(digest,)| digest == blob.digest) {
        return Ok(());
    }
    let unlinked = unlink(connection, state.id, &[step]).await?;
    sqlx::query(concat!(
        "INSERT INTO checkpoints (job_id, step, digest, size_bytes, created_at) VALUES ($1, $2, $3, $4, ",
        now!(),
        ")"
    ))
    .bind(state.id.0)
    .bind(signed(step))
    .bind(&blob.digest)
    .bind(signed(blob.bytes.len() as u64))
    .execute(&mut *connection)
    .await?;
    for (position, chunk) in (0_i32..).zip(&blob.chunks) {
        sqlx::query("INSERT INTO checkpoint_chunks (job_id, step, position, digest) VALUES ($1, $2, $3, $4)")
            .bind(state.id.0)
            .bind(signed(step))
            .bind(position)
            .bind(chunk.digest.as_slice())
            .execute(&mut *connection)
            .await?;
    }
    collect(connection, unlinked).await?;
    let data = json!({ "step": step, "digest": blob.digest, "size_bytes": blob.bytes.len() });
    state.log(EventKind::Checkpoint, Some(step), data);
    Ok(())
}

/// The newest step that an evaluation in training found the best, among those that have a checkpoint.
async fn best(connection: &mut PgConnection, job: JobId) -> Result<Option<u64>, StoreError> {
    let (step,): (Option<i64>,) = sqlx::query_as(
        "SELECT max(step) FROM evaluations JOIN checkpoints USING (job_id, step) WHERE job_id = $1 AND best",
    )
    .bind(job.0)
    .fetch_one(connection)
    .await?;
    Ok(step.map(unsigned))
}

/// The steps that have a checkpoint.
async fn steps(connection: &mut PgConnection, job: JobId) -> Result<Vec<u64>, StoreError> {
    let steps: Vec<(i64,)> = sqlx::query_as("SELECT step FROM checkpoints WHERE job_id = $1")
        .bind(job.0)
        .fetch_all(&mut *connection)
        .await?;
    Ok(steps.into_iter().map(|(step,)| unsigned(step)).collect())
}

async fn prune(connection: &mut PgConnection, job: JobId, keep: u32) -> Result<(), StoreError> {
    let steps = steps(connection, job).await?;
    let named: Vec<(i64,)> = sqlx::query_as(
        "SELECT step FROM evaluations WHERE job_id = $1 AND requested AND state <> 'failed'
         UNION SELECT from_step FROM jobs WHERE from_job = $1",
    )
    .bind(job.0)
    .fetch_all(&mut *connection)
    .await?;
    let named: BTreeSet<u64> = named.into_iter().map(|(step,)| unsigned(step)).collect();
    let best = best(connection, job).await?;
    remove(connection, job, &expendable(&steps, keep, best, &named)).await
}

/// Removes checkpoints, and the chunks that no other one shares.
async fn remove(connection: &mut PgConnection, job: JobId, steps: &[u64]) -> Result<(), StoreError> {
    let unlinked = unlink(connection, job, steps).await?;
    collect(connection, unlinked).await
}

/// Removes checkpoints and returns the chunks that they had.
async fn unlink(connection: &mut PgConnection, job: JobId, steps: &[u64]) -> Result<Vec<Vec<u8>>, StoreError> {
    let steps: Vec<i64> = steps.iter().copied().map(signed).collect();
    let chunks: Vec<(Vec<u8>,)> =
        sqlx::query_as("DELETE FROM checkpoint_chunks WHERE job_id = $1 AND step = ANY($2) RETURNING digest")
            .bind(job.0)
            .bind(&steps)
            .fetch_all(&mut *connection)
            .await?;
    sqlx::query("DELETE FROM checkpoints WHERE job_id = $1 AND step = ANY($2)")
        .bind(job.0)
        .bind(&steps)
        .execute(&mut *connection)
        .await?;
    Ok(chunks.into_iter().map(|(digest,)| digest).collect())
}

/// Removes those of `chunks` that no checkpoint has any more. They are locked first, in one order: what others
/// published or removed meanwhile is then decided, and the second statement sees it.
async fn collect(connection: &mut PgConnection, chunks: Vec<Vec<u8>>) -> Result<(), StoreError> {
    if chunks.is_empty() {
        return Ok(());
    }
    sqlx::query("SELECT 1 FROM chunks WHERE digest = ANY($1) ORDER BY digest FOR UPDATE")
        .bind(&chunks)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "DELETE FROM chunks WHERE digest = ANY($1)
             AND NOT EXISTS (SELECT 1 FROM checkpoint_chunks m WHERE m.digest = chunks.digest)",
    )
    .bind(&chunks)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// Removes every checkpoint of a job.
pub(super) async fn remove_all(connection: &mut PgConnection, job: JobId) -> Result<(), StoreError> {
    let steps = steps(connection, job).await?;
    remove(connection, job, &steps).await
}
