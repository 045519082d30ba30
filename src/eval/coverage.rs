//! Density and coverage (Naeem et al., *Reliable Fidelity and Diversity Metrics for Generative Models*, 2020): how deep
//! in the data the samples lie, and how much of the data they reach.

use super::distances::{Points, visit_tiles};
use serde::{Deserialize, Serialize};

/// The neighbours that make a ball.
pub const NEIGHBOURS: usize = 5;

/// Fidelity and diversity.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Coverage {
    /// How many balls of data points a sample lies in, over k; about 1 for samples of the data's own distribution, and not
    /// bounded by it.
    pub density: f64,
    /// The share of data points whose ball holds a sample; about 1 − 2⁻ᵏ for samples of the data's own distribution.
    pub coverage: f64,
    /// k.
    pub neighbours: usize,
    /// Samples.
    pub samples: usize,
    /// Data points.
    pub points: usize,
}

/// Data points with the balls around them: found once, and held against the samples of any number of generators.
#[derive(Clone, Debug)]
pub struct Balls {
    points: Vec<f32>,
    dim: usize,
    radii: Vec<f32>,
}

impl Balls {
    /// The ball of each point (row by row): it reaches to its k-th nearest among the others. `None` with fewer than k + 1
    /// points.
    ///
    /// Uses up to `threads` threads of the rayon pool that the caller is in.
    #[must_use]
    pub fn new(points: Vec<f32>, dim: usize, threads: usize) -> Option<Self> {
        if dim == 0 || points.len() / dim <= NEIGHBOURS {
            return None;
        }
        let data = Points::Numbers(&points);
        // A data point, and the distances to its nearest others in rising order.
        let mut nearest: Vec<(usize, [f32; NEIGHBOURS])> =
            (0..points.len() / dim).map(|own| (own, [f32::INFINITY; NEIGHBOURS])).collect();
        visit_tiles(data, data, dim, threads, &mut nearest, |(own, nearest), row| {
            for (offset, distance) in row.distances.iter().enumerate() {
                if *distance < nearest[NEIGHBOURS - 1] && row.first + offset != *own {
                    let place = nearest.partition_point(|one| one <= distance);
                    nearest[place..].rotate_right(1);
                    nearest[place] = *distance;
                }
            }
        });
        let radii = nearest.iter().map(|(_, nearest)| nearest[NEIGHBOURS - 1]).collect();
        Some(Self { points, dim, radii })
    }

    /// How many points there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.radii.len()
    }

    /// There are always some.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Density and coverage of samples (row by row); `None` without a sample.
    ///
    /// Uses up to `threads` threads of the rayon pool that the caller is in.
    #[must_use]
    pub fn hold(&self, samples: &[f32], threads: usize) -> Option<Coverage> {
        let sample_count = samples.len() / self.dim;
        if sample_count == 0 {
            return None;
        }
        let mut balls: Vec<(f32, usize)> = self.radii.iter().map(|radius| (*radius, 0)).collect();
        let (samples, data) = (Points::Numbers(samples), Points::Numbers(&self.points));
        visit_tiles(samples, data, self.dim, threads, &mut balls, |(radius, inside), row| {
            if row.least < *radius {
                *inside += row.distances.iter().filter(|distance| *distance < radius).count();
            }
        });
        let inside: usize = balls.iter().map(|(_, inside)| inside).sum();
        let reached = balls.iter().filter(|(_, inside)| *inside > 0).count();
        Some(Coverage {
            density: inside as f64 / (NEIGHBOURS * sample_count) as f64,
            coverage: reached as f64 / self.len() as f64,
            neighbours: NEIGHBOURS,
            samples: sample_count,
            points: self.len(),
        })
    }
}

/// Density and coverage of samples against data points, both row by row. `None` with fewer than k + 1 points, or no
/// sample.
///
/// Uses up to `threads` threads of the rayon pool that the caller is in.
#[must_use]
pub fn coverage(samples: &[f32], points: &[f32], dim: usize, threads: usize) -> Option<Coverage> {
    Balls::new(points.to_vec(), dim, threads)?.hold(samples, threads)
}
