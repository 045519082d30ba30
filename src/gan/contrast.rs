//! Global contrast normalisation, and the way back as far as there is one.

use super::spec::Contrast;

/// A point shorter than this stays as it is: pylearn2's `min_divisor`.
const SHORTEST: f64 = 1e-8;

/// Takes the mean out of a point and brings it to the length asked for.
pub fn normalize(contrast: &Contrast, point: &mut [f32]) {
    let mean = point.iter().copied().map(f64::from).sum::<f64>() / point.len().max(1) as f64;
    let length = point.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>().sqrt();
    let factor = length / f64::from(contrast.scale);
    let divisor = if factor < SHORTEST { 1.0 } else { factor };
    point.iter_mut().for_each(|value| *value = ((f64::from(*value) - mean) / divisor) as f32);
}

/// Brings a sample to [0, 1] with the mean and the deviation of a typical point.
pub fn show(contrast: &Contrast, sample: &mut [f32]) {
    let factor = contrast.deviation * (sample.len() as f32).sqrt() / contrast.scale;
    sample.iter_mut().for_each(|value| *value = (contrast.mean + factor * *value).clamp(0.0, 1.0));
}

#[cfg(test)]
mod tests {
    use super::{Contrast, normalize, show};

    const PUBLISHED: Contrast = Contrast { scale: 55.0, mean: 0.5, deviation: 0.2 };

    #[test]
    fn a_point_has_mean_0_and_the_length_asked_for_and_is_shown_again() {
        let mut point: Vec<f32> = (0..3072).map(|place| 0.5 + 0.2 * (place as f32).sin() * 2.0_f32.sqrt()).collect();
        let before = point.clone();
        normalize(&PUBLISHED, &mut point);
        let mean = point.iter().sum::<f32>() / 3072.0;
        let length = point.iter().map(|value| value * value).sum::<f32>().sqrt();
        assert!(mean.abs() < 1e-5 && (length - 55.0).abs() < 1e-3, "{mean} {length}");
        show(&PUBLISHED, &mut point);
        assert!(point.iter().zip(&before).all(|(after, before)| (after - before).abs() < 2e-3));
    }

    #[test]
    fn a_point_of_one_shade_stays_finite_and_what_is_beyond_white_is_white() {
        let mut point = [0.3; 12];
        normalize(&PUBLISHED, &mut point);
        assert!(point.iter().all(|value| value.abs() < 1e-6));
        let mut sample = [1e9, -1e9];
        show(&PUBLISHED, &mut sample);
        assert_eq!(sample, [1.0, 0.0]);
    }
}
