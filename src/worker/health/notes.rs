//! What is good to know of a score: that its bandwidth lies at an end of the grid, or that it comes from little.

use super::Wanted;
use crate::eval::ParzenResult;
use crate::job::Severity;
use crate::job::health::{BANDWIDTH_EDGE, FEW_SAMPLES};

/// The kinds of finding that are made here.
pub(super) const KINDS: [&str; 2] = [BANDWIDTH_EDGE, FEW_SAMPLES];

/// A score of fewer samples is low for want of them: the published protocols take 10,000.
const LEAST_SAMPLES: usize = 1_000;
/// A mean over fewer test points has an error of more than a tenth of their spread.
const LEAST_TEST_POINTS: usize = 100;
/// A grid of fewer bandwidths was meant to be a choice of hand, not a search.
const LEAST_GRID: usize = 3;
/// Evaluations in a row with the best bandwidth at an end: a young G's lies there for a while.
const EVALUATIONS: u32 = 2;

/// What the newest evaluation says of itself.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    last_step: u64,
    edges_in_a_row: u32,
    edge: Option<String>,
    few: Option<String>,
}

impl Notes {
    pub(super) fn new(last_step: u64) -> Self {
        Self { last_step, edges_in_a_row: 0, edge: None, few: None }
    }

    pub(super) fn evaluation(&mut self, step: u64, result: &ParzenResult) {
        if step == 0 {
            return;
        }
        let edge = edge(result);
        self.edges_in_a_row = if edge.is_some() { self.edges_in_a_row + 1 } else { 0 };
        self.edge = edge.filter(|_| self.edges_in_a_row >= EVALUATIONS || step >= self.last_step);
        self.few = few(result);
    }

    pub(super) fn wanted(&self) -> Vec<Wanted> {
        let both = [(BANDWIDTH_EDGE, &self.edge), (FEW_SAMPLES, &self.few)];
        let there = both.into_iter().filter_map(|(kind, detail)| Some((kind, detail.clone()?)));
        there.map(|(kind, detail)| Wanted { kind, severity: Severity::Info, detail }).collect()
    }
}

fn edge(result: &ParzenResult) -> Option<String> {
    let (grid, best) = (&result.bandwidth_grid, result.bandwidth);
    if grid.len() < LEAST_GRID {
        return None;
    }
    let (side, further) = if grid.first() == Some(&best) {
        ("smallest", "smaller")
    } else if grid.last() == Some(&best) {
        ("largest", "larger")
    } else {
        return None;
    };
    Some(format!(
        "the best bandwidth, {best:.3}, is the {side} of evaluation.parzen.bandwidth_grid: the score would be higher with \
         a {further} one"
    ))
}

fn few(result: &ParzenResult) -> Option<String> {
    let (samples, points) = (result.samples, result.test_points);
    if samples >= LEAST_SAMPLES && points >= LEAST_TEST_POINTS {
        return None;
    }
    Some(format!(
        "the score comes from {samples} samples and {points} test points: scores of fewer than {LEAST_SAMPLES} samples or \
         {LEAST_TEST_POINTS} points are rough, and are not to be held against those of more"
    ))
}
