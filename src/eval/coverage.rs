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

/// Density and coverage of samples against data points, both row by row. The ball of a data point reaches to its k-th
/// nearest among the others. `None` with fewer than k + 1 points, or no sample.
///
/// Uses up to `threads` threads of the rayon pool that the caller is in.
#[must_use]
pub fn coverage(samples: &[f32], points: &[f32], dim: usize, threads: usize) -> Option<Coverage> {
    if dim == 0 || samples.len() < dim || points.len() / dim <= NEIGHBOURS {
        return None;
    }
    let (count, sample_count) = (points.len() / dim, samples.len() / dim);
    let data = Points::Numbers(points);

    /// A data point, the distances to its nearest others in rising order, and the samples within the largest of them.
    struct Ball {
        own: usize,
        nearest: [f32; NEIGHBOURS],
        inside: usize,
    }
    let mut balls: Vec<Ball> =
        (0..count).map(|own| Ball { own, nearest: [f32::INFINITY; NEIGHBOURS], inside: 0 }).collect();
    visit_tiles(data, data, dim, threads, &mut balls, |ball, row| {
        for (offset, distance) in row.distances.iter().enumerate() {
            if *distance < ball.nearest[NEIGHBOURS - 1] && row.first + offset != ball.own {
                let place = ball.nearest.partition_point(|one| one <= distance);
                ball.nearest[place..].rotate_right(1);
                ball.nearest[place] = *distance;
            }
        }
    });
    visit_tiles(Points::Numbers(samples), data, dim, threads, &mut balls, |ball, row| {
        let radius = ball.nearest[NEIGHBOURS - 1];
        if row.least < radius {
            ball.inside += row.distances.iter().filter(|distance| **distance < radius).count();
        }
    });
    let inside: usize = balls.iter().map(|ball| ball.inside).sum();
    let reached = balls.iter().filter(|ball| ball.inside > 0).count();
    Some(Coverage {
        density: inside as f64 / (NEIGHBOURS * sample_count) as f64,
        coverage: reached as f64 / count as f64,
        neighbours: NEIGHBOURS,
        samples: sample_count,
        points: count,
    })
}
