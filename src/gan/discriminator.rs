//! D: data to the logit of being real.

use super::GanError;
use super::generator::stack;
use super::layers::Layer;
use super::network::Network;
use super::spec::{Activation, DiscriminatorSpec, LayerSpec, Model};

/// The part of D's random numbers at the start.
const PART: u32 = 256;

/// D's layers, the single output unit last.
#[must_use]
pub fn layers(model: &Model, data_dim: usize) -> Vec<Layer> {
    let DiscriminatorSpec { layers, output_init, .. } = &model.discriminator;
    let logit =
        LayerSpec::Linear { units: 1, activation: Activation::Linear, init: *output_init, bias: 0.0, dropout: 0.0 };
    stack(layers.iter().chain([&logit]), data_dim)
}

/// D at its start.
///
/// # Errors
///
/// If candle cannot allocate it.
pub fn new(
    model: &Model,
    data_dim: usize,
    moments: &'static [&'static str],
    seed: u64,
    threads: usize,
) -> Result<Network, GanError> {
    let input_dropout = model.discriminator.input_dropout;
    Network::new(layers(model, data_dim), input_dropout, moments, false, (seed, PART), threads)
}
