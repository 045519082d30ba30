//! The fused step against candle's own autograd, on the same weights, latents and masks.

use super::reference::Reference;
use super::{pictures, small_model, spec};
use gand::gan::{Spec, Trainer};
use serde_json::{Value, json};

fn sgd() -> Value {
    json!({"type": "sgd", "learning_rate": 0.2, "decay": 1.001, "momentum": {"start": 0.5, "end": 0.9, "from_epoch": 1, "until_epoch": 2}})
}

fn adam() -> Value {
    json!({"type": "adam", "learning_rate": 0.002, "beta1": 0.5, "beta2": 0.999, "epsilon": 1e-4})
}

fn training(update: &str, objective: &str, k: u64, optimizer: &Value) -> Value {
    json!({"steps": 100, "batch_size": 20, "update": update, "objective": objective, "discriminator_steps": k,
        "optimizer": optimizer, "ema": 0.9, "real_label": 0.9})
}

/// Trains both for a few steps from the same weights and compares every weight and average after each.
fn assert_agrees(spec: &Spec, tolerance: f32) {
    let data = pictures(6, 6, 100);
    let mut trainer = Trainer::new(spec, data.clone(), 1).unwrap();
    let mut reference = Reference::new(&trainer.checkpoint().unwrap(), &data).unwrap();
    let start = trainer.checkpoint().unwrap();
    for step in 1..=8 {
        trainer.step().unwrap();
        reference.step().unwrap();
        let (found, expected) = (trainer.checkpoint().unwrap(), reference.weights().unwrap());
        for (name, expected) in &expected {
            let tensor = |tensors: &[gand::gan::checkpoint::NamedTensor]| {
                tensors.iter().find(|tensor| tensor.name == *name).unwrap().values.clone()
            };
            let (found, start) = (tensor(&found.tensors), tensor(&start.tensors));
            let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let moved = found.iter().zip(&start).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= tolerance, "{name} is {worst} off after step {step}");
            assert!(
                step < 8 || moved > 5.0 * tolerance,
                "{name} has moved by {moved} only: the comparison would prove nothing"
            );
        }
    }
}

#[test]
fn every_update_order_objective_and_optimizer_agrees_with_autograd() {
    let data = pictures(6, 6, 100);
    for update in ["alternating", "simultaneous"] {
        for objective in ["non_saturating", "saturating"] {
            for (k, optimizer) in [(1, sgd()), (3, sgd()), (1, adam()), (2, adam())] {
                if k == 1 || update == "alternating" {
                    assert_agrees(&spec(&data, small_model(), training(update, objective, k, &optimizer)), 1e-5);
                }
            }
        }
    }
}

#[test]
fn every_layer_and_activation_agrees_with_autograd() {
    let data = pictures(6, 6, 100);
    for activation in ["relu", "leaky_relu", "sigmoid", "tanh", "linear"] {
        for output in ["sigmoid", "tanh", "linear"] {
            let hidden = json!({"type": "linear", "units": 24, "activation": activation, "init": {"type": "glorot"}});
            let judge = json!({"type": "linear", "units": 20, "activation": activation, "init": {"type": "he"}, "dropout": 0.3});
            let maxout = json!({"type": "maxout", "units": 11, "pieces": 4, "init": 0.4, "dropout": 0.5});
            let model = json!({
                "latent": {"dim": 10, "prior": "gaussian"},
                "generator": {"layers": [hidden, hidden], "output": output, "output_init": {"type": "glorot"}},
                "discriminator": {"input_dropout": 0.1, "layers": [judge, maxout, judge], "output_init": {"type": "glorot"}}
            });
            assert_agrees(&spec(&data, model, training("alternating", "non_saturating", 1, &sgd())), 2e-5);
        }
    }
}
