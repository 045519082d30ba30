//! Whether a run goes wrong, and how: one diagnosis at a time, from when and until when.
//!
//! What training measures goes into two accounts: [`duel`] has D's answers, window by window, and [`spread`] what
//! evaluations say of the samples. [`diagnosis`] makes one diagnosis of both, with advice that follows from it;
//! [`notes`] has what is good to know beside it. The [`Watch`] compares that with the findings that there are, and says
//! what begins and what ends. A function of what was measured, and of nothing else: looking changes nothing, and a watch
//! that was fed the same again says the same.

mod diagnosis;
mod duel;
mod notes;
mod spread;

use super::training::Past;
use crate::eval::ParzenResult;
use crate::gan::Losses;
use crate::gan::spec::Training;
use crate::job::{Diagnosis, Finding, Severity, health};
use duel::Duel;
use notes::Notes;
use spread::Spread;

/// Watches one run.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    training: Training,
    duel: Duel,
    spread: Spread,
    notes: Notes,
    /// What has been said: the newest finding of each kind. After a takeover some lie ahead, and are not said again.
    known: Vec<Finding>,
}

/// A finding that is to hold now.
struct Wanted {
    kind: &'static str,
    severity: Severity,
    detail: String,
}

/// So many of the last steps a watch must be fed to go on as if it had seen all: the windows that a diagnosis looks at,
/// and the one that the present step is in.
pub(super) fn lookback(training: &Training) -> u64 {
    duel::window(training.steps) * u64::from(duel::BLIND_WINDOWS + 1)
}

impl Watch {
    /// A watch over a run of which this is known.
    pub(super) fn new(training: &Training, past: &Past) -> Self {
        let last = past.losses.last().map_or(0, |losses| losses.step);
        let won = past.findings.iter().any(|finding| {
            Diagnosis::of(&finding.kind) == Some(Diagnosis::DiscriminatorWins) && finding.holds_at(last)
        });
        let mut watch = Self {
            duel: Duel::new(training, won),
            spread: Spread::new(training),
            notes: Notes::new(training.steps),
            training: training.clone(),
            known: past.findings.clone(),
        };
        for (step, result) in &past.evaluations {
            watch.evaluation(*step, result);
        }
        for losses in &past.losses {
            watch.step(losses);
        }
        watch
    }

    /// Takes a step's losses; `true` if there may be something new to find.
    pub(super) fn step(&mut self, losses: &Losses) -> bool {
        self.duel.step(losses)
    }

    /// Takes an evaluation.
    pub(super) fn evaluation(&mut self, step: u64, result: &ParzenResult) {
        self.spread.evaluation(step, result);
        self.notes.evaluation(step, result);
    }

    /// What begins or ends after `step` steps.
    pub(super) fn findings(&mut self, step: u64) -> Vec<Finding> {
        let held = self.known.iter().filter(|finding| finding.holds_at(step));
        let held = held.filter_map(|finding| Diagnosis::of(&finding.kind)).next();
        let diagnosis = diagnosis::of(&self.duel, &self.spread, held);
        let mut wanted = self.notes.wanted();
        wanted.extend(diagnosis.map(|diagnosis| Wanted {
            kind: diagnosis.as_str(),
            severity: diagnosis.severity(),
            detail: diagnosis::detail(diagnosis, &self.duel, &self.spread, &self.training),
        }));
        self.settle(step, wanted)
    }

    /// What is as grave as can be, and holds after `step` steps.
    pub(super) fn critical(&self, step: u64) -> Option<&Finding> {
        self.known.iter().find(|finding| {
            finding.severity == Severity::Critical && finding.until_step.is_none() && finding.step <= step
        })
    }

    /// Forgets what was found after `step`, since those steps no longer count.
    pub(super) fn forget_beyond(&mut self, step: u64) {
        health::forget_beyond(&mut self.known, step);
    }

    /// Ends what holds and is not wanted, and begins what is wanted and does not hold.
    fn settle(&mut self, step: u64, wanted: Vec<Wanted>) -> Vec<Finding> {
        let is_ours = |kind: &str| Diagnosis::of(kind).is_some() || notes::KINDS.contains(&kind);
        let mut said = Vec::new();
        for finding in self.known.iter_mut().filter(|finding| is_ours(&finding.kind) && finding.holds_at(step)) {
            if !wanted.iter().any(|wanted| wanted.kind == finding.kind) {
                finding.until_step = Some(step);
                said.push(finding.clone());
            }
        }
        for Wanted { kind, severity, detail } in wanted {
            if !self.known.iter().any(|finding| finding.kind == kind && finding.holds_at(step)) {
                let finding = Finding { kind: kind.to_owned(), severity, step, until_step: None, detail };
                health::note(&mut self.known, finding.clone());
                said.push(finding);
            }
        }
        said
    }
}

#[cfg(test)]
mod tests;
