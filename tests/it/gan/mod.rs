//! The core through its public interface.

mod checkpoint;
mod conv;
mod differences;
mod gradients;
mod penalty;
mod pytorch;
mod reference;
mod runs;

use gand::data::{Dataset, Pixels, Shape, Split};
use gand::gan::random::{Purpose, Stream};
use gand::gan::read::DataFacts;
use gand::gan::{Spec, read_spec};
use serde_json::{Value, json};
use std::sync::Arc;

/// Small pictures with some structure: bright where a per-picture threshold says so.
pub(crate) fn pictures(height: usize, width: usize, len: usize) -> Arc<Dataset> {
    coloured(height, width, 1, len)
}

/// The same with several channels.
pub(crate) fn coloured(height: usize, width: usize, channels: usize, len: usize) -> Arc<Dataset> {
    let shape = Shape { height, width, channels };
    let split = |part: u32, len: usize| {
        let mut values = vec![0.0f32; len * shape.len()];
        Stream::new(5, Purpose::Sample, 0, part).fill_symmetric(&mut values);
        for (index, value) in values.iter_mut().enumerate() {
            let (row, column) = (index / shape.len() % 4, index / channels % shape.width);
            *value = (0.25 * *value + if column % 4 == row { 0.75 } else { 0.25 }).clamp(0.0, 1.0);
        }
        Split { pixels: Pixels::F32(values.into()), labels: None, len, dim: shape.len() }
    };
    Arc::new(Dataset {
        name: "pictures".into(),
        shape,
        train: split(0, len),
        validation: split(1, 100),
        test: split(2, 100),
        label_names: Vec::new(),
        digest: "a digest".into(),
        licence: String::new(),
        origin: String::new(),
    })
}

/// A spec on such pictures, by the same reader as a user's.
pub(crate) fn spec(data: &Dataset, mut model: Value, training: Value) -> Spec {
    // Wide enough that gradients are well above the noise of f32.
    for (player, range) in [("generator", 0.07), ("discriminator", 0.01)] {
        if model[player].get("output_init").is_none() {
            model[player]["output_init"] = json!({"type": "uniform", "range": range});
        }
    }
    let written = json!({"dataset": data.name, "recipe": "fast", "seed": 7, "model": model, "training": training,
        "checkpoint": {"every": 10}, "evaluation": {"every": 0, "parzen": {"samples": 50, "validation_points": 50}}});
    read_spec(&written, &|_| Some(DataFacts::from(data))).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub(crate) fn small_model() -> Value {
    json!({
        "latent": {"dim": 10, "prior": "uniform"},
        "generator": {"layers": [{"type": "linear", "units": 24, "activation": "relu", "init": 0.2}], "output": "sigmoid"},
        "discriminator": {"input_dropout": 0.2, "layers": [
            {"type": "maxout", "units": 12, "pieces": 3, "init": 0.3, "dropout": 0.5}]}
    })
}

/// Every kind of layer on pictures of 6 × 10 with 2 channels, each with what only it has.
pub(crate) fn conv_model() -> Value {
    json!({
        "latent": {"dim": 7, "prior": "gaussian"},
        "generator": {
            "layers": [
                {"type": "linear", "units": 24, "activation": "relu", "init": "he", "batch_norm": true},
                {"type": "conv_transpose2d", "channels": 6, "kernel": 2, "input_shape": [2, 4, 3], "activation": "tanh",
                    "init": "glorot", "batch_norm": true},
                {"type": "conv2d", "channels": 5, "kernel": 3, "padding": 1, "activation": "leaky_relu", "init": "he",
                    "batch_norm": true}
            ],
            "output_layer": {"type": "conv_transpose2d", "kernel": 4, "stride": 2, "padding": 1, "untied_bias": true},
            "output": "sigmoid", "output_init": "glorot", "output_bias": "data_mean"
        },
        "discriminator": {"input_dropout": 0.2, "layers": [
            {"type": "conv2d", "channels": 6, "kernel": 4, "stride": 2, "padding": 1, "activation": "leaky_relu",
                "init": "he", "dropout": 0.3},
            {"type": "conv_maxout", "channels": 5, "pieces": 3, "kernel": 2, "padding": 1, "pool": 3, "pool_stride": 2,
                "init": 0.4, "dropout": 0.5},
            {"type": "maxout", "units": 9, "pieces": 2, "init": 0.3, "dropout": 0.5}
        ]}
    })
}
