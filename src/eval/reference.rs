//! Scores to hold a score against: without them a Parzen-window number means nothing.
//!
//! A score above that of the training images themselves means smoothing, not better samples (Theis et al., 2015): the
//! centroids' row, of samples that nobody would take for images, shows it.

use super::centroids::centroids;
use super::parzen::{ParzenError, Protocol, evaluate};
use crate::data::Dataset;
use serde::{Deserialize, Serialize};

const PASSES: usize = 5;
/// A centroid is the mean of some images, not of one: at most one for so many.
const POINTS_A_CENTROID: usize = 5;
const SEED: u64 = 2014;

/// Where a row's number is from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// gand computed it under the row's protocol.
    Computed,
    /// Table 1 of Goodfellow et al., 2014.
    Published,
}

/// A score to hold a score against.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ReferenceRow {
    /// What was scored.
    pub name: String,
    /// Where the number is from.
    pub source: Source,
    /// The mean log-likelihood of the test points, in nats.
    pub log_likelihood: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The bandwidth, where it is known.
    pub bandwidth: Option<f64>,
    /// How many samples (centres).
    pub samples: usize,
    /// The protocol's name.
    pub protocol: String,
}

/// The rows that gand computes for a dataset under a protocol, and the published ones of the same protocol. Takes as long
/// as some evaluations: to be kept by the dataset's digest and the protocol's name.
///
/// # Errors
///
/// If the dataset cannot be evaluated.
pub fn reference_rows(data: &Dataset, protocol: &Protocol, threads: usize) -> Result<Vec<ReferenceRow>, ParzenError> {
    let computed = |name: String, samples: &[f32]| -> Result<ReferenceRow, ParzenError> {
        let result = evaluate(protocol, samples, &data.validation, &data.test, threads)?;
        Ok(ReferenceRow {
            name,
            source: Source::Computed,
            log_likelihood: result.log_likelihood,
            standard_error: result.standard_error,
            bandwidth: Some(result.bandwidth),
            samples: result.samples,
            protocol: result.protocol,
        })
    };
    let images = data.train.to_vec(0..protocol.samples.min(data.train.len));
    let what = if data.shape.is_image() { "training images" } else { "training points" };
    let mut rows = vec![computed(what.to_owned(), &images)?];
    let count = protocol.samples.min(data.train.len / POINTS_A_CENTROID);
    if count > 0 {
        let centroids = centroids(&data.train, count, PASSES, SEED, threads);
        rows.push(computed(format!("{count} k-means centroids"), &centroids)?);
    }
    rows.extend(published(&data.name, &protocol.name));
    Ok(rows)
}

/// Table 1 of the paper: mean log-likelihood of MNIST and of the Toronto Face Database, in nats, and the standard error.
const TABLE_1: [(&str, [f64; 2], [f64; 2]); 4] = [
    ("deep belief network", [138.0, 2.0], [1909.0, 66.0]),
    ("stacked contractive autoencoder", [121.0, 1.6], [2110.0, 50.0]),
    ("deep generative stochastic network", [214.0, 1.1], [1890.0, 29.0]),
    ("adversarial nets", [225.0, 2.0], [2057.0, 26.0]),
];

/// The published rows for a dataset; there are none under another protocol than the paper's.
#[must_use]
pub fn published(dataset: &str, protocol: &str) -> Vec<ReferenceRow> {
    let paper = Protocol::goodfellow2014();
    let place = match dataset {
        "mnist" => 0,
        "tfd" => 1,
        _ => return Vec::new(),
    };
    if protocol != paper.name {
        return Vec::new();
    }
    let row = |(name, mnist, tfd): &(&str, [f64; 2], [f64; 2])| {
        let [log_likelihood, standard_error] = [*mnist, *tfd][place];
        ReferenceRow {
            name: (*name).to_owned(),
            source: Source::Published,
            log_likelihood,
            standard_error,
            bandwidth: None,
            samples: paper.samples,
            protocol: paper.name.clone(),
        }
    };
    TABLE_1.iter().map(row).collect()
}
