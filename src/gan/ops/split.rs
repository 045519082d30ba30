//! Work divided over the threads of the pool that the caller is in, always in the same parts.

use std::ops::Range;

/// Below this many multiply-adds a second thread costs more than it brings.
const WORTH_A_THREAD: usize = 100_000;

/// How many of `threads` are worth using for this many multiply-adds.
#[must_use]
pub fn threads_for(work: usize, threads: usize) -> usize {
    threads.min(1 + work / WORTH_A_THREAD)
}

/// Calls `part` on consecutive ranges that cover `0..len`, whose inner borders are multiples of `grain`, on up to
/// `threads` threads. Where the borders lie never changes what is computed, only by whom.
pub fn split(len: usize, grain: usize, threads: usize, part: &(impl Fn(Range<usize>) + Sync)) {
    recurse(0..len, grain, threads, part);
}

fn recurse(range: Range<usize>, grain: usize, threads: usize, part: &(impl Fn(Range<usize>) + Sync)) {
    if threads <= 1 || range.len() <= grain {
        part(range);
        return;
    }
    let left_threads = threads / 2;
    let ideal = range.len() * left_threads / threads;
    let border = (ideal.div_ceil(grain) * grain).min(range.len());
    let (left, right) = (range.start..range.start + border, range.start + border..range.end);
    // One column alone would be computed by another kernel, to other last bits.
    if right.len() < grain.min(2) {
        part(range);
        return;
    }
    rayon::join(|| recurse(left, grain, left_threads, part), || recurse(right, grain, threads - left_threads, part));
}

/// A slice whose disjoint parts several threads write.
pub struct Shared<'a, T = f32> {
    start: *mut T,
    len: usize,
    lifetime: std::marker::PhantomData<&'a mut [T]>,
}

// SAFETY: the parts handed out are disjoint by the contract of `Shared::part` and `Shared::start`.
unsafe impl<T: Send> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Shares a slice.
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), lifetime: std::marker::PhantomData }
    }

    /// One part.
    ///
    /// # Safety
    ///
    /// No two parts in use at the same time may overlap.
    #[must_use]
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "part {range:?} of {}", self.len);
        // SAFETY: within the slice by the assertion, alone by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Where it starts, for kernels that write strided parts.
    #[must_use]
    pub fn start(&self) -> *mut T {
        self.start
    }

    /// How long it is.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
