//! `digits`: the UCI optical digits, 1,797 real handwritten digits of 8 × 8 pixels. Part of the program, so that gand
//! shows something real on a machine without data or network.

use super::random::Stream;
use super::{Dataset, DatasetError, Pixels, Shape, Split, digest::digest};
use std::sync::Arc;

/// Its name.
pub const NAME: &str = "digits";
/// The shape of a point.
pub const SHAPE: Shape = Shape { height: 8, width: 8, channels: 1 };
/// Points in train, validation and test.
pub const COUNTS: [usize; 3] = [1297, 250, 250];
/// Under which terms it may be used.
pub const LICENCE: &str = "CC BY 4.0";
/// Where it comes from.
pub const ORIGIN: &str = "UCI Machine Learning Repository, Optical Recognition of Handwritten Digits (Alpaydin, Kaynak, 1998), \
     test part, as shipped with the smartcore crate";

const CLASSES: usize = 10;
/// A pixel counts the set dots of a 4 × 4 block.
const LARGEST: f32 = 16.0;
/// The published order goes writer by writer; a split by position would test on other hands than it trains on, and
/// with other shares of each digit. So: one shuffle that never changes, then 25 of each digit for each held-out split.
const SHUFFLE_SEED: u64 = 8;

/// The dataset, pixels in [0, 1].
///
/// # Errors
///
/// If the copy within the program is not the 1,797 digits it should be.
pub fn digits() -> Result<Dataset, DatasetError> {
    let source = smartcore::dataset::digits::load_dataset();
    let (points, dim) = (source.num_samples, source.num_features);
    if points != COUNTS.iter().sum::<usize>()
        || dim != SHAPE.len()
        || source.data.len() != points * dim
        || source.target.len() != points
        || source.data.iter().any(|value| !(0.0..=LARGEST).contains(value))
    {
        return Err(DatasetError::Malformed(format!("the built-in digits are {points} points of {dim} numbers")));
    }
    let mut members: [Vec<usize>; 3] = Default::default();
    let held_out = COUNTS[1] / CLASSES;
    let mut seen = [0_usize; CLASSES];
    for index in Stream::new(SHUFFLE_SEED, 0).permutation(points) {
        let count = &mut seen[usize::from(label_of(source.target[index])?)];
        let split = match *count / held_out {
            0 => 1,
            1 => 2,
            _ => 0,
        };
        *count += 1;
        members[split].push(index);
    }
    let [train, validation, test] = members.map(|indices| -> Result<Split, DatasetError> {
        let pixels: Vec<f32> = indices
            .iter()
            .flat_map(|index| source.data[index * dim..(index + 1) * dim].iter().map(|value| value / LARGEST))
            .collect();
        let labels = indices.iter().map(|index| label_of(source.target[*index])).collect::<Result<Vec<u8>, _>>()?;
        Ok(Split { pixels: Pixels::F32(pixels.into()), labels: Some(Arc::from(labels)), len: indices.len(), dim })
    });
    let (train, validation, test) = (train?, validation?, test?);
    Ok(Dataset {
        name: NAME.to_owned(),
        shape: SHAPE,
        digest: digest(SHAPE, [&train, &validation, &test]),
        train,
        validation,
        test,
        label_names: label_names(),
        licence: LICENCE.to_owned(),
        origin: ORIGIN.to_owned(),
    })
}

/// "0" to "9".
#[must_use]
pub fn label_names() -> Vec<String> {
    (0..CLASSES).map(|digit| digit.to_string()).collect()
}

fn label_of(target: f32) -> Result<u8, DatasetError> {
    if (0.0..CLASSES as f32).contains(&target) && target.fract() == 0.0 {
        Ok(target as u8)
    } else {
        Err(DatasetError::Malformed(format!("the built-in digits hold the label {target}")))
    }
}
