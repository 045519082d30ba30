//! The paper's networks as gand trains them, on data of the same shape.

use gand::data::{Dataset, Pixels, Shape, Split};
use gand::gan::read::DataFacts;
use gand::gan::{Spec, Trainer, read_spec};
use serde_json::{Value, json};
use std::sync::Arc;

/// Points of a data set's shape with nothing to learn in them.
fn data(name: &str, shape: Shape, train: usize) -> Arc<Dataset> {
    let split = |len: usize| Split {
        pixels: Pixels::U8((0..len * shape.len()).map(|index| (index * 7919 % 256) as u8).collect()),
        labels: None,
        len,
        dim: shape.len(),
    };
    Arc::new(Dataset {
        name: name.into(),
        shape,
        train: split(train),
        validation: split(1000),
        test: split(100),
        label_names: Vec::new(),
        digest: String::new(),
        licence: String::new(),
        origin: String::new(),
    })
}

/// A run of the paper's recipe for MNIST with this update order and optimiser.
pub(crate) fn trainer(update: &str, optimizer: &str, threads: usize) -> Trainer {
    let (spec, data) = mnist(update, optimizer);
    Trainer::new(&spec, data, threads).unwrap_or_else(|error| panic!("{error}"))
}

/// Its spec and its data.
pub(crate) fn mnist(update: &str, optimizer: &str) -> (Spec, Arc<Dataset>) {
    let optimizer = match optimizer {
        "sgd" => json!({"type": "sgd"}),
        _ => json!({"type": "adam", "learning_rate": 2e-4, "beta1": 0.5, "beta2": 0.999}),
    };
    let training = json!({"update": update, "optimizer": optimizer});
    of_recipe("paper-mnist", training, data("mnist", Shape { height: 28, width: 28, channels: 1 }, 5000))
}

/// A run of the published convolutional recipe, which is of simultaneous updates by SGD.
pub(crate) fn convolutional(threads: usize) -> Trainer {
    let data = data("cifar10", Shape { height: 32, width: 32, channels: 3 }, 1000);
    let (spec, data) = of_recipe("paper-cifar10-conv", json!({}), data);
    Trainer::new(&spec, data, threads).unwrap_or_else(|error| panic!("{error}"))
}

fn of_recipe(recipe: &str, training: Value, data: Arc<Dataset>) -> (Spec, Arc<Dataset>) {
    let written = json!({"dataset": data.name, "recipe": recipe, "training": training});
    let spec = read_spec(&written, &|_| Some(DataFacts::from(&*data))).unwrap_or_else(|faults| panic!("{faults:?}"));
    (spec, data)
}
