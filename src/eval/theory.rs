//! Section 4 of the paper, in numbers, where the data's density is known.
//!
//! Proposition 1: for a fixed G the best discriminator is D*(x) = p_data(x) / (p_data(x) + p_g(x)). Theorem 1: with it the
//! value is C(G) = −log 4 + 2·JSD(p_data ‖ p_g), lowest where p_g = p_data. All logarithms are natural.

use crate::data::Density;
use crate::data::random::Stream;
use serde::{Deserialize, Serialize};

/// A mode counts as covered if at least this share of what is its due lies within [`MODE_REACH`] deviations of it.
const MODE_SHARE: f64 = 0.2;
/// Deviations around a mode that are its own.
const MODE_REACH: f64 = 3.0;
/// Cells for each deviation of the data, by dimension: fine enough to see the modes, coarse enough to be filled by some
/// thousand samples.
const CELLS_A_DEVIATION: [f64; 2] = [4.0, 1.0];
/// Places a side of a cell at which the density is taken, for the cell's mass.
const PLACES: usize = 8;
/// The seed of the draws that show what chance alone gives.
const FLOOR_SEED: u64 = 4;

/// D*(x) of Proposition 1; ½ where neither density has mass.
#[must_use]
pub fn optimal_discriminator(data: f64, generated: f64) -> f64 {
    let total = data + generated;
    if total > 0.0 { data / total } else { 0.5 }
}

/// The Jensen-Shannon divergence of two distributions over the same cells, in nats: 0 where equal, log 2 where disjoint.
#[must_use]
pub fn jensen_shannon(data: &[f64], generated: &[f64]) -> f64 {
    let term = |mass: f64, middle: f64| if mass > 0.0 { mass * (mass / middle).ln() } else { 0.0 };
    let terms = data.iter().zip(generated).map(|(p, q)| {
        let middle = 0.5 * (p + q);
        term(*p, middle) + term(*q, middle)
    });
    0.5 * terms.sum::<f64>()
}

/// C(G) of Theorem 1: the value of the game against the best discriminator.
#[must_use]
pub fn value_at_best_discriminator(divergence: f64) -> f64 {
    2.0 * divergence - 4.0_f64.ln()
}

/// (V + log 4) / 2: whatever D is, its value bounds the divergence from below.
#[must_use]
pub fn divergence_bound(value: f64) -> f64 {
    0.5 * (value + 4.0_f64.ln())
}

/// The mean of [`divergence_bound`] over values that were measured on minibatches, with its standard error as if these
/// were independent; no error where there is a single one, nothing where there is none.
#[must_use]
pub fn mean_divergence_bound(values: &[f32]) -> Option<(f64, Option<f64>)> {
    let count = values.len() as f64;
    let bounds = || values.iter().map(|value| divergence_bound(f64::from(*value)));
    let mean = (!values.is_empty()).then(|| bounds().sum::<f64>() / count)?;
    let error = (values.len() > 1).then(|| {
        let variance = bounds().map(|bound| (bound - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (variance / count).sqrt()
    });
    Some((mean, error))
}

/// V(G, D) of equation 1 for distributions over cells and D at each of them.
#[must_use]
pub fn value(data: &[f64], generated: &[f64], discriminator: &[f64]) -> f64 {
    // A D that is certain in single precision is not so in truth.
    const LEAST: f64 = 1e-12;
    let term = |mass: f64, probability: f64| if mass > 0.0 { mass * probability.max(LEAST).ln() } else { 0.0 };
    let terms = data.iter().zip(generated).zip(discriminator);
    terms.map(|((p, q), d)| term(*p, *d) + term(*q, 1.0 - d)).sum()
}

/// Proposition 2 as an experiment: p_g itself, not a network, descends its criterion. Each step finds the best D, moves
/// p_g against the gradient log(1 − D*) (by the exponential, so that it stays a distribution) and records C. Returns
/// C before each step and after the last, and the final p_g.
#[must_use]
pub fn descend(data: &[f64], generated: &[f64], rate: f64, steps: usize) -> (Vec<f64>, Vec<f64>) {
    let mut current = generated.to_vec();
    let criterion = |current: &[f64]| value_at_best_discriminator(jensen_shannon(data, current));
    let mut curve = vec![criterion(&current)];
    for _ in 0..steps {
        for (mass, p) in current.iter_mut().zip(data) {
            // 1 − D* = p_g / (p_data + p_g); its logarithm is −∞ only where p_g has no mass to move.
            if *mass > 0.0 {
                *mass *= (-rate * (*mass / (p + *mass)).ln()).exp();
            }
        }
        let total: f64 = current.iter().sum();
        current.iter_mut().for_each(|mass| *mass /= total);
        curve.push(criterion(&current));
    }
    (curve, current)
}

/// What an evaluation on a known density found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Theory {
    /// JSD(p_data ‖ p_g) in nats, from cells.
    pub divergence: f64,
    /// What as many draws from the data's own density give, by chance alone: below this no generator can be seen to get.
    pub divergence_floor: f64,
    /// C(G) = −log 4 + 2·JSD.
    pub criterion: f64,
    /// The mean of |D − D*| over an equal mixture of data and samples, where D is known.
    pub distance_to_optimal: Option<f64>,
    /// The mean of |D − ½| over the same, where D is known.
    pub distance_to_half: Option<f64>,
    /// V(G, D) over the cells, where D is known.
    pub value: Option<f64>,
    /// Modes of the data.
    pub modes: usize,
    /// Modes near which there are at least a fifth of the samples due to them.
    pub modes_covered: usize,
    /// The share of samples within three deviations of a mode.
    pub near_a_mode: f64,
    /// How many samples.
    pub samples: usize,
}

/// Cells over the region of a known density, and one more for all the rest.
#[derive(Clone, PartialEq, Debug)]
pub struct Cells {
    density: Density,
    /// The lowest corner.
    low: Vec<f64>,
    /// The side of a cell along each axis.
    side: Vec<f64>,
    /// Cells along each axis.
    counts: Vec<usize>,
    masses: Vec<f64>,
}

impl Cells {
    /// Cells that suit a density of one or two dimensions.
    #[must_use]
    pub fn new(density: Density) -> Self {
        let bounds = density.bounds();
        let fineness = CELLS_A_DEVIATION[density.dim.clamp(1, 2) - 1];
        let counts: Vec<usize> =
            bounds.iter().map(|(low, high)| ((high - low) / density.deviation * fineness).round() as usize).collect();
        let side: Vec<f64> =
            bounds.iter().zip(&counts).map(|((low, high), count)| (high - low) / *count as f64).collect();
        let mut cells =
            Self { density, low: bounds.iter().map(|(low, _)| *low).collect(), side, counts, masses: Vec::new() };
        let mut masses: Vec<f64> = (0..cells.len() - 1).map(|cell| cells.mass(cell)).collect();
        masses.push((1.0 - masses.iter().sum::<f64>()).max(0.0));
        cells.masses = masses;
        cells
    }

    /// Cells, with the one for the rest.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.iter().product::<usize>() + 1
    }

    /// There is always the cell for the rest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The data's mass in each cell; the last is for the rest.
    #[must_use]
    pub fn data(&self) -> &[f64] {
        &self.masses
    }

    /// The share of points (row by row) in each cell; the last is for the rest.
    #[must_use]
    pub fn generated(&self, points: &[f32]) -> Vec<f64> {
        let mut shares = vec![0.0; self.len()];
        let each = self.density.dim as f64 / points.len().max(1) as f64;
        for point in points.chunks_exact(self.density.dim) {
            shares[self.cell_of(point)] += each;
        }
        shares
    }

    /// The middle of each cell but the rest's, row by row: where D is to be asked.
    #[must_use]
    pub fn centres(&self) -> Vec<f32> {
        (0..self.len() - 1).flat_map(|cell| self.place(cell, 0.5, 0.5)).map(|value| value as f32).collect()
    }

    /// Compares samples (row by row) with the density, and D at [`Self::centres`] with what it should be.
    #[must_use]
    pub fn compare(&self, samples: &[f32], discriminator: Option<&[f64]>) -> Theory {
        let generated = self.generated(samples);
        let divergence = jensen_shannon(&self.masses, &generated);
        let discriminator = discriminator.filter(|d| d.iter().all(|d| d.is_finite()));
        let mean = |of: &dyn Fn(usize, f64) -> f64| {
            discriminator.map(|discriminator| {
                let inside = discriminator.iter().take(self.len() - 1).enumerate();
                let weighted = inside.map(|(cell, d)| {
                    let weight = 0.5 * (self.masses[cell] + generated[cell]);
                    (weight, weight * of(cell, *d))
                });
                let (weight, total) = weighted.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
                if weight > 0.0 { total / weight } else { 0.0 }
            })
        };
        let (modes_covered, near_a_mode) = self.modes_covered(samples);
        let inside = self.len() - 1;
        let count = samples.len() / self.density.dim;
        let (own, _) = self.density.draw(&Stream::new(FLOOR_SEED, 0), &Stream::new(FLOOR_SEED, 1), count);
        Theory {
            divergence,
            divergence_floor: jensen_shannon(&self.masses, &self.generated(&own)),
            criterion: value_at_best_discriminator(divergence),
            distance_to_optimal: mean(&|cell, d| (d - optimal_discriminator(self.masses[cell], generated[cell])).abs()),
            distance_to_half: mean(&|_, d| (d - 0.5).abs()),
            value: discriminator.map(|d| value(&self.masses[..inside], &generated[..inside], d)),
            modes: self.density.modes.len(),
            modes_covered,
            near_a_mode,
            samples: count,
        }
    }

    /// How many modes have their due, and the share of samples near any.
    fn modes_covered(&self, samples: &[f32]) -> (usize, f64) {
        let modes = self.density.modes.len();
        let count = samples.len() / self.density.dim;
        let mut near = vec![0_usize; modes];
        for sample in samples.chunks_exact(self.density.dim) {
            let point = [sample[0], sample[self.density.dim - 1]].map(f64::from);
            let (mode, distance) = self.density.nearest_mode(&point[..self.density.dim]);
            if distance <= MODE_REACH * self.density.deviation {
                near[mode] += 1;
            }
        }
        let due = MODE_SHARE * count as f64 / modes as f64;
        let covered = near.iter().filter(|near| **near > 0 && **near as f64 >= due).count();
        (covered, near.iter().sum::<usize>() as f64 / count.max(1) as f64)
    }

    fn cell_of(&self, point: &[f32]) -> usize {
        let mut cell = 0;
        for (axis, value) in point.iter().enumerate().rev() {
            let place = ((f64::from(*value) - self.low[axis]) / self.side[axis]).floor();
            // Also what is no number is among the rest.
            if !(place >= 0.0 && place < self.counts[axis] as f64) {
                return self.len() - 1;
            }
            cell = cell * self.counts[axis] + place as usize;
        }
        cell
    }

    /// A place within a cell, given as shares of its sides.
    fn place(&self, cell: usize, x: f64, y: f64) -> Vec<f64> {
        let (column, row) = (cell % self.counts[0], cell / self.counts[0]);
        let places = [(column as f64 + x), (row as f64 + y)];
        (0..self.density.dim).map(|axis| self.low[axis] + places[axis] * self.side[axis]).collect()
    }

    fn mass(&self, cell: usize) -> f64 {
        let share = |index: usize| (index as f64 + 0.5) / PLACES as f64;
        let rows = if self.density.dim == 1 { 1 } else { PLACES };
        let places = (0..rows).flat_map(|y| (0..PLACES).map(move |x| (share(x), share(y))));
        let total: f64 = places.map(|(x, y)| self.density.density(&self.place(cell, x, y))).sum();
        total / (PLACES * rows) as f64 * self.side.iter().product::<f64>()
    }
}
