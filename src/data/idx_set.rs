//! A dataset from MNIST's four files, and from any other four files like them.

use super::dataset::{malformed, too_few};
use super::idx::{self, Idx};
use super::{Dataset, DatasetError, Description, Pixels, Shape, Split};

/// Points that a split for validation takes from the end of the training file, unless the file is small.
const VALIDATION: usize = 10_000;
/// Of a small training file, one point in so many is for validation (and for testing, where no test file is).
const SHARE: usize = 6;

/// The name of the file with training images.
pub const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
/// The name of the file with their labels.
pub const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
/// The name of the file with test images.
pub const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
/// The name of the file with their labels.
pub const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// The bytes of the files, each plain or gzip.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// `train-images-idx3-ubyte`.
    pub train_images: &'a [u8],
    /// `train-labels-idx1-ubyte`.
    pub train_labels: Option<&'a [u8]>,
    /// `t10k-images-idx3-ubyte`.
    pub test_images: Option<&'a [u8]>,
    /// `t10k-labels-idx1-ubyte`.
    pub test_labels: Option<&'a [u8]>,
}

/// How many of a training file's points are for training, validation and testing. MNIST's 60,000: the first 50,000, the
/// last 10,000, none. Without a test file the last points are the test split.
#[must_use]
pub fn counts(train_file: usize, test_file: Option<usize>) -> [usize; 3] {
    let held_out = VALIDATION.min(train_file / SHARE);
    match test_file {
        Some(test) => [train_file - held_out, held_out, test],
        None => [train_file - 2 * held_out, held_out, held_out],
    }
}

/// The shape of a point, from the sizes in an image file's header: N, height, width and perhaps channels.
///
/// # Errors
///
/// If these are not the sizes of images.
pub fn shape(sizes: &[usize]) -> Result<Shape, DatasetError> {
    let shape = match *sizes {
        [_, height, width] => Shape { height, width, channels: 1 },
        [_, height, width, channels @ (1 | 3)] => Shape { height, width, channels },
        _ => return Err(malformed(format!("{sizes:?} are not the sizes of images (N, height, width[, 1 or 3])"))),
    };
    if shape.is_empty() {
        return Err(malformed(format!("images of {sizes:?} are empty")));
    }
    Ok(shape)
}

/// The dataset.
///
/// # Errors
///
/// If a file is no IDX file, they do not fit one another, or there are too few points to split.
pub fn dataset(files: Files<'_>, description: Description) -> Result<Dataset, DatasetError> {
    let train_images = named("training images", files.train_images)?;
    let train_labels = files.train_labels.map(|bytes| named("training labels", bytes)).transpose()?;
    let test_images = files.test_images.map(|bytes| named("test images", bytes)).transpose()?;
    let test_labels = files.test_labels.map(|bytes| named("test labels", bytes)).transpose()?;

    let shape = shape(&train_images.sizes)?;
    if let Some(test) = &test_images
        && test.sizes[1..] != train_images.sizes[1..]
    {
        return Err(malformed(format!(
            "training images are {:?}, test images {:?}: the sizes differ",
            train_images.sizes, test.sizes
        )));
    }
    if test_labels.is_some() && test_images.is_none() {
        return Err(malformed("there are test labels but no test images".to_owned()));
    }
    check_labels("training", &train_images, train_labels.as_ref())?;
    if let Some(test) = &test_images {
        check_labels("test", test, test_labels.as_ref())?;
        if train_labels.is_some() != test_labels.is_some() {
            return Err(malformed("either both the training and the test images have labels, or neither".to_owned()));
        }
    }

    let sizes = counts(train_images.sizes[0], test_images.as_ref().map(|test| test.sizes[0]));
    if sizes.contains(&0) {
        return Err(too_few(sizes));
    }
    let classes = classes(train_labels.as_ref(), test_labels.as_ref());
    let label_names = label_names(description.label_names, classes)?;

    let of_train = |from: usize, len: usize| split(&train_images, train_labels.as_ref(), from, len);
    let train = of_train(0, sizes[0]);
    let validation = of_train(sizes[0], sizes[1]);
    let test = match &test_images {
        Some(images) => split(images, test_labels.as_ref(), 0, sizes[2]),
        None => of_train(sizes[0] + sizes[1], sizes[2]),
    };
    Ok(Description { label_names, ..description }.of([train, validation, test], shape))
}

fn named(what: &str, bytes: &[u8]) -> Result<Idx, DatasetError> {
    idx::parse(bytes).map_err(|error| match error {
        DatasetError::Malformed(detail) => malformed(format!("{what}: {detail}")),
        DatasetError::TooLarge(detail) => DatasetError::TooLarge(format!("{what}: {detail}")),
    })
}

fn check_labels(which: &str, images: &Idx, labels: Option<&Idx>) -> Result<(), DatasetError> {
    match labels {
        Some(labels) if labels.sizes.len() != 1 || labels.sizes[0] != images.sizes[0] => {
            Err(malformed(format!("{} {which} images but labels of {:?}", images.sizes[0], labels.sizes)))
        }
        _ => Ok(()),
    }
}

/// One more than the largest label.
fn classes(train: Option<&Idx>, test: Option<&Idx>) -> usize {
    let labels = [train, test].into_iter().flatten().flat_map(|labels| &labels.values);
    labels.max().map_or(0, |largest| usize::from(*largest) + 1)
}

fn label_names(given: Vec<String>, classes: usize) -> Result<Vec<String>, DatasetError> {
    if given.is_empty() {
        return Ok((0..classes).map(|label| label.to_string()).collect());
    }
    if classes > given.len() {
        return Err(malformed(format!("a label is {}, but only {} are known", classes - 1, given.len())));
    }
    Ok(given)
}

fn split(images: &Idx, labels: Option<&Idx>, from: usize, len: usize) -> Split {
    let dim = images.sizes[1..].iter().product();
    Split {
        pixels: Pixels::U8(images.values[from * dim..(from + len) * dim].into()),
        labels: labels.map(|labels| labels.values[from..from + len].into()),
        len,
        dim,
    }
}
