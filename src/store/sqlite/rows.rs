//! Reading and writing single jobs within a transaction.

use super::sql::{now, select_jobs, select_states};
use crate::job::{Job, JobId};
use crate::store::columns::pack_one;
use crate::store::rows::{JobRow, StateRow};
use crate::store::state::State;
use crate::store::values::{signed, signed_32};
use crate::store::{Hold, StoreError};
use sqlx::SqliteConnection;
use sqlx::types::Json;

/// A job as its users see it.
pub(super) async fn job(connection: &mut SqliteConnection, id: JobId) -> Result<Option<Job>, StoreError> {
    let row: Option<JobRow> =
        sqlx::query_as(select_jobs!("WHERE j.id = $1")).bind(id.0).fetch_optional(connection).await?;
    row.map(JobRow::job).transpose()
}

/// A job that must be there, since this transaction just wrote it.
pub(super) async fn own_job(connection: &mut SqliteConnection, id: JobId) -> Result<Job, StoreError> {
    job(connection, id).await?.ok_or_else(|| StoreError::Corrupt(format!("job {id} vanished in its own transaction")))
}

/// The changing part of a job, to be changed and [`save`]d.
pub(super) async fn state(connection: &mut SqliteConnection, id: JobId) -> Result<Option<State>, StoreError> {
    let row: Option<StateRow> =
        sqlx::query_as(select_states!("WHERE id = $1")).bind(id.0).fetch_optional(connection).await?;
    row.map(StateRow::state).transpose()
}

/// The same, if `hold` is still good.
pub(super) async fn held(connection: &mut SqliteConnection, hold: Hold) -> Result<Option<State>, StoreError> {
    Ok(state(connection, hold.job).await?.filter(|state| state.standing.is_held_by(hold)))
}

/// Writes a changed state back, with the events it logged.
pub(super) async fn save(connection: &mut SqliteConnection, state: &State) -> Result<(), StoreError> {
    sqlx::query(concat!(
        "UPDATE jobs SET status = $2, desired = $3, attempt = $4, last_step = $5, latest = $6, health = $7,
             error = $8, last_event = $9, version = version + 1,
             queued_at = CASE WHEN $10 THEN ",
        now!(),
        " ELSE queued_at END,
             finished_at = CASE WHEN $11 THEN COALESCE(finished_at, ",
        now!(),
        ") END,
             lease_owner = CASE WHEN $12 THEN lease_owner END,
             lease_until = CASE WHEN $12 THEN lease_until END,
             steps_per_second = CASE WHEN $12 THEN steps_per_second END
         WHERE id = $1"
    ))
    .bind(state.id.0)
    .bind(state.standing.status.as_str())
    .bind(state.standing.desired.as_str())
    .bind(signed_32(state.standing.attempt))
    .bind(signed(state.last_step))
    .bind(state.latest.as_ref().map(pack_one))
    .bind(Json(&state.health))
    .bind(state.error.as_ref().map(Json))
    .bind(state.last_event)
    .bind(state.requeued)
    .bind(state.standing.status.is_terminal())
    .bind(state.standing.status.is_leased())
    .execute(&mut *connection)
    .await?;
    for entry in &state.entries {
        sqlx::query(concat!(
            "INSERT INTO events (job_id, id, at, kind, step, data) VALUES ($1, $2, ",
            now!(),
            ", $3, $4, $5)"
        ))
        .bind(state.id.0)
        .bind(entry.id)
        .bind(entry.kind.as_str())
        .bind(entry.step.map(signed))
        .bind(Json(&entry.data))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
