//! Maxout over the pieces of a convolution's channels and max pooling in one pass, remembering who won.

use super::simd::multiversion;

/// Maxout and max pooling over the grid of a convolution.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pooling {
    /// Height and width of the grid.
    pub grid: [usize; 2],
    /// Channels.
    pub units: usize,
    /// Affine maps for each; those of a piece lie together.
    pub pieces: usize,
    /// Height and width of what is pooled into one.
    pub size: usize,
    /// From one such square to the next.
    pub stride: usize,
}

/// The most positions and channels times pieces whose numbers a winner's 32 bits hold.
pub const MOST: usize = 1 << 16;

impl Pooling {
    /// Height and width of the pooled grid: the last square may hang over, but begins within the grid at a whole number
    /// of strides and reaches at least to its end.
    #[must_use]
    pub fn pooled(&self) -> [usize; 2] {
        self.grid.map(|side| side.saturating_sub(self.size).div_ceil(self.stride) + 1)
    }

    /// Numbers of a picture's pooled grid.
    #[must_use]
    pub fn len(&self) -> usize {
        let [height, width] = self.pooled();
        height * width * self.units
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The position and output that won.
#[must_use]
pub fn winner(code: u32) -> (usize, usize) {
    ((code >> 16) as usize, (code & 0xFFFF) as usize)
}

multiversion! {
    /// Writes the largest of each square and unit, and who that was: position and output, 16 bits each. The first of
    /// equals wins, positions row by row, at each its pieces in order.
    pub fn pool(pooled: &mut [f32], winners: &mut [u32], maps: &[f32], pooling: &Pooling) {
        const BLOCK: usize = 32;
        let Pooling { grid: [height, width], units, pieces, size, stride } = *pooling;
        let across = pooling.pooled()[1];
        let squares = pooled.chunks_exact_mut(units).zip(winners.chunks_exact_mut(units));
        for (square, (pooled, winners)) in squares.enumerate() {
            let (top, left) = (square / across * stride, square % across * stride);
            let (bottom, right) = ((top + size).min(height), (left + size).min(width));
            let blocks = pooled.chunks_mut(BLOCK).zip(winners.chunks_mut(BLOCK));
            for (block, (pooled, winners)) in blocks.enumerate() {
                let mut best = [f32::NEG_INFINITY; BLOCK];
                let mut codes = [0u32; BLOCK];
                let first = block * BLOCK;
                for y in top..bottom {
                    for x in left..right {
                        let position = y * width + x;
                        let maps = &maps[position * units * pieces..];
                        for piece in 0..pieces {
                            let maps = &maps[piece * units + first..][..pooled.len()];
                            let base = (position << 16 | (piece * units + first)) as u32;
                            // A whole block is the usual case, of a length that the compiler knows.
                            if let Ok(maps) = <&[f32; BLOCK]>::try_from(maps) {
                                for unit in 0..BLOCK {
                                    let larger = maps[unit] > best[unit];
                                    best[unit] = if larger { maps[unit] } else { best[unit] };
                                    codes[unit] = if larger { base + unit as u32 } else { codes[unit] };
                                }
                            } else {
                                for (unit, map) in maps.iter().enumerate() {
                                    let larger = *map > best[unit];
                                    best[unit] = if larger { *map } else { best[unit] };
                                    codes[unit] = if larger { base + unit as u32 } else { codes[unit] };
                                }
                            }
                        }
                    }
                }
                pooled.copy_from_slice(&best[..pooled.len()]);
                winners.copy_from_slice(&codes[..winners.len()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pooled_sizes_are_those_of_pylearn2() {
        let pooled = |side: usize, size: usize, stride: usize| {
            Pooling { grid: [side, side], units: 1, pieces: 1, size, stride }.pooled()[0]
        };
        assert_eq!([pooled(33, 4, 2), pooled(15, 4, 2), pooled(9, 2, 2), pooled(5, 1, 1)], [16, 7, 5, 5]);
    }

    #[test]
    fn the_first_of_equals_wins() {
        let pooling = Pooling { grid: [2, 2], units: 1, pieces: 2, size: 2, stride: 2 };
        let (mut pooled, mut winners) = ([0.0], [0]);
        pool(&mut pooled, &mut winners, &[1.0, 3.0, 3.0, 0.0, 2.0, 3.0, 1.0, 1.0], &pooling);
        assert_eq!((pooled, winner(winners[0])), ([3.0], (0, 1)));
    }
}
