//! The penalty on D's gradient: how D moves by it, against differences of the penalty itself, which candle's autograd gives.

use super::reference::Reference;
use super::{pictures, spec};
use gand::data::Dataset;
use gand::gan::{Checkpoint, Spec, Trainer};
use serde_json::{Value, json};
use std::sync::Arc;

/// How far a weight is moved to either side.
const H: f32 = 4e-3;

/// Weights compared in each tensor.
const COMPARED: usize = 40;

fn with_penalty(data: &Dataset, layers: &Value, input_dropout: f64, training: Value) -> Spec {
    let model = json!({
        "latent": {"dim": 10, "prior": "uniform"},
        "generator": {"layers": [{"type": "linear", "units": 24, "activation": "relu", "init": 0.2}], "output": "sigmoid"},
        "discriminator": {"input_dropout": input_dropout, "layers": layers, "output_init": "glorot"}
    });
    let mut whole = json!({"steps": 100, "batch_size": 8, "optimizer": {"type": "sgd", "learning_rate": 1.0}});
    whole.as_object_mut().unwrap().extend(training.as_object().unwrap().clone());
    spec(data, model, whole)
}

fn after_a_step(spec: &Spec, data: &Arc<Dataset>, threads: usize) -> Checkpoint {
    let mut trainer = Trainer::new(spec, data.clone(), threads).unwrap();
    trainer.step().unwrap();
    trainer.checkpoint().unwrap()
}

/// What the penalty adds to D's step at rate 1 is its negative gradient.
fn agrees(name: &str, layers: &Value, input_dropout: f64, training: &Value) {
    let data = pictures(6, 6, 100);
    let regularized = with_penalty(&data, layers, input_dropout, training.clone());
    let mut plain = regularized.clone();
    plain.training.regularizer = None;
    let start = Trainer::new(&regularized, data.clone(), 1).unwrap().checkpoint().unwrap();
    let (with, without) = (after_a_step(&regularized, &data, 1), after_a_step(&plain, &data, 1));

    let penalty = |which: usize, index: usize, by: f32| {
        let mut moved = start.clone();
        moved.tensors[which].values[index] += by;
        Reference::new(&moved, &data).unwrap().penalty().unwrap()
    };
    let (mut compared, mut kinks, mut largest) = (0, 0, 0.0f64);
    for (which, tensor) in
        start.tensors.iter().enumerate().filter(|(_, tensor)| tensor.name.starts_with("discriminator."))
    {
        for index in (0..tensor.values.len()).step_by(tensor.values.len().div_ceil(COMPARED)) {
            let slope = |h: f32| (penalty(which, index, h) - penalty(which, index, -h)) / f64::from(2.0 * h);
            let (slope, finer) = (slope(H), slope(H / 2.0));
            let found = f64::from(without.tensors[which].values[index] - with.tensors[which].values[index]);
            largest = largest.max(found.abs());
            // Between kinks the penalty is a polynomial; at one the differences say nothing.
            if (slope - finer).abs() > 0.01 * (0.1 + slope.abs()) {
                kinks += 1;
                continue;
            }
            let what = format!("{name}: {}[{index}]", tensor.name);
            assert!((found - finer).abs() < 0.01 * (0.1 + finer.abs()), "{what}: {found}, by differences {finer}");
            compared += 1;
        }
    }
    assert!(kinks * 2 < compared && largest > 0.05, "{name}: {kinks} kinks, {compared} compared, at most {largest}");
}

fn layer(spec: Value) -> Value {
    json!([{"type": "linear", "units": 9, "activation": "leaky_relu", "init": "he", "dropout": 0.2}, spec])
}

#[test]
fn the_penalty_of_every_piecewise_linear_layer_moves_d_as_its_differences_say() {
    let r1_r2 = json!({"regularizer": {"type": "r1_r2", "gamma": 0.7}});
    agrees(
        "leaky",
        &layer(json!({"type": "linear", "units": 7, "activation": "leaky_relu", "init": "he"})),
        0.0,
        &r1_r2,
    );
    agrees("relu", &layer(json!({"type": "linear", "units": 7, "activation": "relu", "init": "he"})), 0.3, &r1_r2);
    let maxout = json!({"type": "maxout", "units": 6, "pieces": 3, "init": 0.5, "dropout": 0.3});
    agrees("maxout", &layer(maxout), 0.2, &r1_r2);
    let convolutions = json!([
        {"type": "conv2d", "channels": 4, "kernel": 4, "stride": 2, "padding": 1, "activation": "leaky_relu", "init": "he"},
        {"type": "conv_transpose2d", "channels": 3, "kernel": 3, "stride": 1, "padding": 1, "activation": "leaky_relu",
            "init": "he", "dropout": 0.2}
    ]);
    agrees("convolutions", &convolutions, 0.0, &r1_r2);
}

#[test]
fn the_penalty_is_taken_at_examples_alone_or_at_samples_too_and_in_either_order_of_updates() {
    let maxout = layer(json!({"type": "maxout", "units": 6, "pieces": 3, "init": 0.5, "dropout": 0.3}));
    for update in ["alternating", "simultaneous"] {
        for objective in ["non_saturating", "relativistic"] {
            for kind in ["r1", "r1_r2"] {
                let regularizer = json!({"type": kind, "gamma": 0.4, "every": 3});
                let training = json!({"update": update, "objective": objective, "regularizer": regularizer});
                agrees(&format!("{update}, {objective}, {kind}"), &maxout, 0.2, &training);
            }
        }
    }
}

#[test]
fn a_penalty_every_third_update_leaves_the_others_alone() {
    let data = pictures(6, 6, 100);
    let layers = layer(json!({"type": "maxout", "units": 6, "pieces": 3, "init": 0.5}));
    let lazy = with_penalty(&data, &layers, 0.0, json!({"regularizer": {"type": "r1", "gamma": 0.4, "every": 3}}));
    let mut plain = lazy.clone();
    plain.training.regularizer = None;
    let mut trainer = Trainer::new(&lazy, data.clone(), 1).unwrap();
    for step in 0..6u64 {
        let before = trainer.checkpoint().unwrap();
        let mut other = Trainer::resume(&before, &plain, data.clone(), 1).unwrap();
        trainer.step().unwrap();
        other.step().unwrap();
        let same = trainer.checkpoint().unwrap().tensors == other.checkpoint().unwrap().tensors;
        assert_eq!(same, !step.is_multiple_of(3), "update {step}");
    }
}

#[test]
fn a_penalty_that_ends_is_taken_no_more() {
    let data = pictures(6, 6, 100);
    let layers = layer(json!({"type": "maxout", "units": 6, "pieces": 3, "init": 0.5}));
    let regularizer = json!({"type": "r1_r2", "gamma": 1, "gamma_end": 0.01, "until_step": 2});
    let ending = with_penalty(&data, &layers, 0.0, json!({"regularizer": regularizer}));
    let mut plain = ending.clone();
    plain.training.regularizer = None;
    let mut trainer = Trainer::new(&ending, data.clone(), 1).unwrap();
    for step in 0..4u64 {
        let before = trainer.checkpoint().unwrap();
        let mut other = Trainer::resume(&before, &plain, data.clone(), 1).unwrap();
        trainer.step().unwrap();
        other.step().unwrap();
        let same = trainer.checkpoint().unwrap().tensors == other.checkpoint().unwrap().tensors;
        assert_eq!(same, step >= 2, "after {step} steps");
    }
}

#[test]
fn a_penalty_has_the_same_bits_for_any_number_of_threads() {
    let data = pictures(16, 16, 400);
    let layers = json!([
        {"type": "linear", "units": 200, "activation": "leaky_relu", "init": "he", "dropout": 0.2},
        {"type": "maxout", "units": 100, "pieces": 3, "init": 0.1, "dropout": 0.3}
    ]);
    let training =
        json!({"batch_size": 100, "objective": "relativistic", "regularizer": {"type": "r1_r2", "gamma": 0.1}});
    let spec = with_penalty(&data, &layers, 0.1, training);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let three = pool.install(|| after_a_step(&spec, &data, 3));
    assert_eq!(after_a_step(&spec, &data, 1).tensors, three.tensors);
}
