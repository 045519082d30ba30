//! Activations, their derivatives, and the exponential they need, in loops that the compiler turns into vectors.

use super::simd::multiversion;
use super::slices::{destination, source};
use super::split::{Shared, split, threads_for};
use crate::gan::spec::Activation;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result};

/// The slope of the leaky ReLU below zero.
pub const LEAK: f32 = 0.2;

/// exp(x) to about two units in the last place; 0 below −87.3, and finite above 88.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, the first short enough that its multiples by whole numbers are exact (Cody and Waite).
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding and taking away 1.5·2²³ rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.3, 88.0);
    let whole = (x * LOG2_E + ROUND) - ROUND;
    let rest = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    // The minimax polynomial of Cephes' expf for |rest| ≤ ln(2)/2.
    let mut series = 1.987_569_1e-4;
    series = series * rest + 1.398_199_9e-3;
    series = series * rest + 8.333_452e-3;
    series = series * rest + 4.166_579_6e-2;
    series = series * rest + 1.666_666_5e-1;
    series = series * rest + 0.5;
    let value = series * rest * rest + rest + 1.0;
    // SAFETY-free power of two: the exponent field is written directly; `whole` lies in −126..=127 by the clamp.
    let power = f32::from_bits(((whole as i32 + 127) << 23) as u32);
    value * power
}

/// 1 / (1 + exp(−x)).
#[inline(always)]
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// tanh(x) = 2·sigmoid(2x) − 1.
#[inline(always)]
#[must_use]
pub fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}

multiversion! {
    /// Adds the bias to each row of its length and applies the activation.
    pub fn bias_activate(rows: &mut [f32], bias: &[f32], activation: Activation) {
        for row in rows.chunks_exact_mut(bias.len()) {
            let pairs = row.iter_mut().zip(bias);
            match activation {
                // Not by `max`, which would make 0 of what is no number, and hide it.
                Activation::Relu => pairs.for_each(|(y, b)| {
                    let a = *y + b;
                    *y = if a <= 0.0 { 0.0 } else { a };
                }),
                Activation::LeakyRelu => pairs.for_each(|(y, b)| {
                    let a = *y + b;
                    *y = if a > 0.0 { a } else { LEAK * a };
                }),
                Activation::Sigmoid => pairs.for_each(|(y, b)| *y = sigmoid(*y + b)),
                Activation::Tanh => pairs.for_each(|(y, b)| *y = tanh(*y + b)),
                Activation::Linear => pairs.for_each(|(y, b)| *y += b),
            }
        }
    }
}

multiversion! {
    /// Multiplies each gradient by the activation's derivative, told from its output; `undo` brings an output that
    /// dropout has scaled back to what the activation gave.
    pub fn derive(gradient: &mut [f32], output: &[f32], activation: Activation, undo: f32) {
        let pairs = gradient.iter_mut().zip(output);
        match activation {
            Activation::Relu => pairs.for_each(|(g, y)| *g = if *y > 0.0 { *g } else { 0.0 }),
            Activation::LeakyRelu => pairs.for_each(|(g, y)| *g = if *y > 0.0 { *g } else { LEAK * *g }),
            Activation::Sigmoid => pairs.for_each(|(g, y)| {
                let y = *y * undo;
                *g *= y * (1.0 - y);
            }),
            Activation::Tanh => pairs.for_each(|(g, y)| {
                let y = *y * undo;
                *g *= 1.0 - y * y;
            }),
            Activation::Linear => {}
        }
    }
}

/// `dy.inplace_op2(y, Derive)`: dy ← dy · activation′, told from the layer's outputs.
pub struct Derive {
    /// The activation.
    pub activation: Activation,
    /// What brings an output that dropout has scaled back to what the activation gave.
    pub undo: f32,
    /// A row's width.
    pub width: usize,
    /// Threads to use.
    pub threads: usize,
}

impl InplaceOp2 for Derive {
    fn name(&self) -> &'static str {
        "activation-backward"
    }

    fn cpu_fwd(&self, dy: &mut CpuStorage, dy_layout: &Layout, y: &CpuStorage, y_layout: &Layout) -> Result<()> {
        self.apply(destination(dy, dy_layout)?, source(y, y_layout)?);
        Ok(())
    }
}

impl Derive {
    /// dy ← dy · activation′, where both are parts of one tensor.
    pub fn apply(&self, dy: &mut [f32], y: &[f32]) {
        let (rows, width) = (dy.len() / self.width, self.width);
        let threads = threads_for(dy.len() * 2, self.threads);
        let dy = Shared::new(dy);
        split(rows, 1, threads, &|rows| {
            let range = rows.start * width..rows.end * width;
            // SAFETY: each thread has rows of its own.
            derive(unsafe { dy.part(range.clone()) }, &y[range], self.activation, self.undo);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_three_units_in_the_last_place() {
        let mut x = -87.0f32;
        while x < 87.0 {
            let (exact, found) = (f64::from(x).exp(), f64::from(exp(x)));
            assert!(
                (found - exact).abs() <= 3.0 * f64::from(f32::EPSILON) * exact,
                "exp({x}) = {exact}, found {found}"
            );
            x += 0.013;
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for activation in
            [Activation::Relu, Activation::LeakyRelu, Activation::Sigmoid, Activation::Tanh, Activation::Linear]
        {
            let mut rows = [f32::NAN; 19];
            bias_activate(&mut rows, &[0.5; 19], activation);
            assert!(rows.iter().all(|value| value.is_nan()), "{activation:?}: {rows:?}");
        }
    }

    #[test]
    fn sigmoid_and_tanh_reach_their_limits_without_overflow() {
        assert!((sigmoid(100.0) - 1.0).abs() < 1e-6 && sigmoid(-100.0) < 1e-30);
        assert!((tanh(50.0) - 1.0).abs() < 1e-6 && (tanh(-50.0) + 1.0).abs() < 1e-6);
        assert!((tanh(0.3) - 0.3f32.tanh()).abs() < 1e-6);
    }
}
