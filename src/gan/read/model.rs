//! Reading `model`: the latents and the two networks.

use super::DataFacts;
use super::fault::{Faults, join};
use super::fields::{Fields, check_number, describe, unknown_word};
use crate::gan::generator;
use crate::gan::layers::{Layer, Misfit, Sides};
use crate::gan::ops::maxout::MOST_PIECES;
use crate::gan::spec::{
    Activation, Contrast, DiscriminatorSpec, GeneratorSpec, Init, Latent, LayerSpec, Model, Output,
};
use crate::gan::spec::{OutputBias, OutputLayer, Prior};
use serde_json::Value;
use std::ops::Bound::{Excluded, Included};

const MAX_LAYERS: usize = 16;
const MAX_UNITS: u64 = 16_384;
const MAX_PIECES: u64 = MOST_PIECES as u64;
const MAX_LATENT_DIM: u64 = 4096;
const MAX_CHANNELS: u64 = 4096;
const MAX_KERNEL: u64 = 32;

const PRIORS: &[(&str, Prior)] = &[("uniform", Prior::Uniform), ("gaussian", Prior::Gaussian)];
const OUTPUTS: &[(&str, Output)] = &[("sigmoid", Output::Sigmoid), ("linear", Output::Linear), ("tanh", Output::Tanh)];
const OUTPUT_BIASES: &[(&str, OutputBias)] = &[("zero", OutputBias::Zero), ("data_mean", OutputBias::DataMean)];
const ACTIVATIONS: &[(&str, Activation)] = &[
    ("relu", Activation::Relu),
    ("leaky_relu", Activation::LeakyRelu),
    ("sigmoid", Activation::Sigmoid),
    ("tanh", Activation::Tanh),
    ("linear", Activation::Linear),
];

/// Reads the object of the field `model`.
pub(super) fn read_model(mut fields: Fields<'_>, facts: Option<&DataFacts>, faults: &Faults) -> Model {
    let latent = read_latent(fields.object("latent"));
    let input = (!fields.faulty("latent")).then_some([1, 1, latent.dim]);
    let generator = read_generator(fields.object("generator"), input, facts, faults);
    let input = facts.map(|facts| [facts.shape.height, facts.shape.width, facts.shape.channels]);
    let discriminator = read_discriminator(fields.object("discriminator"), input, faults);
    let contrast = read_contrast(&mut fields, &generator, facts, faults);
    fields.finish();
    Model { contrast, latent, generator, discriminator }
}

/// Contrast normalisation: an object, or `null` for none.
fn read_contrast(
    fields: &mut Fields<'_>,
    generator: &GeneratorSpec,
    facts: Option<&DataFacts>,
    faults: &Faults,
) -> Option<Contrast> {
    let pointer = fields.at("contrast");
    let value = fields.raw("contrast").filter(|value| !value.is_null())?;
    if facts.is_some_and(|facts| !facts.shape.is_image()) {
        fields.fault("contrast", "the dataset's points are no images");
    }
    if (generator.output, generator.output_bias) != (Output::Linear, OutputBias::Zero) {
        let detail =
            "normalised points have no bounds and no mean: G's output must be \"linear\" and its output_bias \"zero\"";
        fields.fault("contrast", detail);
    }
    let mut fields = Fields::open(value, pointer, faults);
    let scale = fields.float("scale", (Excluded(0.0), Included(1e4)), 55.0);
    let mean = fields.float("mean", 0.0..=1.0, 0.5);
    let deviation = fields.float("deviation", (Excluded(0.0), Included(1.0)), 0.25);
    fields.finish();
    Some(Contrast { scale, mean, deviation })
}

fn read_latent(mut fields: Fields<'_>) -> Latent {
    let dim = fields.size("dim", 1..=MAX_LATENT_DIM, None);
    let prior = fields.word("prior", PRIORS, Prior::Gaussian);
    fields.finish();
    Latent { dim, prior }
}

fn read_generator(
    mut fields: Fields<'_>,
    input: Option<Sides>,
    facts: Option<&DataFacts>,
    faults: &Faults,
) -> GeneratorSpec {
    let (layers, input) = read_layers(&mut fields, Player::Generator, input, faults);
    let output_layer = read_output_layer(&mut fields, faults);
    let output = fields.word("output", OUTPUTS, Output::Linear);
    if output != Output::Linear && facts.is_some_and(|facts| !facts.unit_interval) {
        fields.fault("output", "the dataset's values are not bounded to [0, 1]; only \"linear\" can reach them all");
    }
    let output_init = read_init(&mut fields, "output_init", Init::Glorot, faults);
    let output_bias = fields.word("output_bias", OUTPUT_BIASES, OutputBias::Zero);
    let output_max_norm = read_max_norm(&mut fields, "output_max_norm");
    let spec = GeneratorSpec { layers, output_layer, output, output_init, output_bias, output_max_norm };
    if let (Some(input), Some(facts)) = (input, facts)
        && !fields.faulty("output_layer")
        && let Err(Misfit { field, detail }) = generator::output_layer(&spec, input, facts.shape, 0)
    {
        let layer = fields.at("output_layer");
        match (field, output_layer) {
            ("init", _) => fields.fault("output_init", detail),
            (_, OutputLayer::Linear) => faults.note(layer, detail),
            (field, OutputLayer::ConvTranspose2d { .. }) => faults.note(join(&layer, field), detail),
        }
    }
    fields.finish();
    spec
}

#[derive(Clone, Copy)]
enum OutputType {
    Linear,
    ConvTranspose2d,
}

fn read_output_layer(fields: &mut Fields<'_>, faults: &Faults) -> OutputLayer {
    const TYPES: &[(&str, OutputType)] =
        &[("linear", OutputType::Linear), ("conv_transpose2d", OutputType::ConvTranspose2d)];
    let pointer = fields.at("output_layer");
    let Some(value) = fields.raw("output_layer") else { return OutputLayer::Linear };
    let mut fields = Fields::open(value, pointer, faults);
    let layer = match fields.tag(TYPES) {
        Some(OutputType::ConvTranspose2d) => OutputLayer::ConvTranspose2d {
            kernel: read_kernel(&mut fields),
            stride: read_stride(&mut fields, "stride"),
            padding: read_padding(&mut fields),
            input_shape: read_shape(&mut fields, "input_shape"),
            untied_bias: fields.flag("untied_bias", false),
        },
        Some(OutputType::Linear) => OutputLayer::Linear,
        None => return OutputLayer::Linear,
    };
    fields.finish();
    layer
}

fn read_discriminator(mut fields: Fields<'_>, input: Option<Sides>, faults: &Faults) -> DiscriminatorSpec {
    let input_dropout = fields.float("input_dropout", 0.0..1.0, 0.0);
    let (layers, _) = read_layers(&mut fields, Player::Discriminator, input, faults);
    let output_init = read_init(&mut fields, "output_init", Init::Glorot, faults);
    let output_max_norm = read_max_norm(&mut fields, "output_max_norm");
    fields.finish();
    DiscriminatorSpec { input_dropout, layers, output_init, output_max_norm }
}

#[derive(Clone, Copy, PartialEq)]
enum Player {
    Generator,
    Discriminator,
}

/// The layers, and the shape of the last one's output if all of them could be read and fit each other.
fn read_layers(
    fields: &mut Fields<'_>,
    player: Player,
    mut input: Option<Sides>,
    faults: &Faults,
) -> (Vec<LayerSpec>, Option<Sides>) {
    let mut layers = Vec::new();
    for (item, pointer) in fields.items("layers", MAX_LAYERS) {
        let spec = read_layer(Fields::open(item, pointer.clone(), faults), player, faults);
        let fitted = match (&spec, input) {
            (Some(spec), Some(input)) if !faults.touch(&pointer) => Some(Layer::new(spec, input, 0)),
            _ => None,
        };
        input = match fitted {
            Some(Ok(layer)) => Some(layer.output),
            Some(Err(Misfit { field, detail })) => {
                faults.note(join(&pointer, field), detail);
                None
            }
            None => None,
        };
        layers.extend(spec);
    }
    (layers, input.filter(|_| !fields.faulty("layers")))
}

#[derive(Clone, Copy)]
enum LayerType {
    Linear,
    Maxout,
    Conv2d,
    ConvTranspose2d,
    ConvMaxout,
}

const LAYER_TYPES: &[(&str, LayerType)] = &[
    ("linear", LayerType::Linear),
    ("maxout", LayerType::Maxout),
    ("conv2d", LayerType::Conv2d),
    ("conv_transpose2d", LayerType::ConvTranspose2d),
    ("conv_maxout", LayerType::ConvMaxout),
];

fn read_layer(mut fields: Fields<'_>, player: Player, faults: &Faults) -> Option<LayerSpec> {
    let layer = match fields.tag(LAYER_TYPES)? {
        LayerType::Linear => LayerSpec::Linear {
            units: fields.size("units", 1..=MAX_UNITS, None),
            activation: fields.word("activation", ACTIVATIONS, Activation::Relu),
            init: read_init(&mut fields, "init", Init::He, faults),
            bias: fields.float("bias", -100.0..=100.0, 0.0),
            dropout: read_dropout(&mut fields, player),
            max_norm: read_max_norm(&mut fields, "max_norm"),
            batch_norm: read_batch_norm(&mut fields, player),
        },
        LayerType::Maxout => LayerSpec::Maxout {
            units: fields.size("units", 1..=MAX_UNITS, None),
            pieces: fields.size("pieces", 1..=MAX_PIECES, Some(5)),
            init: read_init(&mut fields, "init", Init::Glorot, faults),
            dropout: read_dropout(&mut fields, player),
            max_norm: read_max_norm(&mut fields, "max_norm"),
        },
        LayerType::Conv2d => LayerSpec::Conv2d {
            channels: fields.size("channels", 1..=MAX_CHANNELS, None),
            kernel: read_kernel(&mut fields),
            stride: read_stride(&mut fields, "stride"),
            padding: read_padding(&mut fields),
            activation: fields.word("activation", ACTIVATIONS, Activation::Relu),
            init: read_init(&mut fields, "init", Init::He, faults),
            bias: fields.float("bias", -100.0..=100.0, 0.0),
            dropout: read_dropout(&mut fields, player),
            max_norm: read_max_norm(&mut fields, "max_norm"),
            batch_norm: read_batch_norm(&mut fields, player),
        },
        LayerType::ConvTranspose2d => LayerSpec::ConvTranspose2d {
            channels: fields.size("channels", 1..=MAX_CHANNELS, None),
            kernel: read_kernel(&mut fields),
            stride: read_stride(&mut fields, "stride"),
            padding: read_padding(&mut fields),
            input_shape: read_shape(&mut fields, "input_shape"),
            activation: fields.word("activation", ACTIVATIONS, Activation::Relu),
            init: read_init(&mut fields, "init", Init::He, faults),
            bias: fields.float("bias", -100.0..=100.0, 0.0),
            dropout: read_dropout(&mut fields, player),
            max_norm: read_max_norm(&mut fields, "max_norm"),
            batch_norm: read_batch_norm(&mut fields, player),
        },
        LayerType::ConvMaxout => LayerSpec::ConvMaxout {
            channels: fields.size("channels", 1..=MAX_CHANNELS, None),
            pieces: fields.size("pieces", 1..=MAX_PIECES, Some(2)),
            kernel: read_kernel(&mut fields),
            padding: read_padding(&mut fields),
            pool: fields.size("pool", 1..=MAX_KERNEL, Some(1)),
            pool_stride: read_stride(&mut fields, "pool_stride"),
            init: read_init(&mut fields, "init", Init::Glorot, faults),
            dropout: read_dropout(&mut fields, player),
            max_norm: read_max_norm(&mut fields, "max_norm"),
        },
    };
    fields.finish();
    Some(layer)
}

fn read_kernel(fields: &mut Fields<'_>) -> usize {
    fields.size("kernel", 1..=MAX_KERNEL, None)
}

fn read_stride(fields: &mut Fields<'_>, name: &'static str) -> usize {
    fields.size(name, 1..=MAX_KERNEL, Some(1))
}

fn read_padding(fields: &mut Fields<'_>) -> usize {
    fields.size("padding", 0..=MAX_KERNEL, Some(0))
}

/// Height, width and channels, or `null`.
fn read_shape(fields: &mut Fields<'_>, name: &'static str) -> Option<Sides> {
    let value = fields.raw(name).filter(|value| !value.is_null())?;
    let side = |value: &Value| value.as_u64().filter(|side| (1..=MAX_UNITS).contains(side)).map(|side| side as usize);
    let sides: Option<Vec<usize>> = value.as_array().and_then(|sides| sides.iter().map(side).collect());
    let shape = sides.and_then(|sides| Sides::try_from(sides).ok());
    if shape.is_none() {
        fields.fault(name, format!("expected [height, width, channels], whole numbers from 1 to {MAX_UNITS}, or null"));
    }
    shape
}

fn read_dropout(fields: &mut Fields<'_>, player: Player) -> f32 {
    let dropout = fields.float("dropout", 0.0..1.0, 0.0);
    if player == Player::Generator && dropout != 0.0 {
        fields.fault("dropout", "the generator has no dropout: its latents are its only noise");
    }
    dropout
}

fn read_max_norm(fields: &mut Fields<'_>, name: &'static str) -> Option<f32> {
    fields.optional_float(name, (Excluded(0.0), Included(1e6)))
}

fn read_batch_norm(fields: &mut Fields<'_>, player: Player) -> bool {
    let batch_norm = fields.flag("batch_norm", false);
    if player == Player::Discriminator && batch_norm {
        let detail = "the discriminator has no batch norm: it judges real and generated points in one minibatch, whose \
                      statistics would give them away";
        fields.fault("batch_norm", detail);
    }
    batch_norm
}

#[derive(Clone, Copy)]
enum InitType {
    Uniform,
    He,
    Glorot,
    Sparse,
}

/// How weights start: an object with a `type`, or for short `"he"`, `"glorot"` or the half-width of a uniform start.
fn read_init(fields: &mut Fields<'_>, name: &'static str, default: Init, faults: &Faults) -> Init {
    const TYPES: &[(&str, InitType)] = &[
        ("uniform", InitType::Uniform),
        ("he", InitType::He),
        ("glorot", InitType::Glorot),
        ("sparse", InitType::Sparse),
    ];
    let range = (Excluded(0.0), Included(10.0));
    let pointer = fields.at(name);
    match fields.raw(name) {
        None => default,
        Some(value @ Value::Object(_)) => {
            let mut fields = Fields::open(value, pointer, faults);
            let init = match fields.tag(TYPES) {
                Some(InitType::Uniform) => {
                    if !fields.has("range") {
                        fields.fault("range", "missing");
                    }
                    Init::Uniform { range: fields.float("range", range, 0.05) }
                }
                Some(InitType::He) => Init::He,
                Some(InitType::Glorot) => Init::Glorot,
                Some(InitType::Sparse) => Init::Sparse { nonzero: fields.size("nonzero", 1..=MAX_UNITS, None) },
                None => return default,
            };
            fields.finish();
            init
        }
        Some(value @ Value::Number(_)) => match check_number(value, &range, |number| f64::from(number as f32)) {
            Ok(range) => Init::Uniform { range: range as f32 },
            Err(detail) => {
                faults.note(pointer, detail);
                default
            }
        },
        Some(Value::String(word)) if word == "he" => Init::He,
        Some(Value::String(word)) if word == "glorot" => Init::Glorot,
        Some(value @ Value::String(_)) => {
            faults.note(pointer, unknown_word(value, ["he", "glorot"].into_iter()));
            default
        }
        Some(other) => {
            let shorts = "\"he\", \"glorot\", the half-width of a uniform start, or an object with a type";
            faults.note(pointer, format!("expected {shorts}, not {}", describe(other)));
            default
        }
    }
}
