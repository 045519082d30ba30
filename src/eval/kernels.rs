//! The two inner loops over a row of distances, compiled for several kinds of processor; the kind is found at run time.
//!
//! Each loop is one safe function over fixed groups of lanes. Sums are taken lane by lane, so the result depends on the
//! kind of processor only through fused multiplication.

/// Numbers that a loop handles at once: two AVX-512 registers, to hide the latency of one.
const LANES: usize = 32;
/// 1.5 · 2²³: adding it to a number of at most 2²² rounds to an integer, whose bits then stand lowest.
const ROUND: f32 = 12_582_912.0;
/// The smallest exponent of a normal number.
const LOWEST: f32 = -126.0;

/// A kind of processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Processor {
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What every processor of the architecture has.
    Baseline,
}

impl Processor {
    /// This one.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }
}

/// Defines `name` as the loop `body`, compiled once for each kind of processor.
macro_rules! for_each_processor {
    ($(#[$doc:meta])* $name:ident = $body:ident($($argument:ident: $type:ty),*) -> $result:ty) => {
        $(#[$doc])*
        pub(super) fn $name(processor: Processor, $($argument: $type),*) -> $result {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            fn avx512($($argument: $type),*) -> $result {
                $body::<true>($($argument),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($argument: $type),*) -> $result {
                $body::<true>($($argument),*)
            }
            match processor {
                // SAFETY: `Processor::detect` has seen the feature.
                #[cfg(target_arch = "x86_64")]
                Processor::Avx512 => unsafe { avx512($($argument),*) },
                // SAFETY: `Processor::detect` has seen the features.
                #[cfg(target_arch = "x86_64")]
                Processor::Avx2 => unsafe { avx2($($argument),*) },
                Processor::Baseline => $body::<{ cfg!(target_arch = "aarch64") }>($($argument),*),
            }
        }
    };
}

for_each_processor! {
    /// Turns a row of −2·x·μ into the squared distances ‖x‖² + ‖μ‖² − 2·x·μ and returns the least of them.
    complete_row = complete_row_body(row: &mut [f32], centre_norms: &[f32], point_norm: f32) -> f32
}

for_each_processor! {
    /// Σ 2^((distance − least) · scale) over a row; `scale` is negative.
    sum_of_powers = sum_of_powers_body(row: &[f32], least: f32, scale: f32) -> f64
}

#[inline(always)]
fn complete_row_body<const FUSED: bool>(row: &mut [f32], centre_norms: &[f32], point_norm: f32) -> f32 {
    let mut least = [f32::INFINITY; LANES];
    let (groups, rest) = row.as_chunks_mut::<LANES>();
    let (norm_groups, norm_rest) = centre_norms.as_chunks::<LANES>();
    for (group, norms) in groups.iter_mut().zip(norm_groups) {
        for lane in 0..LANES {
            let distance = at_least_zero(group[lane] + (norms[lane] + point_norm));
            group[lane] = distance;
            least[lane] = if distance < least[lane] { distance } else { least[lane] };
        }
    }
    let mut lowest = f32::INFINITY;
    for (value, norm) in rest.iter_mut().zip(norm_rest) {
        *value = at_least_zero(*value + (norm + point_norm));
        lowest = lowest.min(*value);
    }
    least.iter().fold(lowest, |lowest, value| lowest.min(*value))
}

/// Rounding may bring the distance of equal points below zero.
#[inline(always)]
fn at_least_zero(value: f32) -> f32 {
    if value > 0.0 { value } else { 0.0 }
}

#[inline(always)]
fn sum_of_powers_body<const FUSED: bool>(row: &[f32], least: f32, scale: f32) -> f64 {
    let mut sums = [0.0_f32; LANES];
    let (groups, rest) = row.as_chunks::<LANES>();
    for group in groups {
        for lane in 0..LANES {
            sums[lane] += exp2::<FUSED>((group[lane] - least) * scale);
        }
    }
    let rest: f64 = rest.iter().map(|distance| f64::from(exp2::<FUSED>((distance - least) * scale))).sum();
    sums.iter().map(|sum| f64::from(*sum)).sum::<f64>() + rest
}

/// 2^x for x ≤ 0, to about 2e-7 of its value; 2^−126 for anything lower.
///
/// x = n + r with |r| ≤ ½; 2^r by the exponential series to r⁶, whose next term is 1.2e-7 at r = ½.
#[inline(always)]
fn exp2<const FUSED: bool>(x: f32) -> f32 {
    let x = if x > LOWEST { x } else { LOWEST };
    let shifted = x + ROUND;
    let r = x - (shifted - ROUND);
    let mut power = 1.540_353e-4; // ln(2)⁶ / 6!
    for coefficient in [1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 2.402_265e-1, std::f32::consts::LN_2, 1.0] {
        power = if FUSED { f32::mul_add(power, r, coefficient) } else { power * r + coefficient };
    }
    // The low bits of `shifted` are n; 127 is the bias of the exponent, 23 the place of its lowest bit.
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    power * f32::from_bits(exponent << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_are_right_to_the_last_bits() {
        for step in 0..126_000 {
            let x = -f64::from(step) * 1e-3;
            let exact = f64::from(x as f32).exp2();
            for found in [exp2::<true>(x as f32), exp2::<false>(x as f32)] {
                let error = (f64::from(found) - exact).abs() / exact;
                assert!(error < 4e-7, "2^{x}: {found} is {error} off");
            }
        }
        assert_eq!(exp2::<true>(0.0), 1.0);
        assert!(exp2::<true>(-1e30) < 1e-37);
    }

    #[test]
    fn every_kind_of_processor_finds_the_same() {
        let norms: Vec<f32> = (0..1003).map(|i| 1.0 + (i as f32 * 0.37).sin()).collect();
        let products: Vec<f32> = (0..1003).map(|i| (i as f32 * 1.7).cos()).collect();
        let run = |processor| {
            let mut row = products.clone();
            let least = complete_row(processor, &mut row, &norms, 0.5);
            assert_eq!(least, row.iter().copied().fold(f32::INFINITY, f32::min));
            sum_of_powers(processor, &row, least, -3.0)
        };
        let (detected, baseline) = (run(Processor::detect()), run(Processor::Baseline));
        assert!((detected - baseline).abs() < 1e-6 * baseline, "{detected} {baseline}");
    }
}
