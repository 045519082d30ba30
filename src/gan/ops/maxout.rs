//! Maxout: each unit is the largest of several affine maps (Goodfellow et al., *Maxout Networks*, 2013).
//!
//! The maps of a row lie piece by piece, all units of a piece together, so that the maximum runs over whole vectors.
//! Where two pieces tie, the first takes the gradient whole, as in PyTorch's `max`.

use super::simd::multiversion;
use super::slices::{destination, source};
use super::split::{Shared, split, threads_for};
use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result};

/// The shape of a maxout layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pieces {
    /// Units.
    pub units: usize,
    /// Affine maps for each.
    pub pieces: usize,
    /// Threads to use.
    pub threads: usize,
}

/// `y.inplace_op2(a, Largest)`: each unit's largest map.
pub struct Largest(pub Pieces);

impl InplaceOp2 for Largest {
    fn name(&self) -> &'static str {
        "maxout-forward"
    }

    fn cpu_fwd(&self, y: &mut CpuStorage, y_layout: &Layout, a: &CpuStorage, a_layout: &Layout) -> Result<()> {
        let Pieces { units, pieces, threads } = self.0;
        let (y, a) = (destination(y, y_layout)?, source(a, a_layout)?);
        let rows = y.len() / units;
        let threads = threads_for(a.len(), threads);
        let y = Shared::new(y);
        split(rows, 1, threads, &|rows| {
            for row in rows {
                // SAFETY: each thread has rows of its own.
                let y = unsafe { y.part(row * units..(row + 1) * units) };
                largest(y, &a[row * units * pieces..(row + 1) * units * pieces]);
            }
        });
        Ok(())
    }
}

/// `delta.inplace_op3(a, dy, ToLargest)`: the gradient of each unit goes to its largest map.
pub struct ToLargest(pub Pieces);

impl InplaceOp3 for ToLargest {
    fn name(&self) -> &'static str {
        "maxout-backward"
    }

    fn cpu_fwd(
        &self,
        delta: &mut CpuStorage,
        delta_layout: &Layout,
        a: &CpuStorage,
        a_layout: &Layout,
        dy: &CpuStorage,
        dy_layout: &Layout,
    ) -> Result<()> {
        let Pieces { units, pieces, threads } = self.0;
        let (delta, a, dy) = (destination(delta, delta_layout)?, source(a, a_layout)?, source(dy, dy_layout)?);
        let rows = dy.len() / units;
        let threads = threads_for(2 * a.len(), threads);
        let delta = Shared::new(delta);
        split(rows, 1, threads, &|rows| {
            for row in rows {
                let range = row * units * pieces..(row + 1) * units * pieces;
                // SAFETY: each thread has rows of its own.
                let delta = unsafe { delta.part(range.clone()) };
                to_largest(delta, &a[range], &dy[row * units..(row + 1) * units]);
            }
        });
        Ok(())
    }
}

multiversion! {
    fn largest(y: &mut [f32], a: &[f32]) {
        let units = y.len();
        y.copy_from_slice(&a[..units]);
        for piece in a.chunks_exact(units).skip(1) {
            for (y, a) in y.iter_mut().zip(piece) {
                *y = if *a > *y { *a } else { *y };
            }
        }
    }
}

multiversion! {
    fn to_largest(delta: &mut [f32], a: &[f32], dy: &[f32]) {
        const BLOCK: usize = 64;
        let units = dy.len();
        let pieces = a.len() / units;
        let mut start = 0;
        while start < units {
            let width = BLOCK.min(units - start);
            let mut best = [f32::NEG_INFINITY; BLOCK];
            for piece in 0..pieces {
                let a = &a[piece * units + start..][..width];
                for (best, a) in best.iter_mut().zip(a) {
                    *best = if *a > *best { *a } else { *best };
                }
            }
            let mut rest = [0.0f32; BLOCK];
            rest[..width].copy_from_slice(&dy[start..start + width]);
            for piece in 0..pieces {
                let a = &a[piece * units + start..][..width];
                let delta = &mut delta[piece * units + start..][..width];
                for (((delta, a), best), rest) in delta.iter_mut().zip(a).zip(&best).zip(&mut rest) {
                    let taken = *a == *best;
                    *delta = if taken { *rest } else { 0.0 };
                    *rest = if taken { 0.0 } else { *rest };
                }
            }
            start += width;
        }
    }
}
