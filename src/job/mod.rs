//! The words of the service: a job and its life, its events, metrics, evaluations and checkpoints, as plain values.
//!
//! Nothing here waits, reads a clock or knows a database; the store keeps these values and the API shows them.

pub mod evaluation;
pub mod event;
pub mod extension;
pub mod grid;
pub mod health;
pub mod id;
pub mod metrics;
pub mod record;
pub mod schedule;
pub mod status;
pub mod sweep;

pub use evaluation::{Evaluation, EvaluationRequest, EvaluationState};
pub use event::{Event, EventKind};
pub use extension::{Extension, NoEnd};
pub use grid::Grid;
pub use health::Diagnosis;
pub use id::{EvaluationId, JobId, OwnerId, SweepId};
pub use metrics::MetricChunk;
pub use record::{
    CheckpointInfo, Finding, Job, JobError, JobErrorKind, JobFilter, JobPatch, NewJob, Origin, Page, Severity,
};
pub use schedule::{Hold, Lapse, Standing};
pub use status::{Command, Desired, Ending, Refused, Status};
pub use sweep::{Axis, NewSweep, Score, Sweep, SweepCell};
