//! G: latents to data.

use super::GanError;
use super::layers::{Layer, Misfit, Sides};
use super::network::Network;
use super::spec::{Activation, GeneratorSpec, LayerSpec, Model, Output, OutputBias, OutputLayer};
use crate::data::Shape;

/// The part of G's random numbers at the start.
const PART: u32 = 0;

/// G's layers, the output layer last.
///
/// # Errors
///
/// If a layer does not fit the one before, or the last one the data.
pub fn layers(model: &Model, data: Shape) -> Result<Vec<Layer>, GanError> {
    let layers = stack(&model.generator.layers, [1, 1, model.latent.dim])?;
    let input = layers.last().map_or([1, 1, model.latent.dim], |layer| layer.output);
    let at = layers.iter().map(Layer::len).sum();
    let output = output_layer(&model.generator, input, data, at)
        .map_err(|Misfit { field, detail }| GanError::Spec(format!("the output layer's {field}: {detail}")))?;
    Ok(layers.into_iter().chain([output]).collect())
}

/// G's output layer on an input of this shape, its numbers from `at` on.
///
/// # Errors
///
/// If it does not fit its input or the data.
pub fn output_layer(spec: &GeneratorSpec, input: Sides, data: Shape, at: usize) -> Result<Layer, Misfit> {
    let activation = match spec.output {
        Output::Sigmoid => Activation::Sigmoid,
        Output::Linear => Activation::Linear,
        Output::Tanh => Activation::Tanh,
    };
    let (init, max_norm) = (spec.output_init, spec.output_max_norm);
    let (bias, dropout, batch_norm) = (0.0, 0.0, false);
    match spec.output_layer {
        OutputLayer::Linear => {
            let units = data.len();
            Layer::new(&LayerSpec::Linear { units, activation, init, bias, dropout, max_norm, batch_norm }, input, at)
        }
        OutputLayer::ConvTranspose2d { kernel, stride, padding, input_shape, untied_bias } => {
            let channels = data.channels;
            let spec = LayerSpec::ConvTranspose2d {
                channels,
                kernel,
                stride,
                padding,
                input_shape,
                activation,
                init,
                bias,
                dropout,
                max_norm,
                batch_norm,
            };
            let mut layer = Layer::new(&spec, input, at)?;
            let [height, width, _] = layer.output;
            if [height, width] != [data.height, data.width] {
                let wanted = format!("{} × {}", data.height, data.width);
                let detail = format!("the output is {height} × {width}; the data's points are {wanted}");
                return Err(Misfit { field: "kernel", detail });
            }
            if untied_bias {
                layer.untie_bias();
            }
            Ok(layer)
        }
    }
}

/// Layers one on another.
pub(super) fn stack<'a>(specs: impl IntoIterator<Item = &'a LayerSpec>, input: Sides) -> Result<Vec<Layer>, GanError> {
    let (mut input, mut at) = (input, 0);
    let layers = specs.into_iter().enumerate().map(|(index, spec)| {
        let layer = Layer::new(spec, input, at)
            .map_err(|Misfit { field, detail }| GanError::Spec(format!("layer {index}'s {field}: {detail}")))?;
        input = layer.output;
        at += layer.len();
        Ok(layer)
    });
    layers.collect()
}

/// G at its start. `data_mean` is the mean of each number of the training data, in the networks' scale.
///
/// # Errors
///
/// If candle cannot allocate it, or the model does not fit the data.
pub fn new(
    model: &Model,
    data: Shape,
    data_mean: &[f32],
    moments: &'static [&'static str],
    averaged: bool,
    seed: u64,
    threads: usize,
) -> Result<Network, GanError> {
    let layers = layers(model, data)?;
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
