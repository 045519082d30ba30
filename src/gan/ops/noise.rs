//! Gaussian noise on a network's input (instance noise: Sønderby et al., 2016; Arjovsky and Bottou, 2017).

use super::simd::multiversion;
use super::slices::{destination, source};
use super::split::{Shared, split, threads_for};
use crate::gan::random::Stream;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result};

/// The noise of one update.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Noise {
    /// The update's stream.
    pub stream: Stream,
    /// The standard deviation.
    pub deviation: f32,
}

impl Noise {
    /// Adds a row's noise to it.
    pub fn apply(&self, row: usize, values: &mut [f32]) {
        const BATCH: usize = 512;
        let mut words = [0u32; BATCH];
        for (batch, values) in values.chunks_mut(BATCH).enumerate() {
            // Rows are within 16 bits by the limit on minibatches; batches have the other 16.
            let words = &mut words[..values.len().next_multiple_of(2)];
            self.stream.part((batch as u32) << 16 | row as u32).fill(words);
            add_normal(values, words, self.deviation);
        }
    }
}

/// `y.inplace_op2(x, AddNoise)`: y ← x + noise.
pub struct AddNoise {
    /// The noise.
    pub noise: Noise,
    /// The first row's number in the minibatch.
    pub first_row: usize,
    /// A row's width.
    pub width: usize,
    /// Threads to use.
    pub threads: usize,
}

impl InplaceOp2 for AddNoise {
    fn name(&self) -> &'static str {
        "add-noise"
    }

    fn cpu_fwd(&self, y: &mut CpuStorage, y_layout: &Layout, x: &CpuStorage, x_layout: &Layout) -> Result<()> {
        let (y, x, width) = (destination(y, y_layout)?, source(x, x_layout)?, self.width);
        let rows = y.len() / width;
        let threads = threads_for(y.len() * 16, self.threads);
        let y = Shared::new(y);
        split(rows, 1, threads, &|rows| {
            for row in rows {
                // SAFETY: each thread has rows of its own.
                let y = unsafe { y.part(row * width..(row + 1) * width) };
                y.copy_from_slice(&x[row * width..(row + 1) * width]);
                self.noise.apply(self.first_row + row, y);
            }
        });
        Ok(())
    }
}

multiversion! {
    /// Adds normal numbers (Box and Muller, 1958) made of the words, whose first half gives radii and second half angles.
    fn add_normal(values: &mut [f32], words: &[u32], deviation: f32) {
        let half = words.len() / 2;
        let (radii, angles) = words.split_at(half);
        let (cosines, sines) = values.split_at_mut(half.min(values.len()));
        for ((value, radius), angle) in cosines.iter_mut().zip(radii).zip(angles) {
            *value += deviation * length(*radius) * cosine_and_sine(*angle).0;
        }
        for ((value, radius), angle) in sines.iter_mut().zip(radii).zip(angles) {
            *value += deviation * length(*radius) * cosine_and_sine(*angle).1;
        }
    }
}

/// √(−2 ln u) for the u in (0, 1] that a word stands for.
#[inline(always)]
fn length(word: u32) -> f32 {
    // An odd multiple of 2⁻²⁵.
    let uniform = ((word >> 8) as f32 + 0.5) * (1.0 / 16_777_216.0);
    (-2.0 * ln(uniform)).max(0.0).sqrt()
}

/// ln(x) for a normal positive x, to a few units in the last place of the larger of it and 1 (Cephes' logf).
#[inline(always)]
fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    // The mantissa, brought to [√½, √2), and the exponent that goes with it.
    let exponent = (bits.wrapping_sub(0x3F35_04F3) as i32) >> 23;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32)) - 1.0;
    let mut series = 7.037_683_6e-2;
    series = series * mantissa - 1.151_461e-1;
    series = series * mantissa + 1.167_699_8e-1;
    series = series * mantissa - 1.242_014_1e-1;
    series = series * mantissa + 1.424_932_3e-1;
    series = series * mantissa - 1.666_805_7e-1;
    series = series * mantissa + 2.000_071_5e-1;
    series = series * mantissa - 2.499_999_4e-1;
    series = series * mantissa + 3.333_333e-1;
    let square = mantissa * mantissa;
    let exponent = exponent as f32;
    // ln 2 in two parts (Cody and Waite).
    let rest = series * mantissa * square + exponent * -2.121_944_4e-4 - 0.5 * square;
    mantissa + rest + exponent * 0.693_359_4
}

/// The cosine and the sine of the angle that is a word's share of a turn (Cephes' polynomials on an eighth of a turn).
#[inline(always)]
fn cosine_and_sine(word: u32) -> (f32, f32) {
    // Quarter turns, rounded, and the rest within an eighth of a turn.
    let quarters = word.wrapping_add(1 << 29) >> 30;
    let rest = word.wrapping_sub(quarters << 30) as i32;
    let x = rest as f32 * (std::f32::consts::TAU / 4_294_967_296.0);
    let square = x * x;
    let sine = ((-1.951_529_6e-4 * square + 8.332_161e-3) * square - 1.666_665_5e-1) * square * x + x;
    let cosine =
        ((2.443_315_7e-5 * square - 1.388_731_6e-3) * square + 4.166_664_6e-2) * square * square - 0.5 * square + 1.0;
    let (cosine, sine) = if quarters & 1 == 0 { (cosine, sine) } else { (-sine, cosine) };
    if quarters & 2 == 0 { (cosine, sine) } else { (-cosine, -sine) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::random::Purpose;

    #[test]
    fn the_functions_agree_with_the_library() {
        for index in 0..100_000u32 {
            let word = index.wrapping_mul(2_654_435_761);
            let x = ((word >> 8) as f32 + 0.5) / 16_777_216.0;
            assert!((ln(x) - x.ln()).abs() <= 4e-7 * x.ln().abs().max(1.0), "ln({x}) = {}", ln(x));
            let angle = f64::from(word) / 4_294_967_296.0 * std::f64::consts::TAU;
            let (cosine, sine) = cosine_and_sine(word);
            assert!((f64::from(cosine) - angle.cos()).abs() < 3e-7, "cos({angle}) = {cosine}");
            assert!((f64::from(sine) - angle.sin()).abs() < 3e-7, "sin({angle}) = {sine}");
        }
    }

    #[test]
    fn the_noise_is_normal_and_differs_by_row() {
        let noise = Noise { stream: Stream::new(3, Purpose::NoiseForDiscriminator, 9, 0), deviation: 0.5 };
        let mut values = vec![1.0f32; 100_001];
        noise.apply(0, &mut values);
        let mut others = vec![1.0f32; 100_001];
        noise.apply(1, &mut others);
        assert_ne!(values, others);
        let n = values.len() as f64;
        let moment =
            |power: i32| values.iter().map(|value| f64::from(2.0 * (value - 1.0)).powi(power)).sum::<f64>() / n;
        assert!(moment(1).abs() < 0.015, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.02, "variance {}", moment(2));
        assert!(moment(3).abs() < 0.05, "skewness {}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.1, "kurtosis {}", moment(4));
    }
}
