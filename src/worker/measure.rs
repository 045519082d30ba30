//! The Parzen-window score of a generator.

use crate::data::Dataset;
use crate::eval::{ParzenError, ParzenResult, Protocol, parzen};
use crate::gan::spec::ParzenPlan;
use crate::gan::{GanError, Sampler};
use std::time::Instant;

/// Two bandwidths are the same if they differ by less than a database or a decimal point can make them.
const SAME_BANDWIDTH: f64 = 1e-9;

/// Why a generator has no score.
#[derive(Debug, thiserror::Error)]
pub(super) enum MeasureError {
    #[error("the samples cannot be drawn: {0}")]
    Sampling(#[from] GanError),
    #[error("the samples cannot be scored: {0}")]
    Scoring(#[from] ParzenError),
}

/// Draws samples from the run's evaluation stream, which training never touches, and scores them.
pub(super) fn parzen(
    sampler: &mut Sampler,
    seed: u64,
    data: &Dataset,
    protocol: &Protocol,
    threads: usize,
) -> Result<ParzenResult, MeasureError> {
    let begun = Instant::now();
    let count = u64::try_from(protocol.samples).unwrap_or(u64::MAX);
    let latents = sampler.evaluation_latents(seed, count);
    let samples = sampler.generate(&latents)?;
    let result = parzen::evaluate(protocol, &samples, &data.validation, &data.test, threads)?;
    Ok(ParzenResult { seconds: begun.elapsed().as_secs_f64(), ..result })
}

/// The protocol of a spec's plan: a named one if the plan has its settings, as far as the data goes.
pub(super) fn protocol_of(plan: &ParzenPlan, validation_points: usize) -> Protocol {
    let of_plan = Protocol {
        name: "custom".to_owned(),
        samples: plan.samples,
        validation_points: plan.validation_points,
        bandwidth_grid: plan.bandwidth_grid.clone(),
    };
    let same = |named: &Protocol| {
        named.samples == plan.samples
            && named.validation_points.min(validation_points) == plan.validation_points.min(validation_points)
            && named.bandwidth_grid.len() == plan.bandwidth_grid.len()
            && named.bandwidth_grid.iter().zip(&plan.bandwidth_grid).all(|(a, b)| (a / b - 1.0).abs() < SAME_BANDWIDTH)
    };
    [Protocol::goodfellow2014(), Protocol::fine()].into_iter().find(same).unwrap_or(of_plan)
}

/// The protocol asked for by name: a published one, or `custom` for the spec's own settings.
pub(super) fn protocol_named(name: &str, plan: &ParzenPlan, validation_points: usize) -> Option<Protocol> {
    let own = protocol_of(plan, validation_points);
    if own.name == name { Some(own) } else { Protocol::by_name(name) }
}
