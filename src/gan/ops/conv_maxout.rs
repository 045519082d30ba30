//! A convolution with maxout over pieces and max pooling, as one operation: the maps are never stored for more than a
//! picture, and the gradient, which only winners have, is taken winner by winner.

use super::affine::Affine;
use super::convolve::{to_grid, with_panels};
use super::elementwise::bias_activate;
use super::motion::{Motion, Sections};
use super::pool::{Pooling, pool, winner};
use super::scratch;
use super::slices::{destination, read_places, source, write_places};
use super::split::{Shared, split, threads_for};
use super::weighted::{Runs, add_weighted};
use super::window::Window;
use crate::gan::spec::Activation;
use candle_core::{CpuStorage, InplaceOp3, Layout, Result, Tensor};
use std::ops::Range;

/// A layer of this kind in one pass.
#[derive(Clone, Copy)]
pub struct ConvMaxout<'a> {
    /// The window over the layer's input.
    pub window: &'a Window,
    /// The maps: one output for each unit of each piece.
    pub affine: Affine,
    /// What follows them.
    pub pooling: Pooling,
    /// Who won, for each of the layer's outputs.
    pub winners: &'a Tensor,
    /// Threads to use.
    pub threads: usize,
}

impl ConvMaxout<'_> {
    fn work(&self, pictures: usize) -> usize {
        pictures * self.window.positions() * self.affine.inputs * self.affine.outputs
    }

    /// About a tenth of the maps win.
    fn work_of_winners(&self, pictures: usize) -> usize {
        pictures * self.pooling.len() * self.affine.inputs
    }
}

/// `y.inplace_op3(x, state, ConvMaxoutForward)`.
pub struct ConvMaxoutForward<'a>(pub ConvMaxout<'a>);

impl InplaceOp3 for ConvMaxoutForward<'_> {
    fn name(&self) -> &'static str {
        "conv-maxout-forward"
    }

    fn cpu_fwd(
        &self,
        y: &mut CpuStorage,
        y_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> Result<()> {
        let ConvMaxout { window, affine, pooling, winners, threads } = self.0;
        let (y, x, state) = (destination(y, y_layout)?, source(x, x_layout)?, source(state, state_layout)?);
        let (of_picture, of_grid, of_y) = (window.picture_len(), window.positions() * affine.outputs, pooling.len());
        let pictures = x.len() / of_picture;
        assert_eq!(y.len(), pictures * of_y, "y has the wrong size");
        write_places(winners, |winners| {
            assert_eq!(winners.len(), pictures * of_y, "the winners have the wrong size");
            let (y, winners) = (Shared::new(y), Shared::new(winners));
            with_panels(&affine, state, |panels| {
                split(pictures, 1, threads_for(self.0.work(pictures), threads), &|range| {
                    scratch::with(of_grid + window.padded_len(), |room| {
                        let (maps, padded) = room.split_at_mut(of_grid);
                        for index in range {
                            window.pad(&x[index * of_picture..(index + 1) * of_picture], padded);
                            to_grid(maps, window, padded, panels, affine.outputs);
                            bias_activate(maps, affine.bias(state), Activation::Linear);
                            let place = index * of_y..(index + 1) * of_y;
                            // SAFETY: each thread has pictures of its own.
                            let (y, winners) = unsafe { (y.part(place.clone()), winners.part(place)) };
                            pool(y, winners, maps, &pooling);
                        }
                    });
                });
            });
        })
    }
}

/// `dx.inplace_op3(dy, state, ConvMaxoutToInput)`.
pub struct ConvMaxoutToInput<'a>(pub ConvMaxout<'a>);

impl InplaceOp3 for ConvMaxoutToInput<'_> {
    fn name(&self) -> &'static str {
        "conv-maxout-to-input"
    }

    fn cpu_fwd(
        &self,
        dx: &mut CpuStorage,
        dx_layout: &Layout,
        dy: &CpuStorage,
        dy_layout: &Layout,
        state: &CpuStorage,
        state_layout: &Layout,
    ) -> Result<()> {
        let ConvMaxout { window, affine, pooling, winners, threads } = self.0;
        let (dx, dy) = (destination(dx, dx_layout)?, source(dy, dy_layout)?);
        let state = source(state, state_layout)?;
        let (of_picture, of_y, positions) = (window.picture_len(), pooling.len(), window.positions());
        let pictures = dy.len() / of_y;
        assert_eq!(dx.len(), pictures * of_picture, "dx has the wrong size");
        let patch = affine.inputs;
        let runs = Runs { rows: window.kernel, width: window.run(), from: window.run(), to: window.row_stride() };
        let dx = Shared::new(dx);
        read_places(winners, |winners| {
            let weights = affine.weights(state).values;
            let threads = threads_for(self.0.work_of_winners(pictures), threads);
            split(pictures, 1, threads, &|range| {
                scratch::with(window.padded_len(), |padded| {
                    with_groups(positions, of_y, |groups| {
                        for index in range {
                            let place = index * of_y..(index + 1) * of_y;
                            let all = dy[place.clone()].iter().zip(&winners[place]);
                            groups.sort(all.filter(|(dy, _)| **dy != 0.0).map(|(dy, code)| {
                                let (position, output) = winner(*code);
                                (position, (output * patch) as u32, *dy)
                            }));
                            padded.fill(0.0);
                            for (position, start) in window.starts(1).iter().enumerate() {
                                let (starts, factors) = groups.of(position);
                                if !starts.is_empty() {
                                    let padded = &mut padded[*start as usize..];
                                    add_weighted(padded, weights, runs, starts, factors);
                                }
                            }
                            // SAFETY: each thread has pictures of its own.
                            let dx = unsafe { dx.part(index * of_picture..(index + 1) * of_picture) };
                            window.crop(padded, dx);
                        }
                    });
                });
            });
        })
    }
}

/// `state.inplace_op3(dy, x, ConvMaxoutDescend)`.
pub struct ConvMaxoutDescend<'a> {
    /// The layer.
    pub layer: ConvMaxout<'a>,
    /// How to move.
    pub motion: Motion,
}

impl InplaceOp3 for ConvMaxoutDescend<'_> {
    fn name(&self) -> &'static str {
        "conv-maxout-descend"
    }

    fn cpu_fwd(
        &self,
        state: &mut CpuStorage,
        state_layout: &Layout,
        dy: &CpuStorage,
        dy_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
    ) -> Result<()> {
        let (layer, motion) = (&self.layer, &self.motion);
        let ConvMaxout { affine, winners, threads, .. } = *layer;
        let (dy, x) = (source(dy, dy_layout)?, source(x, x_layout)?);
        let sections = Sections::new(destination(state, state_layout)?, motion.count);
        let (patch, outputs) = (affine.inputs, affine.outputs);
        let threads = threads_for(layer.work_of_winners(dy.len() / layer.pooling.len()), threads);
        read_places(winners, |winners| {
            split(outputs, 1, threads, &|range| {
                scratch::with(range.len() * (patch + 1), |gradient| {
                    let (of_weights, of_bias) = gradient.split_at_mut(range.len() * patch);
                    layer.differentiate(of_weights, of_bias, range.clone(), dy, winners, x);
                    let weights = affine.at + range.start * patch..affine.at + range.end * patch;
                    let first = affine.bias_place().start;
                    // SAFETY: each thread has outputs, and so weights and biases, of its own.
                    unsafe {
                        motion.step(&sections, &weights, of_weights);
                        motion.step(&sections, &(first + range.start..first + range.end), of_bias);
                    }
                });
            });
        })
    }
}

impl ConvMaxout<'_> {
    /// The gradient of some outputs' weights, output by output, and of their biases.
    fn differentiate(
        &self,
        gradient: &mut [f32],
        of_bias: &mut [f32],
        outputs: Range<usize>,
        dy: &[f32],
        winners: &[u32],
        x: &[f32],
    ) {
        let (window, patch) = (self.window, self.affine.inputs);
        let (of_picture, of_y) = (window.picture_len(), self.pooling.len());
        let runs = Runs { rows: window.kernel, width: window.run(), from: window.row_stride(), to: window.run() };
        let starts = window.starts(1);
        gradient.fill(0.0);
        of_bias.fill(0.0);
        scratch::with(window.padded_len(), |padded| {
            with_groups(outputs.len(), of_y, |groups| {
                for (picture, x) in x.chunks_exact(of_picture).enumerate() {
                    let place = picture * of_y..(picture + 1) * of_y;
                    let all = dy[place.clone()].iter().zip(&winners[place]);
                    groups.sort(all.filter_map(|(dy, code)| {
                        let (position, output) = winner(*code);
                        let here = *dy != 0.0 && outputs.contains(&output);
                        here.then(|| (output - outputs.start, starts[position], *dy))
                    }));
                    window.pad(x, padded);
                    for (index, gradient) in gradient.chunks_exact_mut(patch).enumerate() {
                        let (starts, factors) = groups.of(index);
                        if !starts.is_empty() {
                            add_weighted(gradient, padded, runs, starts, factors);
                            of_bias[index] += factors.iter().sum::<f32>();
                        }
                    }
                }
            });
        });
    }
}

/// Winners sorted into groups.
struct Groups<'a> {
    /// Where each group begins; one more at the end.
    borders: &'a mut [u32],
    starts: &'a mut [u32],
    factors: &'a mut [f32],
}

/// Calls `body` with room for `groups` groups of up to `winners` winners together.
fn with_groups(groups: usize, winners: usize, body: impl FnOnce(&mut Groups<'_>)) {
    scratch::with(groups + 2 + winners, |places| {
        scratch::with(winners, |factors| {
            let (borders, starts) = places.split_at_mut(groups + 2);
            body(&mut Groups { borders, starts, factors });
        });
    });
}

impl Groups<'_> {
    /// Sorts winners, each with its group, by counting; those of a group stay in their order.
    fn sort(&mut self, winners: impl Iterator<Item = (usize, u32, f32)> + Clone) {
        // While they are placed, the end of group i is kept at i + 1; that makes it the beginning of i + 1.
        self.borders.fill(0);
        for (group, ..) in winners.clone() {
            self.borders[group + 2] += 1;
        }
        for group in 2..self.borders.len() {
            self.borders[group] += self.borders[group - 1];
        }
        for (group, start, factor) in winners {
            let place = self.borders[group + 1] as usize;
            self.borders[group + 1] += 1;
            self.starts[place] = start;
            self.factors[place] = factor;
        }
    }

    /// The winners of a group.
    fn of(&self, group: usize) -> (&[u32], &[f32]) {
        let range = self.borders[group] as usize..self.borders[group + 1] as usize;
        (&self.starts[range.clone()], &self.factors[range])
    }
}
