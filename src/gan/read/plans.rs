//! Reading `checkpoint` and `evaluation`: when to keep and when to measure.

use super::DataFacts;
use super::fault::Faults;
use super::fields::{Fields, check_number, unknown_word};
use crate::gan::spec::{CheckpointPlan, EvaluationPlan, Metric, ParzenPlan, StopWhen};
use serde_json::Value;
use std::ops::Bound::Included;

const MAX_EVERY: u64 = 100_000_000;
const MAX_KEEP: u64 = 1000;
const MAX_PARZEN_SAMPLES: u64 = 100_000;
const MAX_BANDWIDTHS: usize = 200;

const METRICS: &[(&str, Metric)] = &[
    ("log_likelihood", Metric::LogLikelihood),
    ("coverage", Metric::Coverage),
    ("density", Metric::Density),
    ("frechet", Metric::Frechet),
    ("divergence", Metric::Divergence),
];

/// Reads the object of the field `checkpoint`.
pub(super) fn read_checkpoint_plan(mut fields: Fields<'_>, steps: u64) -> CheckpointPlan {
    let every = fields.integer("every", 1..=MAX_EVERY, Some(steps.min(1000)));
    let keep = fields.integer("keep", 1..=MAX_KEEP, Some(3));
    let keep_best = fields.flag("keep_best", true);
    let best_by = fields.word("best_by", METRICS, Metric::default());
    fields.finish();
    CheckpointPlan { every, keep: u32::try_from(keep).unwrap_or(u32::MAX), keep_best, best_by }
}

/// Reads the object of the field `evaluation`.
pub(super) fn read_evaluation_plan(
    mut fields: Fields<'_>,
    steps: u64,
    facts: Option<&DataFacts>,
    faults: &Faults,
) -> EvaluationPlan {
    let every = fields.integer("every", 0..=MAX_EVERY, Some(default_evaluation_every(steps)));
    let parzen = read_parzen_plan(fields.object("parzen"), facts, faults);
    let quality = fields.flag("quality", true);
    let stop_when = read_stop_when(&mut fields, faults);
    if stop_when.is_some() && every == 0 {
        fields.fault("stop_when", "there are no evaluations but the last: \"every\" is 0");
    }
    fields.finish();
    EvaluationPlan { every, parzen, quality, stop_when }
}

/// When to stop early: an object, or `null` for never.
fn read_stop_when(fields: &mut Fields<'_>, faults: &Faults) -> Option<StopWhen> {
    let pointer = fields.at("stop_when");
    let value = fields.raw("stop_when").filter(|value| !value.is_null())?;
    let mut fields = Fields::open(value, pointer, faults);
    let evaluations = fields.integer("evaluations", 1..=1000, Some(5));
    let min_gain = fields.number("min_gain", 0.0..=1e6, 0.0);
    fields.finish();
    Some(StopWhen { evaluations: u32::try_from(evaluations).unwrap_or(u32::MAX), min_gain })
}

/// Five evaluations in a short run, one each 5,000 steps in a long one.
fn default_evaluation_every(steps: u64) -> u64 {
    (steps / 5).clamp(1, 5000)
}

fn read_parzen_plan(mut fields: Fields<'_>, facts: Option<&DataFacts>, faults: &Faults) -> ParzenPlan {
    let samples = fields.size("samples", 1..=MAX_PARZEN_SAMPLES, Some(10_000));
    let split = facts.map_or(usize::MAX, |facts| facts.validation.max(1));
    let validation_points = fields.size("validation_points", 1..=10_000_000, Some(split.min(1000)));
    if validation_points > split {
        let detail = format!("{validation_points} is more than the {split} points of the validation split");
        fields.fault("validation_points", detail);
    }
    let bandwidth_grid = read_grid(&mut fields, faults);
    fields.finish();
    ParzenPlan { samples, validation_points, bandwidth_grid }
}

/// Positive ascending bandwidths, or the name of a protocol's grid.
fn read_grid(fields: &mut Fields<'_>, faults: &Faults) -> Vec<f64> {
    const NAME: &str = "bandwidth_grid";
    match fields.raw(NAME) {
        None => return goodfellow2014_grid(),
        Some(Value::String(word)) if word == "goodfellow2014" => return goodfellow2014_grid(),
        Some(Value::String(word)) if word == "fine" => return fine_grid(),
        Some(value @ Value::String(_)) => {
            fields.fault(NAME, unknown_word(value, ["goodfellow2014", "fine"].into_iter()));
            return Vec::new();
        }
        Some(_) => {}
    }
    let items = fields.items(NAME, MAX_BANDWIDTHS);
    if items.is_empty() && !fields.faulty(NAME) {
        fields.fault(NAME, "empty; at least one bandwidth is needed");
    }
    let mut grid: Vec<f64> = Vec::with_capacity(items.len());
    for (item, pointer) in items {
        match check_number(item, &(Included(1e-6), Included(1e6)), |number| number) {
            Ok(bandwidth) => match grid.last() {
                Some(last) if bandwidth <= *last => faults.note(pointer, "not above the bandwidth before it"),
                _ => grid.push(bandwidth),
            },
            Err(detail) => faults.note(pointer, detail),
        }
    }
    grid
}

/// The published code's bandwidths: ten points, log-spaced from 0.1 to 1.
fn goodfellow2014_grid() -> Vec<f64> {
    log_spaced(10, -1.0, 0.0)
}

/// Forty points from 0.08 to 0.5, close enough that the best is not missed by several nats.
fn fine_grid() -> Vec<f64> {
    log_spaced(40, 0.08_f64.log10(), 0.5_f64.log10())
}

/// `count` points with equal ratios from 10^`first` to 10^`last`.
fn log_spaced(count: u32, first: f64, last: f64) -> Vec<f64> {
    (0..count).map(|index| 10_f64.powf(first + (last - first) * f64::from(index) / f64::from(count - 1))).collect()
}
