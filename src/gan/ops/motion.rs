//! How the numbers of a network's state move: the optimiser's rule and the moving average.

use super::scratch;
use super::simd::multiversion;
use super::split::{Shared, split, threads_for};
use crate::gan::optimizer::Rule;
use std::marker::PhantomData;
use std::ops::Range;

/// How a state moves in one update.
///
/// The state holds, one after another and each `count` long: the weights, the optimiser's moments, and (with
/// `average`) the moving average of the weights.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Motion {
    /// The length of one section of the state.
    pub count: usize,
    /// How to move.
    pub rule: Rule,
    /// The decay of the moving average, where one is kept.
    pub average: Option<f32>,
}

/// The sections of a state, shared between threads that touch disjoint places of each.
pub struct Sections<'a> {
    start: *mut f32,
    count: usize,
    total: usize,
    state: PhantomData<&'a mut [f32]>,
}

// SAFETY: `Sections::at` is called with disjoint ranges only.
unsafe impl Sync for Sections<'_> {}

impl<'a> Sections<'a> {
    /// Shares a state.
    pub fn new(state: &'a mut [f32], count: usize) -> Self {
        Self { start: state.as_mut_ptr(), count, total: state.len(), state: PhantomData }
    }

    /// Some numbers of a section.
    ///
    /// # Safety
    ///
    /// No two parts in use at the same time may overlap.
    #[must_use]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn at(&self, section: usize, range: &Range<usize>) -> &mut [f32] {
        assert!(range.end <= self.count && (section + 1) * self.count <= self.total, "beyond the state");
        // SAFETY: within the state by the assertion, alone by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(section * self.count + range.start), range.len()) }
    }
}

impl Motion {
    /// Applies the rule to the weights at `place`.
    ///
    /// # Safety
    ///
    /// No other thread may work on `place`.
    pub unsafe fn step(&self, sections: &Sections<'_>, place: &Range<usize>, gradient: &[f32]) {
        // SAFETY: by the caller's promise; the sections do not overlap.
        unsafe {
            let weights = sections.at(0, place);
            match self.rule {
                Rule::Sgd { learning_rate, momentum } => {
                    sgd(weights, sections.at(1, place), gradient, learning_rate, momentum);
                }
                Rule::Adam { step_size, beta1, beta2, epsilon } => {
                    let (first, second) = (sections.at(1, place), sections.at(2, place));
                    adam(weights, first, second, gradient, step_size, beta1, beta2, epsilon);
                }
            }
            self.follow_average(sections, place);
        }
    }

    /// Moves the average of the numbers at `place` towards them.
    ///
    /// # Safety
    ///
    /// No other thread may work on `place`.
    pub unsafe fn follow_average(&self, sections: &Sections<'_>, place: &Range<usize>) {
        let section = match self.rule {
            Rule::Sgd { .. } => 2,
            Rule::Adam { .. } => 3,
        };
        if let Some(decay) = self.average {
            // SAFETY: by the caller's promise; the sections do not overlap.
            unsafe { average(sections.at(section, place), sections.at(0, place), decay) };
        }
    }
}

/// Calls `taker` with the sums of the columns of a matrix stored row by row. A long matrix is summed in parts, always the
/// same, whatever the number of threads.
pub fn column_sums(columns: usize, matrix: &[f32], threads: usize, taker: impl FnOnce(&[f32])) {
    const PARTS: usize = 16;
    let rows = matrix.len() / columns;
    let parts = if rows >= 64 * PARTS { PARTS } else { 1 };
    scratch::with(parts * columns, |sums| {
        let shared = Shared::new(sums);
        split(parts, 1, threads_for(matrix.len(), threads), &|range| {
            for part in range {
                // SAFETY: each part has sums of its own.
                let sums = unsafe { shared.part(part * columns..(part + 1) * columns) };
                sums.fill(0.0);
                let rows = rows * part / parts..rows * (part + 1) / parts;
                sum_rows(sums, &matrix[rows.start * columns..rows.end * columns]);
            }
        });
        let (total, rest) = sums.split_at_mut(columns);
        sum_rows(total, rest);
        taker(total);
    });
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
    /// weights ← weights + velocity.
    pub(super) fn follow(weights: &mut [f32], velocity: &[f32]) {
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
    #[allow(clippy::too_many_arguments)]
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
