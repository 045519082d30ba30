//! Vectors of f32 for the kernels that the compiler does not find by itself.
//!
//! A kernel is written once, generic over [`Lanes`], and compiled for each processor level; [`at_level`] calls the best.
//! The levels round alike as long as all of them fuse multiplication and addition; a processor without that (before
//! 2013) gives other bits, and the checkpoint says so.

/// A vector.
pub trait Lanes: Copy {
    /// Its numbers.
    const N: usize;

    /// All 0.
    fn zero() -> Self;

    /// All `value`.
    fn splat(value: f32) -> Self;

    /// `self · by + plus`, rounded once where the processor can.
    fn multiply_add(self, by: Self, plus: Self) -> Self;

    /// Reads [`Self::N`] numbers.
    ///
    /// # Safety
    ///
    /// They must be readable.
    unsafe fn load(from: *const f32) -> Self;

    /// Reads `count` numbers, at most [`Self::N`]; the others are 0.
    ///
    /// # Safety
    ///
    /// They must be readable.
    unsafe fn load_first(from: *const f32, count: usize) -> Self;

    /// Writes [`Self::N`] numbers.
    ///
    /// # Safety
    ///
    /// They must be writable.
    unsafe fn store(self, to: *mut f32);
}

/// Whatever every processor of this architecture has.
impl Lanes for [f32; 4] {
    const N: usize = 4;

    #[inline(always)]
    fn zero() -> Self {
        [0.0; 4]
    }

    #[inline(always)]
    fn splat(value: f32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    fn multiply_add(self, by: Self, plus: Self) -> Self {
        // Where the processor has no such instruction the library's is far slower than two.
        const FUSED: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));
        std::array::from_fn(|lane| {
            if FUSED { self[lane].mul_add(by[lane], plus[lane]) } else { self[lane] * by[lane] + plus[lane] }
        })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: by the caller's promise; arrays of f32 are aligned as f32.
        unsafe { from.cast::<Self>().read() }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        // SAFETY: by the caller's promise.
        std::array::from_fn(|lane| if lane < count { unsafe { *from.add(lane) } } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: by the caller's promise; arrays of f32 are aligned as f32.
        unsafe { to.cast::<Self>().write(self) }
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! x86 {
    ($vector:ident, $n:literal, $zero:ident, $splat:ident, $fused:ident, $load:ident, $store:ident,
        |$from:ident, $count:ident| $first:block) => {
        impl Lanes for std::arch::x86_64::$vector {
            const N: usize = $n;

            #[inline(always)]
            fn zero() -> Self {
                // SAFETY: used only in kernels compiled for processors that have it; see `at_level`.
                unsafe { std::arch::x86_64::$zero() }
            }

            #[inline(always)]
            fn splat(value: f32) -> Self {
                // SAFETY: as for `zero`.
                unsafe { std::arch::x86_64::$splat(value) }
            }

            #[inline(always)]
            fn multiply_add(self, by: Self, plus: Self) -> Self {
                // SAFETY: as for `zero`.
                unsafe { std::arch::x86_64::$fused(self, by, plus) }
            }

            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                // SAFETY: as for `zero`, and by the caller's promise.
                unsafe { std::arch::x86_64::$load(from) }
            }

            #[inline(always)]
            unsafe fn load_first($from: *const f32, $count: usize) -> Self {
                // SAFETY: as for `zero`, and by the caller's promise.
                unsafe { $first }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: as for `zero`, and by the caller's promise.
                unsafe { std::arch::x86_64::$store(to, self) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86!(
    __m512,
    16,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    |from, count| { std::arch::x86_64::_mm512_maskz_loadu_ps((1u32 << count).wrapping_sub(1) as u16, from) }
);
#[cfg(target_arch = "x86_64")]
x86!(
    __m256,
    8,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    |from, count| {
        const MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        let mask = std::arch::x86_64::_mm256_loadu_si256(MASKS.as_ptr().add(8 - count).cast());
        std::arch::x86_64::_mm256_maskload_ps(from, mask)
    }
);

/// Calls `$kernel::<V>` with the widest vectors that this processor has. The kernel must be inlined always, and is unsafe:
/// the call stands in an unsafe block.
macro_rules! at_level {
    ($kernel:ident($($argument:ident: $kind:ty),* $(,)?)) => {{
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn v4($($argument: $kind),*) {
                // SAFETY: by the caller's promise to the kernel.
                unsafe { $kernel::<std::arch::x86_64::__m512>($($argument),*) }
            }
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn v3($($argument: $kind),*) {
                // SAFETY: by the caller's promise to the kernel.
                unsafe { $kernel::<std::arch::x86_64::__m256>($($argument),*) }
            }
            match $crate::gan::ops::simd::level() {
                $crate::gan::ops::simd::Level::V4 => v4($($argument),*),
                $crate::gan::ops::simd::Level::V3 => v3($($argument),*),
                $crate::gan::ops::simd::Level::Portable => $kernel::<[f32; 4]>($($argument),*),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        $kernel::<[f32; 4]>($($argument),*)
    }};
}
pub(crate) use at_level;
