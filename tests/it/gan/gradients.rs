//! The fused step against candle's own autograd, on the same weights, latents and masks.

use super::reference::Reference;
use super::{coloured, conv_model, pictures, small_model, spec};
use gand::data::Dataset;
use gand::gan::spec::Objective;
use gand::gan::{Spec, Trainer};
use serde_json::{Value, json};
use std::sync::Arc;

fn sgd() -> Value {
    json!({"type": "sgd", "learning_rate": 0.2, "decay": 1.001, "momentum": {"start": 0.5, "end": 0.9, "from_epoch": 1, "until_epoch": 2}})
}

fn adam() -> Value {
    json!({"type": "adam", "learning_rate": 0.002, "beta1": 0.5, "beta2": 0.999, "epsilon": 1e-4, "decay": 1.01,
        "min_learning_rate": 0.0019})
}

fn training(update: &str, objective: &str, k: u64, optimizer: &Value) -> Value {
    json!({"steps": 100, "batch_size": 20, "update": update, "objective": objective, "discriminator_steps": k,
        "optimizer": optimizer, "ema": 0.9, "real_label": 0.9})
}

/// Trains both for a few steps from the same weights and compares every weight and average after each.
fn assert_agrees(spec: &Spec, data: &Arc<Dataset>, tolerance: f32) {
    let mut trainer = Trainer::new(spec, data.clone(), 1).unwrap();
    let mut reference = Reference::new(&trainer.checkpoint().unwrap(), data).unwrap();
    let start = trainer.checkpoint().unwrap();
    let logit_bias = format!("discriminator.{}.bias", spec.model.discriminator.layers.len());
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
            // The bias of D's logit takes no part in the difference of two logits.
            let idle = spec.training.objective == Objective::Relativistic && *name == logit_bias;
            assert!(
                idle || step < 8 || moved > 5.0 * tolerance,
                "{name} has moved by {moved} only: the comparison would prove nothing"
            );
        }
    }
}

#[test]
fn players_with_optimizers_of_their_own_agree_with_autograd() {
    let data = pictures(6, 6, 100);
    for update in ["alternating", "simultaneous"] {
        for (of_d, of_g) in [(sgd(), adam()), (adam(), sgd())] {
            let mut training = training(update, "non_saturating", 1, &of_d);
            training["generator_optimizer"] = of_g;
            assert_agrees(&spec(&data, small_model(), training), &data, 1e-5);
        }
    }
}

#[test]
fn every_update_order_objective_and_optimizer_agrees_with_autograd() {
    let data = pictures(6, 6, 100);
    for update in ["alternating", "simultaneous"] {
        for objective in ["non_saturating", "saturating"] {
            for (k, optimizer) in [(1, sgd()), (3, sgd()), (1, adam()), (2, adam())] {
                assert_agrees(&spec(&data, small_model(), training(update, objective, k, &optimizer)), &data, 1e-5);
            }
        }
    }
}

#[test]
fn pairs_of_an_example_and_a_sample_agree_with_autograd() {
    let data = pictures(6, 6, 100);
    for update in ["alternating", "simultaneous"] {
        for (k, optimizer) in [(1, sgd()), (2, adam())] {
            let mut training = training(update, "relativistic", k, &optimizer);
            training["real_label"] = json!(1.0);
            assert_agrees(&spec(&data, small_model(), training), &data, 1e-5);
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
            assert_agrees(&spec(&data, model, training("alternating", "non_saturating", 1, &sgd())), &data, 2e-5);
        }
    }
}

#[test]
fn convolutions_and_batch_norm_agree_with_autograd() {
    let data = coloured(6, 10, 2, 100);
    for update in ["alternating", "simultaneous"] {
        for optimizer in [sgd(), adam()] {
            assert_agrees(&spec(&data, conv_model(), training(update, "non_saturating", 1, &optimizer)), &data, 2e-5);
        }
    }
}

#[test]
fn every_activation_of_a_convolution_agrees_with_autograd() {
    let data = coloured(6, 10, 2, 100);
    for activation in ["relu", "leaky_relu", "sigmoid", "tanh", "linear"] {
        for batch_norm in [false, true] {
            let mut model = conv_model();
            for layer in 0..3 {
                model["generator"]["layers"][layer]["activation"] = json!(activation);
                model["generator"]["layers"][layer]["batch_norm"] = json!(batch_norm);
            }
            model["generator"]["output_layer"]["untied_bias"] = json!(false);
            model["generator"]["output"] = json!("tanh");
            model["discriminator"]["layers"][0]["activation"] = json!(activation);
            assert_agrees(&spec(&data, model, training("alternating", "non_saturating", 1, &sgd())), &data, 7e-6);
        }
    }
}

#[test]
fn limits_on_norms_agree_with_autograd() {
    let data = coloured(6, 10, 2, 100);
    let mut model = conv_model();
    for player in ["generator", "discriminator"] {
        for layer in 0..3 {
            model[player]["layers"][layer]["max_norm"] = json!(0.8);
        }
        model[player]["output_max_norm"] = json!(0.5);
    }
    for optimizer in [sgd(), adam()] {
        let training = training("simultaneous", "non_saturating", 1, &optimizer);
        assert_agrees(&spec(&data, model.clone(), training), &data, 2e-5);
    }
}

#[test]
fn instance_noise_agrees_with_autograd() {
    let data = coloured(6, 10, 2, 100);
    for (update, input_dropout) in [("alternating", 0.2), ("alternating", 0.0), ("simultaneous", 0.2)] {
        let mut model = conv_model();
        model["discriminator"]["input_dropout"] = json!(input_dropout);
        let mut training = training(update, "non_saturating", 1, &sgd());
        // It ends within the steps that are compared.
        training["instance_noise"] = json!({"start": 0.5, "until_step": 6});
        assert_agrees(&spec(&data, model, training), &data, 2e-5);
    }
}

/// A loss as a function of one weight, against the gradient that the optimiser was given: its velocity after one step.
#[test]
fn gradients_of_a_convolutional_net_agree_with_differences_of_its_losses() {
    let data = coloured(6, 10, 2, 100);
    let optimizer = json!({"type": "sgd", "learning_rate": 0.1, "momentum": 0.0});
    let mut training = training("simultaneous", "non_saturating", 1, &optimizer);
    training["real_label"] = json!(1.0);
    let spec = spec(&data, conv_model(), training);
    let start = Trainer::new(&spec, data.clone(), 1).unwrap().checkpoint().unwrap();
    let losses = |name: &str, index: usize, by: f32| {
        let mut shifted = start.clone();
        shifted.tensors.iter_mut().find(|tensor| tensor.name == name).unwrap().values[index] += by;
        Trainer::resume(&shifted, &spec, data.clone(), 1).unwrap().step().unwrap()
    };
    let mut trainer = Trainer::resume(&start, &spec, data.clone(), 1).unwrap();
    trainer.step().unwrap();
    let moved = trainer.checkpoint().unwrap();
    let mut compared = 0;
    for velocity in moved.tensors.iter().filter(|tensor| tensor.name.ends_with(".velocity")) {
        let name = velocity.name.trim_start_matches("optimizer.").trim_end_matches(".velocity");
        let largest = velocity.values.iter().map(|value| value.abs()).fold(0.0, f32::max) / 0.1;
        let stride = velocity.values.len().div_ceil(12);
        for index in (0..velocity.values.len()).step_by(stride) {
            let gradient = -velocity.values[index] / 0.1;
            let h = 4e-3;
            let (up, down) = (losses(name, index, h), losses(name, index, -h));
            let slope = match name.starts_with("generator") {
                true => (up.g_loss - down.g_loss) / (2.0 * h),
                false => (up.d_loss - down.d_loss) / (2.0 * h),
            };
            // Kinks of ReLU and max within the step, and rounding of the losses.
            assert!(
                (gradient - slope).abs() <= 0.05 * largest + 2e-4,
                "{name}[{index}]: gradient {gradient}, slope {slope}, the tensor's largest {largest}"
            );
            compared += 1;
        }
    }
    assert!(compared > 150, "{compared} weights compared only");
}
