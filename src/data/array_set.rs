//! A dataset from arrays: `x_train`, `y_train`, `x_test`, `y_test` (and `x_validation`), or one array of points that is
//! split here.

use super::dataset::{malformed, too_few};
use super::npy::Array;
use super::random::Stream;
use super::{Dataset, DatasetError, Description, Pixels, Shape, Split};

/// Of points without a split, one in so many is for validation and one for testing.
const SHARE: usize = 10;
const SPLIT_SEED: u64 = 10;
/// Numbers in one point.
const MAX_DIM: usize = 1 << 20;
const TRAIN: [&str; 5] = ["x_train", "train", "train_images", "x", "images"];
const TRAIN_LABELS: [&str; 5] = ["y_train", "train_labels", "y", "labels", "label"];
const VALIDATION: [&str; 4] = ["x_validation", "validation", "x_valid", "x_val"];
const VALIDATION_LABELS: [&str; 4] = ["y_validation", "validation_labels", "y_valid", "y_val"];
const TEST: [&str; 3] = ["x_test", "test", "test_images"];
const TEST_LABELS: [&str; 2] = ["y_test", "test_labels"];

/// The dataset of named arrays. Points are N × H × W, N × H × W × 1 or 3, or N × D; labels are N bytes.
///
/// # Errors
///
/// If there is no array of points, shapes do not fit, a number is not finite, or there are too few points.
pub fn dataset(arrays: &[(String, Array)], description: Description) -> Result<Dataset, DatasetError> {
    let find = |names: &[&str]| {
        names.iter().find_map(|name| arrays.iter().find(|(found, _)| found == name)).map(|(_, array)| array)
    };
    let train = match (find(&TRAIN), arrays) {
        (Some(array), _) | (None, [(_, array)]) => array,
        _ => {
            let names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
            return Err(malformed(format!("the arrays {names:?} hold no points: call them x_train, or x")));
        }
    };
    let shape = shape(train)?;
    let part = |points: &Array, labels: Option<&Array>| part(points, labels, shape);
    let mut train = part(train, find(&TRAIN_LABELS))?;
    let mut held_out = [
        find(&VALIDATION).map(|points| part(points, find(&VALIDATION_LABELS))).transpose()?,
        find(&TEST).map(|points| part(points, find(&TEST_LABELS))).transpose()?,
    ];
    if held_out.iter().any(Option::is_none) {
        let order = Stream::new(SPLIT_SEED, 0).permutation(train.len);
        let mut dealt = [Vec::new(), Vec::new(), Vec::new()];
        for (place, point) in order.into_iter().enumerate() {
            match place % SHARE {
                1 if held_out[0].is_none() => dealt[1].push(point),
                2 if held_out[1].is_none() => dealt[2].push(point),
                _ => dealt[0].push(point),
            }
        }
        dealt[0].sort_unstable();
        for (held_out, chosen) in held_out.iter_mut().zip(&dealt[1..]) {
            held_out.get_or_insert_with(|| chosen_of(&train, chosen));
        }
        train = chosen_of(&train, &dealt[0]);
    }
    let [Some(validation), Some(test)] = held_out else { return Err(malformed("there are no splits")) };
    let splits = [&train, &validation, &test];
    if splits.iter().any(|split| split.len == 0) {
        return Err(too_few(splits.map(|split| split.len)));
    }
    let labelled = splits.map(|split| split.labels.is_some());
    if labelled.contains(&true) && labelled.contains(&false) {
        return Err(malformed("either all splits have labels, or none"));
    }
    let classes = splits.iter().filter_map(|split| split.labels.as_ref()?.iter().max()).max();
    let classes = classes.map_or(0, |largest| usize::from(*largest) + 1);
    let label_names = if description.label_names.len() >= classes {
        description.label_names
    } else {
        (0..classes).map(|label| label.to_string()).collect()
    };
    Ok(Description { label_names, ..description }.of([train, validation, test], shape))
}

fn shape(points: &Array) -> Result<Shape, DatasetError> {
    let shape = match points.shape[..] {
        [_, dim] => Shape { height: 1, width: dim, channels: 1 },
        [_, height, width] => Shape { height, width, channels: 1 },
        [_, height, width, channels @ (1 | 3)] => Shape { height, width, channels },
        _ => {
            let shape = &points.shape;
            return Err(malformed(format!("points of {shape:?}: N x H x W, N x H x W x 1 or 3, or N x D is needed")));
        }
    };
    if shape.is_empty() || shape.len() > MAX_DIM {
        return Err(DatasetError::TooLarge(format!("points of {} numbers; 1 to {MAX_DIM}", shape.len())));
    }
    Ok(shape)
}

fn part(points: &Array, labels: Option<&Array>, expected: Shape) -> Result<Split, DatasetError> {
    let (len, dim) = points.rows();
    if shape(points)? != expected {
        return Err(malformed(format!("points of {:?} beside points of other sizes", points.shape)));
    }
    if let Pixels::F32(values) = &points.values
        && let Some(place) = values.iter().position(|value| !value.is_finite())
    {
        return Err(malformed(format!("number {place} of the points is {}", values[place])));
    }
    if let Pixels::F32(values) = &points.values
        && expected.is_image()
        && let Some(place) = values.iter().position(|value| !(0.0..=1.0).contains(value))
    {
        let value = values[place];
        return Err(malformed(format!(
            "number {place} of the images is {value}: images are uint8, or float32 between 0 and 1 (of -1 to 1 make \
             (x + 1) / 2, of 0 to 255 x / 255)"
        )));
    }
    let labels = labels.map(|labels| match &labels.values {
        Pixels::U8(values) if values.len() == len => Ok(values.clone()),
        _ => Err(malformed(format!("{len} points but labels of {:?}; {len} bytes (uint8) are needed", labels.shape))),
    });
    Ok(Split { pixels: points.values.clone(), labels: labels.transpose()?, len, dim })
}

fn chosen_of(split: &Split, chosen: &[usize]) -> Split {
    let dim = split.dim;
    let pixels = match &split.pixels {
        Pixels::U8(bytes) => {
            Pixels::U8(chosen.iter().flat_map(|place| &bytes[place * dim..(place + 1) * dim]).copied().collect())
        }
        Pixels::F32(values) => {
            Pixels::F32(chosen.iter().flat_map(|place| &values[place * dim..(place + 1) * dim]).copied().collect())
        }
    };
    let labels = split.labels.as_ref().map(|labels| chosen.iter().map(|place| labels[*place]).collect());
    Split { pixels, labels, len: chosen.len(), dim }
}
