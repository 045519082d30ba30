//! All randomness of a run as a function of (seed, purpose, step, part): nothing to save, nothing to forget.
//!
//! The generator is that of [`crate::data::random`]: a bijection of a 128-bit counter under a 64-bit key. The key is the
//! seed; the counter says what the number is for.

use super::ops::simd::multiversion;
use crate::data::random::{philox, philox_blocks};

/// What a random number is for; numbers of different purposes never meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// Weights at the start; `step` is 0, `part` the layer (D's from 256 on).
    Init = 1,
    /// The order of the training examples; `step` is the epoch.
    Order = 2,
    /// Latents for D's updates; `step` counts minibatches, `part` rows.
    LatentForDiscriminator = 3,
    /// Latents for G's updates.
    LatentForGenerator = 4,
    /// Dropout masks in D's updates; `step` counts minibatches, `part` is layer and row.
    DropoutForDiscriminator = 5,
    /// Dropout masks in G's updates.
    DropoutForGenerator = 6,
    /// Latents of samples that a user asks for; `step` is the sample's index.
    Sample = 7,
    /// Latents of the samples that an evaluation draws; `step` is the sample's index.
    Evaluation = 8,
    /// Noise on D's inputs in D's updates; `step` counts minibatches, `part` is the row.
    NoiseForDiscriminator = 9,
    /// Noise on D's inputs in G's updates.
    NoiseForGenerator = 10,
}

/// A stream of random numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stream {
    key: [u32; 2],
    /// The counter's upper words; the lowest counts blocks of four numbers.
    part: u32,
    step: [u32; 2],
}

/// Blocks computed side by side.
const LANES: usize = 16;

impl Stream {
    /// The stream of a purpose at a step; `step` below 2⁵⁶.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose, step: u64, part: u32) -> Self {
        let [seed_low, seed_high] = halves(seed);
        let [step_low, step_high] = halves(step);
        Self { key: [seed_low, seed_high], part, step: [step_low, step_high | (purpose as u32) << 24] }
    }

    /// The same stream at another part.
    #[must_use]
    pub fn part(self, part: u32) -> Self {
        Self { part, ..self }
    }

    /// Four numbers: the block at an index.
    #[must_use]
    pub fn block(&self, index: u32) -> [u32; 4] {
        philox([index, self.part, self.step[0], self.step[1]], self.key)
    }

    /// Fills `out` with numbers, from the stream's start.
    pub fn fill(&self, out: &mut [u32]) {
        fill(self, out);
    }

    /// Fills `out` with uniform numbers on (−1, 1), never 0, from the stream's start.
    pub fn fill_symmetric(&self, out: &mut [f32]) {
        for (index, chunk) in (0u32..).zip(out.chunks_mut(4)) {
            for (value, word) in chunk.iter_mut().zip(self.block(index)) {
                *value = symmetric(word);
            }
        }
    }

    /// Fills `out` with standard normal numbers (Box and Muller, 1958), from the stream's start.
    pub fn fill_normal(&self, out: &mut [f32]) {
        for (index, chunk) in (0u32..).zip(out.chunks_mut(4)) {
            let [a, b, c, d] = self.block(index);
            let (first, second) = (normal_pair(a, b), normal_pair(c, d));
            for (value, normal) in chunk.iter_mut().zip([first.0, first.1, second.0, second.1]) {
                *value = normal;
            }
        }
    }

    /// A random order of `0..len` (Fisher and Yates).
    #[must_use]
    pub fn permutation(&self, len: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..len).collect();
        let mut words = vec![0; order.len()];
        self.fill(&mut words);
        for last in (1..order.len()).rev() {
            // The product's upper half is below last + 1; its bias, under 2⁻³² a position, is of no consequence.
            let pick = (u64::from(words[last]) * (last as u64 + 1)) >> 32;
            order.swap(last, usize::try_from(pick).unwrap_or(last));
        }
        order
    }
}

fn halves(word: u64) -> [u32; 2] {
    [(word & 0xFFFF_FFFF) as u32, (word >> 32) as u32]
}

/// A uniform number on (−1, 1): an odd multiple of 2⁻²⁴.
fn symmetric(word: u32) -> f32 {
    let odd = ((word >> 8) << 1 | 1) as i32 - (1 << 24);
    odd as f32 / (1 << 24) as f32
}

fn normal_pair(a: u32, b: u32) -> (f32, f32) {
    // (0, 1], so that its logarithm is finite.
    let uniform = (f64::from(a) + 1.0) / 4_294_967_296.0;
    let angle = f64::from(b) / 4_294_967_296.0 * std::f64::consts::TAU;
    let radius = (-2.0 * uniform.ln()).sqrt();
    ((radius * angle.cos()) as f32, (radius * angle.sin()) as f32)
}

multiversion! {
    fn fill(stream: &Stream, out: &mut [u32]) {
        for (batch, chunk) in (0u32..).zip(out.chunks_mut(4 * LANES)) {
            let mut words = [[0u32; LANES]; 4];
            for (lane, index) in (0u32..).zip(&mut words[0]) {
                *index = batch * LANES as u32 + lane;
            }
            for (word, value) in words[1..].iter_mut().zip([stream.part, stream.step[0], stream.step[1]]) {
                word.fill(value);
            }
            let words = philox_blocks(words, stream.key);
            if let Some((whole, _)) = chunk.split_first_chunk_mut::<{ 4 * LANES }>() {
                for lane in 0..LANES {
                    for word in 0..4 {
                        whole[4 * lane + word] = words[word][lane];
                    }
                }
            } else {
                for (index, value) in chunk.iter_mut().enumerate() {
                    *value = words[index % 4][index / 4];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling_gives_the_blocks_in_order_whatever_the_length() {
        let stream = Stream::new(7, Purpose::Order, 3, 9);
        for len in [1, 3, 4, 63, 64, 65, 200] {
            let mut filled = vec![0; len];
            stream.fill(&mut filled);
            let blocks: Vec<u32> = (0u32..).flat_map(|index| stream.block(index)).take(len).collect();
            assert_eq!(filled, blocks, "length {len}");
        }
    }

    #[test]
    fn normal_numbers_have_the_normal_moments() {
        let mut values = vec![0.0f32; 200_000];
        Stream::new(1, Purpose::Sample, 0, 0).fill_normal(&mut values);
        let n = values.len() as f64;
        let moment = |power: i32| values.iter().map(|value| f64::from(*value).powi(power)).sum::<f64>() / n;
        assert!(moment(1).abs() < 0.01, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.01, "variance {}", moment(2));
        assert!(moment(3).abs() < 0.03, "skewness {}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.06, "kurtosis {}", moment(4));
    }

    #[test]
    fn a_permutation_holds_every_index_once_and_differs_by_epoch() {
        let order = |epoch| Stream::new(1, Purpose::Order, epoch, 0).permutation(1000);
        let mut sorted = order(0);
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..1000));
        assert_ne!(order(0), order(1));
    }
}
