//! The players' objectives on D's logits, in forms that cannot overflow.
//!
//! With a = D's logit: log D(x) = −softplus(−a) and log(1 − D(x)) = −softplus(a).

use super::Losses;
use super::spec::Objective;

/// Equation 1: V(D, G) = E log D(x) + E log(1 − D(G(z))), and D's loss, the published code's ½(CE(real) + CE(fake)).
///
/// Without smoothing, D's loss is −V/2.
#[must_use]
pub fn measure(step: u64, real: &[f32], fake: &[f32], real_label: f32) -> Losses {
    let label = f64::from(real_label);
    let cross_entropy = |&a: &f32| label * softplus(-f64::from(a)) + (1.0 - label) * softplus(f64::from(a));
    let real_loss = mean(real.iter().map(cross_entropy));
    let fake_loss = mean(fake.iter().map(|&a| softplus(f64::from(a))));
    let log_real = mean(real.iter().map(|&a| -softplus(-f64::from(a))));
    Losses {
        step,
        d_loss: (0.5 * (real_loss + fake_loss)) as f32,
        g_loss: f32::NAN,
        value: (log_real - fake_loss) as f32,
        d_real: mean(real.iter().map(|&a| sigmoid(f64::from(a)))) as f32,
        d_fake: mean(fake.iter().map(|&a| sigmoid(f64::from(a)))) as f32,
    }
}

/// The same of pairs of an example and a sample: D says which is the real one (Jolicoeur-Martineau, 2018), with the
/// probability sigmoid(a(x) − a(G(z))). That of the example stands for D(x), that of the sample for D(G(z)), so that again
/// D's loss is −V/2.
#[must_use]
pub fn measure_pairs(step: u64, real: &[f32], fake: &[f32]) -> Losses {
    let loss = mean(margins(real, fake).map(|margin| softplus(-margin)));
    let won = mean(margins(real, fake).map(sigmoid));
    Losses {
        step,
        d_loss: loss as f32,
        g_loss: f32::NAN,
        value: (-2.0 * loss) as f32,
        d_real: won as f32,
        d_fake: (1.0 - won) as f32,
    }
}

/// The gradient of D's loss of pairs in its logits, real rows first.
pub fn discriminator_gradient_of_pairs(real: &[f32], fake: &[f32], gradient: &mut [f32]) {
    let (real_gradient, fake_gradient) = gradient.split_at_mut(real.len());
    let pairs = real_gradient.iter_mut().zip(fake_gradient);
    for ((real_gradient, fake_gradient), margin) in pairs.zip(margins(real, fake)) {
        let slope = (sigmoid(-margin) / real.len() as f64) as f32;
        (*real_gradient, *fake_gradient) = (-slope, slope);
    }
}

/// How far the example of each pair lies above the sample.
fn margins<'a>(real: &'a [f32], fake: &'a [f32]) -> impl ExactSizeIterator<Item = f64> + 'a {
    real.iter().zip(fake).map(|(real, fake)| f64::from(*real) - f64::from(*fake))
}

/// The gradient of D's loss in its logits, real rows first.
pub fn discriminator_gradient(real: &[f32], fake: &[f32], real_label: f32, gradient: &mut [f32]) {
    let (real_gradient, fake_gradient) = gradient.split_at_mut(real.len());
    for (gradient, &a) in real_gradient.iter_mut().zip(real) {
        *gradient = ((sigmoid(f64::from(a)) - f64::from(real_label)) / (2 * real.len()) as f64) as f32;
    }
    for (gradient, &a) in fake_gradient.iter_mut().zip(fake) {
        *gradient = (sigmoid(f64::from(a)) / (2 * fake.len()) as f64) as f32;
    }
}

/// What G descends: −E log D(G(z)) (section 3, last paragraph), E log(1 − D(G(z))) as in equation 1, or
/// E softplus(a(x) − a(G(z))), for which alone `real` is read.
#[must_use]
pub fn generator_loss(real: &[f32], fake: &[f32], objective: Objective) -> f32 {
    let loss = match objective {
        Objective::NonSaturating => mean(fake.iter().map(|&a| softplus(-f64::from(a)))),
        Objective::Saturating => mean(fake.iter().map(|&a| -softplus(f64::from(a)))),
        Objective::Relativistic => mean(margins(real, fake).map(softplus)),
    };
    loss as f32
}

/// The gradient of G's loss in D's logits of samples.
pub fn generator_gradient(real: &[f32], fake: &[f32], objective: Objective, gradient: &mut [f32]) {
    let n = fake.len() as f64;
    if objective == Objective::Relativistic {
        for (gradient, margin) in gradient.iter_mut().zip(margins(real, fake)) {
            *gradient = (-sigmoid(margin) / n) as f32;
        }
        return;
    }
    for (gradient, &a) in gradient.iter_mut().zip(fake) {
        let probability = sigmoid(f64::from(a));
        *gradient = match objective {
            Objective::NonSaturating => ((probability - 1.0) / n) as f32,
            Objective::Saturating | Objective::Relativistic => (-probability / n) as f32,
        };
    }
}

/// log(1 + exp(x)).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::LN_2;

    #[test]
    fn at_one_half_the_losses_are_ln_2_and_the_value_minus_log_4() {
        let logits = [0.0f32; 8];
        let losses = measure(1, &logits, &logits, 1.0);
        assert!((f64::from(losses.d_loss) - LN_2).abs() < 1e-7);
        assert!((f64::from(losses.value) + 4f64.ln()).abs() < 1e-7);
        assert!((f64::from(generator_loss(&[], &logits, Objective::NonSaturating)) - LN_2).abs() < 1e-7);
        assert_eq!((losses.d_real, losses.d_fake), (0.5, 0.5));
        let pairs = measure_pairs(1, &logits, &logits);
        assert_eq!((pairs.d_loss, pairs.value), (losses.d_loss, losses.value));
        assert_eq!((pairs.d_real, pairs.d_fake), (0.5, 0.5));
        assert_eq!(generator_loss(&logits, &logits, Objective::Relativistic), losses.d_loss);
    }

    #[test]
    fn logits_of_any_size_give_finite_losses() {
        for size in [0.0, 1e2, 1e4, 3e38f32] {
            let losses = measure(1, &[size, -size], &[size, -size], 0.9);
            assert!(losses.d_loss.is_finite() || size > 1e38, "{losses:?}");
            assert!(!losses.d_loss.is_nan() && !losses.value.is_nan());
            let mut gradient = [f32::NAN; 4];
            discriminator_gradient(&[size, -size], &[size, -size], 0.9, &mut gradient);
            assert!(gradient.iter().all(|gradient| gradient.is_finite()));
        }
    }

    #[test]
    fn gradients_agree_with_differences_of_the_losses() {
        let (real, fake) = ([0.3f32, -1.2, 2.0], [-0.7f32, 0.1, 1.5]);
        let shifted = |values: &[f32; 3], index: usize, by: f32| {
            let mut values = *values;
            values[index] += by;
            values
        };
        let h = 1e-2f32;
        let mut found = [0.0; 6];
        discriminator_gradient(&real, &fake, 0.9, &mut found);
        for index in 0..3 {
            let slope = |up: f32, down: f32| (up - down) / (2.0 * h);
            let d = |real: &[f32], fake: &[f32]| measure(1, real, fake, 0.9).d_loss;
            let by_real = slope(d(&shifted(&real, index, h), &fake), d(&shifted(&real, index, -h), &fake));
            let by_fake = slope(d(&real, &shifted(&fake, index, h)), d(&real, &shifted(&fake, index, -h)));
            assert!((found[index] - by_real).abs() < 1e-4 && (found[3 + index] - by_fake).abs() < 1e-4);
        }
        discriminator_gradient_of_pairs(&real, &fake, &mut found);
        for index in 0..3 {
            let d = |real: &[f32], fake: &[f32]| measure_pairs(1, real, fake).d_loss;
            let slope = |up: f32, down: f32| (up - down) / (2.0 * h);
            let by_real = slope(d(&shifted(&real, index, h), &fake), d(&shifted(&real, index, -h), &fake));
            let by_fake = slope(d(&real, &shifted(&fake, index, h)), d(&real, &shifted(&fake, index, -h)));
            assert!((found[index] - by_real).abs() < 1e-4 && (found[3 + index] - by_fake).abs() < 1e-4);
        }
        for objective in [Objective::NonSaturating, Objective::Saturating, Objective::Relativistic] {
            let mut found = [0.0; 3];
            generator_gradient(&real, &fake, objective, &mut found);
            for (index, found) in found.into_iter().enumerate() {
                let g = |fake: &[f32]| generator_loss(&real, fake, objective);
                let slope = (g(&shifted(&fake, index, h)) - g(&shifted(&fake, index, -h))) / (2.0 * h);
                assert!((found - slope).abs() < 1e-4, "{objective:?}: {found} against {slope}");
            }
        }
    }
}
