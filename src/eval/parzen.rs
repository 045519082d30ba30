//! Parzen-window log-likelihood, the measure of the paper's Table 1.

use serde::{Deserialize, Serialize};

/// What an evaluation found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ParzenResult {
    /// The standard deviation of the Gaussian on each sample, chosen on the validation split.
    pub bandwidth: f64,
    /// The bandwidths it was chosen from.
    pub bandwidth_grid: Vec<f64>,
    /// The mean log-likelihood of the validation points under each of them, in nats.
    pub validation_curve: Vec<f64>,
    /// The mean log-likelihood of the test points, in nats.
    pub log_likelihood: f64,
    /// Its standard error over test points: standard deviation (ddof 0) / √n.
    pub standard_error: f64,
    /// How many samples (centres).
    pub samples: usize,
    /// How many test points.
    pub test_points: usize,
    /// The protocol's name.
    pub protocol: String,
    /// How long it took.
    pub seconds: f64,
}
