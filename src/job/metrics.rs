//! The numbers that every step leaves.

use crate::gan::Losses;

/// Consecutive steps' losses, as one row of the store: `first_step` and as many as each column is long.
#[derive(Clone, PartialEq, Debug)]
pub struct MetricChunk {
    /// One entry a step, steps ascending and without gaps.
    pub rows: Vec<Losses>,
}
