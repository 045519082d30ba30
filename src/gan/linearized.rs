//! A network's gradient in its input as a function of the weights: what a penalty on that gradient needs.
//!
//! Where every activation is piecewise linear, ∇ₓD is a product of the weights, of the slopes and of the dropout masks,
//! which all stay the same in a small neighbourhood. So the gradient of (γ/2)·‖∇ₓD‖² in the weights of layer l is eₗᵀ·uₗ₋₁,
//! where e goes backward from a logit gradient of 1, and u forward from γ·∇ₓD through the same slopes and masks without
//! biases. That is the form of any other gradient: the rows of e and u go below those of the loss, and one product takes both.

use super::GanError;
use super::layers::{Kind, Layer};
use super::network::{Activations, Between, LayerActivations, Network, Pass, mismatched, view};
use super::ops::maxout::Chosen;
use super::ops::slices;
use candle_core::Tensor;
use std::ops::Range;

/// Rows whose forward pass decided slopes, winners and masks, and as many further rows that go the same ways.
pub struct Linearized {
    /// The rows of the forward pass.
    pub pattern: Range<usize>,
    /// The first of the further rows, after those of the pattern.
    pub start: usize,
}

impl Linearized {
    /// The further rows.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.start..self.start + self.pattern.len()
    }
}

impl Network {
    /// Writes the gradient of each output in the input to `to_input`, and of each affine map to the further rows'
    /// [`Activations::deltas`].
    ///
    /// # Errors
    ///
    /// If candle refuses an operation.
    pub fn differentiate_outputs(
        &self,
        activations: &Activations,
        linearized: &Linearized,
        pass: Pass,
        to_input: &Tensor,
    ) -> Result<(), GanError> {
        let (pattern, rows) = (&linearized.pattern, linearized.rows());
        slices::write(&activations.deltas(&rows)?, |deltas| deltas.fill(1.0))?;
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let LayerActivations { between, outputs, deltas } = &activations.layers[index];
            let delta = view(deltas, &rows)?;
            self.undo(layer, index, between, &delta, &view(outputs, pattern)?, pattern, pass)?;
            let dx = match index {
                0 => to_input.clone(),
                _ => view(&activations.layers[index - 1].deltas, &rows)?,
            };
            self.send_down(layer, between, &delta, &dx, pattern)?;
        }
        match self.drop(pass, 0, self.input_dropout, self.inputs(), pattern) {
            Some(drop) => Ok(to_input.inplace_op1(&drop)?),
            None => Ok(()),
        }
    }

    /// Sends the further rows of `input` forward as the pattern's went, without biases.
    ///
    /// # Errors
    ///
    /// If candle refuses an operation, or a layer is not piecewise linear.
    pub fn forward_linearized(
        &self,
        input: &Tensor,
        activations: &Activations,
        linearized: &Linearized,
        pass: Pass,
    ) -> Result<(), GanError> {
        let (pattern, rows) = (&linearized.pattern, linearized.rows());
        let mut x = view(input, &rows)?;
        if let Some(disturbed) = activations.disturbed_input.as_ref().filter(|_| self.disturbs(pass)) {
            let disturbed = view(disturbed, &rows)?;
            match self.drop(pass, 0, self.input_dropout, self.inputs(), pattern) {
                Some(drop) => disturbed.inplace_op2(&x, &drop)?,
                None => slices::read(&x, |x| slices::write(&disturbed, |disturbed| disturbed.copy_from_slice(x)))??,
            }
            x = disturbed;
        }
        for (index, layer) in self.layers.iter().enumerate() {
            x = self.map_linearized(layer, &activations.layers[index], &x, linearized, pass)?;
            if let Some(drop) = self.drop(pass, index + 1, layer.dropout, layer.units(), pattern) {
                x.inplace_op1(&drop)?;
            }
        }
        Ok(())
    }

    fn map_linearized(
        &self,
        layer: &Layer,
        buffers: &LayerActivations,
        x: &Tensor,
        linearized: &Linearized,
        pass: Pass,
    ) -> Result<Tensor, GanError> {
        let (rows, pattern) = (linearized.rows(), &linearized.pattern);
        let y = view(&buffers.outputs, &rows)?;
        match (&layer.kind, &buffers.between) {
            (Kind::Maxout(pieces), Between::Pieces(a, winners)) => {
                let units = layer.units();
                slices::write_places(winners, |winners| {
                    winners.copy_within(pattern.start * units..pattern.end * units, rows.start * units);
                })?;
                let (a, winners) = (view(a, &rows)?, view(winners, &rows)?);
                self.map(layer, x, &a, None)?;
                y.inplace_op2(&a, &Chosen(self.maxout(layer, *pieces, &winners)))?;
            }
            (_, Between::Nothing) => {
                self.map(layer, x, &y, None)?;
                if let Some(activation) = layer.activation() {
                    let (derive, units) = (self.derive(layer, activation, pass), layer.units());
                    slices::write(&buffers.outputs, |outputs| {
                        let (before, after) = outputs.split_at_mut(rows.start * units);
                        let after = &mut after[..pattern.len() * units];
                        derive.apply(after, &before[pattern.start * units..pattern.end * units]);
                    })?;
                }
            }
            _ => return Err(mismatched()),
        }
        Ok(y)
    }
}
