//! Convolutions and their transposes: picture to grid, grid to picture, and the gradient of the weights between.
//!
//! The weights lie in the state as (patch, channels of the grid) for both. A convolution's gradient takes the way of the
//! transpose, and the transpose's that of the convolution. Every number is the same sum in the same order whatever the
//! number of threads: those divide pictures, or rows of weights.

use super::affine::Affine;
use super::elementwise::bias_activate;
use super::indirect::{multiply, pack, pack_all, panels, stored};
use super::motion::{Motion, Sections, column_sums};
use super::product::{Destination, Matrix, product};
use super::scratch;
use super::simd::multiversion;
use super::slices::{destination, source};
use super::split::{Shared, split, threads_for};
use super::window::Window;
use crate::gan::spec::Activation;
use candle_core::{CpuStorage, InplaceOp3, Layout, Result};

/// Numbers of patches that the transpose's product writes at a time.
const PATCHES: usize = 128 * 1024;

/// `grid.inplace_op3(picture, state, ToGrid)`: each position's patch times W, and what follows.
pub struct ToGrid<'a> {
    /// The window.
    pub window: &'a Window,
    /// W, and the biases of the grid.
    pub affine: Affine,
    /// What follows the product and the biases; without it there are neither.
    pub finish: Option<Activation>,
    /// Threads to use.
    pub threads: usize,
}

impl InplaceOp3 for ToGrid<'_> {
    fn name(&self) -> &'static str {
        "picture-to-grid"
    }

    fn cpu_fwd(
        &self,
        grid: &mut CpuStorage,
        grid_layout: &Layout,
        picture: &CpuStorage,
        picture_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> Result<()> {
        let Self { window, affine, finish, .. } = self;
        let (grid, picture) = (destination(grid, grid_layout)?, source(picture, picture_layout)?);
        let state = source(state, state_layout)?;
        let (of_grid, of_picture) = (window.positions() * affine.outputs, window.picture_len());
        let pictures = picture.len() / of_picture;
        assert_eq!(grid.len(), pictures * of_grid, "the grid has the wrong size");
        with_panels(affine, state, |panels| {
            let grid = Shared::new(grid);
            let threads = threads_for(pictures * of_grid * affine.inputs, self.threads);
            split(pictures, 1, threads, &|range| {
                scratch::with(window.padded_len(), |padded| {
                    for index in range {
                        // SAFETY: each thread has pictures of its own.
                        let grid = unsafe { grid.part(index * of_grid..(index + 1) * of_grid) };
                        window.pad(&picture[index * of_picture..(index + 1) * of_picture], padded);
                        to_grid(grid, window, padded, panels, affine.outputs);
                        if let Some(activation) = finish {
                            bias_activate(grid, affine.bias(state), *activation);
                        }
                    }
                });
            });
        });
        Ok(())
    }
}

/// Calls `body` with the map's weights in panels.
pub(super) fn with_panels(affine: &Affine, state: &[f32], body: impl FnOnce(&[f32])) {
    scratch::with(affine.inputs * stored(affine.outputs), |panels| {
        pack_all(panels, affine.weights(state));
        body(panels);
    });
}

/// One picture's grid: each patch times the weights.
pub(super) fn to_grid(grid: &mut [f32], window: &Window, padded: &[f32], packed: &[f32], channels: usize) {
    for range in panels(channels) {
        let panel = &packed[range.start * window.patch()..];
        multiply(padded, window.starts(1), window.taps(), panel, range.len(), |position, values| {
            grid[position * channels + range.start..position * channels + range.end].copy_from_slice(values);
        });
    }
}

/// `picture.inplace_op3(grid, state, ToPicture)`: each position times Wᵀ, added up where patches overlap, and what
/// follows.
pub struct ToPicture<'a> {
    /// The window.
    pub window: &'a Window,
    /// W, and the biases of the picture.
    pub affine: Affine,
    /// What follows the sum and the biases; without it there are neither.
    pub finish: Option<Activation>,
    /// Threads to use.
    pub threads: usize,
}

impl InplaceOp3 for ToPicture<'_> {
    fn name(&self) -> &'static str {
        "grid-to-picture"
    }

    fn cpu_fwd(
        &self,
        picture: &mut CpuStorage,
        picture_layout: &Layout,
        grid: &CpuStorage,
        grid_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> Result<()> {
        let Self { window, affine, finish, .. } = self;
        let (picture, grid) = (destination(picture, picture_layout)?, source(grid, grid_layout)?);
        let state = source(state, state_layout)?;
        let (patch, channels, positions) = (affine.inputs, affine.outputs, window.positions());
        let (of_grid, of_picture) = (positions * channels, window.picture_len());
        let pictures = grid.len() / of_grid;
        assert_eq!(picture.len(), pictures * of_picture, "the picture has the wrong size");
        let weights = affine.weights(state).transposed();
        let at_once = (PATCHES / patch).clamp(1, positions);
        let picture = Shared::new(picture);
        let threads = threads_for(pictures * of_grid * patch, self.threads);
        split(pictures, 1, threads, &|range| {
            scratch::with(at_once * patch + window.padded_len(), |room| {
                let (patches, padded) = room.split_at_mut(at_once * patch);
                for index in range {
                    padded.fill(0.0);
                    let grid = &grid[index * of_grid..(index + 1) * of_grid];
                    for (grid, starts) in grid.chunks(at_once * channels).zip(window.starts(1).chunks(at_once)) {
                        let grid = Matrix::by_rows(grid, starts.len(), channels);
                        // SAFETY: the patches are this thread's own, and room for as many as there are positions.
                        unsafe {
                            let destination = Destination { start: patches.as_mut_ptr(), row_stride: patch };
                            product(&destination, 0.0, 1.0, grid, weights);
                        }
                        add_patches(padded, patches, starts, window.run(), patch, window.row_stride());
                    }
                    // SAFETY: each thread has pictures of its own.
                    let picture = unsafe { picture.part(index * of_picture..(index + 1) * of_picture) };
                    window.crop(padded, picture);
                    if let Some(activation) = finish {
                        bias_activate(picture, affine.bias(state), *activation);
                    }
                }
            });
        });
        Ok(())
    }
}

multiversion! {
    fn add_patches(padded: &mut [f32], patches: &[f32], starts: &[u32], run: usize, patch: usize, row_stride: usize) {
        for (start, patch) in starts.iter().zip(patches.chunks_exact(patch)) {
            let window = &mut padded[*start as usize..];
            for (to, from) in window.chunks_mut(row_stride).zip(patch.chunks_exact(run)) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to += from;
                }
            }
        }
    }
}

/// Which side of a window has the gradient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delta {
    /// The grid: of a convolution.
    Grid,
    /// The picture: of a transpose.
    Picture,
}

/// `state.inplace_op3(grid, picture, DescendWindow)`: moves W against patchesᵀ·grid, and b against the sum of the
/// gradient over pictures (and positions, where they share it).
pub struct DescendWindow<'a> {
    /// The window.
    pub window: &'a Window,
    /// W and b.
    pub affine: Affine,
    /// How to move.
    pub motion: Motion,
    /// Which of the two is the gradient.
    pub delta: Delta,
    /// How many of the rows, from the first on, move b: none under batch norm, which moves it with the norm's other
    /// numbers.
    pub bias_rows: usize,
    /// Threads to use.
    pub threads: usize,
}

impl InplaceOp3 for DescendWindow<'_> {
    fn name(&self) -> &'static str {
        "descend-window"
    }

    fn cpu_fwd(
        &self,
        state: &mut CpuStorage,
        state_layout: &Layout,
        grid: &CpuStorage,
        grid_layout: &Layout,
        picture: &CpuStorage,
        picture_layout: &Layout,
    ) -> Result<()> {
        let Self { window, affine, motion, .. } = self;
        let (grid, picture) = (source(grid, grid_layout)?, source(picture, picture_layout)?);
        let sections = Sections::new(destination(state, state_layout)?, motion.count);
        if self.bias_rows > 0 {
            let delta = match self.delta {
                Delta::Grid => &grid[..self.bias_rows * window.positions() * affine.outputs],
                Delta::Picture => &picture[..self.bias_rows * window.picture_len()],
            };
            column_sums(affine.biases, delta, self.threads, |gradient| {
                // SAFETY: no thread works on the state yet.
                unsafe { motion.step(&sections, &affine.bias_place(), gradient) };
            });
        }
        let (patch, channels) = (affine.inputs, affine.outputs);
        scratch::with(patch * channels, |gradient| {
            let gradient = Shared::new(gradient);
            let threads = threads_for(grid.len() * patch, self.threads);
            split(patch, 8, threads, &|rows| {
                let place = rows.start * channels..rows.end * channels;
                // SAFETY: each thread has rows of W, and so of its gradient, of its own.
                unsafe {
                    let gradient = gradient.part(place.clone());
                    differentiate(gradient, window, grid, picture, &window.taps()[rows], channels);
                    motion.step(&sections, &(affine.at + place.start..affine.at + place.end), gradient);
                }
            });
        });
        Ok(())
    }
}

/// The rows of patchesᵀ·grid for some numbers of a patch.
fn differentiate(gradient: &mut [f32], window: &Window, grid: &[f32], picture: &[f32], taps: &[u32], channels: usize) {
    let (of_grid, of_picture) = (window.positions() * channels, window.picture_len());
    let at_once = window.pictures();
    gradient.fill(0.0);
    scratch::with(at_once * (window.padded_len() + window.positions() * stored(channels.min(64))), |room| {
        let (padded, panel) = room.split_at_mut(at_once * window.padded_len());
        for (grid, pictures) in grid.chunks(at_once * of_grid).zip(picture.chunks(at_once * of_picture)) {
            for (picture, padded) in pictures.chunks_exact(of_picture).zip(padded.chunks_exact_mut(window.padded_len()))
            {
                window.pad(picture, padded);
            }
            let starts = window.starts(pictures.len() / of_picture);
            for range in panels(channels) {
                let panel = &mut panel[..starts.len() * stored(range.len())];
                pack(panel, grid, channels, &range);
                multiply(padded, taps, starts, panel, range.len(), |row, values| {
                    let gradient = &mut gradient[row * channels + range.start..row * channels + range.end];
                    for (gradient, value) in gradient.iter_mut().zip(values) {
                        *gradient += value;
                    }
                });
            }
        }
    });
}
