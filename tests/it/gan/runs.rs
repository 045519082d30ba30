//! Whole runs: resuming, threads, seeds, divergence.

use super::{coloured, conv_model, pictures, small_model, spec};
use gand::data::Dataset;
use gand::gan::spec::OptimizerSpec;
use gand::gan::{Checkpoint, GanError, Losses, Spec, Trainer};
use serde_json::{Value, json};
use std::sync::Arc;

fn small_spec() -> Spec {
    spec(&pictures(6, 6, 100), small_model(), json!({"steps": 60, "batch_size": 30, "ema": 0.99}))
}

/// A model large enough that its products are split between threads.
fn wide_spec() -> Spec {
    let maxout = json!({"type": "maxout", "units": 100, "pieces": 5, "init": 0.1, "dropout": 0.5});
    let model = json!({
        "latent": {"dim": 64, "prior": "gaussian"},
        "generator": {"layers": [{"type": "linear", "units": 300, "activation": "relu", "init": 0.1}], "output": "sigmoid"},
        "discriminator": {"input_dropout": 0.2, "layers": [maxout, maxout]}
    });
    spec(&pictures(20, 20, 300), model, json!({"steps": 60, "batch_size": 100, "ema": 0.99}))
}

/// Convolutions, batch norm, limits and noise.
fn conv_spec(data: &Dataset) -> Spec {
    let mut model = conv_model();
    model["discriminator"]["layers"][1]["max_norm"] = json!(0.9);
    model["generator"]["layers"][1]["max_norm"] = json!(0.9);
    let noise = json!({"start": 0.3, "until_step": 30});
    spec(data, model, json!({"steps": 60, "batch_size": 30, "ema": 0.99, "instance_noise": noise}))
}

/// The same, large enough that every operation is split between threads.
fn wide_conv_spec(data: &Dataset) -> Spec {
    let model = json!({
        "latent": {"dim": 16, "prior": "gaussian"},
        "generator": {
            "layers": [
                {"type": "linear", "units": 320, "batch_norm": true},
                {"type": "conv_transpose2d", "channels": 40, "kernel": 4, "stride": 2, "padding": 1, "input_shape": [4, 4, 20], "batch_norm": true, "max_norm": 1.0},
                {"type": "conv2d", "channels": 24, "kernel": 3, "padding": 1, "batch_norm": true}
            ],
            "output_layer": {"type": "conv_transpose2d", "kernel": 4, "stride": 2, "padding": 1},
            "output": "sigmoid"
        },
        "discriminator": {"input_dropout": 0.2, "layers": [
            {"type": "conv2d", "channels": 70, "kernel": 3, "padding": 1, "activation": "leaky_relu", "dropout": 0.2},
            {"type": "conv_maxout", "channels": 40, "pieces": 2, "kernel": 3, "padding": 1, "pool": 3, "pool_stride": 2, "dropout": 0.5, "max_norm": 1.0}
        ]}
    });
    let noise = json!({"start": 0.3, "until_step": 30});
    spec(data, model, json!({"steps": 60, "batch_size": 50, "ema": 0.99, "instance_noise": noise}))
}

fn train(trainer: &mut Trainer, steps: usize) -> Vec<Losses> {
    (0..steps).map(|_| trainer.step().unwrap()).collect()
}

#[test]
fn a_run_resumed_from_its_file_goes_on_bit_for_bit() {
    let (data, coloured) = (pictures(6, 6, 100), coloured(6, 10, 2, 100));
    for (spec, data) in [(small_spec(), data), (conv_spec(&coloured), coloured)] {
        for optimizer in [json!({"type": "sgd"}), json!({"type": "adam"})] {
            assert_resumes(&spec, &data, &optimizer);
        }
    }
}

#[test]
fn a_restarted_run_has_other_numbers_and_keeps_them_when_it_is_resumed() {
    let (spec, data) = (small_spec(), pictures(6, 6, 100));
    let begun = |restarts| Trainer::restart(&spec, data.clone(), 1, restarts).unwrap();
    let tries: Vec<_> = (0..4).map(|restarts| train(&mut begun(restarts), 3)).collect();
    assert_eq!(tries[0], train(&mut Trainer::new(&spec, data.clone(), 1).unwrap(), 3));
    for (one, other) in (0..4).flat_map(|one| (0..one).map(move |other| (one, other))) {
        assert_ne!(tries[one], tries[other], "tries {one} and {other}");
    }
    let kept = Checkpoint::from_bytes(&begun(2).checkpoint().unwrap().to_bytes().unwrap()).unwrap();
    assert_eq!((kept.restarts, &kept.spec), (2, &spec));
    assert_eq!(train(&mut Trainer::resume(&kept, &spec, data.clone(), 1).unwrap(), 3), tries[2]);
}

fn assert_resumes(spec: &Spec, data: &Arc<Dataset>, optimizer: &Value) {
    {
        let mut written = serde_json::to_value(spec).unwrap();
        written["training"]["optimizer"] = optimizer.clone();
        let spec = gand::gan::read_spec(&written, &|_| Some(gand::gan::read::DataFacts::from(&**data))).unwrap();
        let mut whole = Trainer::new(&spec, data.clone(), 1).unwrap();
        let losses = train(&mut whole, 40);
        let mut first = Trainer::new(&spec, data.clone(), 1).unwrap();
        train(&mut first, 17);
        let bytes = first.checkpoint().unwrap().to_bytes().unwrap();
        drop(first);
        let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
        let mut second = Trainer::resume(&checkpoint, &spec, data.clone(), 1).unwrap();
        assert_eq!(train(&mut second, 23), losses[17..]);
        assert_eq!(second.checkpoint().unwrap().to_bytes().unwrap(), whole.checkpoint().unwrap().to_bytes().unwrap());
    }
}

#[test]
fn one_and_two_threads_give_the_same_bits() {
    assert_same_bits(&wide_spec(), &pictures(20, 20, 300));
}

#[test]
fn one_and_two_threads_give_the_same_bits_in_convolutions() {
    let data = coloured(16, 16, 3, 300);
    assert_same_bits(&wide_conv_spec(&data), &data);
}

fn assert_same_bits(spec: &Spec, data: &Arc<Dataset>) {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut trainer = Trainer::new(spec, data.clone(), threads).unwrap();
            let losses = train(&mut trainer, 10);
            (losses, trainer.checkpoint().unwrap().tensors)
        })
    };
    let one = run(1);
    assert!(one == run(2), "two threads give other bits than one");
    assert!(one == run(3), "three threads give other bits than one");
}

#[test]
fn another_seed_gives_another_run_and_the_same_seed_the_same() {
    let (spec, data) = (small_spec(), pictures(6, 6, 100));
    let run = |seed: u64| {
        let spec = Spec { seed, ..spec.clone() };
        let mut trainer = Trainer::new(&spec, data.clone(), 1).unwrap();
        train(&mut trainer, 5)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn a_fork_starts_from_the_weights_with_steps_and_optimizer_anew() {
    let (spec, data) = (small_spec(), pictures(6, 6, 100));
    let mut parent = Trainer::new(&spec, data.clone(), 1).unwrap();
    train(&mut parent, 12);
    let checkpoint = parent.checkpoint().unwrap();
    let fork = Trainer::fork(&checkpoint, &Spec { seed: 99, ..spec }, data, 1).unwrap();
    assert_eq!(fork.steps_done(), 0);
    let forked = fork.checkpoint().unwrap();
    for tensor in &checkpoint.tensors {
        let twin = forked.tensors.iter().find(|twin| twin.name == tensor.name).unwrap();
        if tensor.name.starts_with("optimizer.") {
            assert!(twin.values.iter().all(|value| *value == 0.0), "{} is not fresh", tensor.name);
        } else if !tensor.name.starts_with("ema.") {
            assert_eq!(twin.values, tensor.values, "{} differs", tensor.name);
        }
    }
}

#[test]
fn a_fork_with_more_layers_puts_a_new_bottom_under_the_other_generator() {
    let (spec, data) = (small_spec(), pictures(6, 6, 100));
    let mut parent = Trainer::new(&spec, data.clone(), 1).unwrap();
    train(&mut parent, 12);
    let checkpoint = parent.checkpoint().unwrap();
    let mut taller = spec.clone();
    let first = taller.model.generator.layers[0].clone();
    // Its output is what the other's latents were.
    let gand::gan::spec::LayerSpec::Linear { activation, init, bias, dropout, max_norm, batch_norm, .. } = first else {
        panic!("{first:?}")
    };
    let units = spec.model.latent.dim;
    let bottom = gand::gan::spec::LayerSpec::Linear { units, activation, init, bias, dropout, max_norm, batch_norm };
    taller.model.generator.layers.insert(0, bottom);
    let mut fork = Trainer::fork(&checkpoint, &taller, data.clone(), 1).unwrap();
    let forked = fork.checkpoint().unwrap();
    let find = |tensors: &[gand::gan::checkpoint::NamedTensor], name: &str| {
        tensors.iter().find(|tensor| tensor.name == name).unwrap().values.clone()
    };
    assert_eq!(find(&forked.tensors, "generator.1.weight"), find(&checkpoint.tensors, "generator.0.weight"));
    let fresh = Trainer::new(&taller, data, 1).unwrap().checkpoint().unwrap();
    for name in ["generator.0.weight", "discriminator.0.weight"] {
        assert_eq!(find(&forked.tensors, name), find(&fresh.tensors, name), "{name} is not new");
    }
    assert_eq!(train(&mut fork, 3).len(), 3);
}

#[test]
fn several_updates_of_the_generator_make_another_run() {
    let (mut spec, data) = (small_spec(), pictures(6, 6, 100));
    spec.training.update = gand::gan::spec::Update::Alternating;
    let run = |generator_steps: usize| {
        let mut spec = spec.clone();
        spec.training.generator_steps = generator_steps;
        let mut trainer = Trainer::new(&spec, data.clone(), 1).unwrap();
        train(&mut trainer, 5)
    };
    assert_eq!(run(1)[0].d_loss, run(3)[0].d_loss);
    assert_ne!(run(1)[1].d_loss, run(3)[1].d_loss);
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_with_its_step() {
    let data = pictures(6, 6, 100);
    let mut spec = small_spec();
    // Beyond what a user may ask for, so that it happens within a few steps.
    spec.training.optimizer = OptimizerSpec::adam(1e30);
    let mut trainer = Trainer::new(&spec, data, 1).unwrap();
    let error = (0..60).find_map(|_| trainer.step().err()).expect("the run goes on with losses that are not finite");
    match error {
        GanError::Diverged { step, value, .. } => assert!(step == trainer.steps_done() + 1 && !value.is_finite()),
        other => panic!("ended by {other}"),
    }
}
