//! Samples that are copies of training examples, or almost.
//!
//! A sample is taken for a copy if its nearest training example is nearer than half of what only one held-out point in a
//! hundred has to its own nearest: data that the generator has never seen hardly ever come so near. The hundredth rather
//! than the median, since some sorts of point (the ones among handwritten digits) lie close together by nature, and half
//! of it, since samples are smoother than data and lie a little nearer to everything.

use super::neighbours::nearest;
use crate::data::Split;
use serde::{Deserialize, Serialize};

/// Samples, and held-out points, that are compared at most: enough to tell a share of a tenth from one of a third.
const COMPARED: usize = 500;
/// One held-out point in so many is nearer to a training example than the distance that counts.
const ONE_IN: usize = 100;
/// The part of that distance within which a sample is a copy.
const PART: f64 = 0.5;

/// How many samples are copies.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Copies {
    /// The share of samples that are copies of a training example.
    pub share: f64,
    /// The distance to a training example within which a sample is a copy.
    pub distance: f64,
    /// How many samples were compared.
    pub samples: usize,
}

/// Training examples, with the distance within which something is a copy of one.
#[derive(Clone, Debug)]
pub struct Originals {
    train: Split,
    distance: f64,
}

impl Originals {
    /// The examples of `train`, judged by `held_out` points (row by row). `None` where there are too few of these to tell
    /// what is near, or where they are copies themselves.
    ///
    /// Uses up to `threads` threads of the rayon pool that the caller is in.
    #[must_use]
    pub fn new(train: &Split, held_out: &[f32], threads: usize) -> Option<Self> {
        let compared = first(held_out, train.dim);
        let mut distances: Vec<f64> = nearest(compared, train, threads).iter().map(|found| found.distance).collect();
        if distances.len() < ONE_IN {
            return None;
        }
        distances.sort_by(f64::total_cmp);
        let distance = PART * distances[distances.len() / ONE_IN];
        (distance > 0.0).then(|| Self { train: train.clone(), distance })
    }

    /// How many of the samples (row by row) are copies; `None` without a sample.
    ///
    /// Uses up to `threads` threads of the rayon pool that the caller is in.
    #[must_use]
    pub fn hold(&self, samples: &[f32], threads: usize) -> Option<Copies> {
        let found = nearest(first(samples, self.train.dim), &self.train, threads);
        let copies = found.iter().filter(|found| found.distance < self.distance).count();
        let samples = found.len();
        (samples > 0).then(|| Copies { share: copies as f64 / samples as f64, distance: self.distance, samples })
    }
}

/// The first points of those (row by row).
fn first(points: &[f32], dim: usize) -> &[f32] {
    &points[..points.len().min(COMPARED * dim)]
}
