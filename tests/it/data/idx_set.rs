use gand::data::Description;
use gand::data::idx::encode;
use gand::data::idx_set::{Files, counts, dataset};
use gand::data::{Dataset, DatasetError};

fn describe() -> Description {
    Description { name: "small".into(), label_names: Vec::new(), licence: "CC0".into(), origin: "this test".into() }
}

fn images(count: usize, side: usize) -> Vec<u8> {
    let values: Vec<u8> = (0..count * side * side).map(|value| (value % 251) as u8).collect();
    encode(&[count, side, side], &values).unwrap()
}

fn labels(count: usize) -> Vec<u8> {
    encode(&[count], &(0..count).map(|label| (label % 3) as u8).collect::<Vec<u8>>()).unwrap()
}

fn load(
    train: &[u8],
    train_labels: Option<&[u8]>,
    test: Option<&[u8]>,
    test_labels: Option<&[u8]>,
) -> Result<Dataset, String> {
    let files = Files { train_images: train, train_labels, test_images: test, test_labels };
    dataset(files, describe()).map_err(|error| match error {
        DatasetError::Malformed(detail) | DatasetError::TooLarge(detail) => detail,
    })
}

#[test]
fn mnist_is_split_as_the_published_protocol_says() {
    assert_eq!(counts(60_000, Some(10_000)), [50_000, 10_000, 10_000]);
}

#[test]
fn a_small_set_gives_a_sixth_to_validation_and_without_a_test_file_another_to_test() {
    assert_eq!(counts(60, Some(20)), [50, 10, 20]);
    assert_eq!(counts(60, None), [40, 10, 10]);
}

#[test]
fn splits_are_consecutive_and_keep_their_labels() {
    let data = load(&images(60, 2), Some(&labels(60)), Some(&images(6, 2)), Some(&labels(6))).unwrap();
    assert_eq!([data.train.len, data.validation.len, data.test.len], [50, 10, 6]);
    assert_eq!(data.label_names, ["0", "1", "2"]);
    assert_eq!(data.validation.labels.as_ref().unwrap()[..3], [50 % 3, 51 % 3, 52 % 3].map(|label| label as u8));
    let first_of_validation = data.validation.to_vec(0..1);
    let expected: Vec<f32> = (200..204).map(|value| value as f32 / 255.0).collect();
    assert_eq!(first_of_validation, expected);
    assert_eq!(data.test.to_vec(0..1), data.train.to_vec(0..1));
}

#[test]
fn the_digest_tells_data_apart_and_nothing_else() {
    let (train, test) = (images(60, 2), images(6, 2));
    let plain = load(&train, None, Some(&test), None).unwrap().digest;
    assert_eq!(plain, load(&train, None, Some(&test), None).unwrap().digest);
    let with_labels = load(&train, Some(&labels(60)), Some(&test), Some(&labels(6))).unwrap().digest;
    assert_ne!(plain, with_labels);
    assert_ne!(plain, load(&train, None, None, None).unwrap().digest);
    assert_eq!(plain.len(), 64);
}

#[test]
fn files_that_do_not_fit_are_refused_with_the_reason() {
    let (train, test) = (images(60, 2), images(6, 2));
    let fault = |result: Result<Dataset, String>| result.unwrap_err();
    assert!(fault(load(&train, Some(&labels(59)), Some(&test), Some(&labels(6)))).contains("60 training images"));
    assert!(fault(load(&train, None, Some(&images(6, 3)), None)).contains("sizes differ"));
    assert!(fault(load(&train, Some(&labels(60)), Some(&test), None)).contains("or neither"));
    assert!(fault(load(&train, None, None, Some(&labels(6)))).contains("no test images"));
    assert!(fault(load(&images(3, 2), None, Some(&test), None)).contains("too few points"));
    assert!(fault(load(&labels(60), None, None, None)).contains("not the sizes of images"));
    assert!(fault(load(&train[..100], None, None, None)).starts_with("training images: "));
    let huge = load(&[0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255], None, None, None);
    assert!(fault(huge).contains("more than"));
}

#[test]
fn more_labels_than_names_are_refused() {
    let description = Description { label_names: vec!["a".into(), "b".into()], ..describe() };
    let (train, train_labels) = (images(60, 2), labels(60));
    let files = Files { train_images: &train, train_labels: Some(&train_labels), test_images: None, test_labels: None };
    assert!(dataset(files, description).unwrap_err().to_string().contains("a label is 2"));
}
