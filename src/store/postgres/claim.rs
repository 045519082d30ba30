//! Taking a job on.

use super::sql::{claimable, next_job, now};
use super::{PostgresStore, metrics, rows};
use crate::job::{JobId, OwnerId};
use crate::store::state::State;
use crate::store::values::{milliseconds, plain, signed};
use crate::store::{Claim, Hold, StoreError};
use sqlx::PgConnection;
use std::time::Duration;

impl PostgresStore {
    pub(super) async fn take_job(
        &self,
        owner: OwnerId,
        worker: &str,
        lease: Duration,
    ) -> Result<Option<Claim>, StoreError> {
        let mut transaction = self.begin().await?;
        let next: Option<(uuid::Uuid, bool, Option<String>)> = sqlx::query_as(concat!(
            "WITH next AS (",
            next_job!(),
            ")
             UPDATE jobs SET status = 'running', desired = 'run', lease_owner = $1, worker = $2,
                 lease_until = ",
            now!(),
            " + $3::bigint * interval '1 millisecond', fence = fence + 1, attempt = attempt + 1,
                 started_at = COALESCE(started_at, ",
            now!(),
            "), steps_per_second = NULL
             FROM next WHERE jobs.id = next.id RETURNING jobs.id, next.lapsed, next.worker"
        ))
        .bind(owner.0)
        .bind(plain(worker))
        .bind(milliseconds(lease))
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((id, lapsed, former)) = next else { return Ok(None) };
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

    /// How the next job is found, in PostgreSQL's words.
    pub(super) async fn explain_claim(&self) -> Result<String, StoreError> {
        let plan: Vec<(String,)> = sqlx::query_as(concat!("EXPLAIN ", next_job!())).fetch_all(&self.pool).await?;
        Ok(plan.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("\n"))
    }
}

/// Takes a job back to its newest checkpoint: what lies beyond will be made again, the same.
pub(super) async fn rewind(connection: &mut PgConnection, state: &mut State) -> Result<(), StoreError> {
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
