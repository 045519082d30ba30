//! What a job will need, estimated before it is accepted, so that no accepted job can take its worker down.

use crate::gan::read::DataFacts;
use crate::gan::spec::{OptimizerSpec, Spec};
use crate::gan::trainer::rows_of_discriminator;
use crate::gan::{Fault, discriminator, generator};

const BYTES: u64 = size_of::<f32>() as u64;

/// Rows of samples that a sampler computes at a time.
const SAMPLER_ROWS: u64 = 128;

/// The bytes that training by this spec needs at its height: an upper estimate.
#[must_use]
pub fn memory(spec: &Spec, facts: &DataFacts) -> u64 {
    let dim = facts.shape.len();
    let (Ok(g), Ok(d)) = (generator::layers(&spec.model, facts.shape), discriminator::layers(&spec.model, facts.shape))
    else {
        // Networks that cannot be built have been refused before; they fit no limit.
        return u64::MAX;
    };
    let sum = |numbers: &mut dyn Iterator<Item = usize>| {
        numbers.fold(0_u64, |sum, number| sum.saturating_add(u64::try_from(number).unwrap_or(u64::MAX)))
    };
    let of_g = sum(&mut g.iter().map(|layer| layer.len()));
    let of_d = sum(&mut d.iter().map(|layer| layer.len()));
    // Weights and what their optimiser keeps of each.
    let kept = |optimizer: &OptimizerSpec| match optimizer {
        OptimizerSpec::Sgd { .. } => 2,
        OptimizerSpec::Adam { .. } => 3,
    };
    let average = if spec.training.ema.is_some() { of_g } else { 0 };
    let state_of_g = of_g.saturating_mul(kept(spec.training.optimizer_of_generator()));
    let state_of_d = of_d.saturating_mul(kept(&spec.training.optimizer));
    let state = state_of_g.saturating_add(state_of_d).saturating_add(average);
    // A checkpoint is the state once more as tensors, and once more as a file on its way to the store.
    let state = state.saturating_mul(3);

    // Outputs and their gradients, the affine maps' before the largest is taken, and dropout's masks.
    let width = |layers: &[crate::gan::layers::Layer]| {
        sum(&mut layers.iter().map(|layer| 2 * layer.affine.outputs + 3 * layer.units()))
    };
    let batch = spec.training.batch_size as u64;
    let rows = rows_of_discriminator(&spec.training) as u64;
    let of_batch = batch
        .saturating_mul(
            width(&g).saturating_add(width(&d).saturating_mul(rows)).saturating_add((2 + rows) * dim as u64),
        )
        .saturating_add(SAMPLER_ROWS.saturating_mul(width(&g)));

    // Samples and their latents for an evaluation, and a shifted copy of them.
    let each = (2 * dim + spec.model.latent.dim) as u64;
    let of_evaluation = (spec.evaluation.parzen.samples as u64).saturating_mul(each);
    let of_data = (facts.train as u64).saturating_mul(dim as u64);
    state.saturating_add(of_batch).saturating_add(of_evaluation).saturating_add(of_data).saturating_mul(BYTES)
}

/// The fault of a spec that needs more than `limit` bytes.
#[must_use]
pub fn check_memory(spec: &Spec, facts: &DataFacts, limit: u64) -> Option<Fault> {
    let needed = memory(spec, facts);
    let detail = format!(
        "training would need about {} MiB of memory, and at most {} MiB are allowed (--max-job-memory); \
         take fewer or smaller layers, or a smaller batch",
        needed >> 20,
        limit >> 20
    );
    (needed > limit).then(|| Fault { pointer: "/model".to_owned(), detail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Shape;
    use crate::gan::read_spec;
    use serde_json::json;

    const FACTS: DataFacts = DataFacts {
        shape: Shape { height: 28, width: 28, channels: 1 },
        train: 50_000,
        validation: 10_000,
        unit_interval: true,
    };

    fn spec(generator_units: u32) -> Spec {
        let layer = json!({"type": "linear", "units": generator_units, "activation": "relu"});
        let written = json!({
            "dataset": "mnist", "recipe": "paper-mnist",
            "model": {"generator": {"layers": [layer.clone(), layer]}},
        });
        read_spec(&written, &|_| Some(FACTS)).unwrap()
    }

    #[test]
    fn the_papers_networks_fit_and_monsters_do_not() {
        let needed = memory(&spec(1200), &FACTS);
        // 3.7 million weights with their momentum, thrice, are 90 MB; samples and data 220 MB.
        assert!((200_000_000..500_000_000).contains(&needed), "{needed}");
        assert_eq!(check_memory(&spec(1200), &FACTS, 4 << 30), None);
        let fault = check_memory(&spec(16_384), &FACTS, 4 << 30).unwrap();
        assert_eq!(fault.pointer, "/model");
    }
}
