//! Maxout: each unit is the largest of several affine maps (Goodfellow et al., *Maxout Networks*, 2013).
//!
//! The maps of a row lie piece by piece, all units of a piece together, so that the maximum runs over whole vectors. Only
//! the piece that won has a gradient, and after dropout only every other unit: so the products of the backward pass are
//! sums over the few winners instead. Where two pieces tie, the first takes the gradient whole, as in PyTorch's `max`.

use super::affine::Affine;
use super::motion::{Motion, Sections};
use super::scratch;
use super::simd::multiversion;
use super::slices::{destination, read_places, source, write_places};
use super::split::{Shared, split, threads_for};
use super::weighted::{Runs, add_weighted};
use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Tensor};

/// A maxout layer in one pass.
#[derive(Clone, Copy)]
pub struct Maxout<'a> {
    /// Its maps; an output's weights lie together.
    pub affine: Affine,
    /// Affine maps for each unit.
    pub pieces: usize,
    /// The piece that won, for each of the layer's outputs.
    pub winners: &'a Tensor,
    /// Threads to use.
    pub threads: usize,
}

impl Maxout<'_> {
    fn units(&self) -> usize {
        self.affine.outputs / self.pieces
    }

    fn runs(&self) -> Runs {
        Runs { rows: 1, width: self.affine.inputs, from: 0, to: 0 }
    }
}

/// `y.inplace_op2(a, Largest)`: each unit's largest map.
pub struct Largest<'a>(pub Maxout<'a>);

impl InplaceOp2 for Largest<'_> {
    fn name(&self) -> &'static str {
        "maxout-forward"
    }

    fn cpu_fwd(&self, y: &mut CpuStorage, y_layout: &Layout, a: &CpuStorage, a_layout: &Layout) -> Result<()> {
        let (units, pieces) = (self.0.units(), self.0.pieces);
        let (y, a) = (destination(y, y_layout)?, source(a, a_layout)?);
        write_places(self.0.winners, |winners| {
            assert_eq!(winners.len(), y.len(), "the winners have the wrong size");
            let (rows, threads) = (y.len() / units, threads_for(a.len(), self.0.threads));
            let (y, winners) = (Shared::new(y), Shared::new(winners));
            split(rows, 1, threads, &|rows| {
                for row in rows {
                    let place = row * units..(row + 1) * units;
                    // SAFETY: each thread has rows of its own.
                    let (y, winners) = unsafe { (y.part(place.clone()), winners.part(place)) };
                    largest(y, winners, &a[row * units * pieces..(row + 1) * units * pieces]);
                }
            });
        })
    }
}

/// `y.inplace_op2(a, Chosen)`: of each unit's maps the one that won before.
pub struct Chosen<'a>(pub Maxout<'a>);

impl InplaceOp2 for Chosen<'_> {
    fn name(&self) -> &'static str {
        "maxout-chosen"
    }

    fn cpu_fwd(&self, y: &mut CpuStorage, y_layout: &Layout, a: &CpuStorage, a_layout: &Layout) -> Result<()> {
        let (units, outputs) = (self.0.units(), self.0.affine.outputs);
        let (y, a) = (destination(y, y_layout)?, source(a, a_layout)?);
        read_places(self.0.winners, |winners| {
            assert_eq!(winners.len(), y.len(), "the winners have the wrong size");
            let rows = y.chunks_exact_mut(units).zip(winners.chunks_exact(units)).zip(a.chunks_exact(outputs));
            for ((y, winners), a) in rows {
                for (unit, (y, winner)) in y.iter_mut().zip(winners).enumerate() {
                    *y = a[*winner as usize * units + unit];
                }
            }
        })
    }
}

multiversion! {
    fn largest(y: &mut [f32], winners: &mut [u32], a: &[f32]) {
        let units = y.len();
        y.copy_from_slice(&a[..units]);
        winners.fill(0);
        for (index, piece) in (1u32..).zip(a[units..].chunks_exact(units)) {
            for ((y, winner), a) in y.iter_mut().zip(&mut *winners).zip(piece) {
                let larger = *a > *y;
                *y = if larger { *a } else { *y };
                *winner = if larger { index } else { *winner };
            }
        }
    }
}

/// `dx.inplace_op3(dy, state, MaxoutToInput)`: dx ← the weights of the winners, each times its gradient.
pub struct MaxoutToInput<'a>(pub Maxout<'a>);

impl InplaceOp3 for MaxoutToInput<'_> {
    fn name(&self) -> &'static str {
        "maxout-to-input"
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
        let (inputs, units) = (self.0.affine.inputs, self.0.units());
        let (dx, dy) = (destination(dx, dx_layout)?, source(dy, dy_layout)?);
        let weights = self.0.affine.weights(source(state, state_layout)?).values;
        let rows = dy.len() / units;
        assert_eq!(dx.len(), rows * inputs, "dx has the wrong size");
        let dx = Shared::new(dx);
        read_places(self.0.winners, |winners| {
            split(rows, 1, threads_for(dy.len() * inputs, self.0.threads), &|rows| {
                with_winners(units, |starts, factors| {
                    for row in rows {
                        let place = row * units..(row + 1) * units;
                        let mut count = 0;
                        for (unit, (dy, piece)) in dy[place.clone()].iter().zip(&winners[place]).enumerate() {
                            if *dy != 0.0 {
                                starts[count] = ((*piece as usize * units + unit) * inputs) as u32;
                                factors[count] = *dy;
                                count += 1;
                            }
                        }
                        // SAFETY: each thread has rows of its own.
                        let dx = unsafe { dx.part(row * inputs..(row + 1) * inputs) };
                        dx.fill(0.0);
                        add_weighted(dx, weights, self.0.runs(), &starts[..count], &factors[..count]);
                    }
                });
            });
        })
    }
}

/// `state.inplace_op3(dy, x, MaxoutDescend)`: moves each output's weights against the inputs of the rows that it won,
/// each times its gradient.
pub struct MaxoutDescend<'a> {
    /// The layer.
    pub layer: Maxout<'a>,
    /// How to move.
    pub motion: Motion,
    /// How many of the rows, from the first on, move the biases.
    pub bias_rows: usize,
}

impl InplaceOp3 for MaxoutDescend<'_> {
    fn name(&self) -> &'static str {
        "maxout-descend"
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
        let Affine { at, inputs, .. } = layer.affine;
        let (units, biases) = (layer.units(), layer.affine.bias_place().start);
        let (dy, x) = (source(dy, dy_layout)?, source(x, x_layout)?);
        let sections = Sections::new(destination(state, state_layout)?, motion.count);
        let rows = dy.len() / units;
        assert!(layer.pieces <= MOST_PIECES && u32::try_from(x.len()).is_ok(), "a maxout layer too large");
        read_places(layer.winners, |winners| {
            // About a tenth of the maps have a gradient.
            let threads = threads_for(dy.len() * inputs + layer.affine.len(), layer.threads);
            split(units, 1, threads, &|range| {
                scratch::with(inputs, |gradient: &mut [f32]| {
                    with_winners(rows * layer.pieces, |starts, factors| {
                        for unit in range {
                            let (mut counts, mut of_bias) = ([0usize; MOST_PIECES], [0.0; MOST_PIECES]);
                            let of_unit = dy[unit..].iter().step_by(units).zip(winners[unit..].iter().step_by(units));
                            for (row, (dy, piece)) in of_unit.enumerate() {
                                if *dy != 0.0 {
                                    let piece = *piece as usize;
                                    let place = piece * rows + counts[piece];
                                    counts[piece] += 1;
                                    starts[place] = (row * inputs) as u32;
                                    factors[place] = *dy;
                                    if row < self.bias_rows {
                                        of_bias[piece] += *dy;
                                    }
                                }
                            }
                            for (piece, count) in counts[..layer.pieces].iter().enumerate() {
                                let output = piece * units + unit;
                                let (starts, factors) =
                                    (&starts[piece * rows..][..*count], &factors[piece * rows..][..*count]);
                                gradient.fill(0.0);
                                add_weighted(gradient, x, layer.runs(), starts, factors);
                                let weights = at + output * inputs..at + (output + 1) * inputs;
                                // SAFETY: each thread has units, and so outputs, of its own.
                                unsafe {
                                    motion.step(&sections, &weights, gradient);
                                    motion.step(
                                        &sections,
                                        &(biases + output..biases + output + 1),
                                        &of_bias[piece..=piece],
                                    );
                                }
                            }
                        }
                    });
                });
            });
        })
    }
}

/// The most pieces that a layer may have; the reader of specs allows no more.
pub const MOST_PIECES: usize = 16;

/// Calls `body` with room for the places and gradients of so many winners.
fn with_winners(count: usize, body: impl FnOnce(&mut [u32], &mut [f32])) {
    scratch::with(count, |starts| scratch::with(count, |factors| body(starts, factors)));
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn the_first_of_equal_pieces_wins() {
        let (mut y, mut winners) = ([0.0; 3], [9; 3]);
        largest(&mut y, &mut winners, &[1.0, 5.0, -1.0, 2.0, 5.0, -3.0, 2.0, 4.0, -1.0]);
        assert_eq!((y, winners), ([2.0, 5.0, -1.0], [1, 0, 0]));
    }
}
