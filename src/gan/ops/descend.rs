//! The gradient of an affine map's weights, formed and applied band by band while it is in the cache: no gradient of a
//! whole network is ever stored.

use super::affine::Affine;
use super::motion::{Motion, Sections, column_sums, follow};
use super::product::{Destination, Matrix, product};
use super::slices::{destination, source};
use super::split::{split, threads_for};
use crate::gan::optimizer::Rule;
use candle_core::{CpuStorage, InplaceOp3, Layout, Result};

/// Numbers of a band's gradient: half of a usual second-level cache.
const BAND: usize = 128 * 1024;

/// `state.inplace_op3(delta, x, Descend)`: moves W and b against xᵀ·delta and the sum of delta over rows.
pub struct Descend {
    /// The map.
    pub affine: Affine,
    /// How to move.
    pub motion: Motion,
    /// How many of the rows, from the first on, move b: none under batch norm, which moves it with the norm's other
    /// numbers.
    pub bias_rows: usize,
    /// Threads to use.
    pub threads: usize,
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
        let Affine { at, inputs, outputs, .. } = self.affine;
        let (state, delta, x) = (destination(state, state_layout)?, source(delta, delta_layout)?, source(x, x_layout)?);
        let rows = delta.len() / outputs;
        let delta_matrix = Matrix::by_rows(delta, rows, outputs);
        let x = Matrix::by_rows(x, rows, inputs).transposed();
        let (motion, sections) = (&self.motion, Sections::new(state, self.motion.count));

        if self.bias_rows > 0 {
            column_sums(outputs, &delta[..self.bias_rows * outputs], self.threads, |gradient| {
                // SAFETY: no thread works on the state yet.
                unsafe { motion.step(&sections, &self.affine.bias_place(), gradient) };
            });
        }

        let band = (BAND / outputs).clamp(8, 256);
        let threads = threads_for(rows * inputs * outputs, self.threads);
        split(inputs, 8, threads, &|range| {
            let mut gradient = match motion.rule {
                Rule::Sgd { .. } => Vec::new(),
                Rule::Adam { .. } => vec![0.0; band.min(range.len()) * outputs],
            };
            let mut start = range.start;
            while start < range.end {
                let inputs = start..(start + band).min(range.end);
                let place = at + inputs.start * outputs..at + inputs.end * outputs;
                let x = x.rows(inputs.clone());
                match motion.rule {
                    Rule::Sgd { learning_rate, momentum } => {
                        // SAFETY: each thread has inputs, and so rows of W, of its own.
                        unsafe {
                            let velocity = sections.at(1, &place);
                            let destination = Destination { start: velocity.as_mut_ptr(), row_stride: outputs };
                            product(&destination, momentum, -learning_rate, x, delta_matrix);
                            follow(sections.at(0, &place), velocity);
                            motion.follow_average(&sections, &place);
                        }
                    }
                    Rule::Adam { .. } => {
                        let gradient = &mut gradient[..place.len()];
                        // SAFETY: as above, and the gradient is this thread's own.
                        unsafe {
                            let destination = Destination { start: gradient.as_mut_ptr(), row_stride: outputs };
                            product(&destination, 0.0, 1.0, x, delta_matrix);
                            motion.step(&sections, &place, gradient);
                        }
                    }
                }
                start = inputs.end;
            }
        });
        Ok(())
    }
}
