use super::cloud;
use crate::support::machine::python;
use gand::data::digits::digits;
use gand::data::npy;
use gand::eval::coverage::{NEIGHBOURS, coverage};
use gand::eval::spread::spread;

#[test]
fn density_and_coverage_agree_with_numpy() {
    let folder = tempfile::tempdir().unwrap();
    for (samples, points, dim) in [(300, 200, 64), (130, 260, 3)] {
        let (samples, points) = (cloud(1, samples, dim), cloud(1, points, dim));
        let samples: Vec<f32> = samples.iter().map(|value| value * 1.02).collect();
        let Some(mut command) = python("eval::coverage::density_and_coverage_agree_with_numpy") else { return };
        let paths = ["samples.npy", "points.npy"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], npy::encode(&[samples.len() / dim, dim], &samples)).unwrap();
        std::fs::write(&paths[1], npy::encode(&[points.len() / dim, dim], &points)).unwrap();
        let output = command.arg("tests/peers/coverage.py").args(&paths).arg(NEIGHBOURS.to_string()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let expected: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = coverage(&samples, &points, dim, 2).unwrap();
        assert!((found.density - expected["density"].as_f64().unwrap()).abs() < 2e-3, "{found:?} {expected}");
        assert!((found.coverage - expected["coverage"].as_f64().unwrap()).abs() < 5e-3, "{found:?} {expected}");
    }
}

#[test]
fn the_data_itself_is_covered_and_one_image_repeated_is_not() {
    let data = digits().unwrap();
    let (train, test) = (data.train.to_vec(0..1000), data.test.to_vec(0..250));
    let real = coverage(&train, &test, 64, 1).unwrap();
    assert!(real.coverage > 0.95 && real.density > 0.6, "{real:?}");
    let one = train[..64].repeat(1000);
    let collapsed = coverage(&one, &test, 64, 1).unwrap();
    assert!(collapsed.coverage < 0.1, "{collapsed:?}");
    assert!(spread(&one, 64) == 0.0 && spread(&train, 64) > 1.0);
}

#[test]
fn too_few_points_have_no_balls() {
    assert_eq!(coverage(&[0.0; 10], &[0.0; 5], 1, 1), None);
    assert_eq!(coverage(&[], &[0.0; 10], 1, 1), None);
}

#[test]
fn spread_is_the_root_mean_square_of_all_pair_distances() {
    let points = cloud(9, 40, 3);
    let rows: Vec<&[f32]> = points.chunks(3).collect();
    let mut total = 0.0;
    for a in &rows {
        for b in &rows {
            total += a.iter().zip(*b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        }
    }
    assert!((spread(&points, 3) - (total / 1600.0).sqrt()).abs() < 1e-6);
}
