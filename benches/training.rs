//! Steps of training on the paper's MNIST networks, on data of the same size.

#![allow(clippy::unwrap_used, clippy::panic)]

use divan::Bencher;
use gand::data::{Dataset, Pixels, Shape, Split};
use gand::gan::read::DataFacts;
use gand::gan::{Spec, Trainer, read_spec};
use serde_json::json;
use std::sync::Arc;

fn main() {
    divan::main();
}

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
        validation: split(100),
        test: split(100),
        label_names: Vec::new(),
        digest: String::new(),
        licence: String::new(),
        origin: String::new(),
    })
}

fn spec(update: &str, optimizer: serde_json::Value) -> Spec {
    let written = json!({
        "dataset": "mnist", "recipe": "paper-mnist",
        "training": {"update": update, "optimizer": optimizer},
    });
    let known = |_: &str| Some(DataFacts::from(&*data()));
    match read_spec(&written, &known) {
        Ok(spec) => spec,
        Err(faults) => panic!("{faults:?}"),
    }
}

fn sgd() -> serde_json::Value {
    json!({"type": "sgd"})
}

fn adam() -> serde_json::Value {
    json!({"type": "adam", "learning_rate": 2e-4, "beta1": 0.5, "beta2": 0.999})
}

fn steps(bencher: Bencher<'_, '_>, spec: &Spec, threads: usize) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let mut trainer = Trainer::new(spec, data(), threads).unwrap();
    pool.install(|| {
        for _ in 0..5 {
            trainer.step().unwrap();
        }
    });
    bencher.bench_local(|| {
        pool.install(|| {
            let losses = trainer.step().unwrap();
            assert!(losses.d_loss.is_finite());
            losses
        })
    });
}

#[divan::bench(name = "training/step/paper-mnist/alternating/sgd", args = [1, 2], max_time = 6)]
fn alternating_sgd(bencher: Bencher<'_, '_>, threads: usize) {
    steps(bencher, &spec("alternating", sgd()), threads);
}

#[divan::bench(name = "training/step/paper-mnist/alternating/adam", args = [1, 2], max_time = 6)]
fn alternating_adam(bencher: Bencher<'_, '_>, threads: usize) {
    steps(bencher, &spec("alternating", adam()), threads);
}

#[divan::bench(name = "training/step/paper-mnist/simultaneous/sgd", args = [1, 2], max_time = 6)]
fn simultaneous_sgd(bencher: Bencher<'_, '_>, threads: usize) {
    steps(bencher, &spec("simultaneous", sgd()), threads);
}

#[divan::bench(name = "training/step/paper-mnist/simultaneous/adam", args = [1, 2], max_time = 6)]
fn simultaneous_adam(bencher: Bencher<'_, '_>, threads: usize) {
    steps(bencher, &spec("simultaneous", adam()), threads);
}
