//! Products with a matrix that is never stored: its numbers lie in a picture, each at the sum of an offset for its row
//! and one for its column (Dukhan, *The Indirect Convolution Algorithm*, 2019).
//!
//! With a row for each position of a window and a column for each number that the window covers, that is a convolution;
//! with the two exchanged, the gradient of its weights. No patch is ever copied out of its picture.

use super::lanes::{Lanes, at_level};
use super::product::Matrix;
use super::simd::{Level, level};
use std::ops::Range;

/// Columns of a whole panel.
const WIDTH: usize = 64;
/// The most rows of a tile.
const ROWS: usize = 8;
/// Narrower panels are multiples of this.
const STEP: usize = 16;

/// The columns of `0..columns` panel by panel.
pub fn panels(columns: usize) -> impl Iterator<Item = Range<usize>> {
    (0..columns).step_by(WIDTH).map(move |start| start..(start + WIDTH).min(columns))
}

/// How wide a panel of so many columns is stored.
#[must_use]
pub fn stored(columns: usize) -> usize {
    columns.next_multiple_of(STEP)
}

/// Copies some columns of a matrix stored row by row into a panel.
pub fn pack(panel: &mut [f32], matrix: &[f32], columns: usize, range: &Range<usize>) {
    let width = stored(range.len());
    for (to, from) in panel.chunks_exact_mut(width).zip(matrix.chunks_exact(columns)) {
        let (columns, rest) = to.split_at_mut(range.len());
        columns.copy_from_slice(&from[range.clone()]);
        rest.fill(0.0);
    }
}

/// Packs a whole matrix, one panel after another, into `packed`, which has room for its rows times [`stored`] columns.
pub fn pack_all(packed: &mut [f32], matrix: Matrix<'_>) {
    for range in panels(matrix.columns) {
        let width = stored(range.len());
        let panel = &mut packed[range.start * matrix.rows..][..matrix.rows * width];
        if matrix.column_stride == 1 {
            pack(panel, matrix.values, matrix.row_stride, &range);
            continue;
        }
        for (row, to) in panel.chunks_exact_mut(width).enumerate() {
            let (columns, rest) = to.split_at_mut(range.len());
            let from = &matrix.values[row * matrix.row_stride + range.start * matrix.column_stride..];
            for (to, from) in columns.iter_mut().zip(from.iter().step_by(matrix.column_stride)) {
                *to = *from;
            }
            rest.fill(0.0);
        }
    }
}

/// Calls `each` for every row with Σₜ picture[rows\[i\] + taps\[t\]] · panel\[t\]. The panel is `columns` wide and stored
/// as [`pack`] does.
///
/// # Panics
///
/// If an offset leads out of the picture, or the panel is too short.
pub fn multiply(
    picture: &[f32],
    rows: &[u32],
    taps: &[u32],
    panel: &[f32],
    columns: usize,
    mut each: impl FnMut(usize, &[f32]),
) {
    let width = stored(columns);
    let reach = |offsets: &[u32]| offsets.iter().max().map_or(0, |offset| *offset as usize);
    assert!(rows.is_empty() || taps.is_empty() || reach(rows) + reach(taps) < picture.len(), "beyond the picture");
    assert!(width <= WIDTH && panel.len() >= taps.len() * width, "the panel does not fit");
    let at_once = match level() {
        Level::V4 if width == WIDTH => 6,
        Level::V4 => ROWS,
        Level::V3 => 6,
        Level::Portable => 4,
    };
    let mut tile = [0.0f32; ROWS * WIDTH];
    for (first, group) in (0..rows.len()).step_by(at_once).zip(rows.chunks(at_once)) {
        let mut starts = [group[0]; ROWS];
        starts[..group.len()].copy_from_slice(group);
        let (tile_start, picture, panel, starts) = (tile.as_mut_ptr(), picture.as_ptr(), panel.as_ptr(), &starts);
        // SAFETY: the offsets stay within the picture, the panel is long enough and the tile as large as any.
        unsafe {
            at_level!(compute(
                tile_start: *mut f32,
                picture: *const f32,
                starts: &[u32; ROWS],
                taps: &[u32],
                panel: *const f32,
                width: usize,
            ));
        }
        for (row, values) in (first..).zip(tile.chunks_exact(WIDTH)).take(group.len()) {
            each(row, &values[..columns]);
        }
    }
}

/// # Safety
///
/// Every start plus every tap must lie in the picture, the panel hold a row of `width`, a multiple of 16 up to 64, for
/// every tap, and the tile [`ROWS`] rows of [`WIDTH`].
#[inline(always)]
unsafe fn compute<V: Lanes>(
    tile: *mut f32,
    picture: *const f32,
    starts: &[u32; ROWS],
    taps: &[u32],
    panel: *const f32,
    width: usize,
) {
    // SAFETY: by the caller's promise; the parts of a panel lie beside each other.
    unsafe {
        match (V::N, width) {
            // With 32 registers: as many sums as fit beside a row of the panel.
            (16, 64) => kernel::<V, 6, 4>(tile, picture, starts, taps, panel, width),
            (16, 48) => kernel::<V, 8, 3>(tile, picture, starts, taps, panel, width),
            (16, 32) => kernel::<V, 8, 2>(tile, picture, starts, taps, panel, width),
            (16, _) => kernel::<V, 8, 1>(tile, picture, starts, taps, panel, width),
            _ => {
                for part in (0..width).step_by(STEP) {
                    let (tile, panel) = (tile.add(part), panel.add(part));
                    if V::N == 8 {
                        kernel::<V, 6, 2>(tile, picture, starts, taps, panel, width);
                    } else {
                        kernel::<V, 4, 4>(tile, picture, starts, taps, panel, width);
                    }
                }
            }
        }
    }
}

/// # Safety
///
/// As for [`compute`], for `COLUMNS` vectors of a panel whose rows are `width` apart.
#[inline(always)]
unsafe fn kernel<V: Lanes, const TILE_ROWS: usize, const COLUMNS: usize>(
    tile: *mut f32,
    picture: *const f32,
    starts: &[u32; ROWS],
    taps: &[u32],
    panel: *const f32,
    width: usize,
) {
    let mut sums = [[V::zero(); COLUMNS]; TILE_ROWS];
    let mut panel = panel;
    // SAFETY: by the caller's promise.
    unsafe {
        let rows: [*const f32; TILE_ROWS] = std::array::from_fn(|row| picture.add(starts[row] as usize));
        for tap in taps {
            let columns: [V; COLUMNS] = std::array::from_fn(|column| V::load(panel.add(column * V::N)));
            panel = panel.add(width);
            for (row, sums) in rows.iter().zip(&mut sums) {
                let value = V::splat(*row.add(*tap as usize));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = value.multiply_add(column, *sum);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (column, sum) in sums.iter().enumerate() {
                sum.store(tile.add(row * WIDTH + column * V::N));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_a_plain_loop_whatever_the_size() {
        let picture: Vec<f32> = (0..400u32).map(|index| (index * 37 % 41) as f32 - 20.0).collect();
        for (rows, taps, columns) in
            [(1u32, 1u32, 1usize), (6, 9, 64), (7, 10, 65), (13, 24, 48), (20, 5, 130), (3, 7, 33)]
        {
            let row_offsets: Vec<u32> = (0..rows).map(|row| row * 11 % 150).collect();
            let tap_offsets: Vec<u32> = (0..taps).map(|tap| tap * 17 % 200).collect();
            let matrix: Vec<f32> = (0..taps as usize * columns).map(|index| (index * 13 % 23) as f32 - 11.0).collect();
            let mut packed = vec![f32::NAN; taps as usize * stored(columns)];
            pack_all(&mut packed, Matrix::by_rows(&matrix, taps as usize, columns));
            let transposed: Vec<f32> = (0..matrix.len())
                .map(|index| matrix[index % taps as usize * columns + index / taps as usize])
                .collect();
            let mut again = vec![f32::NAN; packed.len()];
            pack_all(&mut again, Matrix::by_rows(&transposed, columns, taps as usize).transposed());
            assert_eq!(again, packed);
            for range in panels(columns) {
                let panel = &packed[range.start * taps as usize..];
                multiply(&picture, &row_offsets, &tap_offsets, panel, range.len(), |row, values| {
                    for (column, value) in range.clone().zip(values) {
                        let expected: f32 = (0..taps as usize)
                            .map(|tap| {
                                picture[(row_offsets[row] + tap_offsets[tap]) as usize] * matrix[tap * columns + column]
                            })
                            .sum();
                        assert_eq!(*value, expected, "row {row}, column {column} of {rows}×{taps}×{columns}");
                    }
                });
            }
        }
    }
}
