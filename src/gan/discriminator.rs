//! D: data to the logit of being real.

use super::GanError;
use super::generator::stack;
use super::layers::Layer;
use super::network::Network;
use super::spec::{Activation, DiscriminatorSpec, LayerSpec, Model};
use crate::data::Shape;

/// The part of D's random numbers at the start.
const PART: u32 = 256;

/// D's layers, the single output unit last.
///
/// # Errors
///
/// If a layer does not fit the one before, or the first the data.
pub fn layers(model: &Model, data: Shape) -> Result<Vec<Layer>, GanError> {
    let DiscriminatorSpec { layers, output_init, output_max_norm, .. } = &model.discriminator;
    let logit = LayerSpec::Linear {
        units: 1,
        activation: Activation::Linear,
        init: *output_init,
        bias: 0.0,
        dropout: 0.0,
        max_norm: *output_max_norm,
        batch_norm: false,
    };
    stack(layers.iter().chain([&logit]), [data.height, data.width, data.channels])
}

/// D at its start; `noisy` if noise may be put on its input.
///
/// # Errors
///
/// If candle cannot allocate it, or the model does not fit the data.
pub fn new(
    model: &Model,
    data: Shape,
    noisy: bool,
    moments: &'static [&'static str],
    seed: u64,
    threads: usize,
) -> Result<Network, GanError> {
    let input_dropout = model.discriminator.input_dropout;
    let network = Network::new(layers(model, data)?, input_dropout, moments, false, (seed, PART), threads)?;
    Ok(if noisy { network.with_noise() } else { network })
}
