//! The core: what is trained, and how (Goodfellow et al., *Generative Adversarial Nets*, 2014).
//!
//! A run is a function of spec, data and seed: nothing below here waits, locks, reads a clock, a file or the
//! environment.

pub mod cadence;
pub mod checkpoint;
pub mod contrast;
mod decimal;
pub mod discriminator;
pub mod error;
pub mod generator;
pub mod initialize;
pub mod judge;
pub mod latent;
pub mod layers;
pub mod linearized;
pub mod minibatch;
pub mod network;
pub mod objective;
pub mod ops;
pub mod optimizer;
pub mod random;
pub mod read;
pub mod recipe;
pub mod sampler;
pub mod schedule;
pub mod spec;
pub mod trainer;
pub mod weights;

pub use cadence::{Cadence, Due};
pub use checkpoint::Checkpoint;
pub use error::GanError;
pub use judge::Judge;
pub use read::{DataFacts, Fault, read_spec};
pub use recipe::Recipe;
pub use sampler::{Sampler, Weights};
pub use spec::Spec;
pub use trainer::Trainer;

/// What one step measured, before its updates.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Losses {
    /// The step, counted from 1.
    pub step: u64,
    /// D's loss, the mean of its two cross-entropies (of pairs, under the relativistic objective); ln 2 where D can tell
    /// nothing apart.
    #[serde(serialize_with = "decimal::serialize")]
    pub d_loss: f32,
    /// G's loss under its objective.
    #[serde(serialize_with = "decimal::serialize")]
    pub g_loss: f32,
    /// V(G, D) of the paper's equation 1, in nats; −log 4 at the optimum. Under the relativistic objective D(x) stands for
    /// the probability that D takes the example of a pair for the real one, and D(G(z)) for that of the sample.
    #[serde(serialize_with = "decimal::serialize")]
    pub value: f32,
    /// The mean of D(x) over the minibatch.
    #[serde(serialize_with = "decimal::serialize")]
    pub d_real: f32,
    /// The mean of D(G(z)) over the minibatch.
    #[serde(serialize_with = "decimal::serialize")]
    pub d_fake: f32,
}
