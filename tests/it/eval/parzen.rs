use super::cloud;
use crate::support::machine::{data_dir_with, python};
use gand::data::{Pixels, Split, digits::digits, npy};
use gand::eval::parzen::{log_likelihoods, logarithmic_grid};
use gand::eval::{ParzenError, Protocol, parzen};
use gand::library::Library;
use std::path::Path;

const BANDWIDTHS: [f64; 3] = [0.1, 0.2, 1.0];

/// The script's log-likelihoods, one row a bandwidth.
fn reference(folder: &Path, samples: &[f32], points: &[f32], dim: usize, test: &str) -> Option<Vec<Vec<f64>>> {
    let mut command = python(test)?;
    let paths = ["samples.npy", "points.npy", "out"].map(|name| folder.join(name));
    std::fs::write(&paths[0], npy::encode(&[samples.len() / dim, dim], samples)).unwrap();
    std::fs::write(&paths[1], npy::encode(&[points.len() / dim, dim], points)).unwrap();
    let output = command
        .arg("tests/peers/parzen.py")
        .args(&paths)
        .args(BANDWIDTHS.map(|bandwidth| bandwidth.to_string()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(&paths[2]).unwrap();
    let values: Vec<f64> = bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    Some(values.chunks(points.len() / dim).map(<[f64]>::to_vec).collect())
}

fn assert_close(found: &[Vec<f64>], expected: &[Vec<f64>], what: &str) {
    assert_eq!(found.len(), expected.len());
    for ((found, expected), bandwidth) in found.iter().zip(expected).zip(BANDWIDTHS) {
        assert_eq!(found.len(), expected.len());
        let errors = found.iter().zip(expected).map(|(found, expected)| found - expected);
        let worst = errors.clone().fold(0.0, |worst: f64, error| worst.max(error.abs()));
        let mean = errors.sum::<f64>() / found.len() as f64;
        assert!(worst < 0.05 && mean.abs() < 0.01, "{what}, {bandwidth}: {worst} a point, {mean} in the mean");
    }
}

#[test]
fn log_likelihoods_agree_with_numpy_in_double_precision() {
    let name = "eval::parzen::log_likelihoods_agree_with_numpy_in_double_precision";
    let folder = tempfile::tempdir().unwrap();
    // Sizes that fill no tile, one that spans several, far-away points, and very small dimensions.
    for (samples, points, dim) in [(1, 1, 1), (1500, 300, 784), (2500, 131, 64), (3000, 200, 2), (700, 70, 3072)] {
        let (samples, mut points) = (cloud(1, samples, dim), cloud(2, points, dim));
        points[0] = 40.0;
        let Some(expected) = reference(folder.path(), &samples, &points, dim, name) else { return };
        let found = log_likelihoods(&samples, &points, dim, &BANDWIDTHS, 2);
        assert_close(&found, &expected, &format!("{dim} dimensions"));
    }
}

#[test]
fn log_likelihoods_of_real_digits_agree_with_numpy() {
    let name = "eval::parzen::log_likelihoods_of_real_digits_agree_with_numpy";
    let folder = tempfile::tempdir().unwrap();
    let data = digits().unwrap();
    let (samples, points) = (data.train.to_vec(0..data.train.len), data.test.to_vec(0..data.test.len));
    let Some(expected) = reference(folder.path(), &samples, &points, 64, name) else { return };
    assert_close(&log_likelihoods(&samples, &points, 64, &BANDWIDTHS, 2), &expected, "digits");
}

#[test]
fn log_likelihoods_of_real_mnist_agree_with_numpy() {
    let name = "eval::parzen::log_likelihoods_of_real_mnist_agree_with_numpy";
    let Some(root) = data_dir_with("mnist", name) else { return };
    let data = Library::new(vec![root]).get("mnist").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (samples, points) = (data.train.to_vec(0..2000), data.test.to_vec(0..200));
    let Some(expected) = reference(folder.path(), &samples, &points, 784, name) else { return };
    assert_close(&log_likelihoods(&samples, &points, 784, &BANDWIDTHS, 2), &expected, "mnist");
}

#[test]
fn training_images_of_mnist_score_what_double_precision_gives() {
    let Some(root) = data_dir_with("mnist", "eval::parzen::training_images_of_mnist_score_what_double_precision_gives")
    else {
        return;
    };
    let data = Library::new(vec![root]).get("mnist").unwrap();
    let samples = data.train.to_vec(0..10_000);
    let result = parzen::evaluate(&Protocol::goodfellow2014(), &samples, &data.validation, &data.test, 2).unwrap();
    assert!((result.bandwidth - 0.166_810).abs() < 1e-6, "{result:?}");
    assert!((result.log_likelihood - 241.1929).abs() < 0.01, "{result:?}");
    assert!((result.standard_error - 2.1303).abs() < 0.001, "{result:?}");
    let best = result.validation_curve.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert!((best - 238.1233).abs() < 0.01, "{result:?}");
    assert_eq!((result.samples, result.test_points, result.protocol.as_str()), (10_000, 10_000, "goodfellow2014"));
}

#[test]
fn the_result_is_the_same_for_any_number_of_threads() {
    let (samples, points) = (cloud(3, 2500, 64), cloud(4, 700, 64));
    let alone = log_likelihoods(&samples, &points, 64, &BANDWIDTHS, 1);
    for threads in [2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let together = pool.install(|| log_likelihoods(&samples, &points, 64, &BANDWIDTHS, threads));
        assert!(alone == together, "{threads} threads");
    }
}

#[test]
fn a_point_is_scored_the_same_alone_and_among_others() {
    let (samples, points) = (cloud(5, 1300, 64), cloud(6, 300, 64));
    let all = log_likelihoods(&samples, &points, 64, &[0.2], 1).concat();
    for place in [0, 127, 128, 299] {
        let one = log_likelihoods(&samples, &points[place * 64..(place + 1) * 64], 64, &[0.2], 1).concat();
        assert!((one[0] - all[place]).abs() < 1e-3, "{} {}", one[0], all[place]);
    }
}

#[test]
fn one_sample_on_its_point_gives_the_gaussians_peak() {
    let point = [0.3_f32; 784];
    let peak = -784.0 * (0.2 * std::f64::consts::TAU.sqrt()).ln();
    assert!((peak - 541.35).abs() < 0.01);
    let found = log_likelihoods(&point, &point, 784, &[0.2], 1).concat();
    assert!((found[0] - peak).abs() < 1e-6, "{found:?}");
}

#[test]
fn grids_are_those_of_the_protocols() {
    let grid = Protocol::goodfellow2014().bandwidth_grid;
    let published = [0.1, 0.1292, 0.1668, 0.2154, 0.2783, 0.3594, 0.4642, 0.5995, 0.7743, 1.0];
    assert!(grid.len() == 10 && grid.iter().zip(published).all(|(found, expected)| (found - expected).abs() < 1e-4));
    let fine = Protocol::fine().bandwidth_grid;
    assert_eq!(fine.len(), 40);
    assert!((fine[0] - 0.08).abs() < 1e-12 && (fine[39] - 0.5).abs() < 1e-12);
    assert_eq!(logarithmic_grid(0.0, 1.0, 1), [1.0]);
    assert_eq!(Protocol::of(10_000, 1_000, Protocol::fine().bandwidth_grid), Protocol::fine());
    assert_eq!(Protocol::of(500, 1_000, Protocol::fine().bandwidth_grid).name, "custom");
    assert_eq!(Protocol::by_name("goodfellow2014"), Some(Protocol::goodfellow2014()));
    assert_eq!(Protocol::by_name("custom"), None);
}

#[test]
fn samples_that_cannot_be_scored_are_refused_with_the_reason() {
    let data = digits().unwrap();
    let protocol = Protocol::goodfellow2014();
    let score = |samples: &[f32]| parzen::evaluate(&protocol, samples, &data.validation, &data.test, 1);
    assert_eq!(score(&[]), Err(ParzenError::Empty("samples")));
    assert_eq!(score(&[0.5; 65]), Err(ParzenError::Shape { length: 65, dim: 64 }));
    for bad in [f32::NAN, f32::INFINITY, 1e30] {
        let mut samples = vec![0.5; 128];
        samples[70] = bad;
        assert!(matches!(score(&samples), Err(ParzenError::NotFinite { index: 70, .. })), "{bad}");
    }
    let empty = Split { pixels: Pixels::F32(Vec::new().into()), labels: None, len: 0, dim: 64 };
    let result = parzen::evaluate(&protocol, &[0.5; 64], &data.validation, &empty, 1);
    assert_eq!(result, Err(ParzenError::Empty("test points")));
    let zero = Protocol::of(10, 10, vec![0.1, 0.0]);
    let result = parzen::evaluate(&zero, &[0.5; 64], &data.validation, &data.test, 1);
    assert_eq!(result, Err(ParzenError::Bandwidth(0.0)));
}

#[test]
fn very_large_samples_still_give_finite_scores() {
    let data = digits().unwrap();
    let samples = vec![1e15_f32; 640];
    let result = parzen::evaluate(&Protocol::goodfellow2014(), &samples, &data.validation, &data.test, 1).unwrap();
    assert!(result.log_likelihood.is_finite() && result.standard_error.is_finite(), "{result:?}");
}
