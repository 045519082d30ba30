//! The paper's MNIST networks as gand trains them, on data of MNIST's shape.

use gand::data::{Dataset, Pixels, Shape, Split};
use gand::gan::read::DataFacts;
use gand::gan::{Trainer, read_spec};
use serde_json::json;
use std::sync::Arc;

/// Points of MNIST's shape with nothing to learn in them.
fn data() -> Arc<Dataset> {
    let shape = Shape { height: 28, width: 28, channels: 1 };
    let split = |len: usize| Split {
        pixels: Pixels::U8((0..len * shape.len()).map(|index| (index * 7919 % 256) as u8).collect()),
        labels: None,
        len,
        dim: shape.len(),
    };
    Arc::new(Dataset {
        name: "mnist".into(),
        shape,
        train: split(5000),
        validation: split(1000),
        test: split(100),
        label_names: Vec::new(),
        digest: String::new(),
        licence: String::new(),
        origin: String::new(),
    })
}

/// A run of the paper's recipe with this update order and optimiser.
pub(crate) fn trainer(update: &str, optimizer: &str, threads: usize) -> Trainer {
    let optimizer = match optimizer {
        "sgd" => json!({"type": "sgd"}),
        _ => json!({"type": "adam", "learning_rate": 2e-4, "beta1": 0.5, "beta2": 0.999}),
    };
    let written = json!({
        "dataset": "mnist", "recipe": "paper-mnist",
        "training": {"update": update, "optimizer": optimizer},
    });
    let data = data();
    let spec = read_spec(&written, &|_| Some(DataFacts::from(&*data))).unwrap_or_else(|faults| panic!("{faults:?}"));
    Trainer::new(&spec, data, threads).unwrap_or_else(|error| panic!("{error}"))
}
