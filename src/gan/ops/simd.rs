//! Loops compiled for several processors, the best chosen at run time.
//!
//! The versions differ in the width of their vectors alone: no fused multiply-add, no reordered sum, so they give the
//! same bits.

/// Compiles a function once for each processor level and calls the best that this one has.
macro_rules! multiversion {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$attribute])*
        $visibility fn $name($($argument: $kind),*) $(-> $result)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn portable($($argument: $kind),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2")]
                #[allow(clippy::too_many_arguments)]
                fn v4($($argument: $kind),*) $(-> $result)? { portable($($argument),*) }
                #[target_feature(enable = "avx2")]
                #[allow(clippy::too_many_arguments)]
                fn v3($($argument: $kind),*) $(-> $result)? { portable($($argument),*) }

                match $crate::gan::ops::simd::level() {
                    // SAFETY: the processor has what `Level::V4` stands for.
                    $crate::gan::ops::simd::Level::V4 => return unsafe { v4($($argument),*) },
                    // SAFETY: the processor has what `Level::V3` stands for.
                    $crate::gan::ops::simd::Level::V3 => return unsafe { v3($($argument),*) },
                    $crate::gan::ops::simd::Level::Portable => {}
                }
            }
            portable($($argument),*)
        }
    };
}
pub(crate) use multiversion;

use std::sync::OnceLock;

/// What a processor offers, from the least to the most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Whatever every processor of this architecture has (on Arm, NEON).
    Portable,
    /// AVX2, and fused multiplication and addition.
    V3,
    /// AVX-512 F, BW, DQ and VL, and fused multiplication and addition.
    V4,
}

impl Level {
    /// Its name, as in a checkpoint.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "avx512",
            Self::V3 => "avx2",
            Self::Portable => "baseline",
        }
    }
}

/// The level that this process computes at.
static LEVEL: OnceLock<Level> = OnceLock::new();

/// Has this process compute as a processor of a lower level would, to the same bits. Only before anything is computed; the
/// level in use is returned.
pub fn limit(most: Level) -> Level {
    *LEVEL.get_or_init(|| best().min(most))
}

/// The level that this process computes at: that of the processor, unless it was limited.
#[must_use]
#[inline]
pub fn level() -> Level {
    *LEVEL.get_or_init(best)
}

/// The level of this processor.
#[must_use]
pub fn best() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma")
        {
            return Level::V4;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Level::V3;
        }
    }
    Level::Portable
}

/// The processor features that decide the bits of a result, as a checkpoint names them.
#[must_use]
pub fn processor() -> String {
    format!("{}+{}", std::env::consts::ARCH, level().name())
}
