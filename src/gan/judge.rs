//! Asking a trained discriminator.

use super::network::{Activations, Network, Pass, Tensors};
use super::ops::slices;
use super::spec::Output;
use super::{Checkpoint, GanError, contrast, discriminator};
use crate::gan::spec::Contrast;
use candle_core::Tensor;

/// Rows computed at a time.
const ROWS: usize = 128;

/// A discriminator that answers. Dropout and noise are off; no graph is kept.
pub struct Judge {
    network: Network,
    pass: Activations,
    input: Tensor,
    dim: usize,
    scale: Output,
    contrast: Option<Contrast>,
}

impl Judge {
    /// The discriminator of a checkpoint. It uses `threads` threads of the rayon pool that its caller is in.
    ///
    /// # Errors
    ///
    /// If the checkpoint lacks its weights.
    pub fn new(checkpoint: &Checkpoint, threads: usize) -> Result<Self, GanError> {
        let model = &checkpoint.spec.model;
        let layers = discriminator::layers(model, checkpoint.shape)?;
        let mut network = Network::new(layers, 0.0, &[], false, (0, 0), threads)?;
        network.load_weights(&mut Tensors::new(&checkpoint.tensors), "discriminator")?;
        Ok(Self {
            pass: network.activations(ROWS)?,
            input: slices::zeros(ROWS, checkpoint.shape.len())?,
            network,
            dim: checkpoint.shape.len(),
            scale: model.generator.output,
            contrast: model.contrast,
        })
    }

    /// D of each point (row by row, in the data's values): the probability that it is real.
    ///
    /// # Errors
    ///
    /// If `points` is not a whole number of points.
    pub fn probabilities(&mut self, points: &[f32]) -> Result<Vec<f64>, GanError> {
        if !points.len().is_multiple_of(self.dim) {
            return Err(GanError::Spec(format!("{} numbers are no whole points of {}", points.len(), self.dim)));
        }
        let mut probabilities = Vec::with_capacity(points.len() / self.dim);
        for points in points.chunks(ROWS * self.dim) {
            let rows = points.len() / self.dim;
            slices::write(&self.input, |input| {
                input[..points.len()].copy_from_slice(points);
                input[points.len()..].fill(0.0);
                if self.scale == Output::Tanh {
                    input.iter_mut().for_each(|value| *value = 2.0 * *value - 1.0);
                }
                if let Some(contrast) = &self.contrast {
                    input.chunks_exact_mut(self.dim).for_each(|point| contrast::normalize(contrast, point));
                }
            })?;
            self.network.forward(&self.input, &self.pass, &(0..ROWS), Pass::SAMPLING, None)?;
            slices::read(&self.pass.output(&(0..ROWS))?, |logits| {
                probabilities.extend(logits[..rows].iter().map(|logit| 1.0 / (1.0 + (-f64::from(*logit)).exp())));
            })?;
        }
        Ok(probabilities)
    }
}
