//! A job as the store keeps it.

use super::{Desired, Evaluation, JobId, OwnerId, Status, SweepCell};
use crate::gan::{Losses, Spec};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A job: what was asked, how far it is, and what is known about it.
#[derive(Clone, PartialEq, Debug)]
pub struct Job {
    /// Its identifier; newer jobs have larger ones.
    pub id: JobId,
    /// Its user's name for it.
    pub name: Option<String>,
    /// Its user's labels.
    pub tags: Vec<String>,
    /// Where it stands.
    pub status: Status,
    /// What its user wants of its worker.
    pub desired: Desired,
    /// What decides the outcome, every default filled in.
    pub spec: Spec,
    /// The checkpoint it started from, when it was forked from another job.
    pub from: Option<Origin>,
    /// The sweep that it is part of.
    pub sweep: Option<SweepCell>,
    /// Higher goes first; waiting raises it (see `store::AGING`).
    pub priority: i32,
    /// Starts so far that a clean shutdown did not end.
    pub attempt: u32,
    /// Grows by one with every claim; every write of a worker must carry the current one.
    pub fence: i64,
    /// The process that holds the lease.
    pub lease_owner: Option<OwnerId>,
    /// When the lease lapses, by the database's clock.
    pub lease_until: Option<OffsetDateTime>,
    /// The readable name of the worker that has, or last had, the job.
    pub worker: Option<String>,
    /// When it was submitted.
    pub created_at: OffsetDateTime,
    /// When it was submitted, or last resumed or extended: its place in the queue. A job that loses its worker keeps it.
    pub queued_at: OffsetDateTime,
    /// When it was first started.
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    pub finished_at: Option<OffsetDateTime>,
    /// The last step whose metrics are stored.
    pub last_step: u64,
    /// The worker's current speed.
    pub steps_per_second: Option<f64>,
    /// The newest metrics.
    pub latest: Option<Losses>,
    /// The newest evaluation.
    pub parzen: Option<Evaluation>,
    /// Findings on collapse, divergence and reproducibility.
    pub health: Vec<Finding>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// Grows with every change of the row: the `ETag`.
    pub version: i64,
}

/// A checkpoint of another job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The other job.
    pub job: JobId,
    /// The step of its checkpoint.
    pub step: u64,
}

/// A job about to be submitted.
#[derive(Clone, PartialEq, Debug)]
pub struct NewJob {
    /// Its user's name for it.
    pub name: Option<String>,
    /// Its user's labels.
    pub tags: Vec<String>,
    /// Higher goes first.
    pub priority: i32,
    /// What decides the outcome.
    pub spec: Spec,
    /// The checkpoint to start from.
    pub from: Option<Origin>,
}

/// What `PATCH` may change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JobPatch {
    /// A new name (`Some(None)` takes it away).
    pub name: Option<Option<String>>,
    /// New labels.
    pub tags: Option<Vec<String>>,
    /// A new priority.
    pub priority: Option<i32>,
}

/// What `GET /jobs` may ask for; an empty filter takes all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JobFilter {
    /// Jobs in this status.
    pub status: Option<Status>,
    /// Jobs on this dataset.
    pub dataset: Option<String>,
    /// Jobs whose name contains this.
    pub name: Option<String>,
    /// Jobs that carry this label.
    pub tag: Option<String>,
}

/// A part of a list, and where the next part starts.
#[derive(Clone, PartialEq, Debug)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Whether more follow after the last of them.
    pub more: bool,
}

/// Why a job failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JobError {
    /// What sort of fault.
    pub kind: JobErrorKind,
    /// The step in which it showed.
    pub step: Option<u64>,
    /// What happened, and what to do about it.
    pub detail: String,
}

/// The sorts of fault that end a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobErrorKind {
    /// A loss or a weight is no longer finite.
    Diverged,
    /// Its workers died `max_attempts` times.
    WorkerLost,
    /// The dataset is gone or cannot be read.
    Dataset,
    /// No checkpoint of it can be read.
    Checkpoint,
    /// The spec cannot be trained.
    Spec,
    /// Training went wrong in a way that its spec does not put up with: the finding is in the detail.
    Unsound,
    /// A fault of gand's own.
    Internal,
}

/// Something about a job that its user should know.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// A stable word: `collapse`, `discriminator_wins`, `thread_count_changed`, ...
    pub kind: String,
    /// How grave it is.
    pub severity: Severity,
    /// The step in which it showed.
    pub step: u64,
    /// The step from which it no longer held; none while it holds. That of what happened and was over is `step` itself.
    #[serde(default)]
    pub until_step: Option<u64>,
    /// The evidence, and what to change.
    pub detail: String,
}

/// How grave a finding is, from the least on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// The result may not be what was wanted.
    Warning,
    /// The training is going nowhere.
    Critical,
}

/// A stored checkpoint, without its bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// The steps trained when it was written.
    pub step: u64,
    /// The safetensors file's digest: `blake3:`, or `sha256:` for one of an earlier version, and hexadecimal digits.
    pub digest: String,
    /// Its length.
    pub size_bytes: u64,
    /// When it was published.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Whether an evaluation found it the best so far.
    pub best: bool,
}
