//! All squared distances between two sets of points, tile by tile, never all at once.
//!
//! ‖x − μ‖² = ‖x‖² + ‖μ‖² − 2·x·μ, so nearly all of the work is a matrix product. Both sets are first shifted by the mean
//! of the centres: the distances stay, and single precision loses less in the difference.

use super::kernels::{Processor, complete_row};
use rayon::prelude::*;

/// Numbers in a block of centres: 16 MiB of them are copied, shifted, at a time.
const BLOCK_NUMBERS: usize = 4 << 20;
/// Centres in a tile, unless a point is very large.
const TILE_CENTRES: usize = 1024;
/// Points in a tile, unless a point is very large.
const TILE_POINTS: usize = 128;
/// Centres whose mean is the shift; any shift is right, this many make it a good one.
const SHIFT_CENTRES: usize = 4096;

/// Visits every (point, tile of centres): `visit(state of the point, index of the tile's first centre, squared
/// distances, the least of them)`. A point's tiles come in the order of the centres, whatever the number of threads, and
/// the tiles depend on nothing but `dim`: so a result that each point gathers by itself is always the same.
///
/// Uses up to `threads` threads of the rayon pool that the caller is in. Memory beyond the states is a block of centres
/// and, a thread, a tile.
pub(super) fn visit_tiles<State: Send>(
    centres: &[f32],
    points: &[f32],
    dim: usize,
    threads: usize,
    states: &mut [State],
    visit: impl Fn(&mut State, usize, &[f32], f32) + Sync,
) {
    if dim == 0 || centres.is_empty() || points.is_empty() {
        return;
    }
    let processor = Processor::detect();
    let shift = mean(&centres[..centres.len().min(SHIFT_CENTRES * dim)], dim);
    let block_centres = (BLOCK_NUMBERS / dim).clamp(64, 1 << 16).next_multiple_of(64);
    let tile_centres = TILE_CENTRES.min(block_centres);
    let tile_points = ((1 << 20) / dim).clamp(16, TILE_POINTS);

    let mut block = Vec::new();
    let mut norms = Vec::new();
    for (index, chunk) in centres.chunks(block_centres * dim).enumerate() {
        shifted(chunk, &shift, &mut block, &mut norms);
        let first = index * block_centres;
        let one_tile = |points: &[f32], states: &mut [State]| {
            let (mut rows, mut row_norms) = (Vec::new(), Vec::new());
            shifted(points, &shift, &mut rows, &mut row_norms);
            let mut tile = vec![0.0; states.len() * tile_centres.min(norms.len())];
            for (place, (some, some_norms)) in
                block.chunks(tile_centres * dim).zip(norms.chunks(tile_centres)).enumerate()
            {
                let tile = &mut tile[..states.len() * some_norms.len()];
                products(&rows, some, dim, tile);
                for ((row, state), norm) in tile.chunks_mut(some_norms.len()).zip(&mut *states).zip(&row_norms) {
                    let least = complete_row(processor, row, some_norms, *norm);
                    visit(state, first + place * tile_centres, row, least);
                }
            }
        };
        if threads <= 1 {
            for (points, states) in points.chunks(tile_points * dim).zip(states.chunks_mut(tile_points)) {
                one_tile(points, states);
            }
        } else {
            points
                .par_chunks(tile_points * dim)
                .zip(states.par_chunks_mut(tile_points))
                .for_each(|(points, states)| one_tile(points, states));
        }
    }
}

fn mean(rows: &[f32], dim: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; dim];
    for row in rows.chunks_exact(dim) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let count = (rows.len() / dim) as f64;
    sums.iter().map(|sum| (sum / count) as f32).collect()
}

/// Fills `out` with the rows less the shift, and `norms` with the square of each row's length.
fn shifted(rows: &[f32], shift: &[f32], out: &mut Vec<f32>, norms: &mut Vec<f32>) {
    out.clear();
    norms.clear();
    out.reserve_exact(rows.len());
    for row in rows.chunks_exact(shift.len()) {
        let start = out.len();
        out.extend(row.iter().zip(shift).map(|(value, shift)| value - shift));
        norms.push(squared_length(&out[start..]));
    }
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

/// tile[i][j] = −2 · points[i] · centres[j], on this thread.
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
            stride(dim),
            1,
            0.0,
            -2.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
