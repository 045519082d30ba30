//! Fidelity and diversity of samples, beside the log-likelihood that says little of either.

use super::classifier::ClassifierError;
use super::spread::spread;
use super::{Balls, Classifier, Copies, Coverage, Originals};
use crate::data::Dataset;
use serde::{Deserialize, Serialize};

/// Held-out points that samples are held against, at most; as many samples are, so that 1 − 2⁻ᵏ is what chance gives.
const POINTS: usize = 5000;

/// What samples are like, against the data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quality {
    /// Density and coverage against held-out points.
    pub coverage: Option<Coverage>,
    /// How many samples are copies of training examples; none in evaluations of earlier versions.
    #[serde(default)]
    pub copies: Option<Copies>,
    /// How far samples are from one another.
    pub pairwise_distance: PairwiseDistance,
    /// Which classes samples fall into; none without labels.
    pub labels: Option<Labels>,
    /// The Fréchet distance in the classifier's features; none without labels.
    pub frechet: Option<Frechet>,
    /// How long it took.
    pub seconds: f64,
}

/// The root mean square of the distances between all pairs.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct PairwiseDistance {
    /// Of samples.
    pub samples: f64,
    /// Of data points.
    pub data: f64,
}

/// A label histogram, by the classifier.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Labels {
    /// The names of the classes.
    pub names: Vec<String>,
    /// The share of samples in each.
    pub samples: Vec<f64>,
    /// The share of test points in each, by the same classifier.
    pub data: Vec<f64>,
    /// The entropy of the samples' shares, in nats.
    pub entropy: f64,
    /// The entropy of the test points' shares.
    pub data_entropy: f64,
}

/// A Fréchet distance with what it is worth.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Frechet {
    /// Of the samples from the test points.
    pub distance: f64,
    /// Of the training points from the test points: no generator can be expected below.
    pub floor: f64,
    /// The share of test points that the classifier names right.
    pub classifier_accuracy: f64,
}

/// A dataset's side of the comparison: made once, held against the samples of any number of generators.
#[derive(Debug)]
pub struct Yardstick {
    dim: usize,
    names: Vec<String>,
    originals: Option<Originals>,
    balls: Option<Balls>,
    spread: f64,
    classifier: Option<(Classifier, Vec<f64>)>,
}

impl Yardstick {
    /// The yardstick of a dataset, with its classifier where it has one.
    ///
    /// Uses up to `threads` threads of the rayon pool that the caller is in.
    ///
    /// # Errors
    ///
    /// If the classifier cannot be asked.
    pub fn new(data: &Dataset, classifier: Option<Classifier>, threads: usize) -> Result<Self, ClassifierError> {
        let dim = data.shape.len();
        let mut points = data.test.to_vec(0..data.test.len.min(POINTS));
        if data.test.len < POINTS {
            // Of a small dataset all that is held out.
            points.extend(data.validation.to_vec(0..data.validation.len.min(POINTS - data.test.len)));
        }
        let classifier = match classifier {
            Some(classifier) => {
                let shares = classifier.classify(&data.test.to_vec(0..data.test.len.min(2 * POINTS)), dim)?.shares;
                Some((classifier, shares))
            }
            None => None,
        };
        Ok(Self {
            dim,
            names: data.label_names.clone(),
            spread: spread(&points, dim),
            originals: Originals::new(&data.train, &points, threads),
            balls: Balls::new(points, dim, threads),
            classifier,
        })
    }

    /// Holds samples (row by row) against the data.
    ///
    /// # Errors
    ///
    /// If the classifier cannot be asked.
    pub fn hold(&self, samples: &[f32], threads: usize) -> Result<Quality, ClassifierError> {
        let classified = match &self.classifier {
            Some((classifier, data)) => Some((classifier, data, classifier.classify(samples, self.dim)?)),
            None => None,
        };
        let labels = classified.as_ref().map(|(_, data, classified)| Labels {
            names: self.names.clone(),
            samples: classified.shares.clone(),
            data: (*data).clone(),
            entropy: entropy(&classified.shares),
            data_entropy: entropy(data),
        });
        let frechet = classified.as_ref().map(|(classifier, _, classified)| Frechet {
            distance: classifier.distance(&classified.moments),
            floor: classifier.floor,
            classifier_accuracy: classifier.accuracy,
        });
        // Of samples far beyond the data a feature may be no number; JSON has no word for that.
        let frechet = frechet.filter(|frechet| frechet.distance.is_finite());
        let coverage = self.balls.as_ref().and_then(|balls| {
            let count = balls.len().min(samples.len() / self.dim);
            balls.hold(&samples[..count * self.dim], threads)
        });
        let copies = self.originals.as_ref().and_then(|originals| originals.hold(samples, threads));
        let pairwise_distance = PairwiseDistance { samples: spread(samples, self.dim), data: self.spread };
        Ok(Quality { coverage, copies, pairwise_distance, labels, frechet, seconds: 0.0 })
    }
}

/// In nats.
fn entropy(shares: &[f64]) -> f64 {
    shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum()
}
