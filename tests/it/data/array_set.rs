use super::describe;
use gand::data::array_set::dataset;
use gand::data::npy::Array;
use gand::data::{Pixels, Shape};

fn bytes(shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    Array { shape: shape.to_vec(), values: Pixels::U8((0..count).map(|value| (value % 256) as u8).collect()) }
}

fn labels(count: usize) -> Array {
    Array { shape: vec![count], values: Pixels::U8((0..count).map(|label| (label % 3) as u8).collect()) }
}

fn named(arrays: Vec<(&str, Array)>) -> Vec<(String, Array)> {
    arrays.into_iter().map(|(name, array)| (name.to_owned(), array)).collect()
}

#[test]
fn one_array_is_split_in_the_same_way_every_time() {
    let arrays = named(vec![("anything", bytes(&[100, 2, 3]))]);
    let data = dataset(&arrays, describe("a")).unwrap();
    assert_eq!(data.shape, Shape { height: 2, width: 3, channels: 1 });
    assert_eq!([data.train.len, data.validation.len, data.test.len], [80, 10, 10]);
    assert_eq!(data.digest, dataset(&arrays, describe("b")).unwrap().digest);
    let mut first: Vec<f32> = [&data.train, &data.validation, &data.test]
        .iter()
        .flat_map(|split| split.to_vec(0..split.len).chunks(6).map(|row| row[0] * 255.0).collect::<Vec<_>>())
        .collect();
    first.sort_by(f32::total_cmp);
    let mut expected: Vec<f32> = (0..100).map(|row| (row * 6 % 256) as f32).collect();
    expected.sort_by(f32::total_cmp);
    assert!(first.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-3));
}

#[test]
fn named_splits_and_labels_are_kept_as_they_are() {
    let arrays = named(vec![
        ("x_train", bytes(&[50, 2, 2])),
        ("y_train", labels(50)),
        ("x_test", bytes(&[9, 2, 2])),
        ("y_test", labels(9)),
    ]);
    let data = dataset(&arrays, describe("keras")).unwrap();
    assert_eq!([data.train.len, data.validation.len, data.test.len], [45, 5, 9]);
    assert_eq!(data.label_names, ["0", "1", "2"]);
    assert_eq!(data.test.labels.as_ref().unwrap()[..], [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn arrays_that_make_no_dataset_are_refused_with_the_reason() {
    let fault = |arrays| dataset(&named(arrays), describe("x")).unwrap_err().to_string();
    assert!(fault(vec![("a", bytes(&[9, 2])), ("b", bytes(&[9, 2]))]).contains("hold no points"));
    assert!(fault(vec![("x", bytes(&[9]))]).contains("N x D"));
    assert!(fault(vec![("x", bytes(&[50, 2, 2, 4]))]).contains("N x H x W"));
    assert!(fault(vec![("x", bytes(&[1, 2, 2]))]).contains("too few points"));
    assert!(fault(vec![("x", bytes(&[50, 2])), ("y", labels(49))]).contains("labels of [49]"));
    assert!(fault(vec![("x", bytes(&[50, 2])), ("x_test", bytes(&[50, 3]))]).contains("other sizes"));
    let nan = Array { shape: vec![50, 1], values: Pixels::F32(vec![f32::NAN; 50].into()) };
    assert!(fault(vec![("x", nan)]).contains("NaN"));
    let floats = |shape: &[usize], last: f32| {
        let mut values = vec![0.5; shape.iter().product()];
        *values.last_mut().unwrap() = last;
        Array { shape: shape.to_vec(), values: Pixels::F32(values.into()) }
    };
    for outside in [255.0, -1.0] {
        assert!(fault(vec![("x", floats(&[50, 2, 2], outside))]).contains("between 0 and 1"), "{outside}");
        // Points that are no images may lie anywhere.
        assert!(dataset(&named(vec![("x", floats(&[50, 2], outside))]), describe("x")).is_ok(), "{outside}");
    }
    assert!(dataset(&named(vec![("x", floats(&[50, 2, 2], 1.0))]), describe("x")).is_ok());
    assert!(fault(vec![("x", bytes(&[50, 2])), ("y", labels(50)), ("x_test", bytes(&[5, 2]))]).contains("or none"));
    assert!(fault(vec![("x", bytes(&[3, 0]))]).contains("points of 0 numbers"));
}
