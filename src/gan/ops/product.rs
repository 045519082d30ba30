//! Matrix products, by the `gemm` crate's kernels (AVX-512, AVX2, NEON, chosen at run time).
//!
//! The product is split over the columns or rows of its destination, and the inner dimension never, so that each
//! number is the same sum in the same order whatever the number of threads.

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
    let stride = |stride: usize| isize::try_from(stride).unwrap_or(isize::MAX);
    // SAFETY: the sources are within their slices by the assertion, the destination by the caller's promise.
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
