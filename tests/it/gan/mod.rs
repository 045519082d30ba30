//! The core through its public interface.

mod checkpoint;
mod gradients;
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
    let shape = Shape { height, width, channels: 1 };
    let split = |part: u32, len: usize| {
        let mut values = vec![0.0f32; len * shape.len()];
        Stream::new(5, Purpose::Sample, 0, part).fill_symmetric(&mut values);
        for (index, value) in values.iter_mut().enumerate() {
            let (row, column) = (index / shape.len() % 4, index % shape.width);
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
pub(crate) fn spec(data: &Dataset, model: Value, training: Value) -> Spec {
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
