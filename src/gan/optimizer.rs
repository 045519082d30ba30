//! How a player's weights move, as rules for one update.

use super::schedule;
use super::spec::OptimizerSpec;

/// One update's rule, its schedules resolved.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Rule {
    /// v ← μv − ηg, θ ← θ + v.
    Sgd {
        /// η.
        learning_rate: f32,
        /// μ.
        momentum: f32,
    },
    /// Kingma and Ba, 2015, with bias-corrected step size (their section 2, last paragraph).
    Adam {
        /// η·√(1 − β₂ᵗ) / (1 − β₁ᵗ).
        step_size: f32,
        /// β₁.
        beta1: f32,
        /// β₂.
        beta2: f32,
        /// ε·√(1 − β₂ᵗ): Adam's ε, brought to the same scale.
        epsilon: f32,
    },
}

impl Rule {
    /// The rule of a player's update. All count from 0: the step, which the learning rate falls with, the player's own
    /// updates, of which Adam's moments are made, and the epoch, which the momentum grows with.
    #[must_use]
    pub fn at(optimizer: &OptimizerSpec, step: u64, update: u64, epoch: u64) -> Self {
        match *optimizer {
            OptimizerSpec::Sgd { learning_rate, decay, min_learning_rate, momentum } => Self::Sgd {
                learning_rate: schedule::decayed(learning_rate, decay, min_learning_rate, step),
                momentum: schedule::ramp(&momentum, epoch),
            },
            OptimizerSpec::Adam { learning_rate, beta1, beta2, epsilon, decay, min_learning_rate } => {
                let learning_rate = schedule::decayed(learning_rate, decay, min_learning_rate, step);
                let t = i32::try_from(update + 1).unwrap_or(i32::MAX);
                let first = 1.0 - f64::from(beta1).powi(t);
                let second = (1.0 - f64::from(beta2).powi(t)).sqrt();
                Self::Adam {
                    step_size: (f64::from(learning_rate) * second / first) as f32,
                    beta1,
                    beta2,
                    epsilon: (f64::from(epsilon) * second) as f32,
                }
            }
        }
    }

    /// The rule with its step halved so many times.
    #[must_use]
    pub fn halved(self, times: u32) -> Self {
        let factor = 0.5_f32.powi(i32::try_from(times).unwrap_or(i32::MAX));
        match self {
            Self::Sgd { learning_rate, momentum } => Self::Sgd { learning_rate: learning_rate * factor, momentum },
            Self::Adam { step_size, beta1, beta2, epsilon } => {
                Self::Adam { step_size: step_size * factor, beta1, beta2, epsilon }
            }
        }
    }
}

/// The names of the numbers that an optimiser keeps for each weight.
#[must_use]
pub fn moments(optimizer: &OptimizerSpec) -> &'static [&'static str] {
    match optimizer {
        OptimizerSpec::Sgd { .. } => &["velocity"],
        OptimizerSpec::Adam { .. } => &["first_moment", "second_moment"],
    }
}
