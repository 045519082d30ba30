//! The jobs resource: submit, list, look at, change, command, delete.

use super::conditional::{ETag, listed};
use super::error::ApiError;
use super::extract::{Checks, Fields, JobPath, JsonObject, NoParameters, Nothing, Parameters};
use super::job_view::JobView;
use super::openapi::{Conflict, IdempotencyReused, Invalid, InvalidParameters, NotFound, NotModified, Stale};
use super::state::Api;
use super::submission::{self, Datasets};
use crate::gan::Fault;
use crate::job::extension::MOST_STEPS;
use crate::job::{Command, Extension, Job, JobFilter, JobId, JobPatch, NewJob, Origin, Status};
use crate::store::{Changed, Created, Deleted, IdempotencyKey, QueuePlace};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, http::HeaderName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A job changes all the time: clients may keep it, and must ask whether it is still the same.
const REVALIDATE: &str = "no-cache";

/// A page of jobs.
#[derive(Serialize, ToSchema)]
pub struct JobList {
    /// The jobs, newest first.
    pub items: Vec<JobView>,
    /// Where the next page starts, or null on the last one.
    pub next_cursor: Option<String>,
}

/// What `GET /jobs` may be asked for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only jobs in this status.
    #[param(value_type = Option<super::job_view::StatusWord>)]
    status: Option<String>,
    /// Only jobs on this dataset.
    dataset: Option<String>,
    /// Only jobs whose name contains this.
    name: Option<String>,
    /// Only jobs that carry this label.
    tag: Option<String>,
    /// How many jobs a page holds.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default = "super::page::default_limit")]
    limit: u32,
    /// The `next_cursor` of the page before.
    #[param(format = "uuid", pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    cursor: Option<String>,
}

/// Submit a job.
///
/// Only `dataset` is required. `recipe` names a preset, and the fields beside it override it. With `from`, training
/// starts from another job's checkpoint.
#[utoipa::path(post, path = "/jobs", tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated submission harmless: \
        the same key and body give the same job.")),
    request_body(content = super::openapi::Submission, content_type = "application/json"),
    responses(
        (status = 201, description = "The job was made.", body = JobView, headers(
            ("Location" = String, description = "Where the job is."), ("ETag" = String, description = "Its version."))),
        (status = 200, description = "The key and the body were sent before; this is the job they made.", body = JobView),
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
        Some(key) => api.store.job_of_key(key).await?,
        None => None,
    };
    let created = match used {
        Some(used) => used,
        None => api.store.create_job(api.read_submission(body).await?, key).await?,
    };
    match created {
        Created::New(job) => {
            let location = format!("/jobs/{}", job.id);
            tracing::info!(job = %job.id, dataset = %job.spec.dataset, recipe = %job.spec.recipe, "job submitted");
            let mut response = show(&api, job, StatusCode::CREATED).await?;
            response.headers_mut().insert(header::LOCATION, header_value(&location)?);
            Ok(response)
        }
        Created::Replayed(job) => {
            let location = format!("/jobs/{}", job.id);
            let mut response = show(&api, job, StatusCode::OK).await?;
            response.headers_mut().insert(header::LOCATION, header_value(&location)?);
            response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
        Created::KeyReused => Err(ApiError::IdempotencyKeyReused),
    }
}

/// The key that makes sending `body` again harmless, if the client gave one.
pub(super) fn idempotency_key(
    headers: &HeaderMap,
    body: &Map<String, Value>,
) -> Result<Option<IdempotencyKey>, ApiError> {
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().unwrap_or("").trim();
    if key.is_empty() || key.len() > 255 {
        return Err(ApiError::parameter("Idempotency-Key", "must be 1 to 255 printable characters long"));
    }
    Ok(Some(IdempotencyKey { key: key.to_owned(), body_sha256: submission::digest(body) }))
}

/// List jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(ListQuery),
    responses((status = 200, description = "A page of jobs.", body = JobList), InvalidParameters))]
pub async fn list(State(api): State<Api>, Parameters(query): Parameters<ListQuery>) -> Result<Json<JobList>, ApiError> {
    let mut checks = Checks::default();
    checks.range("limit", query.limit, 1..=200);
    let status = query
        .status
        .as_deref()
        .map(str::parse::<Status>)
        .and_then(|status| status.map_err(|error| checks.fault("status", error.to_string())).ok());
    let before = query
        .cursor
        .as_deref()
        .map(str::parse::<JobId>)
        .and_then(|cursor| cursor.map_err(|_| checks.fault("cursor", "is not the next_cursor of a page")).ok());
    checks.finish()?;
    let filter = JobFilter { status, dataset: query.dataset, name: query.name, tag: query.tag };
    let page = api.store.jobs(&filter, before, query.limit).await?;
    let next_cursor = page.items.last().filter(|_| page.more).map(|job| job.id.to_string());
    let mut places = api.places(&page.items).await?;
    let items = page.items.into_iter().map(|job| {
        let place = places.remove(&job.id);
        view(job, place)
    });
    Ok(Json(JobList { items: items.collect::<Result<_, _>>()?, next_cursor }))
}

/// Look at a job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = Uuid, Path, description = "The job.")),
    responses((status = 200, description = "The job.", body = JobView, headers(
        ("ETag" = String, description = "Its version."))), NotModified, NotFound))]
pub async fn get(
    State(api): State<Api>,
    JobPath(id): JobPath,
    _: NoParameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let job = api.job(id).await?;
    let place = api.place(&job).await?;
    let etag = etag(&job, place);
    if etag.is_fresh(&headers) {
        return Ok(etag.not_modified(REVALIDATE));
    }
    respond(job, place, StatusCode::OK)
}

/// Change a job's name, labels or priority.
#[utoipa::path(patch, path = "/jobs/{id}", tag = "jobs",
    params(("id" = Uuid, Path, description = "The job."),
        ("If-Match" = Option<String>, Header, description = "Change it only if its ETag is still this.")),
    request_body(content = super::openapi::Patch, content_type = "application/json"),
    responses((status = 200, description = "The job after the change.", body = JobView), NotFound, Stale, Invalid))]
pub async fn patch(
    State(api): State<Api>,
    JobPath(id): JobPath,
    _: NoParameters,
    headers: HeaderMap,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let mut fields = Fields::new(body, "");
    let patch = JobPatch {
        name: fields.text("name", submission::NAME_LENGTH),
        tags: submission::read_tags(&mut fields),
        priority: fields.integer("priority", submission::PRIORITIES).and_then(|number| i32::try_from(number).ok()),
    };
    let faults = fields.finish("name, tags, priority");
    if !faults.is_empty() {
        return Err(ApiError::Validation(faults));
    }
    let version = match_version(&api, id, &headers).await?;
    changed(&api, id, api.store.patch_job(id, patch, version).await?).await
}

/// The version that `If-Match` demands, if it demands one.
async fn match_version(api: &Api, id: JobId, headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    // A star is any version, also one that a running job comes to after it was looked at.
    if !headers.contains_key(header::IF_MATCH) || listed(headers, &header::IF_MATCH).any(|tag| tag == "*") {
        return Ok(None);
    }
    let job = api.job(id).await?;
    let version = job.version.to_string();
    let names_it = |tag: &str| version_of(tag) == Some(version.as_str());
    if listed(headers, &header::IF_MATCH).any(names_it) { Ok(Some(job.version)) } else { Err(stale(api, &job).await?) }
}

/// The version in a tag that [`etag`] made. What stands after it is the place in the queue: no change of the job, and no
/// reason to refuse one.
fn version_of(tag: &str) -> Option<&str> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    match tag.split_once('-') {
        None => Some(tag),
        Some((version, place)) => {
            let (position, running) = place.split_once('.')?;
            (number(position) && number(running)).then_some(version)
        }
    }
}

async fn stale(api: &Api, job: &Job) -> Result<ApiError, ApiError> {
    let place = api.place(job).await?;
    Ok(ApiError::PreconditionFailed { current: etag(job, place).as_str().to_owned() })
}

/// Delete a finished job and all it stored.
#[utoipa::path(delete, path = "/jobs/{id}", tag = "jobs", params(("id" = Uuid, Path, description = "The job.")),
    responses((status = 204, description = "It is gone."), NotFound, Conflict))]
pub async fn delete(State(api): State<Api>, JobPath(id): JobPath, _: NoParameters) -> Result<StatusCode, ApiError> {
    match api.store.delete_job(id).await? {
        Deleted::Done => {
            api.subjects.forget();
            tracing::info!(job = %id, "job deleted");
            Ok(StatusCode::NO_CONTENT)
        }
        Deleted::Active(status) => Err(ApiError::Active(status)),
        Deleted::NeededBy(fork) => Err(ApiError::Conflict(format!(
            "job {fork} starts from one of its checkpoints and has none of its own yet; delete or finish that one first"
        ))),
        Deleted::NotFound => Err(no_such_job(id)),
    }
}

/// Stop a job for good, at a checkpoint. In force within one step.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = Uuid, Path, description = "The job.")),
    responses((status = 200, description = "The job, cancelled or about to be.", body = JobView), NotFound, Conflict))]
pub async fn cancel(State(api): State<Api>, JobPath(id): JobPath, _: Nothing) -> Result<Response, ApiError> {
    command(&api, id, Command::Cancel).await
}

/// Stop a job at a checkpoint until it is resumed. In force within one step.
#[utoipa::path(post, path = "/jobs/{id}/pause", tag = "jobs", params(("id" = Uuid, Path, description = "The job.")),
    responses((status = 200, description = "The job, paused or about to be.", body = JobView), NotFound, Conflict))]
pub async fn pause(State(api): State<Api>, JobPath(id): JobPath, _: Nothing) -> Result<Response, ApiError> {
    command(&api, id, Command::Pause).await
}

/// Let a paused job go on.
#[utoipa::path(post, path = "/jobs/{id}/resume", tag = "jobs", params(("id" = Uuid, Path, description = "The job.")),
    responses((status = 200, description = "The job, in the queue again.", body = JobView), NotFound, Conflict))]
pub async fn resume(State(api): State<Api>, JobPath(id): JobPath, _: Nothing) -> Result<Response, ApiError> {
    command(&api, id, Command::Resume).await
}

/// Train a succeeded or cancelled job on from its last checkpoint.
///
/// `steps` is counted from the step of that checkpoint, whatever the job was meant to come to; `to_step` names the new
/// last step itself. The answer's `spec.training.steps` is the resulting end. What ended a job early under
/// `evaluation.stop_when` no longer counts: evaluations are counted anew.
#[utoipa::path(post, path = "/jobs/{id}/extend", tag = "jobs", params(("id" = Uuid, Path, description = "The job.")),
    request_body(content = super::openapi::Extension, content_type = "application/json"),
    responses((status = 200, description = "The job, in the queue again.", body = JobView), NotFound, Conflict, Invalid))]
pub async fn extend(
    State(api): State<Api>,
    JobPath(id): JobPath,
    _: NoParameters,
    JsonObject(body): JsonObject,
) -> Result<Response, ApiError> {
    let extension = read_extension(body).map_err(ApiError::Validation)?;
    match api.store.extend(id, extension).await? {
        Changed::NoEnd(no_end) => {
            let pointer = match extension {
                Extension::By(_) => "/steps",
                Extension::To(_) => "/to_step",
            };
            Err(ApiError::Validation(vec![Fault { pointer: pointer.to_owned(), detail: no_end.to_string() }]))
        }
        outcome => changed(&api, id, outcome).await,
    }
}

/// Exactly one of `steps` and `to_step`.
fn read_extension(body: Map<String, Value>) -> Result<Extension, Vec<Fault>> {
    let given = ["steps", "to_step"].map(|name| body.contains_key(name));
    let mut fields = Fields::new(body, "");
    let mut count = |name: &str| {
        let range = 1..=MOST_STEPS.cast_signed();
        fields.integer(name, range).map(i64::unsigned_abs)
    };
    let extension = match (count("steps"), count("to_step")) {
        (Some(steps), None) => Some(Extension::By(steps)),
        (None, Some(step)) => Some(Extension::To(step)),
        _ => None,
    };
    match given {
        [true, true] => fields.fault("to_step", "goes in place of steps, not beside it"),
        [false, false] => fields.fault("steps", "is missing: how many steps more; or to_step, the step to train to"),
        _ => {}
    }
    let faults = fields.finish("steps, to_step");
    extension.filter(|_| faults.is_empty()).ok_or(faults)
}

async fn command(api: &Api, id: JobId, command: Command) -> Result<Response, ApiError> {
    changed(api, id, api.store.command(id, command).await?).await
}

async fn changed(api: &Api, id: JobId, outcome: Changed) -> Result<Response, ApiError> {
    match outcome {
        Changed::Done(job) => show(api, job, StatusCode::OK).await,
        Changed::Refused(refused) => Err(refused.into()),
        Changed::NoEnd(no_end) => Err(ApiError::Internal(format!("a command that extends nothing: {no_end}"))),
        Changed::VersionMismatch(job) => Err(stale(api, &job).await?),
        Changed::NotFound => Err(no_such_job(id)),
    }
}

/// Shows a job, with its place in the queue.
async fn show(api: &Api, job: Job, status: StatusCode) -> Result<Response, ApiError> {
    let place = api.place(&job).await?;
    respond(job, place, status)
}

fn respond(job: Job, place: Option<QueuePlace>, status: StatusCode) -> Result<Response, ApiError> {
    let etag = etag(&job, place);
    let mut response = (status, Json(view(job, place)?)).into_response();
    etag.put(response.headers_mut(), REVALIDATE);
    Ok(response)
}

fn view(job: Job, place: Option<QueuePlace>) -> Result<JobView, ApiError> {
    JobView::new(job, place).map_err(|error| ApiError::Internal(format!("a job does not serialise: {error}")))
}

/// The version of the row; while the job is queued also its place, which other jobs change.
fn etag(job: &Job, place: Option<QueuePlace>) -> ETag {
    match place.filter(|_| job.status == Status::Queued) {
        Some(place) => ETag::new(format!("{}-{}.{}", job.version, place.position, place.running)),
        None => ETag::new(job.version.to_string()),
    }
}

pub(super) fn header_value(text: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(text).map_err(|_| ApiError::Internal(format!("{text:?} is no header value")))
}

pub(super) fn no_such_job(id: JobId) -> ApiError {
    ApiError::NotFound(format!("job {id}"))
}

impl Api {
    /// Reads a body into a job. Facts about a dataset may have to be read from disk, so this has a thread of its own.
    async fn read_submission(&self, body: Map<String, Value>) -> Result<NewJob, ApiError> {
        let (library, max_memory) = (self.library.clone(), self.limits.max_job_memory);
        let origin_fault = self.check_origin(submission::origin(&body)).await?;
        self.blocking(move || {
            let faults = match (Datasets::new(&library).read_job(body, max_memory), origin_fault) {
                (Ok(job), None) => return Ok(job),
                (Ok(_), Some(fault)) => vec![fault],
                (Err(faults), fault) => fault.into_iter().chain(faults).collect(),
            };
            Err(ApiError::Validation(faults))
        })
        .await
    }

    /// Whether the checkpoint that a submission wants to start from is there.
    pub(super) async fn check_origin(&self, origin: Option<Origin>) -> Result<Option<Fault>, ApiError> {
        // One that does not read is reported with the other fields.
        let Some(origin) = origin else { return Ok(None) };
        let checkpoints = self.store.checkpoints(origin.job).await?;
        if checkpoints.iter().any(|checkpoint| checkpoint.step == origin.step) {
            return Ok(None);
        }
        let steps: Vec<String> = checkpoints.iter().map(|checkpoint| checkpoint.step.to_string()).collect();
        let there = if steps.is_empty() { "none".to_owned() } else { steps.join(", ") };
        let detail = format!("there is no checkpoint of step {} of job {}; there is {there}", origin.step, origin.job);
        Ok(Some(Fault { pointer: "/from".to_owned(), detail }))
    }

    /// A job that must be there.
    pub async fn job(&self, id: JobId) -> Result<Job, ApiError> {
        self.store.job(id).await?.ok_or_else(|| no_such_job(id))
    }

    /// Where the queued ones of a page stand, in one question for all of them.
    async fn places(&self, page: &[Job]) -> Result<HashMap<JobId, QueuePlace>, ApiError> {
        let queued = || page.iter().filter(|job| job.status == Status::Queued).map(|job| job.id);
        match (queued().min(), queued().max()) {
            (Some(oldest), Some(newest)) => Ok(self.store.queue_places(oldest, newest).await?.into_iter().collect()),
            _ => Ok(HashMap::new()),
        }
    }

    async fn place(&self, job: &Job) -> Result<Option<QueuePlace>, ApiError> {
        if job.status == Status::Queued { Ok(self.store.queue_place(job.id).await?) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::version_of;

    #[test]
    fn a_tag_names_a_version_whatever_the_place_in_the_queue() {
        for tag in ["\"47\"", "\"47-3.0\"", "\"47-12.5\""] {
            assert_eq!(version_of(tag), Some("47"), "{tag}");
        }
        for wrong in ["47", "\"47-zork\"", "\"47-\"", "\"47-3\"", "\"47-3.\"", "\"47-3.1.2\"", "W/\"47\"", "\"", ""] {
            assert_eq!(version_of(wrong), None, "{wrong}");
        }
    }
}
