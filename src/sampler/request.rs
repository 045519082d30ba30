//! What is asked of the sampler, and what it answers.

use super::room::Room;
use crate::data::Shape;
use crate::gan::{GanError, Weights};
use std::ops::Range;

/// A generator: which checkpoint's, with which of its weights.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Generator {
    /// The digest of the checkpoint's file.
    pub digest: String,
    /// Which weights.
    pub weights: Weights,
}

/// The latents to draw samples of.
#[derive(Clone, PartialEq, Debug)]
pub enum Latents {
    /// Those of a seed.
    OfSeed {
        /// The seed.
        seed: u64,
        /// Which of its latents.
        range: Range<u64>,
    },
    /// These, row by row.
    Given(Vec<f32>),
}

/// Samples, with the latents they were drawn from.
#[derive(Debug)]
pub struct Drawn {
    /// The shape of a sample.
    pub shape: Shape,
    /// Numbers in a latent.
    pub latent_dim: usize,
    /// The latents, row by row.
    pub latents: Vec<f32>,
    /// The samples, row by row.
    pub samples: Vec<f32>,
    /// What they take of the memory that there is for all.
    pub room: Room,
}

/// Why nothing was drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// Too many requests wait already.
    #[error("too many requests for samples are waiting")]
    Busy,
    /// The thread has ended.
    #[error("the sampler has stopped")]
    Stopped,
    /// The checkpoint cannot be sampled.
    #[error(transparent)]
    Gan(#[from] GanError),
    /// A pass that several requests shared failed.
    #[error("drawing samples failed: {0}")]
    Failed(String),
}
