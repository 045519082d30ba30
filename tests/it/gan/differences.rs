//! Each layer by itself against central differences: of a weighted sum of its outputs, by every weight, bias and shift, and
//! by its input.

use gand::gan::checkpoint::NamedTensor;
use gand::gan::layers::{Layer, Sides};
use gand::gan::network::{Activations, Network, Pass, Tensors};
use gand::gan::ops::slices;
use gand::gan::optimizer::Rule;
use gand::gan::random::{Purpose, Stream};
use gand::gan::spec::LayerSpec;
use serde_json::{Value, json};

/// Examples in a minibatch.
const ROWS: usize = 6;

/// How far a number is moved to either side.
const H: f32 = 2e-3;

/// A layer, an input, and the weights of the sum that is differentiated.
struct Probe {
    network: Network,
    activations: Activations,
    input: candle_core::Tensor,
    to_input: candle_core::Tensor,
    pass: Pass,
    mix: Vec<f32>,
}

fn random(part: u32, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Stream::new(3, Purpose::Sample, 0, part).fill_symmetric(&mut values);
    values
}

impl Probe {
    fn new(spec: Value, sides: Sides, input_dropout: f32, pass: Pass) -> Self {
        let spec: LayerSpec = serde_json::from_value(spec).unwrap();
        let layer = Layer::new(&spec, sides, 0).unwrap_or_else(|misfit| panic!("{misfit:?}"));
        let (inputs, outputs) = (layer.inputs(), layer.units());
        let mut network = Network::new(vec![layer], input_dropout, &["velocity"], false, (1, 0), 1).unwrap();
        // Biases, scales and shifts start at one value each; here no two are alike.
        let mut tensors = network.tensors("layer").unwrap();
        for (part, index) in (10..).zip(trained(&tensors)) {
            let by = random(part, tensors[index].values.len());
            tensors[index].values.iter_mut().zip(by).for_each(|(value, by)| *value += 0.3 * by);
        }
        network.load_weights(&mut Tensors::new(&tensors), "layer").unwrap();
        let input = slices::zeros(ROWS, inputs).unwrap();
        slices::write(&input, |values| values.copy_from_slice(&random(0, ROWS * inputs))).unwrap();
        Self {
            activations: network.activations(ROWS).unwrap(),
            to_input: slices::zeros(ROWS, inputs).unwrap(),
            network,
            input,
            pass,
            mix: random(1, ROWS * outputs),
        }
    }

    fn forward(&self) {
        self.network.forward(&self.input, &self.activations, &(0..ROWS), self.pass, None).unwrap();
    }

    fn sum(&self) -> f64 {
        self.forward();
        let output = self.activations.output(&(0..ROWS)).unwrap();
        let sum = |values: &[f32]| values.iter().zip(&self.mix).map(|(y, c)| f64::from(*y) * f64::from(*c)).sum();
        slices::read(&output, sum).unwrap()
    }

    /// The gradients: what a descent by momentum 0 and rate 1 leaves as velocities, and the input's.
    fn gradients(&mut self) -> (Vec<NamedTensor>, Vec<f32>) {
        let before = self.network.tensors("layer").unwrap();
        self.forward();
        let deltas = self.activations.deltas(&(0..ROWS)).unwrap();
        slices::write(&deltas, |deltas| deltas.copy_from_slice(&self.mix)).unwrap();
        let descend = Some(Rule::Sgd { learning_rate: 1.0, momentum: 0.0 }.into());
        let (input, to_input) = (&self.input, Some(&self.to_input));
        self.network.backward(input, &self.activations, &(0..ROWS), self.pass, None, descend, to_input).unwrap();
        let mut velocities = self.network.tensors("layer").unwrap();
        velocities.retain(|tensor| tensor.name.ends_with(".velocity"));
        self.network.load_weights(&mut Tensors::new(&before), "layer").unwrap();
        (velocities, slices::read(&self.to_input, <[f32]>::to_vec).unwrap())
    }

    /// The slopes to either side of a weight.
    fn slopes_by_weight(&mut self, tensors: &[NamedTensor], which: usize, index: usize) -> [f64; 2] {
        let at = |probe: &mut Self, by: f32| {
            let mut moved = tensors.to_vec();
            moved[which].values[index] += by;
            probe.network.load_weights(&mut Tensors::new(&moved), "layer").unwrap();
            probe.sum()
        };
        let sums = [at(self, -H), at(self, 0.0), at(self, H)];
        slopes(sums)
    }

    fn slopes_by_input(&self, index: usize) -> [f64; 2] {
        let at = |by: f32| {
            slices::write(&self.input, |values| values[index] += by).unwrap();
            let sum = self.sum();
            slices::write(&self.input, |values| values[index] -= by).unwrap();
            sum
        };
        slopes([at(-H), at(0.0), at(H)])
    }
}

fn slopes([down, here, up]: [f64; 3]) -> [f64; 2] {
    [(here - down) / f64::from(H), (up - here) / f64::from(H)]
}

/// The tensors that the optimiser moves: those that have a velocity.
fn trained(tensors: &[NamedTensor]) -> Vec<usize> {
    let has_velocity = |name: &str| tensors.iter().any(|tensor| tensor.name == format!("optimizer.{name}.velocity"));
    (0..tensors.len()).filter(|index| has_velocity(&tensors[*index].name)).collect()
}

/// How many numbers were compared, and at how many there was a kink between one side and the other.
#[derive(Default)]
struct Count {
    compared: usize,
    kinks: usize,
}

impl Count {
    fn compare(&mut self, what: &str, gradient: f32, [left, right]: [f64; 2]) {
        // A kink of a ReLU or a maximum lies within the step: neither side's slope need be the gradient.
        if (left - right).abs() > 0.05 {
            self.kinks += 1;
            return;
        }
        let slope = (left + right) / 2.0;
        let error = (f64::from(gradient) - slope).abs();
        let allowed = 2e-3 * (1.0 + slope.abs()) + (left - right).abs() / 2.0;
        assert!(error <= allowed, "{what}: gradient {gradient}, slopes {left} and {right}");
        self.compared += 1;
    }
}

/// Compares every trained number of the layer and every number of its input.
fn agrees(name: &str, spec: &Value, sides: Sides, input_dropout: f32, pass: Pass) {
    let mut probe = Probe::new(spec.clone(), sides, input_dropout, pass);
    let (velocities, to_input) = probe.gradients();
    let tensors = probe.network.tensors("layer").unwrap();
    let mut count = Count::default();
    for which in trained(&tensors) {
        let weight = &tensors[which].name;
        let velocity = velocities.iter().find(|tensor| tensor.name == format!("optimizer.{weight}.velocity")).unwrap();
        for (index, velocity) in velocity.values.iter().enumerate() {
            let slopes = probe.slopes_by_weight(&tensors, which, index);
            count.compare(&format!("{name}: {weight}[{index}]"), -velocity, slopes);
        }
    }
    probe.network.load_weights(&mut Tensors::new(&tensors), "layer").unwrap();
    for (index, gradient) in to_input.iter().enumerate() {
        count.compare(&format!("{name}: input[{index}]"), *gradient, probe.slopes_by_input(index));
    }
    let Count { compared, kinks } = count;
    assert!(kinks * 4 < compared, "{name}: {kinks} kinks, {compared} compared");
    assert!(velocities.iter().any(|velocity| velocity.values.iter().any(|value| value.abs() > 0.05)), "{name}: flat");
}

const ACTIVATIONS: [&str; 5] = ["relu", "leaky_relu", "sigmoid", "tanh", "linear"];

/// A layer's spec with every field.
fn whole(spec: Value) -> Value {
    let mut whole = json!({"dropout": 0.0, "max_norm": null, "init": {"type": "glorot"}});
    if !spec["type"].as_str().unwrap().ends_with("maxout") {
        whole["bias"] = json!(0.1);
        whole["batch_norm"] = json!(false);
    }
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    whole
}

fn masks() -> Pass {
    Pass::disturbed(Stream::new(9, Purpose::DropoutForDiscriminator, 4, 0), None)
}

/// Plainly; with some of its outputs dropped; with some of its inputs dropped, too.
fn agrees_with_and_without_dropout(name: &str, spec: Value, sides: Sides) {
    let mut spec = whole(spec);
    agrees(name, &spec, sides, 0.0, Pass::TRAINING);
    spec["dropout"] = json!(0.4);
    agrees(&format!("{name}, dropout"), &spec, sides, 0.0, masks());
    agrees(&format!("{name}, dropout before and after"), &spec, sides, 0.3, masks());
}

#[test]
fn linear_layers_have_the_gradients_of_their_differences() {
    for activation in ACTIVATIONS {
        let spec = json!({"type": "linear", "units": 7, "activation": activation});
        agrees_with_and_without_dropout(&format!("linear, {activation}"), spec, [1, 1, 9]);
    }
}

#[test]
fn batch_norm_has_the_gradients_of_its_differences() {
    for activation in ACTIVATIONS {
        let norm = |spec: Value, sides: Sides| {
            let mut spec = whole(spec);
            spec["batch_norm"] = json!(true);
            agrees(&format!("{}, batch norm, {activation}", spec["type"]), &spec, sides, 0.0, Pass::TRAINING);
        };
        norm(json!({"type": "linear", "units": 5, "activation": activation}), [1, 1, 8]);
        norm(
            json!({"type": "conv2d", "channels": 3, "kernel": 3, "stride": 1, "padding": 1, "activation": activation}),
            [4, 3, 2],
        );
        norm(
            json!({"type": "conv_transpose2d", "channels": 3, "kernel": 3, "stride": 2, "padding": 1,
                "input_shape": null, "activation": activation}),
            [2, 3, 2],
        );
    }
}

#[test]
fn maxout_has_the_gradients_of_its_differences() {
    agrees_with_and_without_dropout("maxout", json!({"type": "maxout", "units": 6, "pieces": 3}), [1, 1, 10]);
}

#[test]
fn convolutions_have_the_gradients_of_their_differences() {
    for activation in ACTIVATIONS {
        for (kernel, stride, padding) in [(3, 1, 1), (4, 2, 1), (2, 1, 0)] {
            let spec = json!({"type": "conv2d", "channels": 4, "kernel": kernel, "stride": stride, "padding": padding,
                "activation": activation});
            let name = format!("conv2d {kernel} × {kernel} by {stride}, {activation}");
            agrees_with_and_without_dropout(&name, spec, [4, 6, 3]);
        }
    }
}

#[test]
fn transposed_convolutions_have_the_gradients_of_their_differences() {
    for activation in ACTIVATIONS {
        for (kernel, stride, padding) in [(3, 1, 1), (4, 2, 1), (2, 1, 0)] {
            let spec = json!({"type": "conv_transpose2d", "channels": 3, "kernel": kernel, "stride": stride,
                "padding": padding, "input_shape": null, "activation": activation});
            let name = format!("conv_transpose2d {kernel} × {kernel} by {stride}, {activation}");
            agrees_with_and_without_dropout(&name, spec, [3, 2, 4]);
        }
    }
}

#[test]
fn convolutional_maxout_has_the_gradients_of_its_differences_through_its_pooling() {
    for (pool, pool_stride) in [(1, 1), (2, 2), (3, 2)] {
        let spec = json!({"type": "conv_maxout", "channels": 4, "pieces": 2, "kernel": 3, "padding": 1, "pool": pool,
            "pool_stride": pool_stride});
        agrees_with_and_without_dropout(&format!("conv_maxout, pool {pool} by {pool_stride}"), spec, [5, 4, 2]);
    }
}
