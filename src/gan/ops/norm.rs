//! Batch normalisation (Ioffe and Szegedy, 2015): each channel brought to mean 0 and variance 1 over the minibatch, then
//! scaled and shifted by what is learned.
//!
//! The rows of a matrix are what a channel is averaged over: examples, and positions where there is a grid.

use super::elementwise::bias_activate;
use super::motion::{Motion, Sections};
use super::scratch;
use super::simd::multiversion;
use super::slices::{destination, source};
use super::split::{Shared, split, threads_for};
use crate::gan::spec::Activation;
use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result};
use std::ops::Range;

/// Keeps the division finite.
const EPSILON: f32 = 1e-5;
/// The weight of the newest minibatch in the running statistics.
const NEWEST: f32 = 0.1;

/// Where a norm's numbers lie in a network's state: shift, scale, running mean and running variance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Norm {
    /// The first.
    pub at: usize,
    /// Channels.
    pub channels: usize,
    /// Threads to use.
    pub threads: usize,
}

/// The rows of a norm's tensor of statistics, each of one number a channel.
const MEAN: usize = 0;
const VARIANCE: usize = 1;
const FACTOR: usize = 2;
const SHIFT: usize = 3;
const OF_SHIFT: usize = 4;
const OF_SCALE: usize = 5;
/// How many rows there are.
pub const STATISTICS: usize = 6;

impl Norm {
    fn row(&self, index: usize) -> Range<usize> {
        index * self.channels..(index + 1) * self.channels
    }

    /// Writes the start: scale 1, running mean 0, running variance 1. The shift is a bias and starts as one.
    pub fn start(&self, state: &mut [f32]) {
        let part = |index: usize| self.at + index * self.channels..self.at + (index + 1) * self.channels;
        state[part(1)].fill(1.0);
        state[part(2)].fill(0.0);
        state[part(3)].fill(1.0);
    }

    /// Shift, scale, running mean and running variance.
    fn numbers<'a>(&self, state: &'a [f32]) -> [&'a [f32]; 4] {
        [0, 1, 2, 3].map(|index| &state[self.at + index * self.channels..self.at + (index + 1) * self.channels])
    }
}

/// `statistics.inplace_op3(a, state, Measure)`: the minibatch's mean and variance, or the running ones, and what they
/// make of `a`.
pub struct Measure {
    /// The norm.
    pub norm: Norm,
    /// Whether to take the running statistics, as in samples.
    pub running: bool,
}

impl InplaceOp3 for Measure {
    fn name(&self) -> &'static str {
        "batch-norm-measure"
    }

    fn cpu_fwd(
        &self,
        statistics: &mut CpuStorage,
        statistics_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> Result<()> {
        let Norm { channels, threads, .. } = self.norm;
        let (statistics, a) = (destination(statistics, statistics_layout)?, source(a, a_layout)?);
        let [shift, scale, mean, variance] = self.norm.numbers(source(state, state_layout)?);
        let (moments, rest) = statistics.split_at_mut(FACTOR * channels);
        let (means, variances) = moments.split_at_mut(channels);
        if self.running {
            means.copy_from_slice(mean);
            variances.copy_from_slice(variance);
        } else {
            let rows = (a.len() / channels) as f64;
            let average = |sum: f64| (sum / rows) as f32;
            reduce(means, a, threads, average, &|sums, row, _| add(sums, row));
            reduce(variances, a, threads, average, &|sums, row, columns| add_squares(sums, row, &means[columns]));
        }
        for channel in 0..channels {
            let factor = scale[channel] / (variances[channel] + EPSILON).sqrt();
            rest[channel] = factor;
            rest[channels + channel] = shift[channel] - means[channel] * factor;
        }
        Ok(())
    }
}

/// `y.inplace_op3(a, statistics, Normalize)`: y ← activation(a·factor + shift).
pub struct Normalize {
    /// The norm.
    pub norm: Norm,
    /// What follows it.
    pub activation: Activation,
}

impl InplaceOp3 for Normalize {
    fn name(&self) -> &'static str {
        "batch-norm-forward"
    }

    fn cpu_fwd(
        &self,
        y: &mut CpuStorage,
        y_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
        statistics: &CpuStorage,
        statistics_layout: &Layout,
    ) -> Result<()> {
        let (y, a) = (destination(y, y_layout)?, source(a, a_layout)?);
        let statistics = source(statistics, statistics_layout)?;
        let (factor, shift) = (&statistics[self.norm.row(FACTOR)], &statistics[self.norm.row(SHIFT)]);
        let channels = self.norm.channels;
        let threads = threads_for(4 * a.len(), self.norm.threads);
        let rows = a.len() / channels;
        let y = Shared::new(y);
        split(rows, 1, threads, &|rows| {
            let range = rows.start * channels..rows.end * channels;
            // SAFETY: each thread has rows of its own.
            let y = unsafe { y.part(range.clone()) };
            multiply_rows(y, &a[range], factor);
            bias_activate(y, shift, self.activation);
        });
        Ok(())
    }
}

/// `statistics.inplace_op3(a, dy, Sums)`: the gradients of shift and scale, Σ dy and Σ dy·x̂.
pub struct Sums {
    /// The norm.
    pub norm: Norm,
}

impl InplaceOp3 for Sums {
    fn name(&self) -> &'static str {
        "batch-norm-sums"
    }

    fn cpu_fwd(
        &self,
        statistics: &mut CpuStorage,
        statistics_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
        dy: &CpuStorage,
        dy_layout: &Layout,
    ) -> Result<()> {
        let Norm { channels, threads, .. } = self.norm;
        let statistics = destination(statistics, statistics_layout)?;
        let (a, dy) = (source(a, a_layout)?, source(dy, dy_layout)?);
        let (moments, sums) = statistics.split_at_mut(OF_SHIFT * channels);
        let (mean, variance) = (&moments[self.norm.row(MEAN)], &moments[self.norm.row(VARIANCE)]);
        let (of_shift, of_scale) = sums.split_at_mut(channels);
        let whole = |sum: f64| sum as f32;
        reduce(of_shift, dy, threads, whole, &|sums, row, _| add(sums, row));
        reduce_pair(of_scale, dy, a, threads, whole, &|sums, dy, a, columns: Range<usize>| {
            add_products(sums, dy, a, &mean[columns]);
        });
        for (sum, variance) in of_scale.iter_mut().zip(variance) {
            *sum /= (variance + EPSILON).sqrt();
        }
        Ok(())
    }
}

/// `dy.inplace_op3(a, statistics, Differentiate)`: dy ← factor · (dy − mean of dy − x̂ · mean of dy·x̂).
pub struct Differentiate {
    /// The norm.
    pub norm: Norm,
}

impl InplaceOp3 for Differentiate {
    fn name(&self) -> &'static str {
        "batch-norm-backward"
    }

    fn cpu_fwd(
        &self,
        dy: &mut CpuStorage,
        dy_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
        statistics: &CpuStorage,
        statistics_layout: &Layout,
    ) -> Result<()> {
        let Norm { channels, threads, .. } = self.norm;
        let (dy, a) = (destination(dy, dy_layout)?, source(a, a_layout)?);
        let statistics = source(statistics, statistics_layout)?;
        let [mean, variance, factor, of_shift, of_scale] =
            [MEAN, VARIANCE, FACTOR, OF_SHIFT, OF_SCALE].map(|row| &statistics[self.norm.row(row)]);
        let rows = a.len() / channels;
        let n = rows as f32;
        scratch::with(2 * channels, |numbers| {
            // dy ← factor·dy + slope·a + rest, with what belongs to a channel taken together.
            let (slope, rest) = numbers.split_at_mut(channels);
            for channel in 0..channels {
                let deviation = (variance[channel] + EPSILON).sqrt();
                slope[channel] = -factor[channel] * of_scale[channel] / (n * deviation);
                rest[channel] = -factor[channel] * of_shift[channel] / n - slope[channel] * mean[channel];
            }
            let (slope, rest) = (&*slope, &*rest);
            let dy = Shared::new(dy);
            split(rows, 1, threads_for(4 * a.len(), threads), &|rows| {
                let range = rows.start * channels..rows.end * channels;
                // SAFETY: each thread has rows of its own.
                combine(unsafe { dy.part(range.clone()) }, &a[range], factor, slope, rest);
            });
        });
        Ok(())
    }
}

/// `state.inplace_op2(statistics, MoveNorm)`: moves shift and scale by the optimiser's rule, the running statistics
/// towards the minibatch's, and the average of all of them.
pub struct MoveNorm {
    /// The norm.
    pub norm: Norm,
    /// How to move.
    pub motion: Motion,
    /// How many numbers each channel was averaged over.
    pub samples: usize,
}

impl InplaceOp2 for MoveNorm {
    fn name(&self) -> &'static str {
        "batch-norm-move"
    }

    fn cpu_fwd(
        &self,
        state: &mut CpuStorage,
        state_layout: &Layout,
        statistics: &CpuStorage,
        statistics_layout: &Layout,
    ) -> Result<()> {
        let Self { norm, motion, samples } = self;
        let statistics = source(statistics, statistics_layout)?;
        let sections = Sections::new(destination(state, state_layout)?, motion.count);
        let place = |first: usize, last: usize| norm.at + first * norm.channels..norm.at + last * norm.channels;
        // The variance of the population, estimated from a sample of it.
        let unbiased = *samples as f32 / (samples - 1).max(1) as f32;
        // SAFETY: one thread alone.
        unsafe {
            motion.step(&sections, &place(0, 2), &statistics[OF_SHIFT * norm.channels..]);
            let running = sections.at(0, &place(2, 4));
            let (mean, variance) = running.split_at_mut(norm.channels);
            for (mean, newest) in mean.iter_mut().zip(&statistics[norm.row(MEAN)]) {
                *mean += NEWEST * (newest - *mean);
            }
            for (variance, newest) in variance.iter_mut().zip(&statistics[norm.row(VARIANCE)]) {
                *variance += NEWEST * (newest * unbiased - *variance);
            }
            motion.follow_average(&sections, &place(2, 4));
        }
        Ok(())
    }
}

/// Columns that a thread sums at a time.
const COLUMNS: usize = 16;
/// Rows that are summed in f32 before their sum is added to one in f64.
const ROWS: usize = 64;

/// Reduces each column of a matrix to one number. Threads divide the columns, so the order of a sum is always the same.
fn reduce(
    out: &mut [f32],
    matrix: &[f32],
    threads: usize,
    finish: impl Fn(f64) -> f32 + Sync,
    step: &(impl Fn(&mut [f32], &[f32], Range<usize>) + Sync),
) {
    reduce_pair(out, matrix, matrix, threads, finish, &|sums, row, _, columns| step(sums, row, columns));
}

fn reduce_pair(
    out: &mut [f32],
    first: &[f32],
    second: &[f32],
    threads: usize,
    finish: impl Fn(f64) -> f32 + Sync,
    step: &(impl Fn(&mut [f32], &[f32], &[f32], Range<usize>) + Sync),
) {
    let width = out.len();
    let out = Shared::new(out);
    split(width, COLUMNS, threads_for(first.len(), threads), &|range| {
        let mut start = range.start;
        while start < range.end {
            let columns = start..(start + 16 * COLUMNS).min(range.end);
            let mut totals = [0.0f64; 16 * COLUMNS];
            for (first, second) in first.chunks(ROWS * width).zip(second.chunks(ROWS * width)) {
                let mut sums = [0.0f32; 16 * COLUMNS];
                let sums = &mut sums[..columns.len()];
                for (first, second) in first.chunks_exact(width).zip(second.chunks_exact(width)) {
                    step(sums, &first[columns.clone()], &second[columns.clone()], columns.clone());
                }
                for (total, sum) in totals.iter_mut().zip(&*sums) {
                    *total += f64::from(*sum);
                }
            }
            // SAFETY: each thread has columns of its own.
            let out = unsafe { out.part(columns.clone()) };
            for (out, total) in out.iter_mut().zip(totals) {
                *out = finish(total);
            }
            start = columns.end;
        }
    });
}

multiversion! {
    fn add(sums: &mut [f32], row: &[f32]) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

multiversion! {
    fn add_squares(sums: &mut [f32], row: &[f32], mean: &[f32]) {
        for ((sum, value), mean) in sums.iter_mut().zip(row).zip(mean) {
            *sum += (value - mean) * (value - mean);
        }
    }
}

multiversion! {
    fn add_products(sums: &mut [f32], dy: &[f32], a: &[f32], mean: &[f32]) {
        for (((sum, dy), a), mean) in sums.iter_mut().zip(dy).zip(a).zip(mean) {
            *sum += dy * (a - mean);
        }
    }
}

multiversion! {
    fn multiply_rows(y: &mut [f32], a: &[f32], factor: &[f32]) {
        for (y, a) in y.chunks_exact_mut(factor.len()).zip(a.chunks_exact(factor.len())) {
            for ((y, a), factor) in y.iter_mut().zip(a).zip(factor) {
                *y = a * factor;
            }
        }
    }
}

multiversion! {
    fn combine(dy: &mut [f32], a: &[f32], factor: &[f32], slope: &[f32], rest: &[f32]) {
        for (dy, a) in dy.chunks_exact_mut(factor.len()).zip(a.chunks_exact(factor.len())) {
            let numbers = factor.iter().zip(slope).zip(rest);
            for ((dy, a), ((factor, slope), rest)) in dy.iter_mut().zip(a).zip(numbers) {
                *dy = factor * *dy + (slope * a + rest);
            }
        }
    }
}
