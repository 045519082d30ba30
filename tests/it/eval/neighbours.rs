use super::cloud;
use gand::data::{Pixels, Split, digits::digits};
use gand::eval::neighbours::nearest;

fn split(pixels: Pixels, len: usize, dim: usize) -> Split {
    Split { pixels, labels: None, len, dim }
}

fn exact(sample: &[f32], rows: &[f32], dim: usize) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (index, row) in rows.chunks(dim).enumerate() {
        let distance = sample.iter().zip(row).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best
}

#[test]
fn neighbours_are_those_of_an_exhaustive_search_in_double_precision() {
    for (samples, count, dim) in [(130, 2500, 64), (40, 1100, 784), (300, 5000, 2)] {
        let (samples, rows) = (cloud(1, samples, dim), cloud(2, count, dim));
        let data = split(Pixels::F32(rows.clone().into()), count, dim);
        for threads in [1, 2] {
            let found = nearest(&samples, &data, threads);
            assert_eq!(found.len(), samples.len() / dim);
            for (sample, found) in samples.chunks(dim).zip(&found) {
                let (index, distance) = exact(sample, &rows, dim);
                assert!(found.index == index && (found.distance - distance).abs() < 1e-9, "{found:?} {index}");
            }
        }
    }
}

#[test]
fn bytes_are_compared_as_shares_of_255() {
    let bytes: Vec<u8> = (0..200 * 16).map(|value| (value * 37 % 256) as u8).collect();
    let data = split(Pixels::U8(bytes.into()), 200, 16);
    let found = nearest(&data.to_vec(50..60), &data, 1);
    assert_eq!(found.len(), 10);
    assert!(found.iter().zip(50..).all(|(found, index)| found.index <= index && found.distance == 0.0), "{found:?}");
}

#[test]
fn of_equal_examples_the_first_is_named_however_many_there_are() {
    let data = split(Pixels::F32(vec![0.25; 3000 * 4].into()), 3000, 4);
    let found = nearest(&[0.25, 0.25, 0.25, 0.5], &data, 1);
    assert_eq!((found[0].index, found[0].distance), (0, 0.25));
}

#[test]
fn a_training_example_is_its_own_neighbour() {
    let data = digits().unwrap();
    let found = nearest(&data.train.to_vec(0..data.train.len), &data.train, 2);
    assert_eq!(found.len(), data.train.len);
    assert!(found.iter().all(|found| found.distance == 0.0));
    assert!(found.iter().enumerate().all(|(index, found)| found.index == index));
}
