//! A generator in memory, ready for every thread.

use crate::data::Shape;
use crate::gan::{Checkpoint, GanError, Sampler, Weights};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A generator that is loaded. Cheap to clone.
#[derive(Clone)]
pub struct Model(pub(super) Arc<Loaded>);

impl Model {
    /// The shape of a sample.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.0.shape
    }

    /// Numbers in a latent.
    #[must_use]
    pub fn latent_dim(&self) -> usize {
        self.0.latent_dim
    }

    /// The bytes that so many samples take with their latents, which are there twice where the request brings them.
    #[must_use]
    pub fn bytes(&self, rows: u64) -> u64 {
        let numbers = self.0.shape.len() + 2 * self.0.latent_dim;
        rows.saturating_mul((numbers * size_of::<f32>()) as u64)
    }
}

/// A generator as the threads compute it, together or each alone. The weights are there once.
pub(super) struct Loaded {
    pub(super) shape: Shape,
    pub(super) latent_dim: usize,
    together: Mutex<Sampler>,
    alone: Vec<Mutex<Sampler>>,
}

impl Loaded {
    /// Reads it from a checkpoint's file.
    pub(super) fn new(file: &[u8], weights: Weights, threads: usize) -> Result<Self, GanError> {
        let checkpoint = Checkpoint::generator_from_bytes(file, weights)?;
        let together = Sampler::new(&checkpoint, Some(weights), threads)?;
        let alone = (0..threads).map(|_| together.beside().map(Mutex::new)).collect::<Result<_, _>>()?;
        let (shape, latent_dim) = (together.shape(), together.latent_dim());
        Ok(Self { shape, latent_dim, together: Mutex::new(together), alone })
    }

    /// The latents of `range` under a seed, row by row.
    pub(super) fn latents(&self, thread: usize, seed: u64, range: Range<u64>) -> Vec<f32> {
        locked(&self.alone[thread]).latents(seed, range)
    }

    /// G of the latents, by all threads.
    pub(super) fn together(&self, latents: &[f32]) -> Result<Vec<f32>, GanError> {
        locked(&self.together).generate(latents)
    }

    /// G of the latents, by one thread.
    pub(super) fn alone(&self, thread: usize, latents: &[f32]) -> Result<Vec<f32>, GanError> {
        locked(&self.alone[thread]).generate(latents)
    }
}

fn locked(sampler: &Mutex<Sampler>) -> MutexGuard<'_, Sampler> {
    sampler.lock().unwrap_or_else(PoisonError::into_inner)
}
