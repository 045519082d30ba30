//! y = activation(x·W + b), and what its gradient sends back to x.
//!
//! W lies in the state as (inputs, outputs): the forward product, made most often, then needs no packing. Where only few
//! outputs have a gradient it lies as (outputs, inputs), so that an output's weights are read and moved at a stretch.

use super::elementwise::bias_activate;
use super::product::{Destination, Matrix, product};
use super::slices::{destination, source};
use super::split::{Shared, split, threads_for};
use crate::gan::spec::Activation;
use candle_core::{CpuStorage, InplaceOp3, Layout, Result};
use std::ops::Range;

/// Where an affine map's numbers lie in a network's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Affine {
    /// The first weight; the biases follow the weights.
    pub at: usize,
    /// x's width.
    pub inputs: usize,
    /// y's width.
    pub outputs: usize,
    /// How many numbers b has: one an output, where b is not that of a convolution's transpose.
    pub biases: usize,
    /// Whether the weights of an output lie together, instead of those of an input.
    pub by_output: bool,
}

impl Affine {
    /// Weights and biases together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inputs * self.outputs + self.biases
    }

    /// Whether it has no numbers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the biases lie.
    #[must_use]
    pub fn bias_place(&self) -> Range<usize> {
        self.at + self.inputs * self.outputs..self.at + self.len()
    }

    /// W.
    #[must_use]
    pub fn weights<'a>(&self, state: &'a [f32]) -> Matrix<'a> {
        let weights = &state[self.at..self.at + self.inputs * self.outputs];
        match self.by_output {
            true => Matrix::by_rows(weights, self.outputs, self.inputs).transposed(),
            false => Matrix::by_rows(weights, self.inputs, self.outputs),
        }
    }

    /// b.
    #[must_use]
    pub fn bias<'a>(&self, state: &'a [f32]) -> &'a [f32] {
        &state[self.bias_place()]
    }
}

/// `y.inplace_op3(x, state, Forward)`: y ← activation(x·W + b).
pub struct Forward {
    /// The map.
    pub affine: Affine,
    /// What follows x·W + b; without it y is x·W alone.
    pub finish: Option<Activation>,
    /// Threads to use.
    pub threads: usize,
}

impl InplaceOp3 for Forward {
    fn name(&self) -> &'static str {
        "affine-forward"
    }

    fn cpu_fwd(
        &self,
        y: &mut CpuStorage,
        y_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> Result<()> {
        let Affine { inputs, outputs, .. } = self.affine;
        let (y, x, state) = (destination(y, y_layout)?, source(x, x_layout)?, source(state, state_layout)?);
        let rows = x.len() / inputs;
        let x = Matrix::by_rows(x, rows, inputs);
        let (weights, bias) = (self.affine.weights(state), self.affine.bias(state));
        assert_eq!(y.len(), rows * outputs, "y has the wrong size");
        let y = Shared::new(y);
        let threads = threads_for(rows * self.affine.len(), self.threads);
        split(outputs, 64, threads, &|columns| {
            // SAFETY: y is `rows × outputs` long by the assertion, and each thread has columns of its own.
            unsafe {
                let start = y.start().add(columns.start);
                let destination = Destination { start, row_stride: outputs };
                product(&destination, 0.0, 1.0, x, weights.columns(columns.clone()));
            }
            let Some(activation) = self.finish else { return };
            for row in 0..rows {
                // SAFETY: as above.
                let row = unsafe { y.part(row * outputs + columns.start..row * outputs + columns.end) };
                bias_activate(row, &bias[columns.clone()], activation);
            }
        });
        Ok(())
    }
}

/// `dx.inplace_op3(delta, state, ToInput)`: dx ← delta·Wᵀ.
pub struct ToInput {
    /// The map.
    pub affine: Affine,
    /// Threads to use.
    pub threads: usize,
}

impl InplaceOp3 for ToInput {
    fn name(&self) -> &'static str {
        "affine-to-input"
    }

    fn cpu_fwd(
        &self,
        dx: &mut CpuStorage,
        dx_layout: &Layout,
        delta: &CpuStorage,
        delta_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> Result<()> {
        let Affine { inputs, outputs, .. } = self.affine;
        let (dx, delta) = (destination(dx, dx_layout)?, source(delta, delta_layout)?);
        let rows = delta.len() / outputs;
        let delta = Matrix::by_rows(delta, rows, outputs);
        let weights = self.affine.weights(source(state, state_layout)?);
        assert_eq!(dx.len(), rows * inputs, "dx has the wrong size");
        let dx = Shared::new(dx);
        let threads = threads_for(rows * inputs * outputs, self.threads);
        split(inputs, 64, threads, &|columns| {
            // SAFETY: dx is `rows × inputs` long by the assertion, and each thread has columns of its own.
            unsafe {
                let destination = Destination { start: dx.start().add(columns.start), row_stride: inputs };
                product(&destination, 0.0, 1.0, delta, weights.rows(columns).transposed());
            }
        });
        Ok(())
    }
}
