//! Reading `model`: the latents and the two networks.

use super::DataFacts;
use super::fault::Faults;
use super::fields::{Fields, check_number, describe, unknown_word};
use crate::gan::spec::{Activation, DiscriminatorSpec, GeneratorSpec, Init, Latent, LayerSpec, Model, Output};
use crate::gan::spec::{OutputBias, Prior};
use serde_json::Value;
use std::ops::Bound::{Excluded, Included};

const MAX_LAYERS: usize = 16;
const MAX_UNITS: u64 = 16_384;
const MAX_PIECES: u64 = 16;
const MAX_LATENT_DIM: u64 = 4096;

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
    let generator = read_generator(fields.object("generator"), facts, faults);
    let discriminator = read_discriminator(fields.object("discriminator"), faults);
    fields.finish();
    Model { latent, generator, discriminator }
}

fn read_latent(mut fields: Fields<'_>) -> Latent {
    let dim = fields.size("dim", 1..=MAX_LATENT_DIM, None);
    let prior = fields.word("prior", PRIORS, Prior::Gaussian);
    fields.finish();
    Latent { dim, prior }
}

fn read_generator(mut fields: Fields<'_>, facts: Option<&DataFacts>, faults: &Faults) -> GeneratorSpec {
    let layers = read_layers(&mut fields, Player::Generator, faults);
    let output = fields.word("output", OUTPUTS, Output::Linear);
    if output != Output::Linear && facts.is_some_and(|facts| !facts.unit_interval) {
        fields.fault("output", "the dataset's values are not bounded to [0, 1]; only \"linear\" can reach them all");
    }
    let output_init = read_init(&mut fields, "output_init", Init::Glorot, faults);
    let output_bias = fields.word("output_bias", OUTPUT_BIASES, OutputBias::Zero);
    fields.finish();
    GeneratorSpec { layers, output, output_init, output_bias }
}

fn read_discriminator(mut fields: Fields<'_>, faults: &Faults) -> DiscriminatorSpec {
    let input_dropout = fields.float("input_dropout", 0.0..1.0, 0.0);
    let layers = read_layers(&mut fields, Player::Discriminator, faults);
    let output_init = read_init(&mut fields, "output_init", Init::Glorot, faults);
    fields.finish();
    DiscriminatorSpec { input_dropout, layers, output_init }
}

#[derive(Clone, Copy, PartialEq)]
enum Player {
    Generator,
    Discriminator,
}

fn read_layers(fields: &mut Fields<'_>, player: Player, faults: &Faults) -> Vec<LayerSpec> {
    let items = fields.items("layers", MAX_LAYERS).into_iter();
    items.filter_map(|(item, pointer)| read_layer(Fields::open(item, pointer, faults), player, faults)).collect()
}

#[derive(Clone, Copy)]
enum LayerType {
    Linear,
    Maxout,
}

fn read_layer(mut fields: Fields<'_>, player: Player, faults: &Faults) -> Option<LayerSpec> {
    let layer = match fields.tag(&[("linear", LayerType::Linear), ("maxout", LayerType::Maxout)])? {
        LayerType::Linear => LayerSpec::Linear {
            units: fields.size("units", 1..=MAX_UNITS, None),
            activation: fields.word("activation", ACTIVATIONS, Activation::Relu),
            init: read_init(&mut fields, "init", Init::He, faults),
            bias: fields.float("bias", -100.0..=100.0, 0.0),
            dropout: read_dropout(&mut fields, player),
        },
        LayerType::Maxout => LayerSpec::Maxout {
            units: fields.size("units", 1..=MAX_UNITS, None),
            pieces: fields.size("pieces", 1..=MAX_PIECES, Some(5)),
            init: read_init(&mut fields, "init", Init::Glorot, faults),
            dropout: read_dropout(&mut fields, player),
        },
    };
    fields.finish();
    Some(layer)
}

fn read_dropout(fields: &mut Fields<'_>, player: Player) -> f32 {
    let dropout = fields.float("dropout", 0.0..1.0, 0.0);
    if player == Player::Generator && dropout != 0.0 {
        fields.fault("dropout", "the generator has no dropout: its latents are its only noise");
    }
    dropout
}

#[derive(Clone, Copy)]
enum InitType {
    Uniform,
    He,
    Glorot,
}

/// How weights start: an object with a `type`, or for short `"he"`, `"glorot"` or the half-width of a uniform start.
fn read_init(fields: &mut Fields<'_>, name: &'static str, default: Init, faults: &Faults) -> Init {
    const TYPES: &[(&str, InitType)] =
        &[("uniform", InitType::Uniform), ("he", InitType::He), ("glorot", InitType::Glorot)];
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
