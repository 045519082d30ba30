//! Stored checkpoints: the list, and the safetensors files.

use super::conditional::{ETag, Wanted, wanted};
use super::error::ApiError;
use super::extract::{JobPartPath, JobPath, NoParameters, Parameters};
use super::jobs::header_value;
use super::openapi::{InvalidParameters, NotFound, NotModified, OutOfRange};
use super::page::PageQuery;
use super::state::Api;
use crate::job::{CheckpointInfo, Job, JobId};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use utoipa::ToSchema;

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// What is stored under a step stays the same for as long as it is there.
const IMMUTABLE: &str = "private, max-age=31536000, immutable";

/// A stored checkpoint.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = CheckpointInfo)]
pub struct CheckpointView {
    /// The steps trained when it was written.
    step: u64,
    /// The safetensors file's digest: `blake3:`, or `sha256:` for one that an earlier version wrote, and hexadecimal
    /// digits.
    digest: String,
    /// Its length.
    size_bytes: u64,
    /// When it was published.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// Whether an evaluation found it the best so far.
    best: bool,
}

impl From<CheckpointInfo> for CheckpointView {
    fn from(CheckpointInfo { step, digest, size_bytes, created_at, best }: CheckpointInfo) -> Self {
        Self { step, digest, size_bytes, created_at, best }
    }
}

/// A job's checkpoints.
#[derive(Serialize, ToSchema)]
pub struct CheckpointList {
    /// The checkpoints, oldest first.
    items: Vec<CheckpointView>,
    /// Where the next page starts, or null on the last one.
    next_cursor: Option<String>,
}

/// List a job's checkpoints.
#[utoipa::path(get, path = "/jobs/{id}/checkpoints", tag = "results",
    params(("id" = Uuid, Path, description = "The job."), PageQuery),
    responses((status = 200, description = "Its checkpoints, oldest first.", body = CheckpointList),
        NotFound, InvalidParameters))]
pub async fn list(
    State(api): State<Api>,
    JobPath(id): JobPath,
    Parameters(page): Parameters<PageQuery>,
) -> Result<Json<CheckpointList>, ApiError> {
    let after = page.after_number()?;
    api.job(id).await?;
    let mut items = api.store.checkpoints(id).await?;
    items.retain(|checkpoint| after.is_none_or(|after| checkpoint.step > after));
    let next_cursor = page.cut(&mut items, |last| last.step.to_string());
    Ok(Json(CheckpointList { items: items.into_iter().map(CheckpointView::from).collect(), next_cursor }))
}

/// Download a checkpoint: a safetensors file.
#[utoipa::path(get, path = "/jobs/{id}/checkpoints/{step}", tag = "results",
    params(("id" = Uuid, Path, description = "The job."),
        ("step" = String, Path, description = "A step, `latest`, `best` or `final`."),
        ("Range" = Option<String>, Header, description = "One range of bytes.")),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "application/octet-stream", headers(
            ("ETag" = String, description = "Its digest."), ("Repr-Digest" = String, description = "Its SHA-256 (RFC 9530)."))),
        (status = 206, description = "The part asked for.", body = Vec<u8>, content_type = "application/octet-stream"),
        NotModified, NotFound, OutOfRange))]
pub async fn get(
    State(api): State<Api>,
    JobPartPath(id, step): JobPartPath,
    _: NoParameters,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let which = Which::parse(&step).ok_or_else(|| ApiError::NotFound(format!("checkpoint {step:?} of job {id}")))?;
    let job = api.job(id).await?;
    let info = api.resolve(&job, which).await?;
    let etag = ETag::new(info.digest.clone());
    let caching = if matches!(which, Which::Step(_)) { IMMUTABLE } else { "no-cache" };
    if etag.is_fresh(&headers) {
        return Ok(etag.not_modified(caching));
    }
    // A range is GET's alone (RFC 9110, section 14.2): HEAD tells of the whole file.
    let wanted = if method == Method::GET { wanted(&headers, &etag, info.size_bytes) } else { Wanted::Whole };
    if wanted == Wanted::Outside {
        return Err(ApiError::Range { size: info.size_bytes });
    }
    let bytes = Bytes::from(api.checkpoint_bytes(id, info.step).await?);
    let repr_digest = repr_digest(bytes.clone()).await?;
    let size = bytes.len() as u64;
    let mut response = match wanted {
        Wanted::Part(range) => {
            let part = bytes.slice(to_index(range.start, &bytes)..to_index(range.end, &bytes));
            let content_range = header_value(&format!("bytes {}-{}/{size}", range.start, range.end - 1))?;
            (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, content_range)], part).into_response()
        }
        _ => bytes.into_response(),
    };
    let file_name = format!("attachment; filename=\"{id}-{}.safetensors\"", info.step);
    etag.put(response.headers_mut(), caching);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_DISPOSITION, header_value(&file_name)?);
    headers.insert(REPR_DIGEST, repr_digest);
    Ok(response)
}

fn to_index(offset: u64, bytes: &Bytes) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len())
}

/// Which checkpoint a request means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// The one of this step.
    Step(u64),
    /// The newest.
    Latest,
    /// The one that an evaluation found the best so far.
    Best,
    /// The one of the job's last step.
    Final,
}

impl Which {
    /// Reads a step or a word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "latest" => Some(Self::Latest),
            "best" => Some(Self::Best),
            "final" => Some(Self::Final),
            // Digits alone: a number that is parsed may have a sign before it.
            step if step.bytes().all(|byte| byte.is_ascii_digit()) => step.parse().ok().map(Self::Step),
            _ => None,
        }
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Step(step) => write!(f, "checkpoint of step {step}"),
            Self::Latest => f.write_str("checkpoint yet"),
            Self::Best => f.write_str("best checkpoint yet: no checkpoint has been evaluated"),
            Self::Final => f.write_str("final checkpoint yet"),
        }
    }
}

impl Api {
    /// The checkpoint that a request's address means.
    pub async fn resolve(&self, job: &Job, which: Which) -> Result<CheckpointInfo, ApiError> {
        let found = self.find(job, which).await?;
        found.ok_or_else(|| ApiError::NotFound(format!("{which} (job {})", job.id)))
    }

    /// The checkpoint that is meant, if the job has it.
    pub async fn find(&self, job: &Job, which: Which) -> Result<Option<CheckpointInfo>, ApiError> {
        let mut checkpoints = self.store.checkpoints(job.id).await?;
        Ok(match which {
            Which::Step(step) => checkpoints.into_iter().find(|checkpoint| checkpoint.step == step),
            Which::Latest => checkpoints.pop(),
            Which::Best => checkpoints.into_iter().rev().find(|checkpoint| checkpoint.best),
            Which::Final => checkpoints.pop().filter(|checkpoint| checkpoint.step == job.spec.training.steps),
        })
    }

    /// A checkpoint's file. It may have been pruned since it was resolved.
    pub async fn checkpoint_bytes(&self, id: JobId, step: u64) -> Result<Vec<u8>, ApiError> {
        let bytes = self.store.checkpoint_bytes(id, step).await?;
        bytes.ok_or_else(|| ApiError::NotFound(format!("{} (job {id})", Which::Step(step))))
    }
}

/// The whole file's SHA-256 as RFC 9530 has it, which has no name for the digest that the store keeps.
async fn repr_digest(bytes: Bytes) -> Result<HeaderValue, ApiError> {
    let hashed = tokio::task::spawn_blocking(move || Sha256::digest(&bytes)).await;
    let hash = hashed.map_err(|error| ApiError::Internal(error.to_string()))?;
    header_value(&format!("sha-256=:{}:", BASE64.encode(hash)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_named_by_step_or_word() {
        assert_eq!(Which::parse("100"), Some(Which::Step(100)));
        assert_eq!(Which::parse("best"), Some(Which::Best));
        for wrong in ["", "-1", "+1", "1.5", "newest"] {
            assert_eq!(Which::parse(wrong), None, "{wrong:?}");
        }
    }
}
