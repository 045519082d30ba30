//! Taking a job on.

use super::sql::{claimable, next_job, now};
use super::{SqliteStore, metrics, rows};
use crate::job::{JobId, OwnerId};
use crate::store::state::State;
use crate::store::values::{milliseconds, plain, signed};
use crate::store::{Claim, Hold, StoreError};
use sqlx::SqliteConnection;
use std::time::Duration;

impl SqliteStore {
    pub(super) async fn take_job(
        &self,
        owner: OwnerId,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        let mut transaction = self.begin().await?;
        let next: Option<(uuid::Uuid, bool, Option<String>)> =
            sqlx::query_as(next_job!()).fetch_optional(&mut *transaction).await?;
        let Some((id, lapsed, former)) = next else { return Ok(None) };
        sqlx::query(concat!(
            "UPDATE jobs SET status = 'running', desired = 'run', lease_owner = $2, worker = $3,
                 lease_until = ",
            now!(),
            " + $4, fence = fence + 1, attempt = attempt + 1, started_at = COALESCE(started_at, ",
            now!(),
            "), steps_per_second = NULL WHERE id = $1"
        ))
        .bind(id)
        .bind(owner.0)
        .bind(plain(worker))
        .bind(milliseconds(lease))
        .execute(&mut *transaction)
        .await?;
        let id = JobId(id);
        let Some(mut state) = rows::state(&mut transaction, id).await? else { return Ok(None) };
        state.taken(lapsed.then(|| former.as_deref().unwrap_or("unknown")));
        rewind(&mut transaction, &mut state).await?;
        state.start();
        rows::save(&mut transaction, &state).await?;
        let job = rows::own_job(&mut transaction, id).await?;
        self.commit(transaction).await?;
        let hold = Hold { job: id, owner, fence: job.fence };
        Ok(Some(Claim { job, hold }))
    }

    /// How the next job is found, in SQLite's words.
    pub(super) async fn explain_claim(&self) -> Result<String, StoreError> {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(concat!("EXPLAIN QUERY PLAN ", next_job!())).fetch_all(&self.readers).await?;
        Ok(plan.into_iter().map(|(.., line)| line).collect::<Vec<_>>().join("\n"))
    }
}

/// Takes a job back to its newest checkpoint: what lies beyond will be made again, the same.
pub(super) async fn rewind(connection: &mut SqliteConnection, state: &mut State) -> Result<(), StoreError> {
    let step = metrics::newest_checkpoint(connection, state.id).await?;
    state.latest = metrics::truncate(connection, state.id, step).await?;
    state.last_step = step;
    for statement in [
        "DELETE FROM snapshots WHERE job_id = $1 AND step > $2",
        "DELETE FROM evaluations WHERE job_id = $1 AND step > $2 AND NOT requested",
    ] {
        sqlx::query(statement).bind(state.id.0).bind(signed(step)).execute(&mut *connection).await?;
    }
    Ok(())
}
