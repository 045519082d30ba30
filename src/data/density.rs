//! Distributions whose density is known: mixtures of Gaussians with one standard deviation for all.

use super::random::Stream;

/// A mixture of isotropic Gaussians with equal weights.
#[derive(Clone, PartialEq, Debug)]
pub struct Density {
    /// 1 or 2.
    pub dim: usize,
    /// The means, one after another.
    pub modes: Vec<[f64; 2]>,
    /// The standard deviation of each of them in each coordinate.
    pub deviation: f64,
}

impl Density {
    /// p(x).
    #[must_use]
    pub fn density(&self, x: &[f64]) -> f64 {
        let scale = 1.0 / (2.0 * self.deviation * self.deviation);
        let total: f64 = self.modes.iter().map(|mode| (-scale * squared_distance(&mode[..self.dim], x)).exp()).sum();
        let one = (self.deviation * std::f64::consts::TAU.sqrt()).powf(self.dim as f64);
        total / (one * self.modes.len() as f64)
    }

    /// The mode nearest to a point and the distance to it.
    #[must_use]
    pub fn nearest_mode(&self, x: &[f64]) -> (usize, f64) {
        let mut nearest = (0, f64::INFINITY);
        for (index, mode) in self.modes.iter().enumerate() {
            let distance = squared_distance(&mode[..self.dim], x);
            if distance < nearest.1 {
                nearest = (index, distance);
            }
        }
        (nearest.0, nearest.1.sqrt())
    }

    /// The lowest and highest value of each coordinate worth looking at: the modes and six deviations around them.
    #[must_use]
    pub fn bounds(&self) -> Vec<(f64, f64)> {
        let margin = 6.0 * self.deviation;
        (0..self.dim)
            .map(|axis| {
                let values = self.modes.iter().map(|mode| mode[axis]);
                (
                    values.clone().fold(f64::INFINITY, f64::min) - margin,
                    values.fold(f64::NEG_INFINITY, f64::max) + margin,
                )
            })
            .collect()
    }

    /// `count` points one after another, and the mode that each came from. Point i of a stream is always the same.
    #[must_use]
    pub fn draw(&self, choices: &Stream, offsets: &Stream, count: usize) -> (Vec<f32>, Vec<u8>) {
        let mut points = Vec::with_capacity(count * self.dim);
        let mut labels = Vec::with_capacity(count);
        for index in 0..count as u64 {
            let [u, _] = choices.uniform_pair(index);
            let chosen = ((u * self.modes.len() as f64) as usize).min(self.modes.len() - 1);
            let offset = offsets.normal_pair(index);
            let coordinates = self.modes[chosen].iter().zip(offset).take(self.dim);
            points.extend(coordinates.map(|(mean, normal)| (mean + self.deviation * normal) as f32));
            labels.push(chosen as u8);
        }
        (points, labels)
    }
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
