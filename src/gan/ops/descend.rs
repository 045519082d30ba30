//! The gradient of an affine map's weights, formed and applied band by band while it is in the cache: no gradient of a
//! whole network is ever stored.

use super::affine::Affine;
use super::product::{Destination, Matrix, product};
use super::simd::multiversion;
use super::slices::{destination, source};
use super::split::{split, threads_for};
use crate::gan::optimizer::Rule;
use candle_core::{CpuStorage, InplaceOp3, Layout, Result};
use std::ops::Range;

/// Numbers of a band's gradient: half of a usual second-level cache.
const BAND: usize = 128 * 1024;

/// `state.inplace_op3(delta, x, Descend)`: moves W and b against xᵀ·delta and the sum of delta over rows.
///
/// The state holds, one after another and each `count` long: the weights, the optimiser's moments, and (with
/// `average`) the moving average of the weights.
pub struct Descend {
    /// The map.
    pub affine: Affine,
    /// The length of one section of the state.
    pub count: usize,
    /// How to move.
    pub rule: Rule,
    /// The decay of the moving average, where one is kept.
    pub average: Option<f32>,
    /// Threads to use.
    pub threads: usize,
}

/// The sections of the state, shared between threads that touch disjoint places of each.
struct Sections {
    start: *mut f32,
    count: usize,
    total: usize,
}

// SAFETY: `Sections::at` is called with disjoint ranges only.
unsafe impl Sync for Sections {}

impl Sections {
    /// # Safety
    ///
    /// No two parts in use at the same time may overlap.
    #[allow(clippy::mut_from_ref)]
    unsafe fn at(&self, section: usize, range: &Range<usize>) -> &mut [f32] {
        assert!(range.end <= self.count && (section + 1) * self.count <= self.total, "beyond the state");
        // SAFETY: within the state by the assertion, alone by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(section * self.count + range.start), range.len()) }
    }
}

impl InplaceOp3 for Descend {
    fn name(&self) -> &'static str {
        "descend"
    }

    fn cpu_fwd(
        &self,
        state: &mut CpuStorage,
        state_layout: &Layout,
        delta: &CpuStorage,
        delta_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
    ) -> Result<()> {
        let Affine { at, inputs, outputs } = self.affine;
        let (state, delta, x) = (destination(state, state_layout)?, source(delta, delta_layout)?, source(x, x_layout)?);
        let rows = delta.len() / outputs;
        let delta_matrix = Matrix::by_rows(delta, rows, outputs);
        let x = Matrix::by_rows(x, rows, inputs).transposed();
        let sections = Sections { start: state.as_mut_ptr(), count: self.count, total: state.len() };

        let bias = at + inputs * outputs..at + self.affine.len();
        let mut gradient = vec![0.0; outputs];
        sum_rows(&mut gradient, delta);
        // SAFETY: no thread works on the state yet.
        unsafe { self.step(&sections, &bias, &mut gradient) };

        let band = (BAND / outputs).clamp(8, 256);
        let threads = threads_for(rows * inputs * outputs, self.threads);
        split(inputs, 8, threads, &|range| {
            let mut gradient = match self.rule {
                Rule::Sgd { .. } => Vec::new(),
                Rule::Adam { .. } => vec![0.0; band.min(range.len()) * outputs],
            };
            let mut start = range.start;
            while start < range.end {
                let inputs = start..(start + band).min(range.end);
                let place = at + inputs.start * outputs..at + inputs.end * outputs;
                let x = x.rows(inputs.clone());
                match self.rule {
                    Rule::Sgd { learning_rate, momentum } => {
                        // SAFETY: each thread has inputs, and so rows of W, of its own.
                        unsafe {
                            let velocity = sections.at(1, &place);
                            let destination = Destination { start: velocity.as_mut_ptr(), row_stride: outputs };
                            product(&destination, momentum, -learning_rate, x, delta_matrix);
                            follow(sections.at(0, &place), velocity);
                            self.follow_average(&sections, 2, &place);
                        }
                    }
                    Rule::Adam { .. } => {
                        let gradient = &mut gradient[..place.len()];
                        // SAFETY: as above, and the gradient is this thread's own.
                        unsafe {
                            let destination = Destination { start: gradient.as_mut_ptr(), row_stride: outputs };
                            product(&destination, 0.0, 1.0, x, delta_matrix);
                            self.step(&sections, &place, gradient);
                        }
                    }
                }
                start = inputs.end;
            }
        });
        Ok(())
    }
}

impl Descend {
    /// Applies the rule to the weights at `place`.
    ///
    /// # Safety
    ///
    /// No other thread may work on `place`.
    unsafe fn step(&self, sections: &Sections, place: &Range<usize>, gradient: &mut [f32]) {
        // SAFETY: by the caller's promise; the sections do not overlap.
        unsafe {
            let weights = sections.at(0, place);
            match self.rule {
                Rule::Sgd { learning_rate, momentum } => {
                    sgd(weights, sections.at(1, place), gradient, learning_rate, momentum);
                    self.follow_average(sections, 2, place);
                }
                Rule::Adam { step_size, beta1, beta2, epsilon } => {
                    let (first, second) = (sections.at(1, place), sections.at(2, place));
                    adam(weights, first, second, gradient, step_size, beta1, beta2, epsilon);
                    self.follow_average(sections, 3, place);
                }
            }
        }
    }

    /// # Safety
    ///
    /// No other thread may work on `place`.
    unsafe fn follow_average(&self, sections: &Sections, section: usize, place: &Range<usize>) {
        if let Some(decay) = self.average {
            // SAFETY: by the caller's promise; the sections do not overlap.
            unsafe { average(sections.at(section, place), sections.at(0, place), decay) };
        }
    }
}

multiversion! {
    fn sum_rows(sums: &mut [f32], rows: &[f32]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

multiversion! {
    fn follow(weights: &mut [f32], velocity: &[f32]) {
        for (weight, velocity) in weights.iter_mut().zip(velocity) {
            *weight += velocity;
        }
    }
}

multiversion! {
    fn sgd(weights: &mut [f32], velocity: &mut [f32], gradient: &[f32], learning_rate: f32, momentum: f32) {
        for ((weight, velocity), gradient) in weights.iter_mut().zip(velocity).zip(gradient) {
            *velocity = momentum * *velocity - learning_rate * gradient;
            *weight += *velocity;
        }
    }
}

multiversion! {
    fn adam(
        weights: &mut [f32],
        first: &mut [f32],
        second: &mut [f32],
        gradient: &[f32],
        step_size: f32,
        beta1: f32,
        beta2: f32,
        epsilon: f32,
    ) {
        let moments = first.iter_mut().zip(second);
        for ((weight, (first, second)), gradient) in weights.iter_mut().zip(moments).zip(gradient) {
            *first += (1.0 - beta1) * (gradient - *first);
            *second += (1.0 - beta2) * (gradient * gradient - *second);
            *weight -= step_size * *first / (second.sqrt() + epsilon);
        }
    }
}

multiversion! {
    fn average(mean: &mut [f32], weights: &[f32], decay: f32) {
        for (mean, weight) in mean.iter_mut().zip(weights) {
            *mean += (1.0 - decay) * (weight - *mean);
        }
    }
}
