//! All squared distances between two sets of points, tile by tile, never all at once.
//!
//! ‖x − μ‖² = ‖x‖² + ‖μ‖² − 2·x·μ, so nearly all of the work is a matrix product. Both sets are first shifted by the mean
//! of the centres: the distances stay, and single precision loses less in the difference.

use super::kernels::{Processor, complete_row};
use crate::data::{Pixels, Split};
use rayon::prelude::*;

/// Numbers in a block of centres: 16 MiB of them are copied, shifted, at a time.
const BLOCK_NUMBERS: usize = 4 << 20;
/// Centres in a tile, unless a point is very large.
const TILE_CENTRES: usize = 1024;
/// Points in a tile, unless a point is very large.
const TILE_POINTS: usize = 256;
/// Centres whose mean is the shift; any shift is right, this many make it a good one.
const SHIFT_CENTRES: usize = 4096;
/// Rows that are turned into columns at a time: a line of the cache.
const TURNED: usize = 16;

/// Points, row by row, as numbers or as a dataset's bytes.
#[derive(Clone, Copy)]
pub(super) enum Points<'a> {
    Numbers(&'a [f32]),
    /// Bytes that stand for byte / 255.
    Bytes(&'a [u8]),
}

impl<'a> Points<'a> {
    /// The points of a split, where they lie.
    pub(super) fn of(split: &'a Split) -> Self {
        match &split.pixels {
            Pixels::U8(bytes) => Self::Bytes(bytes),
            Pixels::F32(values) => Self::Numbers(values),
        }
    }

    /// The rows of a range, where they lie.
    pub(super) fn rows(self, range: std::ops::Range<usize>, dim: usize) -> Self {
        let range = range.start * dim..range.end * dim;
        match self {
            Self::Numbers(values) => Self::Numbers(&values[range]),
            Self::Bytes(bytes) => Self::Bytes(&bytes[range]),
        }
    }

    /// How many rows there are.
    pub(super) fn count(self, dim: usize) -> usize {
        match self {
            Self::Numbers(values) => values.len() / dim,
            Self::Bytes(bytes) => bytes.len() / dim,
        }
    }

    /// The numbers of one row.
    pub(super) fn row(self, index: usize, dim: usize) -> impl Iterator<Item = f32> {
        let (numbers, bytes): (&[f32], &[u8]) = match self.rows(index..index + 1, dim) {
            Self::Numbers(values) => (values, &[]),
            Self::Bytes(bytes) => (&[], bytes),
        };
        numbers.iter().copied().chain(bytes.iter().map(|byte| f32::from(*byte) / 255.0))
    }
}

/// The squared distances of one point to consecutive centres.
pub(super) struct Row<'a> {
    /// The index of the first of these centres.
    pub(super) first: usize,
    /// The squared distances.
    pub(super) distances: &'a [f32],
    /// The least of them.
    pub(super) least: f32,
    /// ‖x‖² of the point, after the shift: the scale of rounding errors.
    pub(super) point_norm: f32,
}

/// What a thread needs for a tile, kept between tiles: new pages cost more than the arithmetic on them.
#[derive(Default)]
struct Buffers {
    /// The tile's points after the shift, and the square of each one's length.
    rows: Vec<f32>,
    row_norms: Vec<f32>,
    /// The products, then the distances.
    tile: Vec<f32>,
}

/// Visits every (point, tile of centres) with the point's state. A point's tiles come in the order of the centres,
/// whatever the number of threads, and the tiles depend on nothing but `dim`: so a result that each point gathers by
/// itself is always the same.
///
/// Uses up to `threads` threads of the rayon pool that the caller is in. Memory beyond the states is a block of centres
/// and, a thread, a tile.
pub(super) fn visit_tiles<State: Send>(
    centres: Points<'_>,
    points: Points<'_>,
    dim: usize,
    threads: usize,
    states: &mut [State],
    visit: impl Fn(&mut State, &Row<'_>) + Sync,
) {
    if dim == 0 || centres.count(dim) == 0 || states.is_empty() {
        return;
    }
    let processor = Processor::detect();
    let count = centres.count(dim);
    let shift = mean(centres.rows(0..count.min(SHIFT_CENTRES), dim), dim);
    let block_centres = (BLOCK_NUMBERS / dim).clamp(64, 1 << 16).next_multiple_of(64);
    let tile_centres = TILE_CENTRES.min(block_centres);
    let tile_points = ((1 << 20) / dim).clamp(16, TILE_POINTS);

    let mut block = Vec::new();
    let mut norms = Vec::new();
    for first in (0..count).step_by(block_centres) {
        let rows = centres.rows(first..count.min(first + block_centres), dim);
        columns(rows, &shift, tile_centres, threads, &mut block, &mut norms);
        let one_tile = |Buffers { rows, row_norms, tile }: &mut Buffers, (place, states): (usize, &mut [State])| {
            let from = place * tile_points;
            shifted(points.rows(from..from + states.len(), dim), &shift, rows, row_norms);
            tile.resize(tile_points * tile_centres, 0.0);
            for (place, (some, some_norms)) in
                block.chunks(tile_centres * dim).zip(norms.chunks(tile_centres)).enumerate()
            {
                let tile = &mut tile[..states.len() * some_norms.len()];
                products(rows, some, dim, tile);
                for ((row, state), norm) in tile.chunks_mut(some_norms.len()).zip(&mut *states).zip(&*row_norms) {
                    let least = complete_row(processor, row, some_norms, *norm);
                    let first = first + place * tile_centres;
                    visit(state, &Row { first, distances: row, least, point_norm: *norm });
                }
            }
        };
        if threads <= 1 {
            let mut buffers = Buffers::default();
            states.chunks_mut(tile_points).enumerate().for_each(|some| one_tile(&mut buffers, some));
        } else {
            states.par_chunks_mut(tile_points).enumerate().for_each_init(Buffers::default, one_tile);
        }
    }
}

fn mean(rows: Points<'_>, dim: usize) -> Vec<f32> {
    let count = rows.count(dim);
    let mut sums = vec![0.0_f64; dim];
    for index in 0..count {
        for (sum, value) in sums.iter_mut().zip(rows.row(index, dim)) {
            *sum += f64::from(value);
        }
    }
    sums.iter().map(|sum| (sum / count as f64) as f32).collect()
}

/// Fills `out` with the rows less the shift, and `norms` with the square of each row's length.
fn shifted(rows: Points<'_>, shift: &[f32], out: &mut Vec<f32>, norms: &mut Vec<f32>) {
    let dim = shift.len();
    out.clear();
    norms.clear();
    out.reserve_exact(rows.count(dim) * dim);
    match rows {
        Points::Numbers(values) => {
            for row in values.chunks_exact(dim) {
                out.extend(row.iter().zip(shift).map(|(value, shift)| value - shift));
            }
        }
        Points::Bytes(bytes) => {
            for row in bytes.chunks_exact(dim) {
                out.extend(row.iter().zip(shift).map(|(byte, shift)| f32::from(*byte) / 255.0 - shift));
            }
        }
    }
    norms.extend(out.chunks_exact(dim).map(squared_length));
}

fn squared_length(row: &[f32]) -> f32 {
    let mut sums = [0.0_f64; 8];
    let (groups, rest) = row.as_chunks::<8>();
    for group in groups {
        for (sum, value) in sums.iter_mut().zip(group) {
            *sum += f64::from(*value) * f64::from(*value);
        }
    }
    let rest: f64 = rest.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
    (sums.iter().sum::<f64>() + rest) as f32
}

/// Fills `out` with the rows less the shift, tile by tile and within each column by column: as the product's kernel
/// reads them, so that it need not turn them around again for every tile of points. `norms` gets the square of each
/// row's length.
fn columns(
    rows: Points<'_>,
    shift: &[f32],
    tile_rows: usize,
    threads: usize,
    out: &mut Vec<f32>,
    norms: &mut Vec<f32>,
) {
    let dim = shift.len();
    let count = rows.count(dim);
    out.resize(count * dim, 0.0);
    norms.resize(count, 0.0);
    let one_tile = |(place, (out, norms)): (usize, (&mut [f32], &mut [f32]))| {
        let (mut some, mut some_norms) = (Vec::new(), Vec::new());
        let width = norms.len();
        for first in (0..width).step_by(TURNED) {
            let until = width.min(first + TURNED);
            let from = place * tile_rows;
            shifted(rows.rows(from + first..from + until, dim), shift, &mut some, &mut some_norms);
            norms[first..until].copy_from_slice(&some_norms);
            for (column, line) in out.chunks_exact_mut(width).enumerate() {
                for (row, value) in line[first..until].iter_mut().enumerate() {
                    *value = some[row * dim + column];
                }
            }
        }
    };
    if threads <= 1 {
        out.chunks_mut(tile_rows * dim).zip(norms.chunks_mut(tile_rows)).enumerate().for_each(one_tile);
    } else {
        out.par_chunks_mut(tile_rows * dim).zip(norms.par_chunks_mut(tile_rows)).enumerate().for_each(one_tile);
    }
}

/// tile[i][j] = −2 · points[i] · centres[j], on this thread; the points row by row, the centres column by column.
fn products(points: &[f32], centres: &[f32], dim: usize, tile: &mut [f32]) {
    let (rows, columns) = (points.len() / dim, centres.len() / dim);
    assert_eq!(tile.len(), rows * columns, "a tile holds one number for each point and centre");
    let stride = |length: usize| isize::try_from(length).unwrap_or(isize::MAX);
    // SAFETY: the slices hold rows × dim, columns × dim and rows × columns numbers, as the strides say; the tile is
    // borrowed mutably, so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            dim,
            tile.as_mut_ptr(),
            1,
            stride(columns),
            false,
            points.as_ptr(),
            1,
            stride(dim),
            centres.as_ptr(),
            1,
            stride(columns),
            0.0,
            -2.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
