//! 32-bit floats in JSON as they were typed.
//!
//! JSON values hold 64-bit floats, in which the 32-bit 0.1 is 0.10000000149011612. Here it is the shortest decimal that
//! reads back as the same 32 bits.

use serde::Serializer;

/// Serialises the shortest decimal of a float.
///
/// # Errors
///
/// The serializer's.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes fields by reference
pub(super) fn serialize<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(shortest(*value))
}

/// Serialises the shortest decimal of a float that may be missing.
///
/// # Errors
///
/// The serializer's.
#[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref)] // serde passes fields by reference
pub(super) fn serialize_option<S: Serializer>(value: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.serialize_some(&shortest(*value)),
        None => serializer.serialize_none(),
    }
}

fn shortest(value: f32) -> f64 {
    // What `f32` writes is always a number to `f64`.
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

#[cfg(test)]
mod tests {
    use super::shortest;

    #[test]
    fn a_float_is_the_number_that_was_typed() {
        for typed in [0.1, 0.05, 0.005, 1e-6, 2e-4, 0.999, 1.0, -2.0, 0.0] {
            assert_eq!(shortest(typed as f32), typed);
        }
    }

    #[test]
    fn the_same_bits_come_back() {
        for bits in (0..u32::MAX).step_by(104_729) {
            let value = f32::from_bits(bits);
            if value.is_finite() {
                assert_eq!((shortest(value) as f32).to_bits(), bits);
            }
        }
    }
}
