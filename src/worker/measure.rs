//! The scores of a generator.

use crate::data::Dataset;
use crate::data::synthetic::Synthetic;
use crate::eval::classifier::ClassifierError;
use crate::eval::quality::Yardstick;
use crate::eval::theory::Cells;
use crate::eval::{Classifier, ParzenError, ParzenResult, Protocol, parzen};
use crate::gan::spec::{Metric, ParzenPlan, StopWhen};
use crate::gan::{GanError, Judge, Sampler};
use crate::library::Cache;
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
    #[error("the samples cannot be classified: {0}")]
    Classifying(#[from] ClassifierError),
}

/// What is measured, and with what.
pub(super) struct Measure<'a> {
    pub(super) data: &'a Dataset,
    pub(super) protocol: Protocol,
    /// None where fidelity and diversity are not asked for.
    pub(super) yardstick: Option<&'a Yardstick>,
    pub(super) threads: usize,
}

impl Measure<'_> {
    /// Draws samples from the evaluation stream of the run with this seed, which training never touches, and scores them.
    /// `judge` gives its D, which is asked only where the density is known.
    pub(super) fn take(
        &self,
        seed: u64,
        sampler: &mut Sampler,
        judge: impl FnOnce() -> Result<Judge, GanError>,
    ) -> Result<ParzenResult, MeasureError> {
        let Self { data, protocol, yardstick, threads } = self;
        let begun = Instant::now();
        let count = u64::try_from(protocol.samples).unwrap_or(u64::MAX);
        let latents = sampler.evaluation_latents(seed, count);
        let samples = sampler.generate(&latents)?;
        let result = parzen::evaluate(protocol, &samples, &data.validation, &data.test, *threads)?;
        let seconds = begun.elapsed().as_secs_f64();
        let theory = match Synthetic::by_name(&data.name) {
            Some(synthetic) => {
                let cells = Cells::new(synthetic.density());
                let discriminator = judge()?.probabilities(&cells.centres())?;
                Some(Box::new(cells.compare(&samples, Some(&discriminator))))
            }
            None => None,
        };
        let begun = Instant::now();
        let quality = yardstick.map(|yardstick| yardstick.hold(&samples, *threads)).transpose()?;
        let quality = quality.map(|mut quality| {
            quality.seconds = begun.elapsed().as_secs_f64();
            Box::new(quality)
        });
        Ok(ParzenResult { seconds, theory, quality, ..result })
    }
}

/// What samples of a dataset are held against; its classifier is trained unless it is kept.
pub(super) fn yardstick(data: &Dataset, cache: &Cache, threads: usize) -> Result<Yardstick, ClassifierError> {
    // Modes are told apart by their density, not by a classifier.
    let labelled = data.shape.is_image() && data.label_names.len() > 1;
    let classifier = if labelled { classifier(data, cache)? } else { None };
    Yardstick::new(data, classifier, threads)
}

fn classifier(data: &Dataset, cache: &Cache) -> Result<Option<Classifier>, ClassifierError> {
    let key = format!("{}-1.npz", data.digest);
    if let Some(bytes) = cache.find(&key) {
        match Classifier::from_bytes(&bytes, data.shape.len(), data.label_names.len()) {
            Ok(classifier) => return Ok(Some(classifier)),
            Err(error) => tracing::warn!(dataset = data.name, %error, "training the classifier again"),
        }
    }
    let begun = Instant::now();
    let Some(classifier) = Classifier::train(data)? else { return Ok(None) };
    let (seconds, accuracy) = (begun.elapsed().as_secs_f64(), classifier.accuracy);
    tracing::info!(dataset = data.name, seconds, accuracy, "a classifier was trained");
    let bytes = classifier.to_bytes()?;
    // As whoever finds it next will read it: the first job's numbers are the others' to the last digit.
    let classifier = Classifier::from_bytes(&bytes, data.shape.len(), data.label_names.len())?;
    cache.keep(&key, bytes);
    Ok(Some(classifier))
}

/// By a metric, how a result stands against others: the higher the better. `None` where it was not measured.
#[must_use]
pub fn standing(metric: Metric, result: &ParzenResult) -> Option<f64> {
    let coverage = || result.quality.as_ref()?.coverage;
    match metric {
        Metric::LogLikelihood => Some(result.log_likelihood),
        Metric::Coverage => coverage().map(|coverage| coverage.coverage),
        Metric::Density => coverage().map(|coverage| coverage.density),
        Metric::Frechet => result.quality.as_ref()?.frechet.map(|frechet| -frechet.distance),
        Metric::Divergence => result.theory.as_ref().map(|theory| -theory.divergence),
    }
}

/// Whether the last evaluations, as many as it takes, did not beat the best before them. Standings are by step.
#[must_use]
pub(super) fn is_enough(stop: &StopWhen, standings: &[f64]) -> bool {
    let last = usize::try_from(stop.evaluations).unwrap_or(usize::MAX);
    let Some(split) = standings.len().checked_sub(last).filter(|split| *split > 0) else { return false };
    let best = |standings: &[f64]| standings.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (before, since) = (best(&standings[..split]), best(&standings[split..]));
    since <= before + stop.min_gain
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

#[cfg(test)]
mod tests {
    use super::{StopWhen, is_enough};

    #[test]
    fn enough_is_when_the_best_lies_far_enough_back() {
        let stop = StopWhen { evaluations: 2, min_gain: 1.0 };
        assert!(!is_enough(&stop, &[]));
        assert!(!is_enough(&stop, &[5.0, 4.0]));
        assert!(is_enough(&stop, &[5.0, 4.0, 3.0]));
        assert!(is_enough(&stop, &[5.0, 4.0, 6.0]));
        assert!(!is_enough(&stop, &[5.0, 4.0, 6.5]));
        assert!(!is_enough(&stop, &[5.0, 6.5, 4.0]));
        assert!(is_enough(&stop, &[5.0, 6.5, 4.0, 7.0]));
    }
}
