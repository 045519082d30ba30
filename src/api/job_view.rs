//! A job as clients see it.

use crate::gan::Losses;
use crate::job::{Evaluation, EvaluationState, Finding, Job, JobError, JobErrorKind, Origin, Severity, Status, health};
use crate::store::QueuePlace;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// A job.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobView {
    /// Its identifier (UUID version 7); newer jobs have larger ones.
    pub id: Uuid,
    /// Its user's name for it.
    pub name: Option<String>,
    /// Its user's labels.
    pub tags: Vec<String>,
    /// Where it stands.
    #[schema(value_type = StatusWord)]
    pub status: &'static str,
    /// What decides the outcome, every default filled in.
    #[schema(value_type = super::spec_schema::Spec)]
    pub spec: Value,
    /// The checkpoint it started from, when it was forked from another job.
    pub from: Option<OriginView>,
    /// The sweep that it is part of.
    pub sweep: Option<Uuid>,
    /// Higher goes first.
    pub priority: i32,
    /// Starts so far that a clean shutdown did not end.
    pub attempt: u32,
    /// The worker that has, or last had, the job.
    pub worker: Option<String>,
    /// When it was submitted.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was first started.
    #[serde(with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    /// How far it is.
    pub progress: Progress,
    /// Its place in the queue, while it is queued.
    pub queue: Option<Queue>,
    /// The newest losses.
    pub latest: Option<LossesView>,
    /// The newest evaluation.
    pub parzen: Option<EvaluationView>,
    /// Findings on collapse, divergence and reproducibility: the newest of each kind.
    pub health: Vec<FindingView>,
    /// The gravest diagnosis that still holds; null where nothing is wrong.
    pub verdict: Option<VerdictView>,
    /// Why it failed.
    pub error: Option<JobErrorView>,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Status)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum StatusWord {
    /// Waiting for a slot.
    Queued,
    /// A worker trains it.
    Running,
    /// A pause was asked for.
    Pausing,
    /// Stopped at a checkpoint until it is resumed.
    Paused,
    /// A cancellation was asked for.
    Cancelling,
    /// Stopped for good by its user.
    Cancelled,
    /// Trained to its last step.
    Succeeded,
    /// Ended by a fault, named in its error.
    Failed,
}

/// How far a job is.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ToSchema)]
pub struct Progress {
    /// Steps trained.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Steps trained a second by its present worker, between the newest two renewals of its lease; null before.
    pub steps_per_second: Option<f64>,
    /// Seconds to the end at this speed.
    pub eta_seconds: Option<f64>,
}

/// A place in the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Queue {
    /// 1 for the next to be started.
    pub position: u64,
    /// Jobs that will be started before.
    pub ahead: u64,
    /// Jobs that are running now.
    pub running: u64,
}

/// What one step measured.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = Losses)]
pub struct LossesView {
    /// The step.
    pub step: u64,
    /// D's loss, the mean of its two cross-entropies; ln 2 where D can tell nothing apart.
    pub d_loss: f32,
    /// G's loss under its objective.
    pub g_loss: f32,
    /// V(G, D) of the paper's equation 1, in nats, over one minibatch, with D's dropout on; −log 4 at the optimum. What it
    /// says about the divergence needs many steps: `divergence_bound` of `GET /jobs/{id}/metrics`.
    pub value: f32,
    /// The mean of D(x) over the minibatch.
    pub d_real: f32,
    /// The mean of D(G(z)) over the minibatch.
    pub d_fake: f32,
}

/// A Parzen-window evaluation of one checkpoint. The numbers are null until it has succeeded.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[schema(as = Evaluation)]
pub struct EvaluationView {
    /// Its identifier.
    pub id: Uuid,
    /// `queued`, `running`, `succeeded` or `failed`.
    #[schema(value_type = EvaluationStateWord)]
    pub state: &'static str,
    /// The checkpoint's step.
    pub step: u64,
    /// The protocol.
    pub protocol: String,
    /// When it was asked for or, made in training, written.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The standard deviation of the Gaussian on each sample, chosen on the validation split.
    pub bandwidth: Option<f64>,
    /// The bandwidths it was chosen from.
    pub bandwidth_grid: Option<Vec<f64>>,
    /// The mean log-likelihood of the validation points under each of them, in nats.
    pub validation_curve: Option<Vec<f64>>,
    /// The mean log-likelihood of the test points, in nats.
    pub log_likelihood: Option<f64>,
    /// Its standard error over the test points.
    pub standard_error: Option<f64>,
    /// How many samples.
    pub samples: Option<usize>,
    /// How many test points.
    pub test_points: Option<usize>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// Section 4 of the paper, where the data's density is known: `divergence` (Jensen-Shannon, in nats) and its floor,
    /// `criterion` (C(G)), `distance_to_optimal` (the mean of |D − D*|), `distance_to_half`, `value`, `modes_covered`.
    #[schema(value_type = Option<Object>)]
    pub theory: Option<serde_json::Value>,
    /// Fidelity and diversity, where the spec asks for them: `coverage` (density and coverage of k = 5),
    /// `pairwise_distance`, and for labelled data `labels` (histograms) and `frechet` (with its floor).
    #[schema(value_type = Option<Object>)]
    pub quality: Option<serde_json::Value>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Where an evaluation stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = EvaluationState)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum EvaluationStateWord {
    /// Waiting for a worker.
    Queued,
    /// A worker computes it.
    Running,
    /// Its numbers are there.
    Succeeded,
    /// It could not be computed.
    Failed,
}

/// Something about a job that its user should know.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct FindingView {
    /// A stable word.
    #[schema(example = "collapse")]
    pub kind: String,
    /// `info`, `warning` or `critical`.
    #[schema(example = "warning")]
    pub severity: &'static str,
    /// The step in which it showed.
    pub step: u64,
    /// The step from which it no longer held; null while it holds.
    pub until_step: Option<u64>,
    /// The evidence, and what to change.
    pub detail: String,
}

/// What is wrong with a job's run as it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Verdict)]
pub struct VerdictView {
    /// The finding's kind.
    #[schema(example = "collapse")]
    pub kind: String,
    /// `warning` or `critical`.
    #[schema(example = "critical")]
    pub severity: &'static str,
}

/// Why a job failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = JobError)]
pub struct JobErrorView {
    /// `diverged`, `worker_lost`, `dataset`, `checkpoint`, `spec`, `unsound` or `internal`.
    #[schema(example = "diverged")]
    pub kind: &'static str,
    /// The step in which it showed.
    pub step: Option<u64>,
    /// What happened, and what to do about it.
    pub detail: String,
}

/// A checkpoint of another job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Origin)]
pub struct OriginView {
    /// The other job.
    pub job: Uuid,
    /// The step of its checkpoint.
    pub step: u64,
}

impl JobView {
    /// Shows a job; `place` is where it stands in the queue, if it does.
    pub fn new(job: Job, place: Option<QueuePlace>) -> Result<Self, serde_json::Error> {
        let progress = Progress::of(&job);
        Ok(Self {
            id: job.id.0,
            name: job.name,
            tags: job.tags,
            status: job.status.as_str(),
            from: job.from.map(OriginView::from),
            sweep: job.sweep.map(|cell| cell.sweep.0),
            priority: job.priority,
            attempt: job.attempt,
            worker: job.worker,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            progress,
            queue: place.filter(|_| job.status == Status::Queued).map(Queue::from),
            latest: job.latest.map(LossesView::from),
            parzen: job.parzen.map(EvaluationView::from),
            verdict: VerdictView::of(&job.health),
            health: job.health.into_iter().map(FindingView::from).collect(),
            error: job.error.map(JobErrorView::from),
            // By way of text, in which a setting reads as it was written: 0.1, not the 0.10000000149 that an f32 holds.
            spec: serde_json::from_str(&serde_json::to_string(&job.spec)?)?,
        })
    }
}

impl Progress {
    /// How far `job` is.
    pub fn of(job: &Job) -> Self {
        let steps = job.spec.training.steps;
        let speed = job.steps_per_second.filter(|speed| job.status.is_leased() && *speed > 0.0);
        Self {
            step: job.last_step,
            steps,
            steps_per_second: speed,
            eta_seconds: speed.map(|speed| steps.saturating_sub(job.last_step) as f64 / speed),
        }
    }
}

impl From<QueuePlace> for Queue {
    fn from(place: QueuePlace) -> Self {
        Self { position: place.position, ahead: place.position.saturating_sub(1), running: place.running }
    }
}

impl From<Losses> for LossesView {
    fn from(Losses { step, d_loss, g_loss, value, d_real, d_fake }: Losses) -> Self {
        Self { step, d_loss, g_loss, value, d_real, d_fake }
    }
}

impl From<Origin> for OriginView {
    fn from(Origin { job, step }: Origin) -> Self {
        Self { job: job.0, step }
    }
}

impl From<Evaluation> for EvaluationView {
    fn from(evaluation: Evaluation) -> Self {
        let result = evaluation.result;
        Self {
            id: evaluation.id.0,
            state: match evaluation.state {
                EvaluationState::Queued => "queued",
                EvaluationState::Running => "running",
                EvaluationState::Succeeded => "succeeded",
                EvaluationState::Failed => "failed",
            },
            step: evaluation.step,
            protocol: evaluation.protocol,
            created_at: evaluation.created_at,
            bandwidth: result.as_ref().map(|result| result.bandwidth),
            log_likelihood: result.as_ref().map(|result| result.log_likelihood),
            standard_error: result.as_ref().map(|result| result.standard_error),
            samples: result.as_ref().map(|result| result.samples),
            test_points: result.as_ref().map(|result| result.test_points),
            seconds: result.as_ref().map(|result| result.seconds),
            theory: result.as_ref().and_then(|result| serde_json::to_value(result.theory.as_ref()?).ok()),
            quality: result.as_ref().and_then(|result| serde_json::to_value(result.quality.as_ref()?).ok()),
            bandwidth_grid: result.as_ref().map(|result| result.bandwidth_grid.clone()),
            validation_curve: result.map(|result| result.validation_curve),
            error: evaluation.error,
        }
    }
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        Self {
            kind: finding.kind,
            severity: severity_word(finding.severity),
            step: finding.step,
            until_step: finding.until_step,
            detail: finding.detail,
        }
    }
}

impl VerdictView {
    /// The verdict on a job with these findings.
    pub fn of(findings: &[Finding]) -> Option<Self> {
        let finding = health::verdict(findings)?;
        Some(Self { kind: finding.kind.clone(), severity: severity_word(finding.severity) })
    }
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

impl From<JobError> for JobErrorView {
    fn from(error: JobError) -> Self {
        Self {
            kind: match error.kind {
                JobErrorKind::Diverged => "diverged",
                JobErrorKind::WorkerLost => "worker_lost",
                JobErrorKind::Dataset => "dataset",
                JobErrorKind::Checkpoint => "checkpoint",
                JobErrorKind::Spec => "spec",
                JobErrorKind::Unsound => "unsound",
                JobErrorKind::Internal => "internal",
            },
            step: error.step,
            detail: error.detail,
        }
    }
}
