//! When a run does something besides stepping: a pure function of the spec and the step.

use super::Spec;

/// Pictures over a whole run, about.
const SNAPSHOTS: u64 = 100;

/// When to write checkpoints, take pictures and evaluate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cadence {
    steps: u64,
    checkpoint_every: u64,
    snapshot_every: u64,
    evaluation_every: u64,
    keep_best: bool,
}

/// What is due once a step is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Due {
    /// Write a checkpoint.
    pub checkpoint: bool,
    /// Take a picture of the fixed latents.
    pub snapshot: bool,
    /// Evaluate.
    pub evaluation: bool,
}

impl Due {
    /// Whether anything is.
    #[must_use]
    pub fn any(self) -> bool {
        self.checkpoint || self.snapshot || self.evaluation
    }
}

impl Cadence {
    /// The cadence of a run.
    #[must_use]
    pub fn of(spec: &Spec) -> Self {
        Self {
            steps: spec.training.steps,
            checkpoint_every: spec.checkpoint.every,
            snapshot_every: (spec.training.steps / SNAPSHOTS).max(1),
            evaluation_every: spec.evaluation.every,
            keep_best: spec.checkpoint.keep_best,
        }
    }

    /// What is due after `step` steps.
    ///
    /// The beginning and the end always leave a checkpoint and a picture, so that there is something to look at from
    /// the first moment on; where evaluations are on, the untrained G is evaluated too, for comparison. An evaluation
    /// comes with a checkpoint if the best is to be kept: what was not kept cannot be the best.
    #[must_use]
    pub fn due(&self, step: u64) -> Due {
        let end = step == 0 || step == self.steps;
        let evaluation =
            step == self.steps || (self.evaluation_every > 0 && step.is_multiple_of(self.evaluation_every));
        let checkpoint = end || step.is_multiple_of(self.checkpoint_every) || (evaluation && self.keep_best);
        let snapshot = checkpoint || step.is_multiple_of(self.snapshot_every);
        Due { checkpoint, snapshot, evaluation }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cadence, Due};

    const CADENCE: Cadence =
        Cadence { steps: 1000, checkpoint_every: 300, snapshot_every: 10, evaluation_every: 450, keep_best: false };
    const ALL: Due = Due { checkpoint: true, snapshot: true, evaluation: true };

    #[test]
    fn the_first_and_the_last_step_leave_everything() {
        assert_eq!(CADENCE.due(0), ALL);
        assert_eq!(CADENCE.due(1000), ALL);
    }

    #[test]
    fn between_them_each_thing_has_its_own_beat() {
        assert!(!CADENCE.due(7).any());
        assert_eq!(CADENCE.due(10), Due { snapshot: true, ..Due::default() });
        assert_eq!(CADENCE.due(300), Due { snapshot: true, checkpoint: true, ..Due::default() });
        assert_eq!(CADENCE.due(450), Due { snapshot: true, evaluation: true, ..Due::default() });
    }

    #[test]
    fn an_evaluation_comes_with_a_checkpoint_if_the_best_is_kept() {
        assert!(Cadence { keep_best: true, ..CADENCE }.due(450).checkpoint);
    }

    #[test]
    fn without_evaluations_only_the_end_is_evaluated() {
        let cadence = Cadence { evaluation_every: 0, ..CADENCE };
        assert!(!cadence.due(0).evaluation);
        assert!(!cadence.due(450).evaluation);
        assert!(cadence.due(1000).evaluation);
    }
}
