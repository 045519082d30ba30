//! How a network's numbers start.

use super::layers::Layer;
use super::random::Stream;
use super::spec::Init;

/// Writes the start of a layer into a network's state. `part` tells its random numbers from other layers'.
pub fn initialize(layer: &Layer, stream: Stream, part: u32, state: &mut [f32]) {
    let biases = layer.affine.bias_place();
    let weights = &mut state[layer.affine.at..biases.start];
    let (fan_in, fan_out) = layer.fans();
    let (fan_in, fan_out) = (fan_in as f32, fan_out as f32);
    match layer.init {
        Init::Uniform { range } => uniform(weights, stream, range),
        Init::Glorot => uniform(weights, stream, (6.0 / (fan_in + fan_out)).sqrt()),
        Init::He => {
            stream.fill_normal(weights);
            let deviation = (2.0 / fan_in).sqrt();
            weights.iter_mut().for_each(|weight| *weight *= deviation);
        }
        Init::Sparse { nonzero } => sparse(weights, layer, stream, part, nonzero),
    }
    // The same start wherever the weights lie: numbers are drawn input by input.
    if layer.affine.by_output && !matches!(layer.init, Init::Sparse { .. }) {
        let drawn = weights.to_vec();
        for (output, row) in weights.chunks_exact_mut(layer.affine.inputs).enumerate() {
            for (to, from) in row.iter_mut().zip(drawn[output..].iter().step_by(layer.affine.outputs)) {
                *to = *from;
            }
        }
    }
    state[biases].fill(layer.bias);
    if layer.normalized {
        layer.norm(1).start(state);
    }
}

fn uniform(weights: &mut [f32], stream: Stream, range: f32) {
    stream.fill_symmetric(weights);
    weights.iter_mut().for_each(|weight| *weight *= range);
}

/// Standard normal weights at `nonzero` places of each output, drawn without replacement.
fn sparse(weights: &mut [f32], layer: &Layer, stream: Stream, part: u32, nonzero: usize) {
    weights.fill(0.0);
    let mut values = vec![0.0; nonzero];
    let (outputs, count) = layer.outputs_and_weights();
    for output in 0..outputs {
        // Layers are within the lower 12 bits of a part; outputs, counted from 1, have those above.
        let stream = stream.part((output as u32 + 1) << 12 | part);
        stream.fill_normal(&mut values);
        let mut words = (nonzero.div_ceil(4)..).flat_map(|block| stream.block(block as u32));
        for value in &values {
            // A place that is taken is drawn again, as pylearn2 does.
            for word in words.by_ref() {
                let pick = (u64::from(word) * count as u64) >> 32;
                let weight = &mut weights[layer.weight_of_output(output, usize::try_from(pick).unwrap_or(0))];
                if *weight == 0.0 {
                    *weight = *value;
                    break;
                }
            }
        }
    }
}
