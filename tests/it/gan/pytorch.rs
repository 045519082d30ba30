//! Ten steps against PyTorch's, from equal weights, examples, latents and masks.
//!
//! `tests/peers/steps.py` computes them, by torch.nn's functions, autograd and torch.optim. What it found is kept in
//! `tests/peers/steps.json`, so that the test needs no PyTorch; with `GAND_PEERS_PYTHON` naming a Python that has it, the
//! program runs again. `GAND_KEEP_STEPS=1` then writes the file anew.

use super::{coloured, conv_model, pictures, small_model, spec};
use gand::data::Dataset;
use gand::gan::minibatch::Minibatches;
use gand::gan::ops::dropout::Mask;
use gand::gan::random::{Purpose, Stream};
use gand::gan::{Spec, Trainer, discriminator, latent};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const STEPS: u64 = 10;
const TOLERANCE: f64 = 1e-4;

/// Both update orders with both optimisers, on dense networks and on ones with every kind of layer.
fn cases() -> Vec<(String, Spec, Arc<Dataset>)> {
    let sgd = json!({"type": "sgd", "learning_rate": 0.2, "decay": 1.0,
        "momentum": {"start": 0.5, "end": 0.5, "from_epoch": 1, "until_epoch": 2}});
    let adam = json!({"type": "adam", "learning_rate": 0.002, "beta1": 0.5, "beta2": 0.999, "epsilon": 1e-4});
    let mut small = small_model();
    small["generator"]["layers"][0]["units"] = json!(12);
    small["discriminator"]["layers"][0]["units"] = json!(6);
    let mut cases = Vec::new();
    for (networks, data, model) in
        [("dense", pictures(5, 5, 100), small), ("convolutional", coloured(6, 10, 2, 100), conv_model())]
    {
        // Wide enough that ten steps move every weight far beyond the tolerance.
        let mut model = model;
        for player in ["generator", "discriminator"] {
            model[player]["output_init"] = json!({"type": "uniform", "range": 0.5});
        }
        for update in ["alternating", "simultaneous"] {
            for optimizer in [&sgd, &adam] {
                let training = json!({"steps": STEPS, "batch_size": 20, "update": update, "optimizer": optimizer,
                    "ema": null, "real_label": 0.9});
                let name = format!("{networks}/{update}/{}", optimizer["type"].as_str().unwrap());
                cases.push((name, spec(&data, model.clone(), training), data.clone()));
            }
        }
    }
    cases
}

/// D's masks in an update, one for its input and one for each layer's outputs, for `rows` rows from `first_row` on.
fn masks(spec: &Spec, data: &Dataset, purpose: Purpose, step: u64, first_row: usize, rows: usize) -> Value {
    let layers = discriminator::layers(&spec.model, data.shape).unwrap();
    let stream = Stream::new(spec.seed, purpose, step, 0);
    let dropouts = [(data.shape.len(), spec.model.discriminator.input_dropout)];
    let dropouts = dropouts.into_iter().chain(layers.iter().map(|layer| (layer.units(), layer.dropout)));
    let mask = |(layer, (width, probability)): (u32, (usize, f32))| {
        let mask = Mask { stream, layer, first_row, probability };
        let mut values = vec![1.0f32; rows * width];
        values.chunks_mut(width).enumerate().for_each(|(row, values)| mask.apply(row, values));
        if probability > 0.0 { json!(values) } else { Value::Null }
    };
    (0..).zip(dropouts).map(mask).collect()
}

/// What PyTorch is to train: see `steps.py`.
fn inputs(spec: &Spec, data: &Dataset) -> Value {
    let batch = spec.training.batch_size;
    let mut minibatches = Minibatches::new(spec.seed, batch);
    let latents = |purpose, step| {
        let mut values = vec![0.0f32; batch * spec.model.latent.dim];
        latent::fill_minibatch(&spec.model.latent, spec.seed, purpose, step, &mut values);
        values
    };
    let mut steps = Vec::new();
    for step in 0..STEPS {
        let mut real = vec![0.0f32; batch * data.shape.len()];
        minibatches.fill(&data.train, step, &mut real);
        steps.push(json!({
            "real": real,
            "latents": latents(Purpose::LatentForDiscriminator, step),
            "masks": masks(spec, data, Purpose::DropoutForDiscriminator, step, 0, 2 * batch),
            "latents_of_generator": latents(Purpose::LatentForGenerator, step),
            "masks_of_generator": masks(spec, data, Purpose::DropoutForGenerator, step, batch, batch),
        }));
    }
    let start = Trainer::new(spec, Arc::new(data.clone()), 1).unwrap().checkpoint().unwrap();
    let weights = start.tensors.iter().filter(|tensor| !tensor.name.starts_with("optimizer."));
    let start: Map<String, Value> =
        weights.map(|tensor| (tensor.name.clone(), json!({"shape": tensor.shape, "values": tensor.values}))).collect();
    let shape = data.shape;
    json!({"spec": spec, "sides": [shape.height, shape.width, shape.channels], "start": start, "steps": steps})
}

/// What PyTorch found: kept, or just now where there is one.
fn results() -> Value {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/steps.json");
    let Some(python) = std::env::var_os("GAND_PEERS_PYTHON") else {
        return serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inputs.json");
    let runs: Map<String, Value> = cases().into_iter().map(|(name, spec, data)| (name, inputs(&spec, &data))).collect();
    std::fs::write(&path, serde_json::to_vec(&runs).unwrap()).unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/steps.py");
    let output = Command::new(python).arg(program).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    if std::env::var_os("GAND_KEEP_STEPS").is_some() {
        std::fs::write(kept, &output.stdout).unwrap();
    }
    serde_json::from_slice(&output.stdout).unwrap()
}

fn difference(found: &[f32], expected: &Value) -> f64 {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    let each =
        found.iter().zip(expected).map(|(found, expected)| (f64::from(*found) - expected.as_f64().unwrap()).abs());
    each.fold(0.0, f64::max)
}

#[test]
fn ten_steps_agree_with_pytorchs() {
    let results = results();
    for (name, spec, data) in cases() {
        let expected = &results["runs"][&name];
        let mut trainer = Trainer::new(&spec, data, 1).unwrap();
        let start = trainer.checkpoint().unwrap();
        for step in 0..STEPS {
            let losses = trainer.step().unwrap();
            let off = difference(&[losses.d_loss, losses.g_loss], &expected["losses"][step as usize]);
            assert!(off <= TOLERANCE, "{name}: a loss of step {} is {off} off", step + 1);
        }
        let end = trainer.checkpoint().unwrap();
        let mut compared = 0;
        for (tensor, first) in end.tensors.iter().zip(&start.tensors) {
            if tensor.name.starts_with("optimizer.") {
                continue;
            }
            let off = difference(&tensor.values, &expected["weights"][&tensor.name]);
            assert!(off <= TOLERANCE, "{name}: {} is {off} off after {STEPS} steps", tensor.name);
            let moved = difference(&tensor.values, &json!(first.values));
            assert!(moved > 5.0 * TOLERANCE, "{name}: {} has moved by {moved} only", tensor.name);
            compared += tensor.values.len();
        }
        let weights = expected["weights"].as_object().unwrap().values();
        assert_eq!(compared, weights.map(|values| values.as_array().unwrap().len()).sum::<usize>(), "{name}");
    }
}
