//! What happened to a job, in order: the log that the event stream replays.

use serde::{Deserialize, Serialize};
use std::str::FromStr;
use time::OffsetDateTime;

/// The kinds of event, which are also the event names of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The status changed, or a worker took or lost the job.
    Status,
    /// New metrics are there: the newest row of them.
    Metrics,
    /// A new picture of the same latents.
    Snapshot,
    /// A checkpoint was published.
    Checkpoint,
    /// An evaluation finished.
    Evaluation,
    /// Collapse, divergence, or a condition under which the result may differ.
    Health,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Status, Self::Metrics, Self::Snapshot, Self::Checkpoint, Self::Evaluation, Self::Health];

    /// The word used in JSON, SQL and the stream.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Metrics => "metrics",
            Self::Snapshot => "snapshot",
            Self::Checkpoint => "checkpoint",
            Self::Evaluation => "evaluation",
            Self::Health => "health",
        }
    }
}

impl FromStr for EventKind {
    type Err = UnknownEventKind;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownEventKind(text.to_owned()))
    }
}

/// A word that is no kind of event.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no kind of event")]
pub struct UnknownEventKind(pub String);

/// One entry of a job's log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Increases by one within the job, from 1.
    pub id: i64,
    /// When the database wrote it.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What kind of thing happened.
    pub kind: EventKind,
    /// The step it belongs to, where it has one.
    pub step: Option<u64>,
    /// The details: for `status` `{"status", "message", ...}`, for `metrics` the newest row, and so on.
    pub data: serde_json::Value,
}
