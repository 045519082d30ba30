//! Room for what a kernel keeps for a moment: buffers that each thread keeps for the next step.

use std::cell::RefCell;

thread_local! {
    static FREE: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
}

/// The alignment of a buffer, in bytes: a cache line, the widest vector.
const ALIGNMENT: usize = 64;

/// A type of four bytes any of which is a value.
pub trait Plain: Copy + sealed::Sealed {}

impl Plain for f32 {}
impl Plain for u32 {}

mod sealed {
    /// Keeps [`super::Plain`] to types of which the buffers may hold any bits.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for u32 {}
}

/// Calls `body` with `len` numbers of whatever was there before.
pub fn with<T: Plain, R>(len: usize, body: impl FnOnce(&mut [T]) -> R) -> R {
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    let words = len.div_ceil(2) + ALIGNMENT / 8;
    if buffer.len() < words {
        buffer.resize(words, 0);
    }
    let start = buffer.as_ptr().align_offset(ALIGNMENT);
    let room = &mut buffer[start..];
    assert!(2 * room.len() >= len, "a buffer is too short");
    // SAFETY: the words are initialised, hold two numbers each, are more than aligned for `T`, and any bits are a `T`.
    let numbers = unsafe { std::slice::from_raw_parts_mut(room.as_mut_ptr().cast::<T>(), len) };
    let result = body(numbers);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn nested_buffers_are_apart_and_aligned() {
        for _ in 0..3 {
            with(1000, |outer: &mut [f32]| {
                outer.fill(1.0);
                with(5000, |inner: &mut [u32]| {
                    inner.fill(7);
                    assert_eq!((inner.len(), inner.as_ptr().align_offset(64)), (5000, 0));
                });
                assert!(outer.iter().all(|value| *value == 1.0));
            });
        }
    }
}
