//! Parzen-window evaluations of a job's checkpoints, stored and asked for.

use super::{EvaluationId, JobId};
use crate::eval::ParzenResult;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use time::OffsetDateTime;

/// Where an evaluation that was asked for stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationState {
    /// Waiting for a worker.
    Queued,
    /// A worker computes it.
    Running,
    /// Its result is there.
    Succeeded,
    /// It could not be computed; the reason is beside it.
    Failed,
}

impl EvaluationState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed];

    /// The word used in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for EvaluationState {
    type Err = UnknownEvaluationState;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownEvaluationState(text.to_owned()))
    }
}

/// A word that is no state of an evaluation.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no state of an evaluation")]
pub struct UnknownEvaluationState(pub String);

/// An evaluation of one checkpoint of one job.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Evaluation {
    /// Its identifier.
    pub id: EvaluationId,
    /// Where it stands.
    pub state: EvaluationState,
    /// The checkpoint's step (or the step of training it was made in).
    pub step: u64,
    /// The protocol asked for: `goodfellow2014` or `fine`.
    pub protocol: String,
    /// Whether somebody asked for it; training made it otherwise.
    pub requested: bool,
    /// When it was asked for or, made in training, written.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The numbers, once it has succeeded.
    #[serde(flatten)]
    pub result: Option<ParzenResult>,
    /// Why it failed.
    pub error: Option<String>,
}

/// An evaluation that a worker has taken on.
#[derive(Clone, PartialEq, Debug)]
pub struct EvaluationRequest {
    /// Which evaluation.
    pub id: EvaluationId,
    /// Of which job.
    pub job: JobId,
    /// Of which checkpoint.
    pub step: u64,
    /// Under which protocol.
    pub protocol: String,
}
