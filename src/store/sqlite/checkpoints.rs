//! Checkpoints: a row, and a file that its digest names.

use super::claim::rewind;
use super::sql::now;
use super::{SqliteStore, records, rows};
use crate::job::health;
use crate::job::{CheckpointInfo, EventKind, Finding, JobId, Severity};
use crate::store::retention::expendable;
use crate::store::rows::CheckpointRow;
use crate::store::state::State;
use crate::store::values::{signed, unsigned};
use crate::store::{Guarded, Hold, LeaseLost, NewCheckpoint, Record, StoreError};
use serde_json::json;
use sqlx::SqliteConnection;
use std::collections::BTreeSet;

impl SqliteStore {
    pub(super) async fn select_checkpoints(&self, id: JobId) -> Result<Vec<CheckpointInfo>, StoreError> {
        let mut transaction = self.readers.begin().await?;
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
        let _in_use = self.files.in_use().await;
        let found: Option<(String, i64)> =
            sqlx::query_as("SELECT digest, size_bytes FROM checkpoints WHERE job_id = $1 AND step = $2")
                .bind(id.0)
                .bind(signed(step))
                .fetch_optional(&self.readers)
                .await?;
        let Some((digest, size_bytes)) = found else { return Ok(None) };
        self.files.read(step, digest, unsigned(size_bytes)).await.map(Some)
    }

    pub(super) async fn begin_again(&self, hold: Hold, checkpoint: NewCheckpoint, finding: &Finding) -> Guarded<()> {
        let in_use = self.files.in_use().await;
        let size_bytes = checkpoint.bytes.len();
        let digest = self.files.write(checkpoint.bytes).await?;
        let written = async {
            let mut transaction = self.begin().await?;
            let Some(mut state) = rows::held(&mut transaction, hold).await? else { return Ok(Err(LeaseLost)) };
            let left = remove_all(&mut transaction, hold.job).await?;
            rewind(&mut transaction, &mut state).await?;
            health::forget_beyond(&mut state.health, state.last_step);
            state.find(finding);
            insert(&mut transaction, &mut state, checkpoint.step, &digest, size_bytes).await?;
            rows::save(&mut transaction, &state).await?;
            self.commit(transaction).await?;
            Ok(Ok(left))
        }
        .await;
        drop(in_use);
        self.clear_up(digest, written).await
    }

    pub(super) async fn publish(&self, hold: Hold, checkpoint: NewCheckpoint, records: &[Record]) -> Guarded<()> {
        let in_use = self.files.in_use().await;
        let NewCheckpoint { step, bytes, keep } = checkpoint;
        let size_bytes = bytes.len();
        let digest = self.files.write(bytes).await?;
        let written = async {
            let mut transaction = self.begin().await?;
            let Some(mut state) = rows::held(&mut transaction, hold).await? else { return Ok(Err(LeaseLost)) };
            records::insert(&mut transaction, &mut state, records).await?;
            let mut left = insert(&mut transaction, &mut state, step, &digest, size_bytes).await?;
            left.extend(prune(&mut transaction, hold.job, keep).await?);
            rows::save(&mut transaction, &state).await?;
            self.commit(transaction).await?;
            Ok(Ok(left))
        }
        .await;
        drop(in_use);
        self.clear_up(digest, written).await
    }

    /// Removes the files of the checkpoints that a transaction left without a name; or the one it was to name, if it failed.
    async fn clear_up(&self, digest: String, written: Guarded<Vec<String>>) -> Guarded<()> {
        match written {
            Ok(Ok(left)) => {
                self.remove_unnamed(left).await;
                Ok(Ok(()))
            }
            not => {
                self.remove_unnamed(vec![digest]).await;
                not.map(|lost| lost.map(|_| ()))
            }
        }
    }

    /// Removes those files that no checkpoint names any more. One that cannot be removed is removed when the store is
    /// next opened.
    pub(super) async fn remove_unnamed(&self, digests: Vec<String>) {
        if digests.is_empty() {
            return;
        }
        let _alone = self.files.alone().await;
        for digest in digests {
            if let Err(error) = self.remove_if_unnamed(&digest).await {
                tracing::warn!(digest, %error, "could not remove a file that no checkpoint names");
            }
        }
    }

    async fn remove_if_unnamed(&self, digest: &str) -> Result<(), StoreError> {
        let (named,): (bool,) = sqlx::query_as("SELECT EXISTS (SELECT 1 FROM checkpoints WHERE digest = $1)")
            .bind(digest)
            .fetch_one(&self.readers)
            .await?;
        if named { Ok(()) } else { self.files.remove(digest).await }
    }

    pub(super) async fn discard(&self, hold: Hold, step: u64, reason: &str) -> Guarded<Option<u64>> {
        let mut transaction = self.begin().await?;
        let Some(mut state) = rows::held(&mut transaction, hold).await? else { return Ok(Err(LeaseLost)) };
        let left = remove(&mut transaction, hold.job, &[step]).await?;
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
        self.remove_unnamed(left).await;
        Ok(Ok((state.last_step > 0).then_some(state.last_step)))
    }

    pub(super) async fn go_back(&self, hold: Hold, finding: &Finding) -> Guarded<u64> {
        let mut transaction = self.begin().await?;
        let Some(mut state) = rows::held(&mut transaction, hold).await? else { return Ok(Err(LeaseLost)) };
        rewind(&mut transaction, &mut state).await?;
        health::forget_beyond(&mut state.health, state.last_step);
        state.find(finding);
        rows::save(&mut transaction, &state).await?;
        self.commit(transaction).await?;
        Ok(Ok(state.last_step))
    }
}

/// Writes a checkpoint's row, in place of an earlier one of the same step; returns the digest that this one had.
async fn insert(
    connection: &mut SqliteConnection,
    state: &mut State,
    step: u64,
    digest: &str,
    size_bytes: usize,
) -> Result<Vec<String>, StoreError> {
    let former: Option<(String,)> = sqlx::query_as("SELECT digest FROM checkpoints WHERE job_id = $1 AND step = $2")
        .bind(state.id.0)
        .bind(signed(step))
        .fetch_optional(&mut *connection)
        .await?;
    if former.is_some_and(|(former,)| former == digest) {
        return Ok(Vec::new());
    }
    let left = remove(connection, state.id, &[step]).await?;
    sqlx::query(concat!(
        "INSERT INTO checkpoints (job_id, step, digest, size_bytes, created_at) VALUES ($1, $2, $3, $4, ",
        now!(),
        ")"
    ))
    .bind(state.id.0)
    .bind(signed(step))
    .bind(digest)
    .bind(signed(size_bytes as u64))
    .execute(&mut *connection)
    .await?;
    let data = json!({ "step": step, "digest": digest, "size_bytes": size_bytes });
    state.log(EventKind::Checkpoint, Some(step), data);
    Ok(left)
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

async fn prune(connection: &mut SqliteConnection, job: JobId, keep: u32) -> Result<Vec<String>, StoreError> {
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

/// Removes checkpoints' rows; returns their digests, whose files may have to follow.
async fn remove(connection: &mut SqliteConnection, job: JobId, steps: &[u64]) -> Result<Vec<String>, StoreError> {
    let mut digests = Vec::with_capacity(steps.len());
    for step in steps {
        let removed: Option<(String,)> =
            sqlx::query_as("DELETE FROM checkpoints WHERE job_id = $1 AND step = $2 RETURNING digest")
                .bind(job.0)
                .bind(signed(*step))
                .fetch_optional(&mut *connection)
                .await?;
        digests.extend(removed.map(|(digest,)| digest));
    }
    Ok(digests)
}

/// Removes the rows of every checkpoint of a job; returns their digests.
pub(super) async fn remove_all(connection: &mut SqliteConnection, job: JobId) -> Result<Vec<String>, StoreError> {
    let removed: Vec<(String,)> = sqlx::query_as("DELETE FROM checkpoints WHERE job_id = $1 RETURNING digest")
        .bind(job.0)
        .fetch_all(connection)
        .await?;
    Ok(removed.into_iter().map(|(digest,)| digest).collect())
}
