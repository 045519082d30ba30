//! Weighted sums of windows of one array, added to a window of another: what convolutions with few gradients that are
//! not 0 come down to, which is how max pooling and dropout leave them.

use super::lanes::{Lanes, at_level};

/// A window: `rows` runs of `width` numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Runs {
    /// Runs.
    pub rows: usize,
    /// Numbers in each.
    pub width: usize,
    /// From one run to the next in the source.
    pub from: usize,
    /// From one run to the next in the destination.
    pub to: usize,
}

/// The most numbers of a vector.
const BLOCK: usize = 16;

/// destination ← destination + Σₑ factors\[e\] · the source's window at starts\[e\].
///
/// # Panics
///
/// If a window leads out of its array.
pub fn add_weighted(destination: &mut [f32], source: &[f32], runs: Runs, starts: &[u32], factors: &[f32]) {
    let Runs { rows, width, from, to } = runs;
    assert!(rows > 0 && width > 0 && starts.len() == factors.len(), "a window without numbers");
    assert!((rows - 1) * to + width <= destination.len(), "the window leads out of the destination");
    let Some(last) = starts.iter().max() else { return };
    assert!(*last as usize + (rows - 1) * from + width <= source.len(), "a window leads out of the source");
    let (destination, source) = (destination.as_mut_ptr(), source.as_ptr());
    // SAFETY: by the assertions.
    unsafe {
        at_level!(add(
            destination: *mut f32,
            source: *const f32,
            runs: Runs,
            starts: &[u32],
            factors: &[f32],
        ));
    }
}

/// # Safety
///
/// All windows must lie within their arrays.
#[inline(always)]
unsafe fn add<V: Lanes>(destination: *mut f32, source: *const f32, runs: Runs, starts: &[u32], factors: &[f32]) {
    // SAFETY: by the caller's promise.
    unsafe {
        let mut column = 0;
        while column < runs.width {
            let left = runs.width - column;
            let (to, from) = (destination.add(column), source.add(column));
            let vectors = left / V::N;
            if V::N == 16 && runs.rows == 1 && vectors > 0 {
                column += single::<V>(to, from, runs, starts, factors, left);
                continue;
            }
            // As many vectors at a time as there are registers for their sums, 16 or 8.
            column += match vectors {
                16.. if V::N == 16 => strip::<V, 1, 1, 1, 16, false>(to, from, runs, starts, factors, left),
                8.. if V::N == 16 => strip::<V, 2, 1, 1, 8, false>(to, from, runs, starts, factors, left),
                8.. => strip::<V, 1, 1, 1, 8, false>(to, from, runs, starts, factors, left),
                4.. if V::N == 16 => strip::<V, 4, 2, 1, 4, false>(to, from, runs, starts, factors, left),
                4.. => strip::<V, 2, 1, 1, 4, false>(to, from, runs, starts, factors, left),
                2.. if V::N == 16 => strip::<V, 8, 4, 2, 2, false>(to, from, runs, starts, factors, left),
                2.. => strip::<V, 4, 2, 1, 2, false>(to, from, runs, starts, factors, left),
                1 => strip::<V, 8, 4, 2, 1, false>(to, from, runs, starts, factors, left),
                _ => strip::<V, 8, 4, 2, 1, true>(to, from, runs, starts, factors, left),
            };
        }
    }
}

/// A strip of a single run by the widest vectors: 16 of them, or all that are left if they fit the registers. A narrow
/// strip would wait for each sum before it can add the next.
///
/// # Safety
///
/// As for [`add`]; `left` is at least a vector.
#[inline(always)]
unsafe fn single<V: Lanes>(
    destination: *mut f32,
    source: *const f32,
    runs: Runs,
    starts: &[u32],
    factors: &[f32],
    left: usize,
) -> usize {
    macro_rules! of_width {
        ($($vectors:literal)*) => {
            match left / V::N {
                $($vectors => strip::<V, 1, 1, 1, $vectors, false>(destination, source, runs, starts, factors, left),)*
                _ => strip::<V, 1, 1, 1, 16, false>(destination, source, runs, starts, factors, left),
            }
        };
    }
    // SAFETY: by the caller's promise.
    unsafe { of_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 17 18 19 20) }
}

/// A strip `COLUMNS` vectors wide, or what is `left` of one vector if it is `PARTIAL`; its rows in groups of `MANY`, `SOME`
/// and `FEW`, the rest one by one. Returns how many numbers wide it is.
///
/// # Safety
///
/// As for [`add`].
#[inline(always)]
unsafe fn strip<
    V: Lanes,
    const MANY: usize,
    const SOME: usize,
    const FEW: usize,
    const COLUMNS: usize,
    const PARTIAL: bool,
>(
    destination: *mut f32,
    source: *const f32,
    runs: Runs,
    starts: &[u32],
    factors: &[f32],
    left: usize,
) -> usize {
    let width = if PARTIAL { left } else { COLUMNS * V::N };
    let mut row = 0;
    // SAFETY: by the caller's promise.
    unsafe {
        while row < runs.rows {
            let (source, destination) = (source.add(row * runs.from), destination.add(row * runs.to));
            let rows = runs.rows - row;
            row += if rows >= MANY {
                block::<V, MANY, COLUMNS, PARTIAL>(destination, source, runs, starts, factors, width)
            } else if rows >= SOME {
                block::<V, SOME, COLUMNS, PARTIAL>(destination, source, runs, starts, factors, width)
            } else if rows >= FEW {
                block::<V, FEW, COLUMNS, PARTIAL>(destination, source, runs, starts, factors, width)
            } else {
                block::<V, 1, COLUMNS, PARTIAL>(destination, source, runs, starts, factors, width)
            };
        }
    }
    width
}

/// # Safety
///
/// As for [`add`], for `ROWS` runs of `width` numbers in `COLUMNS` vectors.
#[inline(always)]
unsafe fn block<V: Lanes, const ROWS: usize, const COLUMNS: usize, const PARTIAL: bool>(
    destination: *mut f32,
    source: *const f32,
    runs: Runs,
    starts: &[u32],
    factors: &[f32],
    width: usize,
) -> usize {
    let mut sums = [[V::zero(); COLUMNS]; ROWS];
    // SAFETY: by the caller's promise; no vector is longer than the tile.
    unsafe {
        let load = |from: *const f32| if PARTIAL { V::load_first(from, width) } else { V::load(from) };
        for (start, factor) in starts.iter().zip(factors) {
            let factor = V::splat(*factor);
            let mut run = source.add(*start as usize);
            for sums in &mut sums {
                for (column, sum) in sums.iter_mut().enumerate() {
                    *sum = factor.multiply_add(load(run.add(column * V::N)), *sum);
                }
                run = run.wrapping_add(runs.from);
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            let destination = destination.add(row * runs.to);
            for (column, sum) in sums.iter().enumerate() {
                let destination = destination.add(column * V::N);
                if PARTIAL {
                    let mut tile = [0.0f32; BLOCK];
                    sum.store(tile.as_mut_ptr());
                    for (index, value) in tile[..width].iter().enumerate() {
                        *destination.add(index) += value;
                    }
                } else {
                    V::splat(1.0).multiply_add(V::load(destination), *sum).store(destination);
                }
            }
        }
    }
    ROWS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_agree_with_a_plain_loop_whatever_the_size() {
        let source: Vec<f32> = (0..9000u32).map(|index| (index * 37 % 41) as f32 - 20.0).collect();
        for (rows, width) in [(1, 1), (8, 24), (5, 160), (3, 250), (1, 800), (11, 7), (15, 33), (2, 500)] {
            let runs = Runs { rows, width, from: width + 3, to: width + 1 };
            let starts: Vec<u32> = (0..29).map(|index| index * 31 % 190).collect();
            let factors: Vec<f32> = (0..29u8).map(|index| f32::from(index % 5) - 2.0).collect();
            let mut found: Vec<f32> = (0..rows * (width + 1)).map(|index| (index % 3) as f32).collect();
            let mut expected = found.clone();
            add_weighted(&mut found, &source, runs, &starts, &factors);
            for row in 0..rows {
                for column in 0..width {
                    for (start, factor) in starts.iter().zip(&factors) {
                        expected[row * runs.to + column] += factor * source[*start as usize + row * runs.from + column];
                    }
                }
            }
            assert_eq!(found, expected, "{rows} rows of {width}");
        }
    }
}
