//! What a worker found, kept under its hold.

use super::sql::now;
use super::{SqliteStore, metrics, rows};
use crate::eval::ParzenResult;
use crate::job::{EvaluationId, EventKind};
use crate::store::state::{State, evaluation_json, storable};
use crate::store::values::{plain, signed};
use crate::store::{Guarded, Hold, LeaseLost, Record, StoreError};
use serde_json::json;
use sqlx::SqliteConnection;
use sqlx::types::Json;

impl SqliteStore {
    pub(super) async fn keep(&self, hold: Hold, records: &[Record]) -> Guarded<()> {
        let mut transaction = self.begin().await?;
        let Some(mut state) = rows::held(&mut transaction, hold).await? else { return Ok(Err(LeaseLost)) };
        insert(&mut transaction, &mut state, records).await?;
        rows::save(&mut transaction, &state).await?;
        self.commit(transaction).await?;
        Ok(Ok(()))
    }
}

/// Writes records of a job whose state is loaded; the caller saves it.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    state: &mut State,
    records: &[Record],
) -> Result<(), StoreError> {
    for record in records {
        match record {
            Record::Metrics(chunk) => {
                let job = state.id;
                metrics::insert(connection, job, state.advance(&chunk.rows)).await?;
            }
            Record::Snapshot { step, png } => {
                sqlx::query(
                    "INSERT INTO snapshots (job_id, step, png) VALUES ($1, $2, $3)
                     ON CONFLICT (job_id, step) DO UPDATE SET png = excluded.png",
                )
                .bind(state.id.0)
                .bind(signed(*step))
                .bind(png)
                .execute(&mut *connection)
                .await?;
                state.log(EventKind::Snapshot, Some(*step), json!({ "step": step, "size_bytes": png.len() }));
            }
            Record::Evaluation { step, protocol, result, best } => {
                evaluation(connection, state, *step, protocol, result, *best).await?;
            }
            Record::Finding(finding) => state.find(finding),
            Record::Message { step, message } => state.say_at(*step, message.clone()),
        }
    }
    Ok(())
}

async fn evaluation(
    connection: &mut SqliteConnection,
    state: &mut State,
    step: u64,
    protocol: &str,
    result: &ParzenResult,
    best: bool,
) -> Result<(), StoreError> {
    let outcome = storable(result);
    let (id,): (uuid::Uuid,) = sqlx::query_as(concat!(
        "INSERT INTO evaluations (id, job_id, step, protocol, state, requested, best, created_at, result, error)
         VALUES ($1, $2, $3, $4, $5, 0, $6, ",
        now!(),
        ", $7, $8)
         ON CONFLICT (job_id, step, protocol) WHERE requested = 0
         DO UPDATE SET state = excluded.state, best = excluded.best, created_at = excluded.created_at,
             result = excluded.result, error = excluded.error
         RETURNING id"
    ))
    .bind(EvaluationId::new().0)
    .bind(state.id.0)
    .bind(signed(step))
    .bind(plain(protocol))
    .bind(if outcome.is_ok() { "succeeded" } else { "failed" })
    .bind(best && outcome.is_ok())
    .bind(outcome.as_ref().ok().map(Json))
    .bind(outcome.as_ref().err().copied())
    .fetch_one(&mut *connection)
    .await?;
    state.log(EventKind::Evaluation, Some(step), evaluation_json(EvaluationId(id), step, protocol, outcome));
    Ok(())
}
