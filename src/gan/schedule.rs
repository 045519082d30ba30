//! Settings that change over a run, as pure functions of where it stands.

use super::spec::{InstanceNoise, Momentum, Regularizer};

/// The learning rate at a step (from 0): start / decayᵗ, never below the floor (pylearn2's `ExponentialDecay`).
#[must_use]
pub fn decayed(start: f32, decay: f64, floor: f32, step: u64) -> f32 {
    let rate = f64::from(start) * (-(decay.ln()) * step as f64).exp();
    (rate as f32).max(floor)
}

/// The momentum in an epoch (from 0): a straight line between the ramp's ends, whose epochs count from 1 (pylearn2's
/// `MomentumAdjustor`, which counts before it sets).
#[must_use]
pub fn ramp(momentum: &Momentum, epoch: u64) -> f32 {
    let Momentum { start, end, from_epoch, until_epoch } = *momentum;
    let epoch = epoch + 1;
    if epoch >= until_epoch {
        return end;
    }
    if epoch <= from_epoch {
        return start;
    }
    let share = (epoch - from_epoch) as f64 / (until_epoch - from_epoch) as f64;
    (f64::from(start) + (f64::from(end) - f64::from(start)) * share) as f32
}

/// The standard deviation of instance noise after so many steps: a straight line to 0.
#[must_use]
pub fn annealed(noise: &InstanceNoise, steps: u64) -> f32 {
    let left = noise.until_step.saturating_sub(steps) as f64 / noise.until_step.max(1) as f64;
    (f64::from(noise.start) * left) as f32
}

/// γ of a penalty after so many steps, as strong as it must be where not every update takes it.
#[must_use]
pub fn penalty(regularizer: &Regularizer, steps: u64) -> f32 {
    let Regularizer { gamma, gamma_end, until_step, every, .. } = *regularizer;
    let share = until_step.map_or(0.0, |until| steps.min(until) as f64 / until.max(1) as f64);
    let gamma = f64::from(gamma) * (f64::from(gamma_end) / f64::from(gamma)).powf(share);
    (gamma * every as f64) as f32
}

/// The decay of the moving average at an update (from 0), low at first so that the start is forgotten soon.
#[must_use]
pub fn average_decay(decay: f32, update: u64) -> f32 {
    let warm = (1.0 + update as f64) / (10.0 + update as f64);
    decay.min(warm as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::spec::{Regularized, RegularizerMethod};

    #[test]
    fn the_published_learning_rate_halves_in_173_287_updates() {
        assert!((decayed(0.1, 1.000_004, 1e-6, 173_287) - 0.05).abs() < 1e-6);
        // gan-facts: 0.0819 after 100 epochs of 500 updates, 0.0607 after 250.
        assert!((decayed(0.1, 1.000_004, 1e-6, 50_000) - 0.0819).abs() < 5e-5);
        assert!((decayed(0.1, 1.000_004, 1e-6, 125_000) - 0.0607).abs() < 5e-5);
        assert_eq!(decayed(0.1, 1.000_004, 1e-6, 100_000_000), 1e-6);
    }

    #[test]
    fn the_published_momentum_grows_from_epoch_1_to_250() {
        let momentum = Momentum { start: 0.5, end: 0.7, from_epoch: 1, until_epoch: 250 };
        // The first epoch is epoch 1.
        assert_eq!(ramp(&momentum, 0), 0.5);
        assert!((ramp(&momentum, 1) - 0.500_803).abs() < 1e-6);
        assert!(ramp(&momentum, 248) < 0.7);
        assert_eq!(ramp(&momentum, 249), 0.7);
        assert_eq!(ramp(&momentum, 1000), 0.7);
    }

    #[test]
    fn instance_noise_falls_in_a_straight_line() {
        let noise = InstanceNoise { start: 0.4, until_step: 100 };
        assert_eq!([0, 25, 100, 1000].map(|step| annealed(&noise, step)), [0.4, 0.3, 0.0, 0.0]);
    }

    #[test]
    fn a_penalty_weakens_by_the_same_factor_in_every_step() {
        let regularizer = Regularizer {
            of: Regularized::R1R2,
            gamma: 4.0,
            gamma_end: 0.04,
            until_step: Some(100),
            every: 2,
            method: RegularizerMethod::Exact,
        };
        let at = |step| penalty(&regularizer, step);
        assert!(
            [(0, 8.0), (50, 0.8), (100, 0.08)].iter().all(|(step, weight)| (at(*step) / weight - 1.0f32).abs() < 1e-6)
        );
    }

    #[test]
    fn the_average_forgets_its_start() {
        assert!((average_decay(0.999, 0) - 0.1).abs() < 1e-7);
        assert_eq!(average_decay(0.999, 1_000_000), 0.999);
    }
}
