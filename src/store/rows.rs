//! Rows of either database as the values of `job`.

use super::StoreError;
use super::columns::unpack_one;
use super::state::State;
use super::values::{At, unsigned, unsigned_32, word};
use crate::eval::ParzenResult;
use crate::gan::Spec;
use crate::job::{
    Axis, CheckpointInfo, Evaluation, EvaluationId, Event, Finding, Job, JobError, JobId, Origin, OwnerId, Score,
    Standing, Sweep, SweepCell, SweepId,
};
use sqlx::types::Json;
use uuid::Uuid;

/// A job with its newest evaluation beside it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct JobRow {
    id: Uuid,
    name: Option<String>,
    tags: Json<Vec<String>>,
    status: String,
    desired: String,
    spec: Json<Spec>,
    from_job: Option<Uuid>,
    from_step: Option<i64>,
    sweep_id: Option<Uuid>,
    sweep_position: Option<i32>,
    priority: i32,
    attempt: i32,
    fence: i64,
    lease_owner: Option<Uuid>,
    lease_until: Option<At>,
    worker: Option<String>,
    created_at: At,
    queued_at: At,
    started_at: Option<At>,
    finished_at: Option<At>,
    last_step: i64,
    steps_per_second: Option<f64>,
    latest: Option<Vec<u8>>,
    health: Json<Vec<Finding>>,
    error: Option<Json<JobError>>,
    version: i64,
    evaluation_id: Option<Uuid>,
    evaluation_step: Option<i64>,
    evaluation_protocol: Option<String>,
    evaluation_state: Option<String>,
    evaluation_requested: Option<bool>,
    evaluation_created_at: Option<At>,
    evaluation_result: Option<Json<ParzenResult>>,
}

impl JobRow {
    pub(super) fn job(self) -> Result<Job, StoreError> {
        let last_step = unsigned(self.last_step);
        let parzen = match (
            self.evaluation_id,
            self.evaluation_step,
            self.evaluation_protocol,
            self.evaluation_state,
            self.evaluation_requested,
            self.evaluation_created_at,
        ) {
            (Some(id), Some(step), Some(protocol), Some(state), Some(requested), Some(created_at)) => {
                let result = self.evaluation_result;
                let row = EvaluationRow { id, step, protocol, state, requested, created_at, result, error: None };
                Some(row.evaluation()?)
            }
            _ => None,
        };
        Ok(Job {
            id: JobId(self.id),
            name: self.name,
            tags: self.tags.0,
            status: word(&self.status)?,
            desired: word(&self.desired)?,
            spec: self.spec.0,
            from: self.from_job.zip(self.from_step).map(|(job, step)| Origin { job: JobId(job), step: unsigned(step) }),
            sweep: self
                .sweep_id
                .zip(self.sweep_position)
                .map(|(sweep, position)| SweepCell { sweep: SweepId(sweep), position: unsigned_32(position) }),
            priority: self.priority,
            attempt: unsigned_32(self.attempt),
            fence: self.fence,
            lease_owner: self.lease_owner.map(OwnerId),
            lease_until: self.lease_until.map(|at| at.0),
            worker: self.worker,
            created_at: self.created_at.0,
            queued_at: self.queued_at.0,
            started_at: self.started_at.map(|at| at.0),
            finished_at: self.finished_at.map(|at| at.0),
            last_step,
            steps_per_second: self.steps_per_second,
            latest: self.latest.map(|bytes| unpack_one(last_step, &bytes)).transpose()?,
            parzen,
            health: self.health.0,
            error: self.error.map(|error| error.0),
            version: self.version,
        })
    }
}

/// What a change of a job reads of it under its lock.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct StateRow {
    id: Uuid,
    status: String,
    desired: String,
    attempt: i32,
    fence: i64,
    lease_owner: Option<Uuid>,
    lapsed: bool,
    worker: Option<String>,
    last_step: i64,
    latest: Option<Vec<u8>>,
    health: Json<Vec<Finding>>,
    error: Option<Json<JobError>>,
    last_event: i64,
}

impl StateRow {
    pub(super) fn state(self) -> Result<State, StoreError> {
        let last_step = unsigned(self.last_step);
        Ok(State {
            id: JobId(self.id),
            standing: Standing {
                status: word(&self.status)?,
                desired: word(&self.desired)?,
                attempt: unsigned_32(self.attempt),
                fence: self.fence,
                owner: self.lease_owner.map(OwnerId),
                lapsed: self.lapsed,
            },
            worker: self.worker,
            last_step,
            latest: self.latest.map(|bytes| unpack_one(last_step, &bytes)).transpose()?,
            health: self.health.0,
            error: self.error.map(|error| error.0),
            last_event: self.last_event,
            requeued: false,
            entries: Vec::new(),
        })
    }
}

/// An evaluation.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct EvaluationRow {
    id: Uuid,
    step: i64,
    protocol: String,
    state: String,
    requested: bool,
    created_at: At,
    result: Option<Json<ParzenResult>>,
    error: Option<String>,
}

impl EvaluationRow {
    pub(super) fn evaluation(self) -> Result<Evaluation, StoreError> {
        Ok(Evaluation {
            id: EvaluationId(self.id),
            state: word(&self.state)?,
            step: unsigned(self.step),
            protocol: self.protocol,
            requested: self.requested,
            created_at: self.created_at.0,
            result: self.result.map(|result| result.0),
            error: self.error,
        })
    }
}

/// An event.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct EventRow {
    id: i64,
    at: At,
    kind: String,
    step: Option<i64>,
    data: Json<serde_json::Value>,
}

impl EventRow {
    pub(super) fn event(self) -> Result<Event, StoreError> {
        Ok(Event {
            id: self.id,
            at: self.at.0,
            kind: word(&self.kind)?,
            step: self.step.map(unsigned),
            data: self.data.0,
        })
    }
}

/// A checkpoint without its bytes.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct CheckpointRow {
    step: i64,
    digest: String,
    size_bytes: i64,
    created_at: At,
}

impl CheckpointRow {
    pub(super) fn info(self, best: Option<u64>) -> CheckpointInfo {
        let step = unsigned(self.step);
        CheckpointInfo {
            step,
            digest: self.digest,
            size_bytes: unsigned(self.size_bytes),
            created_at: self.created_at.0,
            best: best == Some(step),
        }
    }
}

/// A sweep, without its jobs.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct SweepRow {
    pub(super) id: Uuid,
    name: Option<String>,
    tags: Json<Vec<String>>,
    axes: Json<Vec<Axis>>,
    created_at: At,
}

impl SweepRow {
    pub(super) fn sweep(self, counts: Vec<SweepCountRow>) -> Result<Sweep, StoreError> {
        let counts = counts.into_iter().map(|row| Ok((word(&row.status)?, unsigned(row.count))));
        Ok(Sweep {
            id: SweepId(self.id),
            name: self.name,
            tags: self.tags.0,
            axes: self.axes.0,
            created_at: self.created_at.0,
            counts: counts.collect::<Result<_, StoreError>>()?,
        })
    }
}

/// How many jobs of a sweep are in one status.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct SweepCountRow {
    status: String,
    count: i64,
}

/// What an evaluation in training came to.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct ScoreRow {
    job_id: Uuid,
    step: i64,
    log_likelihood: f64,
    standard_error: f64,
    /// JSON.
    coverage: Option<String>,
    frechet: Option<String>,
}

impl ScoreRow {
    pub(super) fn score(self) -> Result<Score, StoreError> {
        Ok(Score {
            job: JobId(self.job_id),
            step: unsigned(self.step),
            log_likelihood: self.log_likelihood,
            standard_error: self.standard_error,
            coverage: part(self.coverage.as_deref())?,
            frechet: part(self.frechet.as_deref())?,
        })
    }
}

/// A part of an evaluation's result, which SQL took out of it.
fn part<T: serde::de::DeserializeOwned>(json: Option<&str>) -> Result<Option<T>, StoreError> {
    json.map(serde_json::from_str).transpose().map_err(|error| StoreError::Corrupt(error.to_string()))
}
