//! Evaluations, asked for and taken on.

use super::sql::now;
use super::{SqliteStore, rows};
use crate::eval::ParzenResult;
use crate::job::{Evaluation, EvaluationId, EvaluationRequest, EventKind, JobId, OwnerId};
use crate::store::StoreError;
use crate::store::rows::EvaluationRow;
use crate::store::state::{evaluation_json, storable};
use crate::store::values::{milliseconds, plain, signed, unsigned};
use sqlx::SqliteConnection;
use sqlx::types::Json;
use std::time::Duration;

impl SqliteStore {
    pub(super) async fn select_evaluations(&self, id: JobId) -> Result<Vec<Evaluation>, StoreError> {
        let rows: Vec<EvaluationRow> = sqlx::query_as(
            "SELECT id, step, protocol, state, requested, created_at, result, error FROM evaluations
             WHERE job_id = $1 ORDER BY step, created_at, id",
        )
        .bind(id.0)
        .fetch_all(&self.readers)
        .await?;
        rows.into_iter().map(EvaluationRow::evaluation).collect()
    }

    pub(super) async fn select_evaluation(
        &self,
        id: JobId,
        evaluation: EvaluationId,
    ) -> Result<Option<Evaluation>, StoreError> {
        let row: Option<EvaluationRow> = sqlx::query_as(
            "SELECT id, step, protocol, state, requested, created_at, result, error FROM evaluations
             WHERE job_id = $1 AND id = $2",
        )
        .bind(id.0)
        .bind(evaluation.0)
        .fetch_optional(&self.readers)
        .await?;
        row.map(EvaluationRow::evaluation).transpose()
    }

    pub(super) async fn ask_evaluation(
        &self,
        id: JobId,
        step: u64,
        protocol: &str,
    ) -> Result<Option<Evaluation>, StoreError> {
        let mut transaction = self.begin().await?;
        let (exists,): (bool,) =
            sqlx::query_as("SELECT EXISTS (SELECT 1 FROM checkpoints WHERE job_id = $1 AND step = $2)")
                .bind(id.0)
                .bind(signed(step))
                .fetch_one(&mut *transaction)
                .await?;
        if !exists {
            return Ok(None);
        }
        let waiting: Option<EvaluationRow> = sqlx::query_as(
            "SELECT id, step, protocol, state, requested, created_at, result, error FROM evaluations
             WHERE job_id = $1 AND step = $2 AND protocol = $3 AND state IN ('queued', 'running')",
        )
        .bind(id.0)
        .bind(signed(step))
        .bind(plain(protocol))
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(waiting) = waiting {
            return waiting.evaluation().map(Some);
        }
        let row: EvaluationRow = sqlx::query_as(concat!(
            "INSERT INTO evaluations (id, job_id, step, protocol, state, requested, created_at)
             VALUES ($1, $2, $3, $4, 'queued', 1, ",
            now!(),
            ") RETURNING id, step, protocol, state, requested, created_at, result, error"
        ))
        .bind(EvaluationId::new().0)
        .bind(id.0)
        .bind(signed(step))
        .bind(plain(protocol))
        .fetch_one(&mut *transaction)
        .await?;
        self.commit(transaction).await?;
        row.evaluation().map(Some)
    }

    pub(super) async fn take_evaluation(
        &self,
        owner: OwnerId,
        lease: Duration,
    ) -> Result<Option<EvaluationRequest>, StoreError> {
        let mut transaction = self.begin().await?;
        let taken: Option<(uuid::Uuid, uuid::Uuid, i64, String)> = sqlx::query_as(concat!(
            "UPDATE evaluations SET state = 'running', attempt = attempt + 1, lease_owner = $1, lease_until = ",
            now!(),
            " + $2
             WHERE id = (SELECT id FROM evaluations
                         WHERE attempt < 5 AND (state = 'queued' OR (state = 'running' AND lease_until <= ",
            now!(),
            ")) ORDER BY created_at, id LIMIT 1)
             RETURNING id, job_id, step, protocol"
        ))
        .bind(owner.0)
        .bind(milliseconds(lease))
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((id, job, step, protocol)) = taken else { return Ok(None) };
        self.commit(transaction).await?;
        Ok(Some(EvaluationRequest { id: EvaluationId(id), job: JobId(job), step: unsigned(step), protocol }))
    }

    pub(super) async fn store_evaluation(
        &self,
        owner: OwnerId,
        request: &EvaluationRequest,
        outcome: Result<ParzenResult, String>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let (result, error) = match &outcome {
            Ok(result) => match storable(result) {
                Ok(result) => (Some(result), None),
                Err(reason) => (None, Some(reason.to_owned())),
            },
            Err(reason) => (None, Some(plain(reason))),
        };
        let done = sqlx::query(
            "UPDATE evaluations SET state = $3, result = $4, error = $5, lease_owner = NULL, lease_until = NULL
             WHERE id = $1 AND lease_owner = $2 AND state = 'running'",
        )
        .bind(request.id.0)
        .bind(owner.0)
        .bind(if result.is_some() { "succeeded" } else { "failed" })
        .bind(result.map(Json))
        .bind(error.as_deref())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(());
        }
        let outcome = result.ok_or(error.as_deref().unwrap_or_default());
        if let Some(mut state) = rows::state(&mut transaction, request.job).await? {
            let data = evaluation_json(request.id, request.step, &request.protocol, outcome);
            state.log(EventKind::Evaluation, Some(request.step), data);
            rows::save(&mut transaction, &state).await?;
        }
        self.commit(transaction).await
    }
}

/// Fails evaluations that too many workers have died on; returns how many.
pub(super) async fn fail_exhausted(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    const REASON: &str = "its workers died, one after the other; the machine's memory and logs may say why";
    let exhausted: Vec<(uuid::Uuid, uuid::Uuid, i64, String)> = sqlx::query_as(concat!(
        "UPDATE evaluations SET state = 'failed', error = $1, lease_owner = NULL, lease_until = NULL
         WHERE state = 'running' AND attempt >= 5 AND lease_until <= ",
        now!(),
        " RETURNING id, job_id, step, protocol"
    ))
    .bind(REASON)
    .fetch_all(&mut *connection)
    .await?;
    let count = exhausted.len() as u64;
    for (id, job, step, protocol) in exhausted {
        if let Some(mut state) = rows::state(connection, JobId(job)).await? {
            let data = evaluation_json(EvaluationId(id), unsigned(step), &protocol, Err(REASON));
            state.log(EventKind::Evaluation, Some(unsigned(step)), data);
            rows::save(connection, &state).await?;
        }
    }
    Ok(count)
}
