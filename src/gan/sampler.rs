//! Drawing samples from a trained generator.

use super::checkpoint::Head;
use super::network::{Activations, Network, Pass, Tensors};
use super::ops::slices;
use super::random::Purpose;
use super::spec::{Contrast, Latent, Model, Output};
use super::{Checkpoint, GanError, Trainer, contrast, generator, latent};
use crate::data::Shape;
use candle_core::Tensor;
use std::ops::Range;

/// Rows computed at a time. Always as many, filled up with zeros where fewer are wanted, so that a sample's bits do not
/// depend on its company; few enough that a layer's activations stay in the cache.
const ROWS: usize = 128;

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
pub struct Sampler {
    network: Network,
    pass: Activations,
    latents: Tensor,
    output: Tensor,
    latent: Latent,
    shape: Shape,
    scale: Output,
    contrast: Option<Contrast>,
}

impl Sampler {
    /// A sampler of a checkpoint's generator; `None` takes the average where there is one. It uses `threads` threads of
    /// the rayon pool that its caller is in.
    ///
    /// # Errors
    ///
    /// [`GanError::NoAverage`] if the average is asked for and the run kept none.
    pub fn new(checkpoint: &Checkpoint, weights: Option<Weights>, threads: usize) -> Result<Self, GanError> {
        let averaged = checkpoint.spec.training.ema.is_some();
        let prefix = match weights {
            Some(Weights::Ema) if !averaged => return Err(GanError::NoAverage),
            Some(Weights::Raw) => "generator",
            None if !averaged => "generator",
            Some(Weights::Ema) | None => "ema.generator",
        };
        let mut sampler = Self::blank(&checkpoint.spec.model, checkpoint.shape, threads)?;
        sampler.network.load_weights(&mut Tensors::new(&checkpoint.tensors), prefix)?;
        Ok(sampler)
    }

    /// A sampler of a run's generator as it is now, or its average where there is one.
    ///
    /// # Errors
    ///
    /// If candle cannot allocate it.
    pub fn of(trainer: &Trainer) -> Result<Self, GanError> {
        let Head { spec, shape, threads, .. } = trainer.head();
        let sampler = Self::blank(&spec.model, shape, threads)?;
        sampler.follow(trainer)?;
        Ok(sampler)
    }

    /// Takes the weights of the run it was made of as they are now.
    ///
    /// # Errors
    ///
    /// If the trainer's state cannot be read.
    pub fn follow(&self, trainer: &Trainer) -> Result<(), GanError> {
        self.network.copy_weights(trainer.generator(), trainer.head().spec.training.ema.is_some())
    }

    fn blank(model: &Model, shape: Shape, threads: usize) -> Result<Self, GanError> {
        let network = Network::blank(generator::layers(model, shape)?, 0.0, &[], false, threads)?;
        Ok(Self {
            pass: network.activations(ROWS)?,
            latents: slices::zeros(ROWS, model.latent.dim)?,
            output: slices::zeros(ROWS, shape.len())?,
            network,
            latent: model.latent,
            shape,
            scale: model.generator.output,
            contrast: model.contrast,
        })
    }

    /// The shape of a sample.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Numbers in a latent.
    #[must_use]
    pub fn latent_dim(&self) -> usize {
        self.latent.dim
    }

    /// The latents of the samples of `range` under a seed, row by row. Latent i of a seed is always the same.
    #[must_use]
    pub fn latents(&self, seed: u64, range: Range<u64>) -> Vec<f32> {
        self.draw(seed, Purpose::Sample, range)
    }

    /// The latents that an evaluation of the run with this seed draws.
    #[must_use]
    pub fn evaluation_latents(&self, seed: u64, count: u64) -> Vec<f32> {
        self.draw(seed, Purpose::Evaluation, 0..count)
    }

    fn draw(&self, seed: u64, purpose: Purpose, range: Range<u64>) -> Vec<f32> {
        let rows = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut latents = vec![0.0; rows * self.latent.dim];
        latent::fill_samples(&self.latent, seed, purpose, range.start, &mut latents);
        latents
    }

    /// G of each latent, row by row, as the data's values (in [0, 1] for images). A row depends on its latent alone,
    /// not on how many others are beside it.
    ///
    /// # Errors
    ///
    /// If `latents` is not a whole number of latents.
    pub fn generate(&mut self, latents: &[f32]) -> Result<Vec<f32>, GanError> {
        let (width, dim) = (self.latent.dim, self.shape.len());
        if !latents.len().is_multiple_of(width) {
            return Err(GanError::Spec(format!("{} numbers are no whole latents of {width}", latents.len())));
        }
        let mut samples = vec![0.0; latents.len() / width * dim];
        for (latents, samples) in latents.chunks(ROWS * width).zip(samples.chunks_mut(ROWS * dim)) {
            slices::write(&self.latents, |input| {
                input[..latents.len()].copy_from_slice(latents);
                input[latents.len()..].fill(0.0);
            })?;
            self.network.forward(&self.latents, &self.pass, &(0..ROWS), Pass::SAMPLING, Some(&self.output))?;
            slices::read(&self.output, |output| samples.copy_from_slice(&output[..samples.len()]))?;
        }
        if self.scale == Output::Tanh {
            samples.iter_mut().for_each(|value| *value = 0.5 * (*value + 1.0));
        }
        if let Some(contrast) = &self.contrast {
            samples.chunks_exact_mut(dim).for_each(|sample| contrast::show(contrast, sample));
        }
        Ok(samples)
    }
}
