//! G: latents to data.

use super::GanError;
use super::layers::Layer;
use super::network::Network;
use super::spec::{Activation, GeneratorSpec, LayerSpec, Model, Output, OutputBias};

/// The part of G's random numbers at the start.
const PART: u32 = 0;

/// G's layers, the output layer last.
#[must_use]
pub fn layers(model: &Model, data_dim: usize) -> Vec<Layer> {
    let GeneratorSpec { layers, output, output_init, .. } = &model.generator;
    let activation = match output {
        Output::Sigmoid => Activation::Sigmoid,
        Output::Linear => Activation::Linear,
        Output::Tanh => Activation::Tanh,
    };
    let output = LayerSpec::Linear { units: data_dim, activation, init: *output_init, bias: 0.0, dropout: 0.0 };
    stack(layers.iter().chain([&output]), model.latent.dim)
}

/// Layers one on another.
pub(super) fn stack<'a>(specs: impl IntoIterator<Item = &'a LayerSpec>, inputs: usize) -> Vec<Layer> {
    let (mut inputs, mut at) = (inputs, 0);
    let layers = specs.into_iter().map(|spec| {
        let layer = Layer::new(spec, inputs, at);
        inputs = layer.units();
        at += layer.affine.len();
        layer
    });
    layers.collect()
}

/// G at its start. `data_mean` is the mean of each number of the training data, in the networks' scale.
///
/// # Errors
///
/// If candle cannot allocate it.
pub fn new(
    model: &Model,
    data_mean: &[f32],
    moments: &'static [&'static str],
    averaged: bool,
    seed: u64,
    threads: usize,
) -> Result<Network, GanError> {
    let layers = layers(model, data_mean.len());
    let mut network = Network::new(layers, 0.0, moments, averaged, (seed, PART), threads)?;
    if model.generator.output_bias == OutputBias::DataMean {
        let bias: Vec<f32> = data_mean.iter().map(|mean| inverse(model.generator.output, *mean)).collect();
        network.set_output_bias(&bias)?;
    }
    Ok(network)
}

/// The number before the activation that gives the mean after it, clipped as the published code clips it.
fn inverse(output: Output, mean: f32) -> f32 {
    const CLIP: f64 = 1e-7;
    let mean = f64::from(mean);
    let inverse = match output {
        Output::Sigmoid => {
            let mean = mean.clamp(CLIP, 1.0 - CLIP);
            (mean / (1.0 - mean)).ln()
        }
        Output::Tanh => mean.clamp(-1.0 + CLIP, 1.0 - CLIP).atanh(),
        Output::Linear => mean,
    };
    inverse as f32
}
