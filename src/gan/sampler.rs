//! Drawing samples from a trained generator.

use super::{Checkpoint, GanError};
use crate::data::Shape;
use std::ops::Range;

/// Which of G's weights to sample with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// As the last step left them.
    Raw,
    /// Their moving average.
    Ema,
}

/// A generator ready to draw samples. Dropout is off; no graph is kept.
pub struct Sampler {}

impl Sampler {
    /// A sampler of a checkpoint's generator; `None` takes the average where there is one.
    ///
    /// # Errors
    ///
    /// [`GanError::NoAverage`] if the average is asked for and the run kept none.
    pub fn new(_checkpoint: &Checkpoint, _weights: Option<Weights>) -> Result<Self, GanError> {
        todo!()
    }

    /// The shape of a sample.
    #[must_use]
    pub fn shape(&self) -> Shape {
        todo!()
    }

    /// Numbers in a latent.
    #[must_use]
    pub fn latent_dim(&self) -> usize {
        todo!()
    }

    /// The latents of the samples of `range` under a seed, row by row. Latent i of a seed is always the same.
    #[must_use]
    pub fn latents(&self, _seed: u64, _range: Range<u64>) -> Vec<f32> {
        todo!()
    }

    /// G of each latent, row by row, as the data's values (in [0, 1] for images). A row depends on its latent alone,
    /// not on how many others are beside it.
    ///
    /// # Panics
    ///
    /// If `latents` is not a whole number of latents.
    #[must_use]
    pub fn generate(&mut self, _latents: &[f32]) -> Vec<f32> {
        todo!()
    }
}
