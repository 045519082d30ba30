//! Whether a run goes wrong: a generator that makes only a few things (the paper's "Helvetica scenario"), or a
//! discriminator that has won.
//!
//! A function of what training measured, and of nothing else: looking changes nothing.

use crate::eval::ParzenResult;
use crate::gan::Losses;
use crate::gan::spec::Training;
use crate::job::{Finding, Severity};

/// The word of a collapse.
pub(super) const COLLAPSE: &str = "collapse";
/// The word of a discriminator that has won.
pub(super) const DISCRIMINATOR_WINS: &str = "discriminator_wins";

/// Evaluations in a row with signs of a collapse before it is called one: early in training G may make little.
const EVALUATIONS: u32 = 2;
/// Pairwise distances of samples below this share of the data's are a sign.
const LEAST_SPREAD: f64 = 0.5;
/// An entropy of the samples' labels below this share of the data's is a sign.
const LEAST_ENTROPY: f64 = 0.5;
/// The same, where the samples also reach hardly any of the data.
const LOW_ENTROPY: f64 = 0.75;
const LEAST_COVERAGE: f64 = 0.1;
/// D has won where its mean loss over a window is this close to the least there is, in two windows in a row.
const LEAST_LOSS: f64 = 0.02;
const WINDOWS: u32 = 2;

/// Watches one run.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    /// The findings that there are already: each is told once.
    told: Vec<String>,
    generator_steps: usize,
    /// D's loss where it is never wrong: above 0 where the labels of examples are smoothed.
    floor: f64,
    last_step: u64,
    signs_in_a_row: u32,
    window: u64,
    seen: u64,
    loss: f64,
    real: f64,
    fake: f64,
    won_in_a_row: u32,
}

impl Watch {
    /// A watch over a run that has these findings already.
    pub(super) fn new(training: &Training, told: Vec<String>) -> Self {
        Self {
            told,
            generator_steps: training.generator_steps,
            floor: least_loss(f64::from(training.real_label)),
            last_step: training.steps,
            signs_in_a_row: 0,
            window: (training.steps / 50).clamp(100, 1000),
            seen: 0,
            loss: 0.0,
            real: 0.0,
            fake: 0.0,
            won_in_a_row: 0,
        }
    }

    /// Takes a step's losses.
    pub(super) fn step(&mut self, losses: &Losses) -> Option<Finding> {
        self.seen += 1;
        self.loss += f64::from(losses.d_loss);
        self.real += f64::from(losses.d_real);
        self.fake += f64::from(losses.d_fake);
        if self.seen < self.window {
            return None;
        }
        let [loss, real, fake] = [self.loss, self.real, self.fake].map(|sum| sum / self.seen as f64);
        (self.seen, self.loss, self.real, self.fake) = (0, 0.0, 0.0, 0.0);
        self.won_in_a_row = if loss < self.floor + LEAST_LOSS { self.won_in_a_row + 1 } else { 0 };
        if self.won_in_a_row < WINDOWS {
            return None;
        }
        let window = self.window;
        let detail = format!(
            "D has won: over the last {window} steps its mean loss is {loss:.4} (0.6931 where nothing can be told apart), \
             D(x) {real:.3} and D(G(z)) {fake:.3}, so G learns next to nothing. Lower D's share: a lower learning rate, \
             smaller initial weights, more dropout in D, or fewer discriminator_steps; or fork from an earlier checkpoint"
        );
        self.tell(DISCRIMINATOR_WINS, Severity::Critical, losses.step, detail)
    }

    /// Takes an evaluation.
    pub(super) fn evaluation(&mut self, step: u64, result: &ParzenResult) -> Option<Finding> {
        if step == 0 {
            return None;
        }
        let signs = signs(result);
        self.signs_in_a_row = if signs.is_empty() { 0 } else { self.signs_in_a_row + 1 };
        if signs.is_empty() || (self.signs_in_a_row < EVALUATIONS && step < self.last_step) {
            return None;
        }
        let cause = if self.generator_steps > 1 {
            "G moves generator_steps times for each of D's, which is what makes it collapse: set it to 1"
        } else {
            "D lags behind G: more discriminator_steps, a lower learning rate, or a larger batch_size"
        };
        let detail = format!(
            "G makes only a part of what there is (the paper's \"Helvetica scenario\"): {}. {cause}; or fork from an earlier \
             checkpoint",
            signs.join("; ")
        );
        self.tell(COLLAPSE, Severity::Warning, step, detail)
    }

    fn tell(&mut self, kind: &str, severity: Severity, step: u64, detail: String) -> Option<Finding> {
        if self.told.iter().any(|told| told == kind) {
            return None;
        }
        self.told.push(kind.to_owned());
        Some(Finding { kind: kind.to_owned(), severity, step, detail })
    }
}

/// D's loss at its best: half the entropy of the label that examples have.
fn least_loss(label: f64) -> f64 {
    let part = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    (part(label) + part(1.0 - label)) / 2.0
}

/// The evidence for a collapse, in words.
fn signs(result: &ParzenResult) -> Vec<String> {
    let mut signs = Vec::new();
    if let Some(theory) = &result.theory
        && 2 * theory.modes_covered <= theory.modes
        && theory.modes > 1
    {
        signs.push(format!("{} of {} modes are covered", theory.modes_covered, theory.modes));
    }
    let Some(quality) = &result.quality else { return signs };
    let distance = quality.pairwise_distance;
    if distance.samples < LEAST_SPREAD * distance.data {
        signs.push(format!("samples are {:.3} from one another, data {:.3}", distance.samples, distance.data));
    }
    if let Some(labels) = &quality.labels {
        let (entropy, data) = (labels.entropy, labels.data_entropy);
        let reached = quality.coverage.map_or(1.0, |coverage| coverage.coverage);
        if entropy < LEAST_ENTROPY * data || (entropy < LOW_ENTROPY * data && reached < LEAST_COVERAGE) {
            signs.push(format!("the entropy of the samples' labels is {entropy:.2} nats, of the data's {data:.2}"));
        }
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn training() -> Training {
        let facts = crate::gan::DataFacts {
            shape: crate::data::Shape { height: 1, width: 2, channels: 1 },
            train: 1000,
            validation: 100,
            unit_interval: false,
        };
        let spec = serde_json::json!({"dataset": "ring-2d", "training": {"steps": 1000}});
        crate::gan::read_spec(&spec, &|_| Some(facts)).unwrap().training
    }

    fn losses(step: u64, d_loss: f32) -> Losses {
        Losses { step, d_loss, g_loss: 5.0, value: -0.01, d_real: 0.99, d_fake: 0.01 }
    }

    #[test]
    fn a_discriminator_that_wins_in_two_windows_is_told_once() {
        let mut watch = Watch::new(&training(), Vec::new());
        let told: Vec<Finding> = (1..=1000).filter_map(|step| watch.step(&losses(step, 1e-3))).collect();
        assert_eq!(
            told.iter().map(|one| (one.kind.as_str(), one.step)).collect::<Vec<_>>(),
            [(DISCRIMINATOR_WINS, 200)]
        );
        assert!(told[0].detail.contains("0.0010"), "{}", told[0].detail);
        let mut watch = Watch::new(&training(), vec![DISCRIMINATOR_WINS.to_owned()]);
        assert!((1..=1000).all(|step| watch.step(&losses(step, 1e-3)).is_none()));
    }

    #[test]
    fn smoothed_labels_hide_no_victory() {
        // At its best D says 0.9 of examples and 0 of samples: half of 0.3251 nats.
        assert!((least_loss(0.9) - 0.162_5).abs() < 1e-4);
        assert_eq!(least_loss(1.0), 0.0);
        let mut watch = Watch::new(&Training { real_label: 0.9, ..training() }, Vec::new());
        let told = (1..=1000).filter_map(|step| watch.step(&losses(step, 0.165))).count();
        assert_eq!(told, 1);
        let mut watch = Watch::new(&Training { real_label: 0.9, ..training() }, Vec::new());
        assert!((1..=1000).all(|step| watch.step(&losses(step, 0.3)).is_none()));
    }

    #[test]
    fn one_bad_window_among_good_ones_is_nothing() {
        let mut watch = Watch::new(&training(), Vec::new());
        let loss = |step: u64| if ((step - 1) / 100).is_multiple_of(2) { 1e-3 } else { 0.5 };
        assert!((1..=1000).all(|step| watch.step(&losses(step, loss(step))).is_none()));
    }
}
