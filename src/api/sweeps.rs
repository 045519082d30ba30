//! Grids of jobs: submit one, and the table of what its jobs came to.

use super::error::ApiError;
use super::extract::{JsonObject, NoParameters, Parameters, SweepPath};
use super::job_view::{JobErrorView, LossesView, Progress, StatusWord, VerdictView};
use super::jobs::{IDEMPOTENCY_REPLAYED, header_value, idempotency_key};
use super::openapi::{IdempotencyReused, Invalid, InvalidParameters, NotFound};
use super::page::IdPageQuery;
use super::state::Api;
use super::submission::{self, Datasets, TAG_COUNT};
use crate::eval::quality::Frechet;
use crate::gan::Fault;
use crate::job::{Axis, Grid, Job, JobId, NewSweep, Score, Status, Sweep, SweepId, sweep};
use crate::store::Created;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// A grid of jobs.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = Sweep)]
pub struct SweepView {
    /// Its identifier (UUID version 7); newer sweeps have larger ones.
    pub id: Uuid,
    /// Its user's name for it.
    pub name: Option<String>,
    /// The label that all of its jobs carry.
    pub tag: String,
    /// Its user's labels, which its jobs carry as well.
    pub tags: Vec<String>,
    /// When it was submitted.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// What differs from job to job; there is a job for each combination, the last axis changing fastest.
    pub axes: Vec<AxisView>,
    /// How many of its jobs are in each status that any is in.
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    pub counts: BTreeMap<&'static str, u64>,
}

/// A setting that differs from job to job.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = Axis)]
pub struct AxisView {
    /// Where it stands in the spec, as a JSON pointer.
    #[schema(example = "/training/optimizer/learning_rate")]
    pub pointer: String,
    /// The end of the pointer, as long as it takes to tell the axes apart.
    #[schema(example = "learning_rate")]
    pub name: String,
    /// Its values.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub values: Vec<Value>,
}

/// A grid of jobs with the table of their results.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct SweepTable {
    /// The sweep.
    #[serde(flatten)]
    pub sweep: SweepView,
    /// A row for each job that is not deleted, in the order of the grid.
    pub rows: Vec<SweepRow>,
    /// The job with the highest log-likelihood of all, as far as any is evaluated.
    pub best_job: Option<Uuid>,
}

/// One job of a sweep.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct SweepRow {
    /// The job.
    pub job: Uuid,
    /// Its name.
    pub name: Option<String>,
    /// Its value on each axis, in the order of the axes.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub values: Vec<Value>,
    /// Where it stands.
    #[schema(value_type = StatusWord)]
    pub status: &'static str,
    /// How far it is.
    pub progress: Progress,
    /// The newest losses.
    pub latest: Option<LossesView>,
    /// The newest evaluation in training.
    pub newest_score: Option<ScoreView>,
    /// The one with the highest log-likelihood.
    pub best_score: Option<ScoreView>,
    /// The gravest diagnosis that still holds; null where nothing is wrong.
    pub verdict: Option<VerdictView>,
    /// Why it failed.
    pub error: Option<JobErrorView>,
}

/// What an evaluation came to.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = Score)]
pub struct ScoreView {
    /// The step.
    pub step: u64,
    /// The mean log-likelihood of the test points, in nats.
    pub log_likelihood: f64,
    /// Its standard error over the test points.
    pub standard_error: f64,
    /// The share of held-out points that a sample comes near, where it was measured.
    pub coverage: Option<f64>,
    /// How deep among the held-out points the samples lie, where it was measured.
    pub density: Option<f64>,
    /// The samples' Fréchet distance, where it was measured.
    pub frechet: Option<FrechetView>,
}

/// A Fréchet distance with what it is worth.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = FrechetScore)]
pub struct FrechetView {
    /// Of the samples from the test points.
    pub distance: f64,
    /// Of the training points from the test points: no generator can be expected below.
    pub floor: f64,
}

/// A page of sweeps.
#[derive(Serialize, ToSchema)]
pub struct SweepList {
    /// The sweeps, newest first.
    pub items: Vec<SweepView>,
    /// Where the next page starts, or null on the last one.
    pub next_cursor: Option<String>,
}

/// Submit a grid of jobs.
///
/// The body is that of `POST /jobs` with lists in place of values; there is a job for each combination, at most 256. A
/// list is an axis wherever a spec has no list. Fields that take a list (`layers`, `bandwidth_grid`, `input_shape`) are
/// an axis where they hold a list of lists. `name`, `tags`, `priority` and `from` are those of every job. Either all
/// combinations are valid and all jobs are made, or none.
#[utoipa::path(post, path = "/sweeps", tag = "sweeps",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated submission harmless: \
        the same key and body give the same sweep.")),
    request_body(content = super::openapi::SweepSubmission, content_type = "application/json"),
    responses(
        (status = 201, description = "The jobs were made.", body = SweepTable, headers(
            ("Location" = String, description = "Where the sweep is."))),
        (status = 200, description = "The key and the body were sent before; this is the sweep they made.",
            body = SweepTable),
        Invalid, IdempotencyReused,
    ))]
pub async fn submit(
    State(api): State<Api>,
    _: NoParameters,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let key = idempotency_key(&headers, &body)?;
    // What was sent before has its answer, whatever has become since of the dataset or the checkpoint it names.
    let used = match &key {
        Some(key) => api.store.sweep_of_key(key).await?,
        None => None,
    };
    let created = match used {
        Some(used) => used,
        None => api.store.create_sweep(api.read_sweep(body).await?, key).await?,
    };
    let (sweep, status) = match created {
        Created::New(sweep) => (sweep, StatusCode::CREATED),
        Created::Replayed(sweep) => (sweep, StatusCode::OK),
        Created::KeyReused => return Err(ApiError::IdempotencyKeyReused),
    };
    let location = header_value(&format!("/sweeps/{}", sweep.id))?;
    if status == StatusCode::CREATED {
        tracing::info!(sweep = %sweep.id, axes = sweep.axes.len(), "sweep submitted");
    }
    let mut response = (status, Json(api.table(sweep).await?)).into_response();
    response.headers_mut().insert(header::LOCATION, location);
    if status == StatusCode::OK {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// List sweeps, newest first.
#[utoipa::path(get, path = "/sweeps", tag = "sweeps", params(IdPageQuery),
    responses((status = 200, description = "A page of sweeps.", body = SweepList), InvalidParameters))]
pub async fn list(
    State(api): State<Api>,
    Parameters(query): Parameters<IdPageQuery>,
) -> Result<Json<SweepList>, ApiError> {
    let before = query.before_id::<SweepId>()?;
    let page = api.store.sweeps(before, query.limit).await?;
    let next_cursor = page.items.last().filter(|_| page.more).map(|sweep| sweep.id.to_string());
    Ok(Json(SweepList { items: page.items.into_iter().map(SweepView::from).collect(), next_cursor }))
}

/// Look at a sweep: its axes, and a row for each of its jobs.
#[utoipa::path(get, path = "/sweeps/{id}", tag = "sweeps", params(("id" = Uuid, Path, description = "The sweep.")),
    responses((status = 200, description = "The sweep.", body = SweepTable), NotFound))]
pub async fn get(
    State(api): State<Api>,
    SweepPath(id): SweepPath,
    _: NoParameters,
) -> Result<Json<SweepTable>, ApiError> {
    let sweep = api.store.sweep_of_jobs(id).await?.ok_or_else(|| ApiError::NotFound(format!("sweep {id}")))?;
    Ok(Json(api.table(sweep).await?))
}

impl Api {
    /// Reads a body with lists into all of its jobs, or into the faults of any.
    async fn read_sweep(&self, body: Map<String, Value>) -> Result<NewSweep, ApiError> {
        let (library, max_memory) = (self.library.clone(), self.limits.max_job_memory);
        let origin_fault = self.check_origin(submission::origin(&body)).await?;
        self.blocking(move || {
            let datasets = Datasets::new(&library);
            let mut faults = Vec::from_iter(origin_fault);
            match read(body, &datasets, max_memory) {
                Ok(sweep) if faults.is_empty() => return Ok(sweep),
                Ok(_) => {}
                Err(of_body) => faults.extend(of_body),
            }
            Err(ApiError::Validation(faults))
        })
        .await
    }

    async fn table(&self, sweep: Sweep) -> Result<SweepTable, ApiError> {
        let mut scores: BTreeMap<JobId, Vec<Score>> = BTreeMap::new();
        for score in self.store.sweep_scores(sweep.id).await? {
            scores.entry(score.job).or_default().push(score);
        }
        let jobs = self.store.sweep_jobs(sweep.id).await?;
        let best_job = best(scores.values().flatten()).map(|score| score.job.0);
        let rows = jobs.into_iter().map(|job| {
            let scores = scores.get(&job.id).map_or(&[][..], Vec::as_slice);
            row(job, &sweep.axes, scores)
        });
        Ok(SweepTable { rows: rows.collect(), best_job, sweep: sweep.into() })
    }
}

fn read(body: Map<String, Value>, datasets: &Datasets<'_>, max_memory: u64) -> Result<NewSweep, Vec<Fault>> {
    let id = SweepId::new();
    let grid = Grid::of(body)?;
    let mut jobs = Vec::with_capacity(grid.len());
    let mut faults = Vec::new();
    for position in 0..grid.len() {
        match datasets.read_job(grid.body(position), max_memory) {
            Ok(job) => jobs.push(job),
            Err(of_job) => faults.push((position, of_job)),
        }
    }
    let mut faults = grid.gather(faults);
    let (name, tags) = jobs.first().map(|job| (job.name.clone(), job.tags.clone())).unwrap_or_default();
    if tags.len() >= TAG_COUNT {
        let detail = format!("must be fewer than {TAG_COUNT} labels: each job gets the sweep's own besides");
        faults.push(Fault { pointer: "/tags".to_owned(), detail });
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    for (position, job) in jobs.iter_mut().enumerate() {
        let words = grid.words(position);
        let full = name.as_ref().map_or_else(|| words.clone(), |name| format!("{name}: {words}"));
        job.name = Some(full.chars().take(submission::NAME_LENGTH).collect());
        job.tags.push(sweep::label(id));
    }
    Ok(NewSweep { id, name, tags, axes: grid.axes().to_vec(), jobs })
}

fn row(job: Job, axes: &[Axis], scores: &[Score]) -> SweepRow {
    let position = job.sweep.and_then(|cell| usize::try_from(cell.position).ok()).unwrap_or(0);
    SweepRow {
        job: job.id.0,
        values: sweep::values_at(axes, position).into_iter().cloned().collect(),
        status: job.status.as_str(),
        progress: Progress::of(&job),
        latest: job.latest.map(LossesView::from),
        newest_score: scores.last().copied().map(ScoreView::from),
        best_score: best(scores).copied().map(ScoreView::from),
        name: job.name,
        verdict: VerdictView::of(&job.health),
        error: job.error.map(JobErrorView::from),
    }
}

/// The highest; of equal ones the first.
fn best<'a>(scores: impl IntoIterator<Item = &'a Score>) -> Option<&'a Score> {
    scores.into_iter().reduce(|best, score| if score.log_likelihood > best.log_likelihood { score } else { best })
}

impl From<Score> for ScoreView {
    fn from(Score { job: _, step, log_likelihood, standard_error, coverage, frechet }: Score) -> Self {
        Self {
            step,
            log_likelihood,
            standard_error,
            coverage: coverage.map(|measured| measured.coverage),
            density: coverage.map(|measured| measured.density),
            frechet: frechet.map(|Frechet { distance, floor, .. }| FrechetView { distance, floor }),
        }
    }
}

impl From<Sweep> for SweepView {
    fn from(sweep: Sweep) -> Self {
        let in_order = Status::ALL.into_iter().filter_map(|status| {
            sweep.counts.iter().find(|(known, _)| *known == status).map(|(_, count)| (status.as_str(), *count))
        });
        Self {
            id: sweep.id.0,
            tag: sweep::label(sweep.id),
            counts: in_order.collect(),
            name: sweep.name,
            tags: sweep.tags,
            created_at: sweep.created_at,
            axes: sweep
                .axes
                .into_iter()
                .map(|Axis { pointer, name, values }| AxisView { pointer, name, values })
                .collect(),
        }
    }
}
