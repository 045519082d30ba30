//! Inverted dropout: an output is dropped with probability p, or else divided by 1 − p.
//!
//! A mask is never kept: it is drawn again from the counter where the gradient needs it.

use super::simd::multiversion;
use super::slices::{destination, source};
use super::split::{Shared, split, threads_for};
use crate::gan::random::Stream;
use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Result};

/// The masks of one layer in one update.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mask {
    /// The update's stream.
    pub stream: Stream,
    /// The layer, 0 for the network's input.
    pub layer: u32,
    /// The first row's number in the minibatch: a row's mask does not depend on what is computed beside it.
    pub first_row: usize,
    /// The probability of dropping.
    pub probability: f32,
}

impl Mask {
    /// Multiplies a row by its mask, 0 or 1 / (1 − p) at each place.
    pub fn apply(&self, row: usize, values: &mut [f32]) {
        // Sixteen bits decide: two decisions a random word.
        const BATCH: usize = 512;
        let threshold = (self.probability * 65536.0) as u32;
        let scale = 1.0 / (1.0 - self.probability);
        // Limits on batch and layers keep the row within 16 bits and the layer within the other 16.
        let part = self.layer << 16 | (self.first_row + row) as u32;
        let mut words = [0u32; BATCH / 2];
        let mut stream = self.stream.part(part);
        for (batch, values) in values.chunks_mut(BATCH).enumerate() {
            // Each batch of places has a part of its own: rows wider than a batch go on at the next high bit.
            stream = stream.part(part | (batch as u32) << 21);
            stream.fill(&mut words[..values.len().div_ceil(2)]);
            keep(values, &words, threshold, scale);
        }
    }
}

multiversion! {
    fn keep(values: &mut [f32], words: &[u32], threshold: u32, scale: f32) {
        let half = values.len().div_ceil(2);
        let (low, high) = values.split_at_mut(half);
        for (value, word) in low.iter_mut().zip(words) {
            *value = if word & 0xFFFF < threshold { 0.0 } else { *value * scale };
        }
        for (value, word) in high.iter_mut().zip(words) {
            *value = if word >> 16 < threshold { 0.0 } else { *value * scale };
        }
    }
}

/// Applies a mask in place (`y.inplace_op1`), or to a copy (`y.inplace_op2(x)`).
pub struct Drop {
    /// The masks.
    pub mask: Mask,
    /// A row's width.
    pub width: usize,
    /// Threads to use.
    pub threads: usize,
}

impl Drop {
    fn rows(&self, values: &mut [f32], before: impl Fn(usize, &mut [f32]) + Sync) {
        let rows = values.len() / self.width;
        let threads = threads_for(values.len() * 4, self.threads);
        let values = Shared::new(values);
        split(rows, 1, threads, &|rows| {
            for row in rows {
                // SAFETY: each thread has rows of its own.
                let values = unsafe { values.part(row * self.width..(row + 1) * self.width) };
                before(row, values);
                self.mask.apply(row, values);
            }
        });
    }
}

impl InplaceOp1 for Drop {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, y: &mut CpuStorage, layout: &Layout) -> Result<()> {
        self.rows(destination(y, layout)?, |_, _| {});
        Ok(())
    }
}

impl InplaceOp2 for Drop {
    fn name(&self) -> &'static str {
        "dropout-copy"
    }

    fn cpu_fwd(&self, y: &mut CpuStorage, y_layout: &Layout, x: &CpuStorage, x_layout: &Layout) -> Result<()> {
        let x = source(x, x_layout)?;
        self.rows(destination(y, y_layout)?, |row, values| {
            values.copy_from_slice(&x[row * self.width..(row + 1) * self.width]);
        });
        Ok(())
    }
}
