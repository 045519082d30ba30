use super::describe;
use gand::data::cifar::dataset;

/// Records whose red, green and blue planes are told apart by their values.
fn batch(count: usize) -> Vec<u8> {
    let record = |index: usize| {
        let plane = |first: usize| (0..1024).map(move |place| ((first + place + index) % 256) as u8);
        std::iter::once((index % 10) as u8).chain(plane(0)).chain(plane(50)).chain(plane(100)).collect::<Vec<u8>>()
    };
    (0..count).flat_map(record).collect()
}

#[test]
fn planes_become_pixels_and_the_last_fifth_is_for_validation() {
    let data = dataset(&[batch(20), batch(30)], &batch(7), describe("cifar10")).unwrap();
    assert_eq!([data.train.len, data.validation.len, data.test.len], [40, 10, 7]);
    let first = data.train.to_vec(0..1);
    let byte = |place: usize| (first[place] * 255.0).round() as u8;
    assert_eq!([byte(0), byte(1), byte(2), byte(3)], [0, 50, 100, 1]);
    assert_eq!(data.validation.labels.as_ref().unwrap()[0], 0);
    assert_eq!(data.label_names[3], "cat");
}

#[test]
fn batches_that_are_none_are_refused() {
    let fault = |train: Vec<u8>| dataset(&[train], &batch(1), describe("cifar10")).unwrap_err().to_string();
    assert!(fault(vec![0; 3072]).contains("records have 3073"));
    assert!(fault(Vec::new()).contains("no CIFAR-10 batch"));
    assert!(fault(batch(2)).contains("too few images"));
    let mut wrong = batch(10);
    wrong[0] = 10;
    assert!(fault(wrong).contains("the label 10"));
}
