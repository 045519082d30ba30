//! Jobs as their users see them.

use super::claim::rewind;
use super::open::unchanged;
use super::sql::{claimable, now, select_jobs};
use super::{PostgresStore, checkpoints, rows};
use crate::gan::Spec;
use crate::job::{Command, Extension, Job, JobFilter, JobId, JobPatch, NewJob, Page, Status, SweepCell};
use crate::store::rows::JobRow;
use crate::store::values::{plain, signed, signed_32, unsigned, word};
use crate::store::{Changed, Created, Deleted, IdempotencyKey, QueuePlace, StoreError};
use sqlx::PgConnection;
use sqlx::types::Json;

impl PostgresStore {
    pub(super) async fn insert_job(&self, job: NewJob, key: Option<IdempotencyKey>) -> Result<Created, StoreError> {
        loop {
            match self.try_insert_job(&job, key.as_ref()).await? {
                Some(created) => return Ok(created),
                // Another request used the key at the same moment: its job is there by now.
                None => continue,
            }
        }
    }

    async fn try_insert_job(&self, job: &NewJob, key: Option<&IdempotencyKey>) -> Result<Option<Created>, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(key) = key
            && let Some(before) = used(&mut transaction, key).await?
        {
            return Ok(Some(before));
        }
        let id = JobId::new();
        insert(&mut transaction, id, job, None).await?;
        if let Some(key) = key {
            let first = sqlx::query(
                "INSERT INTO idempotency_keys (key, body_sha256, job_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            )
            .bind(plain(&key.key))
            .bind(&key.body_sha256)
            .bind(id.0)
            .execute(&mut *transaction)
            .await?;
            if first.rows_affected() == 0 {
                return Ok(None);
            }
        }
        let job = rows::own_job(&mut transaction, id).await?;
        self.commit(transaction).await?;
        Ok(Some(Created::New(job)))
    }

    pub(super) async fn select_job_of_key(&self, key: &IdempotencyKey) -> Result<Option<Created>, StoreError> {
        // One moment for both statements: a key that is found has its job.
        let mut transaction = self.snapshot().await?;
        used(&mut transaction, key).await
    }

    pub(super) async fn select_job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        rows::job(&mut connection, id).await
    }

    pub(super) async fn list_jobs(
        &self,
        filter: &JobFilter,
        before: Option<JobId>,
        limit: u32,
    ) -> Result<Page<Job>, StoreError> {
        let found: Vec<JobRow> = sqlx::query_as(select_jobs!(
            "WHERE ($1 IS NULL OR j.id < $1)
               AND ($2 IS NULL OR j.status = $2)
               AND ($3 IS NULL OR j.dataset = $3)
               AND ($4 IS NULL OR strpos(j.name, $4) > 0)
               AND ($5 IS NULL OR j.tags ? $5)
             ORDER BY j.id DESC LIMIT $6"
        ))
        .bind(before.map(|id| id.0))
        .bind(filter.status.map(Status::as_str))
        .bind(filter.dataset.as_deref().map(plain))
        .bind(filter.name.as_deref().map(plain))
        .bind(filter.tag.as_deref().map(plain))
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.pool)
        .await?;
        let more = found.len() > limit as usize;
        let items = found.into_iter().take(limit as usize).map(JobRow::job).collect::<Result<_, _>>()?;
        Ok(Page { items, more })
    }

    pub(super) async fn place(&self, id: JobId) -> Result<Option<QueuePlace>, StoreError> {
        let place: Option<(i64, i64)> = sqlx::query_as(concat!(
            "SELECT (SELECT count(*) FROM jobs j WHERE ",
            claimable!(),
            " AND (j.turn, j.id) <= (own.turn, own.id)),
                 (SELECT count(*) FROM jobs
                  WHERE status IN ('running', 'pausing', 'cancelling') AND lease_until > ",
            now!(),
            ") FROM jobs own WHERE own.id = $1 AND own.status = 'queued'"
        ))
        .bind(id.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(place.map(|(position, running)| QueuePlace { position: unsigned(position), running: unsigned(running) }))
    }

    pub(super) async fn places(&self, oldest: JobId, newest: JobId) -> Result<Vec<(JobId, QueuePlace)>, StoreError> {
        let places: Vec<(uuid::Uuid, i64, i64)> = sqlx::query_as(concat!(
            "WITH line AS (SELECT j.id, j.status, row_number() OVER (ORDER BY j.turn, j.id) AS position FROM jobs j WHERE ",
            claimable!(),
            ") SELECT line.id, line.position,
                 (SELECT count(*) FROM jobs
                  WHERE status IN ('running', 'pausing', 'cancelling') AND lease_until > ",
            now!(),
            ") FROM line WHERE line.status = 'queued' AND line.id BETWEEN $1 AND $2"
        ))
        .bind(oldest.0)
        .bind(newest.0)
        .fetch_all(&self.pool)
        .await?;
        let place = |position, running| QueuePlace { position: unsigned(position), running: unsigned(running) };
        Ok(places.into_iter().map(|(id, position, running)| (JobId(id), place(position, running))).collect())
    }

    pub(super) async fn oldest_wait(&self) -> Result<Option<f64>, StoreError> {
        let (wait,): (Option<f64>,) = sqlx::query_as(concat!(
            "SELECT extract(epoch FROM ",
            now!(),
            " - min(queued_at))::float8 FROM jobs WHERE status = 'queued'"
        ))
        .fetch_one(&self.pool)
        .await?;
        Ok(wait)
    }

    pub(super) async fn patch(&self, id: JobId, patch: JobPatch, version: Option<i64>) -> Result<Changed, StoreError> {
        let mut transaction = self.begin().await?;
        // Locked first, then read.
        if rows::state(&mut transaction, id).await?.is_none() {
            return Ok(Changed::NotFound);
        }
        let job = rows::own_job(&mut transaction, id).await?;
        if version.is_some_and(|version| version != job.version) {
            return unchanged(transaction, Changed::VersionMismatch(job)).await;
        }
        if patch == JobPatch::default() {
            return unchanged(transaction, Changed::Done(job)).await;
        }
        let name = patch.name.unwrap_or(job.name).map(|name| plain(&name));
        let tags: Vec<String> = patch.tags.unwrap_or(job.tags).iter().map(|tag| plain(tag)).collect();
        sqlx::query("UPDATE jobs SET name = $2, tags = $3, priority = $4, version = version + 1 WHERE id = $1")
            .bind(id.0)
            .bind(name)
            .bind(Json(&tags))
            .bind(patch.priority.unwrap_or(job.priority))
            .execute(&mut *transaction)
            .await?;
        let job = rows::own_job(&mut transaction, id).await?;
        self.commit(transaction).await?;
        Ok(Changed::Done(job))
    }

    /// Carries out a command; `steps` are added to the job's plan with it.
    pub(super) async fn apply(&self, id: JobId, command: Command) -> Result<Changed, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(mut state) = rows::state(&mut transaction, id).await? else { return Ok(Changed::NotFound) };
        match state.apply(command) {
            Err(refused) => return unchanged(transaction, Changed::Refused(refused)).await,
            Ok(false) => {
                let job = rows::own_job(&mut transaction, id).await?;
                return unchanged(transaction, Changed::Done(job)).await;
            }
            Ok(true) => rows::save(&mut transaction, &state).await?,
        }
        let job = rows::own_job(&mut transaction, id).await?;
        self.commit(transaction).await?;
        Ok(Changed::Done(job))
    }

    pub(super) async fn apply_extension(&self, id: JobId, extension: Extension) -> Result<Changed, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(mut state) = rows::state(&mut transaction, id).await? else { return Ok(Changed::NotFound) };
        if let Err(refused) = state.reopen() {
            return unchanged(transaction, Changed::Refused(refused)).await;
        }
        // Where it will go on, as the next claim would find it: a worker that died may have told of steps beyond.
        rewind(&mut transaction, &mut state).await?;
        let end = match extension.end(state.last_step) {
            Err(no_end) => return unchanged(transaction, Changed::NoEnd(no_end)).await,
            Ok(end) => end,
        };
        state.extended(end);
        rows::save(&mut transaction, &state).await?;
        let (Json(mut spec),): (Json<Spec>,) =
            sqlx::query_as("SELECT spec FROM jobs WHERE id = $1").bind(id.0).fetch_one(&mut *transaction).await?;
        spec.training.steps = end;
        sqlx::query("UPDATE jobs SET spec = $2 WHERE id = $1")
            .bind(id.0)
            .bind(Json(&spec))
            .execute(&mut *transaction)
            .await?;
        let job = rows::own_job(&mut transaction, id).await?;
        self.commit(transaction).await?;
        Ok(Changed::Done(job))
    }

    pub(super) async fn delete(&self, id: JobId) -> Result<Deleted, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(state) = rows::state(&mut transaction, id).await? else { return Ok(Deleted::NotFound) };
        if !state.standing.status.is_terminal() {
            return unchanged(transaction, Deleted::Active(state.standing.status)).await;
        }
        let fork: Option<(uuid::Uuid,)> = sqlx::query_as(
            "SELECT id FROM jobs j WHERE from_job = $1 AND status NOT IN ('cancelled', 'succeeded', 'failed')
                 AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE job_id = j.id) LIMIT 1",
        )
        .bind(id.0)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some((fork,)) = fork {
            return unchanged(transaction, Deleted::NeededBy(JobId(fork))).await;
        }
        checkpoints::remove_all(&mut transaction, id).await?;
        let (sweep,): (Option<uuid::Uuid>,) = sqlx::query_as("DELETE FROM jobs WHERE id = $1 RETURNING sweep_id")
            .bind(id.0)
            .fetch_one(&mut *transaction)
            .await?;
        if let Some(sweep) = sweep {
            remove_sweep_if_empty(&mut transaction, sweep).await?;
        }
        self.commit(transaction).await?;
        Ok(Deleted::Done)
    }

    pub(super) async fn is_dataset_in_use(&self, dataset: &str) -> Result<bool, StoreError> {
        let (used,): (bool,) = sqlx::query_as(
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE dataset = $1
                 AND status NOT IN ('cancelled', 'succeeded', 'failed'))",
        )
        .bind(plain(dataset))
        .fetch_one(&self.pool)
        .await?;
        Ok(used)
    }

    pub(super) async fn counts(&self) -> Result<Vec<(Status, u64)>, StoreError> {
        let found: Vec<(String, i64)> =
            sqlx::query_as("SELECT status, count(*) FROM jobs GROUP BY status").fetch_all(&self.pool).await?;
        let mut counts = Status::ALL.map(|status| (status, 0));
        for (status, count) in found {
            let status: Status = word(&status)?;
            counts.iter_mut().filter(|(known, _)| *known == status).for_each(|(_, known)| *known = unsigned(count));
        }
        Ok(counts.to_vec())
    }
}

/// What a key was used for. A job that is deleted takes its key along.
async fn used(connection: &mut PgConnection, key: &IdempotencyKey) -> Result<Option<Created>, StoreError> {
    let used: Option<(uuid::Uuid, String)> =
        sqlx::query_as("SELECT job_id, body_sha256 FROM idempotency_keys WHERE key = $1")
            .bind(plain(&key.key))
            .fetch_optional(&mut *connection)
            .await?;
    match used {
        Some((_, body)) if body != key.body_sha256 => Ok(Some(Created::KeyReused)),
        Some((id, _)) => Ok(rows::job(connection, JobId(id)).await?.map(Created::Replayed)),
        None => Ok(None),
    }
}

/// Writes a job and its first event.
pub(super) async fn insert(
    connection: &mut PgConnection,
    id: JobId,
    job: &NewJob,
    cell: Option<SweepCell>,
) -> Result<(), StoreError> {
    let tags: Vec<String> = job.tags.iter().map(|tag| plain(tag)).collect();
    sqlx::query(concat!(
        "INSERT INTO jobs (id, name, tags, status, desired, dataset, spec, from_job, from_step, sweep_id,
             sweep_position, priority, created_at, queued_at)
         VALUES ($1, $2, $3, 'queued', 'run', $4, $5, $6, $7, $8, $9, $10, ",
        now!(),
        ", ",
        now!(),
        ")"
    ))
    .bind(id.0)
    .bind(job.name.as_deref().map(plain))
    .bind(Json(&tags))
    .bind(&job.spec.dataset)
    .bind(Json(&job.spec))
    .bind(job.from.map(|from| from.job.0))
    .bind(job.from.map(|from| signed(from.step)))
    .bind(cell.map(|cell| cell.sweep.0))
    .bind(cell.map(|cell| signed_32(cell.position)))
    .bind(job.priority)
    .execute(&mut *connection)
    .await?;
    if let Some(mut state) = rows::state(connection, id).await? {
        state.say("submitted".to_owned());
        rows::save(connection, &state).await?;
    }
    Ok(())
}

/// Removes a sweep whose last job was deleted.
async fn remove_sweep_if_empty(connection: &mut PgConnection, id: uuid::Uuid) -> Result<(), StoreError> {
    // Of two that delete the last two jobs, the second waits here and then sees that none is left.
    sqlx::query("SELECT 1 FROM sweeps WHERE id = $1 FOR UPDATE").bind(id).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM sweeps WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE sweep_id = $1)")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}
