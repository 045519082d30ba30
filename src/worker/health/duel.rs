//! How well D tells examples from samples, over windows of many steps: a single minibatch says little.
//!
//! By D's answers and not by its loss, whose scale is another with each objective. With an objective that compares, D(x)
//! is the probability that the real one of a pair is taken for real, and D(G(z)) that it is not; the rules are the same.

use crate::gan::Losses;
use crate::gan::spec::Training;

/// Over a window D(x) − D(G(z)) is above this: D is hardly ever wrong. 0.96 is 0.98 for an example and 0.02 for a sample.
const OUTRIGHT: f64 = 0.96;
/// A D that has won has lost again below this. Lower, so that a run at the edge is not found twice.
const CONTESTED: f64 = 0.9;
/// Windows in a row that make a victory, or end it.
const WINDOWS: u32 = 2;

/// D tells nothing apart if D(x) − D(G(z)) is below this over a window,
const BLIND: f64 = 0.02;
/// and in no step of it above this: a D that is fooled again and again learns in between, and shows it.
const BLIND_AT_MOST: f64 = 0.05;
/// So many such windows in a row: with its weights as narrow as the paper's, D needs hundreds of steps to begin.
pub(super) const BLIND_WINDOWS: u32 = 5;

/// Steps in a window.
pub(super) fn window(steps: u64) -> u64 {
    (steps / 50).clamp(100, 1000)
}

/// The mean of D's answers over a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answers {
    pub(super) real: f64,
    pub(super) fake: f64,
    /// D(x) − D(G(z)), where D(x) is held against the label that examples have.
    pub(super) gap: f64,
}

/// What D answered so far.
#[derive(Clone, Debug)]
pub(super) struct Duel {
    window: u64,
    /// What D says of an example at its best: below 1 where the labels are smoothed.
    label: f64,
    seen: u64,
    real: f64,
    fake: f64,
    widest: f64,
    last: Option<Answers>,
    outright_in_a_row: u32,
    contested_in_a_row: u32,
    blind_in_a_row: u32,
    won: bool,
}

impl Duel {
    pub(super) fn new(training: &Training, won: bool) -> Self {
        Self {
            window: window(training.steps),
            label: f64::from(training.real_label),
            seen: 0,
            real: 0.0,
            fake: 0.0,
            widest: f64::NEG_INFINITY,
            last: None,
            outright_in_a_row: 0,
            contested_in_a_row: 0,
            blind_in_a_row: 0,
            won,
        }
    }

    /// Takes a step's losses; `true` if a window closes with it. Windows begin at multiples of their length, wherever a
    /// run is gone on with.
    pub(super) fn step(&mut self, losses: &Losses) -> bool {
        let (real, fake) = (f64::from(losses.d_real), f64::from(losses.d_fake));
        self.seen += 1;
        self.real += real;
        self.fake += fake;
        self.widest = self.widest.max(self.gap(real, fake));
        if !losses.step.is_multiple_of(self.window) {
            return false;
        }
        // One that was only partly seen says nothing.
        let whole = self.seen == self.window;
        if whole {
            let (real, fake) = (self.real / self.seen as f64, self.fake / self.seen as f64);
            self.close(Answers { real, fake, gap: self.gap(real, fake) });
        }
        (self.seen, self.real, self.fake, self.widest) = (0, 0.0, 0.0, f64::NEG_INFINITY);
        whole
    }

    fn close(&mut self, answers: Answers) {
        let counted = |holds: bool, in_a_row: u32| if holds { in_a_row + 1 } else { 0 };
        self.outright_in_a_row = counted(answers.gap > OUTRIGHT, self.outright_in_a_row);
        self.contested_in_a_row = counted(answers.gap < CONTESTED, self.contested_in_a_row);
        self.blind_in_a_row = counted(answers.gap < BLIND && self.widest < BLIND_AT_MOST, self.blind_in_a_row);
        if self.outright_in_a_row >= WINDOWS {
            self.won = true;
        } else if self.contested_in_a_row >= WINDOWS {
            self.won = false;
        }
        self.last = Some(answers);
    }

    fn gap(&self, real: f64, fake: f64) -> f64 {
        real / self.label - fake
    }

    /// Whether D is hardly ever wrong.
    pub(super) fn is_won(&self) -> bool {
        self.won
    }

    /// Whether D has told nothing apart for long.
    pub(super) fn is_blind(&self) -> bool {
        self.blind_in_a_row >= BLIND_WINDOWS
    }

    /// D's answers over the last window.
    pub(super) fn last(&self) -> Option<Answers> {
        self.last
    }

    /// The evidence, in words.
    pub(super) fn in_words(&self) -> Option<String> {
        let Answers { real, fake, .. } = self.last?;
        Some(format!("over the last {} steps D(x) is {real:.3} and D(G(z)) {fake:.3}", self.window))
    }
}
