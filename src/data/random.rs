//! Numbers that are a function of (seed, purpose, index): Philox4x32-10 (Salmon et al., *Parallel Random Numbers: As
//! Easy as 1, 2, 3*, 2011). No state, so any part of a stream can be drawn at any time, on any thread.

/// The multipliers of the two halves of a round.
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What the key grows by from round to round (the golden ratio and √3 − 1).
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// The Philox4x32-10 block of a counter under a key.
#[must_use]
#[inline]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    philox_blocks(counter.map(|word| [word]), key).map(|[word]| word)
}

/// The blocks of `LANES` counters under one key, word by word, so that the compiler can use vectors.
#[must_use]
#[inline(always)]
pub fn philox_blocks<const LANES: usize>(mut counters: [[u32; LANES]; 4], mut key: [u32; 2]) -> [[u32; LANES]; 4] {
    for _ in 0..ROUNDS {
        let mut next = [[0; LANES]; 4];
        for lane in 0..LANES {
            let a = u64::from(MULTIPLIERS[0]) * u64::from(counters[0][lane]);
            let b = u64::from(MULTIPLIERS[1]) * u64::from(counters[2][lane]);
            next[0][lane] = high(b) ^ counters[1][lane] ^ key[0];
            next[1][lane] = low(b);
            next[2][lane] = high(a) ^ counters[3][lane] ^ key[1];
            next[3][lane] = low(a);
        }
        counters = next;
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counters
}

#[inline]
fn high(value: u64) -> u32 {
    (value >> 32) as u32
}

#[inline]
fn low(value: u64) -> u32 {
    value as u32
}

/// The numbers of one seed for one purpose.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    key: [u32; 2],
    purpose: u32,
}

impl Stream {
    /// The stream of a seed for a purpose; different purposes share no number.
    #[must_use]
    pub fn new(seed: u64, purpose: u32) -> Self {
        Self { key: [low(seed), high(seed)], purpose }
    }

    /// Two uniform numbers of [0, 1) with 53 bits each.
    #[must_use]
    pub fn uniform_pair(&self, index: u64) -> [f64; 2] {
        let [a, b, c, d] = philox([low(index), high(index), self.purpose, 0], self.key);
        [unit(a, b), unit(c, d)]
    }

    /// Two independent standard normal numbers (Box and Muller).
    #[must_use]
    pub fn normal_pair(&self, index: u64) -> [f64; 2] {
        let [u, v] = self.uniform_pair(index);
        let radius = (-2.0 * (1.0 - u).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * v).sin_cos();
        [radius * cosine, radius * sine]
    }

    /// A permutation of 0..len (Fisher and Yates).
    #[must_use]
    pub fn permutation(&self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        for last in (1..len).rev() {
            let [u, _] = self.uniform_pair(last as u64);
            let chosen = (u * (last + 1) as f64) as usize;
            order.swap(last, chosen.min(last));
        }
        order
    }
}

fn unit(a: u32, b: u32) -> f64 {
    let bits = (u64::from(a) << 32 | u64::from(b)) >> 11;
    bits as f64 * (1.0 / (1_u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_equal_the_known_answers_of_random123() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let stream = Stream::new(7, 1);
        let values: Vec<f64> = (0..50_000).flat_map(|i| stream.normal_pair(i)).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = Stream::new(3, 9).permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }
}
