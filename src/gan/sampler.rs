//! Drawing samples from a trained generator.

use super::checkpoint::Head;
use super::network::{Activations, Network, Pass, Tensors, view};
use super::ops::slices;
use super::random::Purpose;
use super::spec::{Contrast, Latent, Model, Output};
use super::{Checkpoint, GanError, Trainer, contrast, generator, latent};
use crate::data::Shape;
use candle_core::Tensor;
use rayon::prelude::*;
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

impl Weights {
    /// What the names of G's tensors begin with in a checkpoint.
    pub(super) fn generator(self) -> &'static str {
        match self {
            Self::Raw => "generator",
            Self::Ema => "ema.generator",
        }
    }
}

/// A generator ready to draw samples. Dropout is off; no graph is kept.
pub struct Sampler {
    /// The network as all threads compute it together, for few samples.
    together: Network,
    /// The same weights as each thread computes them alone, for many.
    alone: Network,
    /// One for each thread.
    lanes: Vec<Lane>,
    latent: Latent,
    shape: Shape,
    scale: Output,
    contrast: Option<Contrast>,
}

/// The room of a pass.
struct Lane {
    pass: Activations,
    latents: Tensor,
    output: Tensor,
}

impl Lane {
    fn new(network: &Network, latent_dim: usize, outputs: usize) -> Result<Self, GanError> {
        let rows = Sampler::ROWS;
        Ok(Self {
            pass: network.activations(rows)?,
            latents: slices::zeros(rows, latent_dim)?,
            output: slices::zeros(rows, outputs)?,
        })
    }

    /// G of each latent, into samples of `dim` numbers. What fills the last rows up is whatever was there before: a row
    /// depends on its own latent alone.
    fn generate(&self, network: &Network, latents: &[f32], samples: &mut [f32], dim: usize) -> Result<(), GanError> {
        let (rows, width) = (Sampler::ROWS, network.inputs());
        for (latents, samples) in latents.chunks(rows * width).zip(samples.chunks_mut(rows * dim)) {
            let rows = 0..(samples.len() / dim).next_multiple_of(Sampler::GRAIN);
            slices::write(&self.latents, |input| input[..latents.len()].copy_from_slice(latents))?;
            let output = view(&self.output, &rows)?;
            network.forward(&self.latents, &self.pass, &rows, Pass::SAMPLING, Some(&output))?;
            slices::read(&output, |output| samples.copy_from_slice(&output[..samples.len()]))?;
        }
        Ok(())
    }
}

impl Sampler {
    /// Rows are computed in multiples of so many, so that every product takes the same way and a sample's bits do not
    /// depend on its company.
    pub const GRAIN: usize = 64;

    /// Up to so many rows are worth the threads' waiting for one another in each layer. Of more, each thread computes so
    /// many of its own at a time: enough that what a product spends on its weights is spent for many, few enough that a
    /// layer's activations stay near.
    pub const ROWS: usize = 128;

    /// A sampler of a checkpoint's generator; `None` takes the average where there is one. It uses `threads` threads of
    /// the rayon pool that its caller is in.
    ///
    /// # Errors
    ///
    /// [`GanError::NoAverage`] if the average is asked for and the run kept none.
    pub fn new(checkpoint: &Checkpoint, weights: Option<Weights>, threads: usize) -> Result<Self, GanError> {
        let averaged = checkpoint.spec.training.ema.is_some();
        let weights = match weights {
            Some(Weights::Ema) if !averaged => return Err(GanError::NoAverage),
            Some(weights) => weights,
            None if averaged => Weights::Ema,
            None => Weights::Raw,
        };
        let mut sampler = Self::blank(&checkpoint.spec.model, checkpoint.shape, threads)?;
        sampler.together.load_weights(&mut Tensors::new(&checkpoint.tensors), weights.generator())?;
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
        self.together.copy_weights(trainer.generator(), trainer.head().spec.training.ema.is_some())
    }

    fn blank(model: &Model, shape: Shape, threads: usize) -> Result<Self, GanError> {
        let together = Network::blank(generator::layers(model, shape)?, 0.0, &[], false, threads)?;
        let lanes = (0..threads.max(1)).map(|_| Lane::new(&together, model.latent.dim, shape.len()));
        Ok(Self {
            lanes: lanes.collect::<Result<_, _>>()?,
            alone: together.sharing(1),
            together,
            latent: model.latent,
            shape,
            scale: model.generator.output,
            contrast: model.contrast,
        })
    }

    /// A sampler of the same weights for one thread, which computes beside this one.
    ///
    /// # Errors
    ///
    /// If candle cannot allocate it.
    pub fn beside(&self) -> Result<Self, GanError> {
        let lane = Lane::new(&self.alone, self.latent.dim, self.shape.len())?;
        Ok(Self { lanes: vec![lane], together: self.alone.sharing(1), alone: self.alone.sharing(1), ..*self })
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
        let count = latents.len() / width;
        let mut samples = vec![0.0; count * dim];
        let share = count.div_ceil(self.lanes.len()).next_multiple_of(Self::GRAIN).max(Self::ROWS);
        match &self.lanes[..] {
            [lane, ..] if share >= count => lane.generate(&self.together, latents, &mut samples, dim)?,
            // No thread waits for another between the layers.
            lanes => {
                let shares = latents.par_chunks(share * width).zip(samples.par_chunks_mut(share * dim));
                lanes
                    .par_iter()
                    .zip(shares)
                    .try_for_each(|(lane, (latents, samples))| lane.generate(&self.alone, latents, samples, dim))?;
            }
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
