use gand::data::digits::{COUNTS, SHAPE, digits};

#[test]
fn every_digit_has_25_examples_in_each_held_out_split() {
    let data = digits().unwrap();
    assert_eq!([data.train.len, data.validation.len, data.test.len], COUNTS);
    for split in [&data.validation, &data.test] {
        let mut counts = [0; 10];
        for label in split.labels.as_ref().unwrap().iter() {
            counts[usize::from(*label)] += 1;
        }
        assert_eq!(counts, [25; 10]);
    }
}

#[test]
fn pixels_are_in_the_unit_interval_and_use_all_of_it() {
    let data = digits().unwrap();
    let values = data.train.to_vec(0..data.train.len);
    assert_eq!(values.len(), data.train.len * SHAPE.len());
    assert_eq!(values.iter().copied().fold(f32::INFINITY, f32::min), 0.0);
    assert_eq!(values.iter().copied().fold(0.0, f32::max), 1.0);
}

#[test]
fn the_splits_share_no_example() {
    let data = digits().unwrap();
    let rows = |split: &gand::data::Split| -> std::collections::HashSet<Vec<u32>> {
        let values = split.to_vec(0..split.len);
        values.chunks(64).map(|row| row.iter().map(|value| value.to_bits()).collect()).collect()
    };
    let (train, validation, test) = (rows(&data.train), rows(&data.validation), rows(&data.test));
    assert!(train.is_disjoint(&validation) && train.is_disjoint(&test) && validation.is_disjoint(&test));
}

#[test]
fn the_digest_never_changes() {
    let data = digits().unwrap();
    assert_eq!(data.digest, "5130d58b29e68ce1e3383ff30d884caa080c664e7594def5848e8d683dbb770f");
}
