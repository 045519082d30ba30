//! Reading `training`: Algorithm 1 and its settings.

use super::DataFacts;
use super::fault::Faults;
use super::fields::{Fields, check_number};
use crate::gan::spec::{
    InstanceNoise, Momentum, Objective, OptimizerSpec, Regularized, Regularizer, RegularizerMethod, Training, Update,
};
use serde_json::Value;
use std::ops::Bound::{Excluded, Included};

const MAX_STEPS: u64 = 100_000_000;
const MAX_BATCH: u64 = 4096;
const MAX_PLAYER_STEPS: u64 = 100;
const MAX_EPOCH: u64 = 1_000_000_000;

const UPDATES: &[(&str, Update)] = &[("alternating", Update::Alternating), ("simultaneous", Update::Simultaneous)];
const OBJECTIVES: &[(&str, Objective)] = &[
    ("non_saturating", Objective::NonSaturating),
    ("saturating", Objective::Saturating),
    ("relativistic", Objective::Relativistic),
];
const REGULARIZERS: &[(&str, Regularized)] = &[("r1", Regularized::R1), ("r1_r2", Regularized::R1R2)];
const METHODS: &[(&str, RegularizerMethod)] = &[("exact", RegularizerMethod::Exact)];
const MAX_EVERY: u64 = 1000;

/// Reads the object of the field `training`.
pub(super) fn read_training(mut fields: Fields<'_>, facts: Option<&DataFacts>, faults: &Faults) -> Training {
    let steps = fields.integer("steps", 1..=MAX_STEPS, None);
    let batch_size = fields.size("batch_size", 1..=MAX_BATCH, None);
    if let Some(facts) = facts.filter(|facts| batch_size > facts.train) {
        fields.fault("batch_size", format!("{batch_size} is more than the {} training examples", facts.train));
    }
    let discriminator_steps = fields.size("discriminator_steps", 1..=MAX_PLAYER_STEPS, Some(1));
    let generator_steps = fields.size("generator_steps", 1..=MAX_PLAYER_STEPS, Some(1));
    let update = fields.word("update", UPDATES, Update::Alternating);
    if update == Update::Simultaneous && generator_steps > 1 {
        fields.fault("generator_steps", "simultaneous updates are one of each player; take \"alternating\"");
    }
    let objective = fields.word("objective", OBJECTIVES, Objective::NonSaturating);
    let real_label = fields.float("real_label", (Excluded(0.0), Included(1.0)), 1.0);
    if objective == Objective::Relativistic && real_label < 1.0 {
        fields.fault("real_label", "the relativistic objective has no labels to smooth; take 1");
    }
    let optimizer = read_optimizer(fields.object("optimizer"), faults);
    let generator_optimizer = read_generator_optimizer(&mut fields, faults);
    let instance_noise = read_instance_noise(&mut fields, steps, faults);
    let regularizer = read_regularizer(&mut fields, faults);
    let ema = fields.optional_float("ema", (Excluded(0.0), Excluded(1.0)));
    fields.finish();
    Training {
        steps,
        batch_size,
        discriminator_steps,
        generator_steps,
        update,
        objective,
        real_label,
        optimizer,
        generator_optimizer,
        instance_noise,
        regularizer,
        ema,
    }
}

/// Noise: an object, or `null` for none.
fn read_instance_noise(fields: &mut Fields<'_>, steps: u64, faults: &Faults) -> Option<InstanceNoise> {
    let pointer = fields.at("instance_noise");
    let value = fields.raw("instance_noise").filter(|value| !value.is_null())?;
    let mut fields = Fields::open(value, pointer, faults);
    let start = fields.float("start", (Excluded(0.0), Included(100.0)), 0.1);
    let until_step = fields.integer("until_step", 1..=MAX_STEPS, Some(steps.max(1)));
    fields.finish();
    Some(InstanceNoise { start, until_step })
}

/// A penalty on D's gradient: an object, or `null` for none.
fn read_regularizer(fields: &mut Fields<'_>, faults: &Faults) -> Option<Regularizer> {
    let pointer = fields.at("regularizer");
    let value = fields.raw("regularizer").filter(|value| !value.is_null())?;
    let mut fields = Fields::open(value, pointer, faults);
    let of = fields.tag(REGULARIZERS)?;
    let gamma = fields.float("gamma", (Excluded(0.0), Included(1e6)), 1.0);
    let gamma_end = fields.float("gamma_end", (Excluded(0.0), Included(1e6)), gamma);
    let until_step = fields.optional_integer("until_step", 1..=MAX_STEPS);
    if until_step.is_none() && gamma_end != gamma && !fields.faulty("until_step") {
        fields.fault("gamma_end", "needs until_step, the step at which gamma is that");
    }
    let every = fields.integer("every", 1..=MAX_EVERY, Some(1));
    let method = fields.word("method", METHODS, RegularizerMethod::Exact);
    fields.finish();
    Some(Regularizer { of, gamma, gamma_end, until_step, every, method })
}

/// An optimiser of G's own: an object, or `null` for none.
fn read_generator_optimizer(fields: &mut Fields<'_>, faults: &Faults) -> Option<OptimizerSpec> {
    let pointer = fields.at("generator_optimizer");
    let value = fields.raw("generator_optimizer").filter(|value| !value.is_null())?;
    Some(read_optimizer(Fields::open(value, pointer, faults), faults))
}

#[derive(Clone, Copy)]
enum OptimizerType {
    Sgd,
    Adam,
}

fn read_optimizer(mut fields: Fields<'_>, faults: &Faults) -> OptimizerSpec {
    let rate = (Excluded(0.0), Included(10.0));
    let optimizer = match fields.tag(&[("sgd", OptimizerType::Sgd), ("adam", OptimizerType::Adam)]) {
        Some(OptimizerType::Sgd) => {
            let learning_rate = fields.float("learning_rate", rate, 0.1);
            let (decay, min_learning_rate) = read_decay(&mut fields, learning_rate);
            let momentum = read_momentum(&mut fields, faults);
            OptimizerSpec::Sgd { learning_rate, decay, min_learning_rate, momentum }
        }
        Some(OptimizerType::Adam) => {
            let learning_rate = fields.float("learning_rate", rate, 2e-4);
            let beta1 = fields.float("beta1", 0.0..1.0, 0.5);
            let beta2 = fields.float("beta2", 0.0..1.0, 0.999);
            let epsilon = fields.float("epsilon", (Excluded(0.0), Included(1.0)), 1e-8);
            let (decay, min_learning_rate) = read_decay(&mut fields, learning_rate);
            OptimizerSpec::Adam { learning_rate, beta1, beta2, epsilon, decay, min_learning_rate }
        }
        None => return OptimizerSpec::adam(2e-4),
    };
    fields.finish();
    optimizer
}

/// How a learning rate falls: what it is divided by at every step, and the least that it may be.
fn read_decay(fields: &mut Fields<'_>, learning_rate: f32) -> (f64, f32) {
    let decay = fields.number("decay", 1.0..=2.0, 1.0);
    let least = fields.float("min_learning_rate", 0.0..=10.0, 0.0);
    if least > learning_rate && !fields.faulty("learning_rate") {
        fields.fault("min_learning_rate", format!("above the learning rate, {learning_rate}"));
    }
    (decay, least)
}

/// A momentum: an object, or for short one number that does not change.
fn read_momentum(fields: &mut Fields<'_>, faults: &Faults) -> Momentum {
    let constant = |momentum| Momentum { start: momentum, end: momentum, from_epoch: 1, until_epoch: 1 };
    let pointer = fields.at("momentum");
    let value = match fields.raw("momentum") {
        None => return constant(0.0),
        Some(value @ Value::Number(_)) => {
            return match check_number(value, &(0.0..1.0), |number| f64::from(number as f32)) {
                Ok(number) => constant(number as f32),
                Err(detail) => {
                    faults.note(pointer, detail);
                    constant(0.0)
                }
            };
        }
        Some(value) => value,
    };
    let mut fields = Fields::open(value, pointer, faults);
    let start = fields.float("start", 0.0..1.0, 0.5);
    let end = fields.float("end", 0.0..1.0, start);
    let from_epoch = fields.integer("from_epoch", 1..=MAX_EPOCH, Some(1));
    let until_epoch = fields.integer("until_epoch", 1..=MAX_EPOCH, Some(from_epoch));
    if until_epoch < from_epoch && !fields.faulty("from_epoch") {
        fields.fault("until_epoch", format!("before from_epoch, {from_epoch}"));
    }
    fields.finish();
    Momentum { start, end, from_epoch, until_epoch }
}
