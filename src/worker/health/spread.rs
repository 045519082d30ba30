//! What evaluations say of the samples: how much of the data they reach, and whether they are copies of it.

use crate::eval::{Copies, ParzenResult};
use crate::gan::spec::Training;

/// Evaluations in a row with signs of a collapse before it is called one, or without before G had what it may lose.
const EVALUATIONS: u32 = 2;
/// Pairwise distances of samples below this share of the data's are a sign.
const LEAST_SPREAD: f64 = 0.5;
/// An entropy of the samples' labels below this share of the data's is a sign.
const LEAST_ENTROPY: f64 = 0.5;
/// The same, where the samples also reach hardly any of the data.
const LOW_ENTROPY: f64 = 0.75;
const LEAST_COVERAGE: f64 = 0.1;
/// Fewer samples than this have no spread to speak of.
const LEAST_SAMPLES: usize = 50;

/// Updates of G before it can lose a spread that it had: while it first finds the data it swings from one kind of sample
/// to the next. (`digits` has signs up to step 800 and none from step 1,000 on, `toy-2d` up to step 400: ten seeds.)
const UPDATES_TO_LOSE: u64 = 1_000;
/// Updates of G after which one that never had any spread has had long enough: five times what the recipes of few steps
/// take, and as much as the slowest (`paper-mnist`) takes to its first legible digits.
const UPDATES_TO_BEGIN: u64 = 5_000;

/// Samples that reach less of the data than this are bad. Of the data's own distribution they reach 0.97.
const POOR_COVERAGE: f64 = 0.5;
/// Standard errors within which two log-likelihoods are the same.
const ERRORS: f64 = 3.0;

/// Samples are copies where this share of them is. Of a generator that has not memorised, one in a hundred is at most.
const MOST_COPIES: f64 = 0.25;

/// What evaluations said so far.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    generator_steps: u64,
    last_step: u64,
    /// The log-likelihood of the untrained G.
    first: Option<f64>,
    evaluations: u32,
    sound_in_a_row: u32,
    narrow_in_a_row: u32,
    /// Whether G has had a spread that it can lose.
    had: bool,
    narrow: bool,
    poor: bool,
    copies: Option<Copies>,
    signs: Vec<String>,
    reached: String,
}

impl Spread {
    pub(super) fn new(training: &Training) -> Self {
        Self {
            generator_steps: training.generator_steps as u64,
            last_step: training.steps,
            first: None,
            evaluations: 0,
            sound_in_a_row: 0,
            narrow_in_a_row: 0,
            had: false,
            narrow: false,
            poor: false,
            copies: None,
            signs: Vec::new(),
            reached: String::new(),
        }
    }

    pub(super) fn evaluation(&mut self, step: u64, result: &ParzenResult) {
        if step == 0 {
            self.first = Some(result.log_likelihood);
            return;
        }
        if result.samples < LEAST_SAMPLES {
            return;
        }
        self.evaluations += 1;
        self.signs = signs(result);
        if self.signs.is_empty() {
            (self.sound_in_a_row, self.narrow_in_a_row) = (self.sound_in_a_row + 1, 0);
        } else {
            (self.sound_in_a_row, self.narrow_in_a_row) = (0, self.narrow_in_a_row + 1);
        }
        self.had |= self.sound_in_a_row >= EVALUATIONS;
        let updates = step.saturating_mul(self.generator_steps);
        let long_enough = updates >= if self.had { UPDATES_TO_LOSE } else { UPDATES_TO_BEGIN };
        // Of a run that is evaluated but once there will be no second.
        let once = self.evaluations == 1 && step >= self.last_step;
        self.narrow = long_enough && (self.narrow_in_a_row >= EVALUATIONS || (once && self.narrow_in_a_row > 0));
        let gained = self.first.is_none_or(|first| result.log_likelihood > first + ERRORS * result.standard_error);
        let coverage = result.quality.as_ref().and_then(|quality| quality.coverage);
        self.poor = !gained && coverage.is_some_and(|coverage| coverage.coverage < POOR_COVERAGE);
        self.reached =
            coverage.map(|coverage| format!("samples reach {:.3} of the data", coverage.coverage)).unwrap_or_default();
        let copies = result.quality.as_ref().and_then(|quality| quality.copies);
        self.copies = copies.filter(|copies| copies.share >= MOST_COPIES && copies.samples >= LEAST_SAMPLES);
    }

    /// Whether G makes only a part of what there is, and had the time to make more.
    pub(super) fn is_narrow(&self) -> bool {
        self.narrow
    }

    /// Whether samples are no better than those of the untrained G.
    pub(super) fn is_poor(&self) -> bool {
        self.poor
    }

    /// How many samples are copies of training examples, where it is too many.
    pub(super) fn copies(&self) -> Option<Copies> {
        self.copies
    }

    /// The signs of a collapse, in words.
    pub(super) fn signs(&self) -> String {
        self.signs.join("; ")
    }

    /// How much of the data samples reach, in words.
    pub(super) fn reached(&self) -> &str {
        &self.reached
    }
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
        // The entropy of one class alone can come out as -0.
        let (entropy, data) = (labels.entropy.max(0.0), labels.data_entropy);
        let reached = quality.coverage.map_or(1.0, |coverage| coverage.coverage);
        if entropy < LEAST_ENTROPY * data || (entropy < LOW_ENTROPY * data && reached < LEAST_COVERAGE) {
            signs.push(format!("the entropy of the samples' labels is {entropy:.2} nats, of the data's {data:.2}"));
        }
    }
    signs
}
