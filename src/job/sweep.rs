//! A grid of jobs, and what is told of it.

use super::{JobId, NewJob, Status, SweepId};
use crate::eval::Coverage;
use crate::eval::quality::Frechet;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

/// A setting that differs from job to job.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Axis {
    /// Where it stands in the spec, as a JSON pointer.
    pub pointer: String,
    /// The end of the pointer, as long as it takes to tell the axes apart.
    pub name: String,
    /// Its values, in the order they were written.
    pub values: Vec<Value>,
}

/// A sweep about to be submitted.
#[derive(Clone, PartialEq, Debug)]
pub struct NewSweep {
    /// Its identifier, which its jobs carry as a label.
    pub id: SweepId,
    /// Its user's name for it.
    pub name: Option<String>,
    /// Its user's labels.
    pub tags: Vec<String>,
    /// What differs.
    pub axes: Vec<Axis>,
    /// A job for each combination of values, the last axis changing fastest.
    pub jobs: Vec<NewJob>,
}

/// A sweep as the store keeps it.
#[derive(Clone, PartialEq, Debug)]
pub struct Sweep {
    /// Its identifier; newer sweeps have larger ones.
    pub id: SweepId,
    /// Its user's name for it.
    pub name: Option<String>,
    /// Its user's labels.
    pub tags: Vec<String>,
    /// What differs.
    pub axes: Vec<Axis>,
    /// When it was submitted.
    pub created_at: OffsetDateTime,
    /// How many of its jobs are in each status.
    pub counts: Vec<(Status, u64)>,
}

/// Which cell of which grid a job is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SweepCell {
    /// The sweep.
    pub sweep: SweepId,
    /// Its place among the combinations, from 0.
    pub position: u32,
}

/// What an evaluation in training came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Score {
    /// Of which job.
    pub job: JobId,
    /// At which step.
    pub step: u64,
    /// In nats.
    pub log_likelihood: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The density and coverage of its samples, where they were measured.
    pub coverage: Option<Coverage>,
    /// Their Fréchet distance, where it was measured.
    pub frechet: Option<Frechet>,
}

/// The label that a sweep's jobs carry.
#[must_use]
pub fn label(id: SweepId) -> String {
    format!("sweep:{id}")
}

/// The values of the combination at `position`, one for each axis.
#[must_use]
pub fn values_at(axes: &[Axis], position: usize) -> Vec<&Value> {
    let mut rest = position;
    let mut values: Vec<&Value> = axes
        .iter()
        .rev()
        .filter_map(|axis| {
            let index = rest.checked_rem(axis.values.len())?;
            rest /= axis.values.len();
            axis.values.get(index)
        })
        .collect();
    values.reverse();
    values
}
