//! Specs: what a user may write, what becomes of it, and every fault at once.

mod faults;
mod reading;
mod recipes;

use gand::data::Shape;
use gand::gan::{DataFacts, Fault, Spec, read_spec};
use serde_json::Value;

/// A few datasets by name.
fn facts_of(name: &str) -> Option<DataFacts> {
    let image = |side, train, validation| DataFacts {
        shape: Shape { height: side, width: side, channels: 1 },
        train,
        validation,
        unit_interval: true,
    };
    let vector = |dim| DataFacts {
        shape: Shape { height: 1, width: dim, channels: 1 },
        train: 50_000,
        validation: 10_000,
        unit_interval: false,
    };
    match name {
        "mnist" => Some(image(28, 50_000, 10_000)),
        "digits" => Some(image(8, 1_400, 150)),
        "tfd" => Some(image(48, 98_058, 2_000)),
        "cifar10" => {
            let facts = image(32, 40_000, 10_000);
            Some(DataFacts { shape: Shape { channels: 3, ..facts.shape }, ..facts })
        }
        "tiny" => Some(image(8, 30, 5)),
        "gaussian-1d" => Some(vector(1)),
        "ring-2d" => Some(vector(2)),
        _ => None,
    }
}

fn read(written: Value) -> Result<Spec, Vec<Fault>> {
    read_spec(&written, &facts_of)
}
