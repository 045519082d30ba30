//! Latents: what G starts from. Each row is a function of (seed, purpose, step, row) alone.

use super::random::{Purpose, Stream};
use super::spec::{Latent, Prior};

/// Fills `out` with the latents of one minibatch, one row a part.
pub fn fill_minibatch(latent: &Latent, seed: u64, purpose: Purpose, step: u64, out: &mut [f32]) {
    for (row, values) in (0u32..).zip(out.chunks_exact_mut(latent.dim)) {
        fill(latent.prior, Stream::new(seed, purpose, step, row), values);
    }
}

/// Fills `out` with the latents of samples from `first` on, each a step of its own.
pub fn fill_samples(latent: &Latent, seed: u64, purpose: Purpose, first: u64, out: &mut [f32]) {
    for (index, values) in (first..).zip(out.chunks_exact_mut(latent.dim)) {
        fill(latent.prior, Stream::new(seed, purpose, index, 0), values);
    }
}

fn fill(prior: Prior, stream: Stream, values: &mut [f32]) {
    match prior {
        Prior::Uniform => {
            stream.fill_symmetric(values);
            values.iter_mut().for_each(|value| *value *= 3f32.sqrt());
        }
        Prior::Gaussian => stream.fill_normal(values),
    }
}
