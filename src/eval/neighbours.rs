//! The training example nearest to each sample: the last column of the paper's Figure 2, which shows that G has not
//! memorised the training set.

use super::distances::{Points, Row, visit_tiles};
use crate::data::Split;
use serde::{Deserialize, Serialize};

/// Candidates kept for a sample. More than these within rounding of the nearest are copies of one another.
const CANDIDATES: usize = 64;
/// How far a distance from a product in single precision may be off, against the squared lengths behind it.
const ROUNDING: f32 = 3e-5;

/// The nearest training example.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its index in the training split; the lowest of equals.
    pub index: usize,
    /// The Euclidean distance to it.
    pub distance: f64,
}

/// For each sample (row by row) the nearest point of a split. Candidates come from single-precision products; the
/// nearest among them is chosen by distances in double precision.
///
/// Uses up to `threads` threads of the rayon pool that the caller is in.
#[must_use]
pub fn nearest(samples: &[f32], split: &Split, threads: usize) -> Vec<Neighbour> {
    let dim = split.dim;
    if dim == 0 || split.len == 0 {
        return Vec::new();
    }
    let centres = Points::of(split);
    let mut states = vec![Candidates::default(); samples.len() / dim];
    visit_tiles(centres, Points::Numbers(samples), dim, threads, &mut states, Candidates::visit);
    let exact = |(sample, candidates): (&[f32], &Candidates)| {
        let mut nearest = Neighbour { index: 0, distance: f64::INFINITY };
        for (_, index) in &candidates.found {
            let squares = sample.iter().zip(centres.row(*index, dim)).map(|(a, b)| f64::from(a - b).powi(2));
            let distance = squares.sum::<f64>().sqrt();
            if (distance, *index) < (nearest.distance, nearest.index) {
                nearest = Neighbour { index: *index, distance };
            }
        }
        nearest
    };
    samples.chunks_exact(dim).zip(&states).map(exact).collect()
}

/// The points that may be nearest, by what is known so far.
#[derive(Clone, Default)]
struct Candidates {
    /// Squared distance and index, in the order of indices.
    found: Vec<(f32, usize)>,
    least: Option<f32>,
}

impl Candidates {
    fn visit(&mut self, row: &Row<'_>) {
        let least = self.least.map_or(row.least, |least| least.min(row.least));
        self.least = Some(least);
        let limit = least + ROUNDING * (row.point_norm + least);
        if row.least > limit {
            return;
        }
        self.found.retain(|(distance, _)| *distance <= limit);
        for (offset, distance) in row.distances.iter().enumerate() {
            if *distance <= limit {
                if self.found.len() == CANDIDATES {
                    let worst = self.found.iter().enumerate().max_by(|(_, a), (_, b)| a.0.total_cmp(&b.0));
                    match worst.map(|(place, (distance, _))| (place, *distance)) {
                        Some((place, worst)) if *distance < worst => drop(self.found.remove(place)),
                        _ => continue,
                    }
                }
                self.found.push((*distance, row.first + offset));
            }
        }
    }
}
