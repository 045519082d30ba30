//! Matrix products, by the `gemm` crate's kernels (AVX-512, AVX2, NEON, chosen at run time; lower ones where the process is
//! limited to them).
//!
//! A number of a product is the same sum in the same order whatever is computed beside it: threads split the rows or
//! columns of the destination alone, and the inner dimension is split here, always in the same way. (The crate itself
//! splits it by 512 where the destination is small, and evenly where it is not.)

use super::simd::{Level, best, level};
use gemm::Parallelism;

/// A matrix inside a slice.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    /// Its numbers.
    pub values: &'a [f32],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// From one row to the next.
    pub row_stride: usize,
    /// From one column to the next.
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix stored row by row.
    #[must_use]
    pub fn by_rows(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The same numbers with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Some of its columns.
    #[must_use]
    pub fn columns(self, range: std::ops::Range<usize>) -> Self {
        let values = if range.is_empty() { &[] } else { &self.values[range.start * self.column_stride..] };
        Self { values, columns: range.len(), ..self }
    }

    /// Some of its rows.
    #[must_use]
    pub fn rows(self, range: std::ops::Range<usize>) -> Self {
        let values = if range.is_empty() { &[] } else { &self.values[range.start * self.row_stride..] };
        Self { values, rows: range.len(), ..self }
    }

    fn fits(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride < self.values.len()
    }
}

/// Where a product goes.
pub struct Destination {
    /// Its first number.
    pub start: *mut f32,
    /// From one row to the next; columns are adjacent.
    pub row_stride: usize,
}

/// The longest inner dimension that the crate sums in one go, however small the destination or the caches are.
const DEPTH: usize = 512;

/// destination ← keep · destination + scale · a · b, on the calling thread.
///
/// # Safety
///
/// The destination's `a.rows × b.columns` numbers must be valid and nobody else's meanwhile.
///
/// # Panics
///
/// If the matrices do not fit each other or their slices.
pub unsafe fn product(destination: &Destination, keep: f32, scale: f32, a: Matrix<'_>, b: Matrix<'_>) {
    assert!(a.columns == b.rows && a.fits() && b.fits(), "matrices do not fit");
    let inner = a.columns;
    let depth = inner.div_ceil(inner.div_ceil(DEPTH).max(1));
    let mut keep = keep;
    let mut from = 0;
    loop {
        let part = from..inner.min(from + depth);
        // SAFETY: by the caller's promise; the parts fit each other and their slices as the whole does.
        unsafe { add_product(destination, keep, scale, a.columns(part.clone()), b.rows(part)) };
        (keep, from) = (1.0, from + depth);
        if from >= inner {
            return;
        }
    }
}

/// # Safety
///
/// As for [`product`]; the matrices must fit each other and their slices.
unsafe fn add_product(destination: &Destination, keep: f32, scale: f32, a: Matrix<'_>, b: Matrix<'_>) {
    let stride = |stride: usize| isize::try_from(stride).unwrap_or(isize::MAX);
    #[cfg(target_arch = "x86_64")]
    if level() < best() {
        // SAFETY: by the caller's promise.
        unsafe { lower::product(destination, keep, scale, a, b) };
        return;
    }
    // SAFETY: by the caller's promise.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            destination.start,
            1,
            stride(destination.row_stride),
            keep != 0.0,
            a.values.as_ptr(),
            stride(a.column_stride),
            stride(a.row_stride),
            b.values.as_ptr(),
            stride(b.column_stride),
            stride(b.row_stride),
            keep,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// The kernels that `gemm` would take on a lesser processor.
#[cfg(target_arch = "x86_64")]
mod lower {
    use super::{Destination, Level, Matrix, level};
    use gemm_common::gemm::gemm_basic_generic;
    use gemm_common::simd::{MixedSimd, Scalar, V3};

    macro_rules! with_kernels {
        ($set:ident, $simd:ident, $width:literal, $start:expr, $strides:expr, $keep:ident, $scale:ident, $a:ident, $b:ident) => {{
            use gemm_f32::microkernel::$set::f32::{H_M, H_N, H_UKR, MR_DIV_N, NR, UKR};
            let stride = |stride: usize| isize::try_from(stride).unwrap_or(isize::MAX);
            let Some(simd) = <$simd as MixedSimd<f32, f32, f32, f32>>::try_new() else { return };
            // SAFETY: by the caller's promise.
            unsafe {
                gemm_basic_generic::<_, f32, $width, { MR_DIV_N * $width }, NR, MR_DIV_N, H_M, H_N>(
                    simd,
                    $a.rows,
                    $b.columns,
                    $a.columns,
                    $start,
                    stride($strides.0),
                    stride($strides.1),
                    $keep != 0.0,
                    $a.values.as_ptr(),
                    stride($a.column_stride),
                    stride($a.row_stride),
                    $b.values.as_ptr(),
                    stride($b.column_stride),
                    stride($b.row_stride),
                    $keep,
                    $scale,
                    false,
                    false,
                    false,
                    |a, b, c| a * b + c,
                    &UKR,
                    &H_UKR,
                    false,
                    gemm::Parallelism::None,
                );
            }
        }};
    }

    /// # Safety
    ///
    /// As for [`super::add_product`].
    pub(super) unsafe fn product(destination: &Destination, keep: f32, scale: f32, a: Matrix<'_>, b: Matrix<'_>) {
        // As `gemm` does, which prefers columns that lie together.
        let (a, b, strides) = match destination.row_stride {
            0 | 1 => (a, b, (1, destination.row_stride)),
            row_stride => (b.transposed(), a.transposed(), (row_stride, 1)),
        };
        match level() {
            Level::V3 | Level::V4 => with_kernels!(fma, V3, 8, destination.start, strides, keep, scale, a, b),
            Level::Portable => with_kernels!(scalar, Scalar, 1, destination.start, strides, keep, scale, a, b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|index| ((index * 7919 % 1013) as f32 - 506.0) / 997.0).collect()
    }

    fn multiply(a: Matrix<'_>, b: Matrix<'_>) -> Vec<f32> {
        let mut out = vec![f32::NAN; a.rows * b.columns];
        let destination = Destination { start: out.as_mut_ptr(), row_stride: b.columns };
        // SAFETY: the destination is all of `out`.
        unsafe { product(&destination, 0.0, 1.0, a, b) };
        out
    }

    #[test]
    fn a_row_is_the_same_whatever_is_computed_beside_it() {
        for inner in [3, 512, 513, 1200, 1600] {
            let (rows, columns) = (128, 200);
            let (left, right) = (numbers(rows * inner), numbers(inner * columns));
            let (a, b) = (Matrix::by_rows(&left, rows, inner), Matrix::by_rows(&right, inner, columns));
            let whole = multiply(a, b);
            for (rows, columns) in [(64, 200), (128, 64), (64, 64), (64, 10)] {
                let part = multiply(a.rows(0..rows), b.columns(0..columns));
                for (row, part) in part.chunks(columns).enumerate() {
                    assert_eq!(part, &whole[row * 200..][..columns], "{inner}, {rows} x {columns}, row {row}");
                }
            }
        }
    }

    #[test]
    fn nothing_times_nothing_is_zero() {
        assert_eq!(multiply(Matrix::by_rows(&[], 2, 0), Matrix::by_rows(&[], 0, 3)), [0.0; 6]);
    }
}
