//! Parzen-window log-likelihood, the measure of the paper's Table 1.
//!
//! An isotropic Gaussian of one bandwidth σ on each of N samples μ makes a density:
//! log p(x) = log Σ exp(−‖x − μ‖² / 2σ²) − log N − d·log(σ√(2π)).

use super::distances::{Points, visit_tiles};
use super::kernels::{Processor, sum_of_powers};
use super::{Quality, Theory};
use crate::data::Split;
use serde::{Deserialize, Serialize};

/// Numbers beyond this could overflow when squared.
const LARGEST: f32 = 1e15;
/// A tile whose largest term is exp of this, against the largest so far, changes no digit of a sum.
const NEGLIGIBLE: f64 = -50.0;

/// How a Parzen-window estimate is made.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Protocol {
    /// `goodfellow2014`, `fine`, or `custom` for any other settings.
    pub name: String,
    /// How many samples to draw.
    pub samples: usize,
    /// The first so many points of the validation split choose the bandwidth.
    pub validation_points: usize,
    /// The bandwidths to choose from.
    pub bandwidth_grid: Vec<f64>,
}

impl Protocol {
    /// The published code's: 10,000 samples, 1,000 validation points, ten bandwidths from 0.1 to 1.
    #[must_use]
    pub fn goodfellow2014() -> Self {
        Self {
            name: "goodfellow2014".to_owned(),
            samples: 10_000,
            validation_points: 1_000,
            bandwidth_grid: logarithmic_grid(-1.0, 0.0, 10),
        }
    }

    /// The same with forty bandwidths from 0.08 to 0.5. Scores under different grids must not be compared.
    #[must_use]
    pub fn fine() -> Self {
        Self {
            name: "fine".to_owned(),
            bandwidth_grid: logarithmic_grid(0.08_f64.log10(), 0.5_f64.log10(), 40),
            ..Self::goodfellow2014()
        }
    }

    /// The protocol of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::goodfellow2014(), Self::fine()].into_iter().find(|protocol| protocol.name == name)
    }

    /// The protocol of these settings: a named one if they are its settings, else `custom`.
    #[must_use]
    pub fn of(samples: usize, validation_points: usize, bandwidth_grid: Vec<f64>) -> Self {
        let custom = Self { name: "custom".to_owned(), samples, validation_points, bandwidth_grid };
        let named = [Self::goodfellow2014(), Self::fine()];
        let equal = |one: &Self| Self { name: custom.name.clone(), ..one.clone() } == custom;
        named.into_iter().find(equal).unwrap_or(custom)
    }
}

/// `count` numbers from 10^first to 10^last, each the same multiple of the one before.
#[must_use]
pub fn logarithmic_grid(first: f64, last: f64, count: usize) -> Vec<f64> {
    let gaps = count.saturating_sub(1).max(1) as f64;
    (0..count).map(|index| 10_f64.powf(first + (last - first) * index as f64 / gaps)).collect()
}

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
    /// Section 4 of the paper, where the data's density is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theory: Option<Box<Theory>>,
    /// Fidelity and diversity, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Box<Quality>>,
}

/// Why samples have no score.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum ParzenError {
    /// The numbers are not whole points.
    #[error("{length} numbers are no points of {dim}")]
    Shape {
        /// How many numbers.
        length: usize,
        /// Numbers in each point of the data.
        dim: usize,
    },
    /// Something is missing.
    #[error("there are no {0}")]
    Empty(&'static str),
    /// A sample is no point.
    #[error("number {index} of the samples is {value}")]
    NotFinite {
        /// Its place.
        index: usize,
        /// Its value.
        value: f32,
    },
    /// A bandwidth is not above 0.
    #[error("{0} is no bandwidth")]
    Bandwidth(f64),
}

/// Scores samples (row by row): the bandwidth that suits the validation split best, then the test split under it. Uses up
/// to `threads` threads of the rayon pool that the caller is in; the result is the same for any number of them.
/// `seconds` is left at 0 for the caller to fill: there is no clock here.
///
/// # Errors
///
/// If the samples are not finite points of the splits' dimension, or nothing is there to evaluate.
pub fn evaluate(
    protocol: &Protocol,
    samples: &[f32],
    validation: &Split,
    test: &Split,
    threads: usize,
) -> Result<ParzenResult, ParzenError> {
    evaluate_in_parts(protocol, samples, validation, test, threads, usize::MAX, &|_, _| {})
}

/// Points that [`evaluate_and_tell`] scores between two words.
const POINTS_A_WORD: usize = 500;

/// The same, which tells how many points of all it has scored as it goes.
///
/// # Errors
///
/// As [`evaluate`].
pub fn evaluate_and_tell(
    protocol: &Protocol,
    samples: &[f32],
    validation: &Split,
    test: &Split,
    threads: usize,
    told: &dyn Fn(usize, usize),
) -> Result<ParzenResult, ParzenError> {
    evaluate_in_parts(protocol, samples, validation, test, threads, POINTS_A_WORD, told)
}

fn evaluate_in_parts(
    protocol: &Protocol,
    samples: &[f32],
    validation: &Split,
    test: &Split,
    threads: usize,
    part: usize,
    told: &dyn Fn(usize, usize),
) -> Result<ParzenResult, ParzenError> {
    let dim = test.dim;
    check_samples(samples, dim)?;
    if validation.dim != dim {
        return Err(ParzenError::Shape { length: validation.dim, dim });
    }
    if protocol.bandwidth_grid.is_empty() {
        return Err(ParzenError::Empty("bandwidths"));
    }
    if let Some(bandwidth) = protocol.bandwidth_grid.iter().find(|one| !(one.is_finite() && **one > 0.0)) {
        return Err(ParzenError::Bandwidth(*bandwidth));
    }
    let validation_points = protocol.validation_points.min(validation.len);
    if validation_points == 0 {
        return Err(ParzenError::Empty("validation points"));
    }
    if test.len == 0 {
        return Err(ParzenError::Empty("test points"));
    }

    let centres = Points::Numbers(samples);
    let points = Points::of(validation).rows(0..validation_points, dim);
    let curve: Vec<f64> =
        scores(centres, points, dim, &protocol.bandwidth_grid, threads).iter().map(|values| mean(values)).collect();
    let mut best = 0;
    for (index, value) in curve.iter().enumerate() {
        if *value > curve[best] {
            best = index;
        }
    }
    let bandwidth = protocol.bandwidth_grid[best];
    let all = validation_points + test.len;
    told(validation_points, all);
    // A point's score has nothing to do with the others'.
    let mut values = Vec::with_capacity(test.len);
    while values.len() < test.len {
        let rows = values.len()..values.len().saturating_add(part).min(test.len);
        values.extend(scores(centres, Points::of(test).rows(rows, dim), dim, &[bandwidth], threads).concat());
        told(validation_points + values.len(), all);
    }
    let (log_likelihood, standard_error) = mean_and_error(&values);
    Ok(ParzenResult {
        bandwidth,
        bandwidth_grid: protocol.bandwidth_grid.clone(),
        validation_curve: curve,
        log_likelihood,
        standard_error,
        samples: samples.len() / dim,
        test_points: test.len,
        protocol: protocol.name.clone(),
        seconds: 0.0,
        theory: None,
        quality: None,
    })
}

fn check_samples(samples: &[f32], dim: usize) -> Result<(), ParzenError> {
    if dim == 0 || !samples.len().is_multiple_of(dim) {
        return Err(ParzenError::Shape { length: samples.len(), dim });
    }
    if samples.is_empty() {
        return Err(ParzenError::Empty("samples"));
    }
    match samples.iter().position(|value| value.is_nan() || value.abs() > LARGEST) {
        Some(index) => Err(ParzenError::NotFinite { index, value: samples[index] }),
        None => Ok(()),
    }
}

/// For each bandwidth the log-likelihood of each point, in nats. Samples and points are rows of `dim` finite numbers; the
/// distances are computed once for all bandwidths, tile by tile. The same for any number of threads.
#[must_use]
pub fn log_likelihoods(
    samples: &[f32],
    points: &[f32],
    dim: usize,
    bandwidths: &[f64],
    threads: usize,
) -> Vec<Vec<f64>> {
    scores(Points::Numbers(samples), Points::Numbers(points), dim, bandwidths, threads)
}

fn scores(samples: Points<'_>, points: Points<'_>, dim: usize, bandwidths: &[f64], threads: usize) -> Vec<Vec<f64>> {
    let processor = Processor::detect();
    let width = bandwidths.len();
    if dim == 0 || width == 0 {
        return vec![Vec::new(); width];
    }
    /// The least distance of a point so far and, for each bandwidth, Σ exp((least − distance) / 2σ²).
    struct Sums<'a> {
        least: f32,
        sums: &'a mut [f64],
    }
    let slopes: Vec<f64> = bandwidths.iter().map(|bandwidth| -0.5 / (bandwidth * bandwidth)).collect();
    let mut storage = vec![0.0; points.count(dim) * width];
    let mut states: Vec<Sums<'_>> =
        storage.chunks_exact_mut(width).map(|sums| Sums { least: f32::INFINITY, sums }).collect();
    visit_tiles(samples, points, dim, threads, &mut states, |state, row| {
        let least = row.least;
        if least < state.least {
            let gain = f64::from(state.least) - f64::from(least);
            for (sum, slope) in state.sums.iter_mut().zip(&slopes) {
                *sum *= (slope * gain).exp();
            }
            state.least = least;
        }
        let behind = f64::from(least) - f64::from(state.least);
        for (sum, slope) in state.sums.iter_mut().zip(&slopes) {
            if slope * behind > NEGLIGIBLE {
                let scale = (slope * std::f64::consts::LOG2_E) as f32;
                *sum += sum_of_powers(processor, row.distances, state.least, scale);
            }
        }
    });
    let count = samples.count(dim) as f64;
    let of_bandwidth = |place: usize| {
        let constant = count.ln() + dim as f64 * (bandwidths[place] * std::f64::consts::TAU.sqrt()).ln();
        let value = |state: &Sums<'_>| slopes[place] * f64::from(state.least) + state.sums[place].ln() - constant;
        states.iter().map(value).collect()
    };
    (0..width).map(of_bandwidth).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean and its standard error: standard deviation (ddof 0) / √n.
#[must_use]
pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, squares.sqrt() / values.len() as f64)
}
