//! The limit on the norm of each output's weights (Srebro and Shraibman, 2005; pylearn2's `max_col_norm`).

use super::affine::Affine;
use super::motion::{Motion, Sections};
use super::scratch;
use super::simd::multiversion;
use super::slices::destination;
use super::split::{split, threads_for};
use candle_core::{CpuStorage, InplaceOp1, Layout, Result};
use std::ops::Range;

/// `state.inplace_op1(Limit)`: scales down the weights of each output whose norm is above the limit, then lets the
/// average follow. The update before it must have left the average alone.
pub struct Limit {
    /// The map.
    pub affine: Affine,
    /// The largest norm.
    pub most: f32,
    /// Which weights are an output's.
    pub of: Of,
    /// Whose average follows; the rule is that of the update before.
    pub motion: Motion,
    /// Whether b belongs to the map; under batch norm it is moved with the norm's other numbers.
    pub bias: bool,
    /// Threads to use.
    pub threads: usize,
}

/// Which weights are an output's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// A column of the weights as they lie: of a dense map or a convolution.
    Column,
    /// Every so many rows: of a convolution's transpose with so many channels, or where an output's weights lie together.
    Rows(usize),
}

impl InplaceOp1 for Limit {
    fn name(&self) -> &'static str {
        "limit-norm"
    }

    fn cpu_fwd(&self, state: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let at = self.affine.at;
        let (inputs, outputs) = match self.affine.by_output {
            true => (self.affine.outputs, self.affine.inputs),
            false => (self.affine.inputs, self.affine.outputs),
        };
        let sections = Sections::new(destination(state, layout)?, self.motion.count);
        let place =
            |row: usize, columns: &Range<usize>| at + row * outputs + columns.start..at + row * outputs + columns.end;
        let threads = threads_for(2 * inputs * outputs, self.threads);
        match self.of {
            Of::Column => split(outputs, 64, threads, &|columns| {
                scratch::with(columns.len(), |factors| {
                    factors.fill(0.0);
                    for row in 0..inputs {
                        // SAFETY: each thread has columns of its own.
                        add_squares(factors, unsafe { sections.at(0, &place(row, &columns)) });
                    }
                    factors.iter_mut().for_each(|factor| *factor = shrink(*factor, self.most));
                    let any = factors.iter().any(|factor| *factor < 1.0);
                    for row in (0..inputs).filter(|_| any || self.motion.average.is_some()) {
                        let place = place(row, &columns);
                        // SAFETY: as above.
                        unsafe {
                            multiply(sections.at(0, &place), factors);
                            self.motion.follow_average(&sections, &place);
                        }
                    }
                });
            }),
            Of::Rows(channels) => split(channels, 1, threads, &|range| {
                let columns = 0..outputs;
                for channel in range {
                    let rows = (channel..inputs).step_by(channels);
                    // SAFETY: each thread has channels, and so rows, of its own.
                    unsafe {
                        let squares: f32 =
                            rows.clone().map(|row| sum_squares(sections.at(0, &place(row, &columns)))).sum();
                        let factor = shrink(squares, self.most);
                        for row in rows {
                            let place = place(row, &columns);
                            sections.at(0, &place).iter_mut().for_each(|weight| *weight *= factor);
                            self.motion.follow_average(&sections, &place);
                        }
                    }
                }
            }),
        }
        if self.bias {
            // SAFETY: no other thread works on the state any more.
            unsafe { self.motion.follow_average(&sections, &self.affine.bias_place()) };
        }
        Ok(())
    }
}

/// What brings a norm with this square to the limit; 1 if it is below.
fn shrink(square: f32, most: f32) -> f32 {
    let norm = square.sqrt();
    if norm > most { most / norm } else { 1.0 }
}

multiversion! {
    fn add_squares(sums: &mut [f32], row: &[f32]) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value * value;
        }
    }
}

multiversion! {
    fn multiply(row: &mut [f32], factors: &[f32]) {
        for (value, factor) in row.iter_mut().zip(factors) {
            *value *= factor;
        }
    }
}

multiversion! {
    fn sum_squares(row: &[f32]) -> f32 {
        let mut sums = [0.0f32; 16];
        let (chunks, rest) = row.as_chunks::<16>();
        for chunk in chunks {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum += value * value;
            }
        }
        for (sum, value) in sums.iter_mut().zip(rest) {
            *sum += value * value;
        }
        sums.iter().sum()
    }
}
