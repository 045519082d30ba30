//! The order in which the training examples are seen: shuffled anew every epoch, then read in order.

use super::random::{Purpose, Stream};
use crate::data::Split;

/// Reads minibatches by their number, so that a resumed run goes on where it was.
pub struct Minibatches {
    seed: u64,
    size: usize,
    /// The epoch that `order` is of.
    epoch: Option<u64>,
    order: Vec<u32>,
}

impl Minibatches {
    /// Minibatches of `size` examples.
    #[must_use]
    pub fn new(seed: u64, size: usize) -> Self {
        Self { seed, size, epoch: None, order: Vec::new() }
    }

    /// Whole minibatches in an epoch; what is left over sits this epoch out.
    #[must_use]
    pub fn per_epoch(&self, split: &Split) -> u64 {
        ((split.len / self.size) as u64).max(1)
    }

    /// Writes the minibatch with this number, counted from 0 over all epochs.
    pub fn fill(&mut self, split: &Split, number: u64, out: &mut [f32]) {
        let per_epoch = self.per_epoch(split);
        let (epoch, index) = (number / per_epoch, number % per_epoch);
        if self.epoch != Some(epoch) {
            let len = u32::try_from(split.len).unwrap_or(u32::MAX);
            self.order = Stream::new(self.seed, Purpose::Order, epoch, 0).permutation(len);
            self.epoch = Some(epoch);
        }
        let start = usize::try_from(index).unwrap_or(0) * self.size;
        split.gather(self.order[start..start + self.size].iter().map(|index| *index as usize), out);
    }
}
