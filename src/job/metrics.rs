//! The numbers that every step leaves, in columns.

use crate::gan::Losses;
use serde::{Deserialize, Serialize};

/// Consecutive steps' losses, as one row of the store: `first_step` and as many as each column is long.
#[derive(Clone, PartialEq, Debug)]
pub struct MetricChunk {
    /// One entry a step, steps ascending and without gaps.
    pub rows: Vec<Losses>,
}

/// Columns as `GET /jobs/{id}/metrics` shows them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct MetricColumns {
    /// The step that the values beside it were measured in, counted from 1.
    pub step: Vec<u64>,
    /// D's loss, the mean of its two cross-entropies; ln 2 where D can tell nothing apart.
    pub d_loss: Vec<f32>,
    /// G's loss under its objective.
    pub g_loss: Vec<f32>,
    /// V(G, D) of the paper's equation 1, in nats; −log 4 at the optimum.
    pub value: Vec<f32>,
    /// The mean of D(x) over the minibatch.
    pub d_real: Vec<f32>,
    /// The mean of D(G(z)) over the minibatch.
    pub d_fake: Vec<f32>,
}
