//! Passes of single layers, of the shapes that the published convolutional recipe has, and the optimiser alone.

#![allow(clippy::unwrap_used, clippy::panic)]

use divan::Bencher;
use gand::gan::layers::{Layer, Sides};
use gand::gan::network::{Network, Pass};
use gand::gan::ops::slices;
use gand::gan::optimizer::Rule;
use gand::gan::random::{Purpose, Stream};
use gand::gan::spec::LayerSpec;
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// Examples in a pass.
const ROWS: usize = 128;

#[derive(Clone, Copy)]
enum Way {
    Forward,
    ToInput,
    Descend,
}

/// One pass of a layer, threads by argument.
fn pass(bencher: Bencher<'_, '_>, spec: Value, input: Sides, way: Way, threads: usize) {
    let mut whole = json!({"bias": 0.0, "dropout": 0.0, "max_norm": null, "init": {"type": "he"}, "batch_norm": false});
    if spec["type"].as_str().is_some_and(|kind| kind.ends_with("maxout")) {
        let fields = whole.as_object_mut().unwrap();
        fields.remove("bias");
        fields.remove("batch_norm");
    }
    for (name, value) in spec.as_object().unwrap() {
        whole[name] = value.clone();
    }
    let spec: LayerSpec = serde_json::from_value(whole).unwrap();
    let layer = Layer::new(&spec, input, 0).unwrap_or_else(|misfit| panic!("{misfit:?}"));
    let (inputs, outputs) = (layer.inputs(), layer.units());
    let network = Network::new(vec![layer], 0.0, &["velocity"], false, (1, 0), threads).unwrap();
    let activations = network.activations(ROWS).unwrap();
    let (x, dx) = (slices::zeros(ROWS, inputs).unwrap(), slices::zeros(ROWS, inputs).unwrap());
    let gradient = slices::zeros(ROWS, outputs).unwrap();
    let fill = |part: u32| move |values: &mut [f32]| Stream::new(1, Purpose::Sample, 0, part).fill_symmetric(values);
    slices::write(&x, fill(0)).unwrap();
    slices::write(&gradient, fill(1)).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let rows = 0..ROWS;
    let forward = || network.forward(&x, &activations, &rows, Pass::TRAINING, None).unwrap();
    let descend = Some(Rule::Sgd { learning_rate: 1e-6, momentum: 0.5 }.into());
    pool.install(forward);
    bencher.bench_local(|| {
        pool.install(|| match way {
            Way::Forward => forward(),
            Way::ToInput | Way::Descend => {
                let deltas = activations.deltas(&rows).unwrap();
                slices::read(&gradient, |gradient| {
                    slices::write(&deltas, |deltas| deltas.copy_from_slice(gradient)).unwrap();
                })
                .unwrap();
                let (descend, to_input) = match way {
                    Way::Descend => (descend, None),
                    _ => (None, Some(&dx)),
                };
                network.backward(&x, &activations, &rows, Pass::TRAINING, None, descend, to_input).unwrap();
            }
        });
    });
}

macro_rules! layer {
    ($module:ident, $name:literal, $input:expr, $spec:tt) => {
        mod $module {
            use super::{Bencher, Way, json, pass};

            #[divan::bench(name = concat!("layers/", $name, "/forward"), args = [1, 2], max_time = 2)]
            fn forward(bencher: Bencher<'_, '_>, threads: usize) {
                pass(bencher, json!($spec), $input, Way::Forward, threads);
            }

            #[divan::bench(name = concat!("layers/", $name, "/to-input"), args = [1, 2], max_time = 2)]
            fn to_input(bencher: Bencher<'_, '_>, threads: usize) {
                pass(bencher, json!($spec), $input, Way::ToInput, threads);
            }

            #[divan::bench(name = concat!("layers/", $name, "/descend"), args = [1, 2], max_time = 2)]
            fn descend(bencher: Bencher<'_, '_>, threads: usize) {
                pass(bencher, json!($spec), $input, Way::Descend, threads);
            }
        }
    };
}

layer!(linear, "linear/1200x1200", [1, 1, 1200], {"type": "linear", "units": 1200, "activation": "relu"});
layer!(normalized, "linear-batch-norm/1200x1200", [1, 1, 1200], {
    "type": "linear", "units": 1200, "activation": "relu", "batch_norm": true
});
layer!(maxout, "maxout/784x240x5", [28, 28, 1], {"type": "maxout", "units": 240, "pieces": 5});
layer!(conv2d, "conv2d/16x16x64-3x3x64", [16, 16, 64], {
    "type": "conv2d", "channels": 64, "kernel": 3, "stride": 1, "padding": 1, "activation": "leaky_relu"
});
layer!(conv2d_strided, "conv2d/32x32x3-4x4x64", [32, 32, 3], {
    "type": "conv2d", "channels": 64, "kernel": 4, "stride": 2, "padding": 1, "activation": "leaky_relu"
});
layer!(conv_transpose2d, "conv_transpose2d/8x8x128-4x4x64", [8, 8, 128], {
    "type": "conv_transpose2d", "channels": 64, "kernel": 4, "stride": 2, "padding": 1, "input_shape": null,
    "activation": "relu"
});
layer!(deconv, "conv_transpose2d/10x10x80-5x5x3", [10, 10, 80], {
    "type": "conv_transpose2d", "channels": 3, "kernel": 5, "stride": 3, "padding": 0, "input_shape": null,
    "activation": "linear"
});
layer!(conv_maxout_1, "conv_maxout/32x32x3-8x8x32x2", [32, 32, 3], {
    "type": "conv_maxout", "channels": 32, "pieces": 2, "kernel": 8, "padding": 4, "pool": 4, "pool_stride": 2
});
layer!(conv_maxout_2, "conv_maxout/16x16x32-8x8x32x2", [16, 16, 32], {
    "type": "conv_maxout", "channels": 32, "pieces": 2, "kernel": 8, "padding": 3, "pool": 4, "pool_stride": 2
});
layer!(conv_maxout_3, "conv_maxout/7x7x32-5x5x192x2", [7, 7, 32], {
    "type": "conv_maxout", "channels": 192, "pieces": 2, "kernel": 5, "padding": 3, "pool": 2, "pool_stride": 2
});

/// The optimiser alone, nearly: one example's gradient of a layer of 1200 × 1200 is little beside moving its weights.
fn optimizer(bencher: Bencher<'_, '_>, rule: Rule, moments: &'static [&'static str], threads: usize) {
    let spec = json!({"type": "linear", "units": 1200, "activation": "linear", "bias": 0.0, "dropout": 0.0,
        "max_norm": null, "init": {"type": "he"}, "batch_norm": false});
    let layer = Layer::new(&serde_json::from_value(spec).unwrap(), [1, 1, 1200], 0).unwrap_or_else(|_| panic!());
    let network = Network::new(vec![layer], 0.0, moments, false, (1, 0), threads).unwrap();
    let (activations, x, rows) = (network.activations(1).unwrap(), slices::zeros(1, 1200).unwrap(), 0..1);
    slices::write(&x, |values| Stream::new(1, Purpose::Sample, 0, 0).fill_symmetric(values)).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| network.forward(&x, &activations, &rows, Pass::TRAINING, None).unwrap());
    slices::write(&activations.deltas(&rows).unwrap(), |deltas| deltas.fill(1e-3)).unwrap();
    let descend = Some(rule.into());
    bencher.bench_local(|| {
        pool.install(|| network.backward(&x, &activations, &rows, Pass::TRAINING, None, descend, None).unwrap());
    });
}

#[divan::bench(name = "optimizer/sgd/1200x1200", args = [1, 2], max_time = 2)]
fn sgd(bencher: Bencher<'_, '_>, threads: usize) {
    optimizer(bencher, Rule::Sgd { learning_rate: 1e-6, momentum: 0.5 }, &["velocity"], threads);
}

#[divan::bench(name = "optimizer/adam/1200x1200", args = [1, 2], max_time = 2)]
fn adam(bencher: Bencher<'_, '_>, threads: usize) {
    let rule = Rule::Adam { step_size: 1e-6, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 };
    optimizer(bencher, rule, &["first_moment", "second_moment"], threads);
}
