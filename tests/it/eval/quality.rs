//! Fidelity and diversity: what a classifier sees, and how far features lie apart.

use gand::data::digits::digits;
use gand::eval::Classifier;
use gand::eval::frechet::Moments;
use gand::eval::quality::Yardstick;

#[test]
fn frechet_distances_are_those_of_the_closed_form() {
    let moments = |mean: &[f64], covariance: &[f64]| Moments { mean: mean.to_vec(), covariance: covariance.to_vec() };
    let one = moments(&[0.0, 0.0], &[1.0, 0.0, 0.0, 4.0]);
    assert!(one.distance(&one) < 1e-12);
    // Commuting covariances: |m|² + Σ (√a − √b)².
    let other = moments(&[3.0, 4.0], &[9.0, 0.0, 0.0, 1.0]);
    assert!((one.distance(&other) - (25.0 + 4.0 + 1.0)).abs() < 1e-9, "{}", one.distance(&other));
    // For 2 × 2: tr((A·B)^½) = √(tr(A·B) + 2·√det(A·B)).
    let (a, b) = (moments(&[0.0; 2], &[2.0, 1.0, 1.0, 3.0]), moments(&[0.0; 2], &[1.0, -0.5, -0.5, 2.0]));
    let (trace, determinant) = (2.0 * 1.0 + 2.0 * -0.5 + 3.0 * 2.0, 5.0_f64 * 1.75);
    let expected = 5.0 + 3.0 - 2.0 * (trace + 2.0 * determinant.sqrt()).sqrt();
    assert!((a.distance(&b) - expected).abs() < 1e-9, "{} {expected}", a.distance(&b));
    assert!((a.distance(&b) - b.distance(&a)).abs() < 1e-9);
}

#[test]
fn moments_are_the_mean_and_the_covariance_over_n_minus_1() {
    let found = Moments::of(&[0.0, 1.0, 2.0, 5.0, 4.0, 0.0], 2);
    assert_eq!(found.mean, [2.0, 2.0]);
    assert_eq!(found.covariance, [4.0, -1.0, -1.0, 7.0]);
}

#[test]
fn a_classifier_of_the_digits_knows_them_and_is_the_same_when_kept() {
    let data = digits().unwrap();
    let classifier = Classifier::train(&data).unwrap().unwrap();
    assert!(classifier.accuracy > 0.93, "{}", classifier.accuracy);
    let kept = Classifier::from_bytes(&classifier.to_bytes().unwrap(), 64, 10).unwrap();
    let points = data.validation.to_vec(0..data.validation.len);
    let (one, other) = (classifier.classify(&points, 64).unwrap(), kept.classify(&points, 64).unwrap());
    assert_eq!(one, other);
    assert!((kept.floor - classifier.floor).abs() < 1e-4 * classifier.floor);
    // The shares are those of the validation split: 25 of each.
    assert!(one.shares.iter().all(|share| (share - 0.1).abs() < 0.03), "{:?}", one.shares);
    assert!(Classifier::from_bytes(b"nothing", 64, 10).is_err());
    assert!(Classifier::from_bytes(&classifier.to_bytes().unwrap(), 65, 10).is_err());
}

#[test]
fn real_digits_are_near_the_floor_and_one_digit_repeated_is_far_from_everything() {
    let data = digits().unwrap();
    let classifier = Classifier::train(&data).unwrap();
    let yardstick = Yardstick::new(&data, classifier, 1).unwrap();
    let real = yardstick.hold(&data.train.to_vec(0..data.train.len), 1).unwrap();
    let (frechet, labels) = (real.frechet.unwrap(), real.labels.unwrap());
    assert!((frechet.distance - frechet.floor).abs() < 0.01 * frechet.floor + 1e-6, "{frechet:?}");
    assert!(real.coverage.unwrap().coverage > 0.9, "{:?}", real.coverage);
    assert!((labels.entropy - 10.0_f64.ln()).abs() < 0.05 && (labels.data_entropy - 10.0_f64.ln()).abs() < 0.05);
    let distance = real.pairwise_distance;
    assert!((distance.samples / distance.data - 1.0).abs() < 0.05, "{distance:?}");

    let repeated = yardstick.hold(&data.train.to_vec(0..1).repeat(500), 1).unwrap();
    assert!(repeated.frechet.unwrap().distance > 5.0 * frechet.floor, "{:?}", repeated.frechet);
    assert_eq!((repeated.labels.unwrap().entropy, repeated.pairwise_distance.samples), (0.0, 0.0));
    assert!(repeated.coverage.unwrap().coverage < 0.1);
}

#[test]
fn copies_of_training_examples_are_told_from_data_that_was_held_out() {
    let data = digits().unwrap();
    let yardstick = Yardstick::new(&data, None, 1).unwrap();
    let share = |samples: &[f32]| yardstick.hold(samples, 1).unwrap().copies.unwrap().share;
    let train = data.train.to_vec(0..500);
    assert_eq!(share(&train), 1.0);
    // A little noise on each pixel, as a generator's copies have.
    let noisy: Vec<f32> =
        train.iter().zip(super::cloud(3, 500, 64)).map(|(value, noise)| value + 0.01 * noise).collect();
    assert!(share(&noisy) > 0.9, "{}", share(&noisy));
    let held_out = data.test.to_vec(0..data.test.len.min(500));
    assert!(share(&held_out) < 0.02, "{}", share(&held_out));
    // What is smooth lies near to everything, and is no copy for that.
    let blurred: Vec<f32> = train.iter().zip(&train[64..]).map(|(one, other)| (one + other) / 2.0).collect();
    assert!(share(&blurred) < 0.05, "{}", share(&blurred));
}
