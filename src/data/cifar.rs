//! CIFAR-10 in its binary form: batches of records of a label and three planes of 32 × 32 bytes.

use super::dataset::malformed;
use super::digest::digest;
use super::{Dataset, DatasetError, Description, Pixels, Shape, Split};

/// The shape of a point.
pub const SHAPE: Shape = Shape { height: 32, width: 32, channels: 3 };
/// What the labels stand for.
pub const LABEL_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const PLANE: usize = SHAPE.height * SHAPE.width;
const RECORD: usize = 1 + 3 * PLANE;
const MAX_RECORDS: usize = 200_000;
/// The last one in so many of the training images is for validation: the published split has 40,000 and 10,000.
const SHARE: usize = 5;

/// Points in train, validation and test of so many training and test records.
#[must_use]
pub fn counts(train: usize, test: usize) -> [usize; 3] {
    [train - train / SHARE, train / SHARE, test]
}

/// How many records a batch of so many bytes holds.
///
/// # Errors
///
/// If it is no whole number of records, none, or too many.
pub fn records(bytes: u64) -> Result<usize, DatasetError> {
    let count = usize::try_from(bytes / RECORD as u64).unwrap_or(usize::MAX);
    if count == 0 || !bytes.is_multiple_of(RECORD as u64) {
        return Err(malformed(format!("{bytes} bytes are no CIFAR-10 batch: its records have {RECORD}")));
    }
    if count > MAX_RECORDS {
        return Err(DatasetError::TooLarge(format!("{count} records; {MAX_RECORDS} at most")));
    }
    Ok(count)
}

/// The dataset of the training batches in their order and the test batch.
///
/// # Errors
///
/// If a batch is none, or there are too few images to split.
pub fn dataset(train: &[Vec<u8>], test: &[u8], description: Description) -> Result<Dataset, DatasetError> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for batch in train {
        read(batch, &mut pixels, &mut labels)?;
    }
    let (mut test_pixels, mut test_labels) = (Vec::new(), Vec::new());
    read(test, &mut test_pixels, &mut test_labels)?;

    let sizes = counts(labels.len(), test_labels.len());
    if sizes.contains(&0) {
        return Err(malformed(format!("too few images: {} to train on", labels.len())));
    }
    let split = |pixels: &[u8], labels: &[u8]| Split {
        pixels: Pixels::U8(pixels.into()),
        labels: Some(labels.into()),
        len: labels.len(),
        dim: SHAPE.len(),
    };
    let (first, last) = (pixels.split_at(sizes[0] * SHAPE.len()), labels.split_at(sizes[0]));
    let (train, validation) = (split(first.0, last.0), split(first.1, last.1));
    let test = split(&test_pixels, &test_labels);
    Ok(Dataset {
        name: description.name,
        shape: SHAPE,
        digest: digest(SHAPE, [&train, &validation, &test]),
        train,
        validation,
        test,
        label_names: LABEL_NAMES.map(str::to_owned).to_vec(),
        licence: description.licence,
        origin: description.origin,
    })
}

/// Appends a batch: planes become pixels, red, green, blue.
fn read(batch: &[u8], pixels: &mut Vec<u8>, labels: &mut Vec<u8>) -> Result<(), DatasetError> {
    pixels.reserve_exact(records(batch.len() as u64)? * SHAPE.len());
    for record in batch.chunks_exact(RECORD) {
        let (label, planes) = (record[0], &record[1..]);
        if usize::from(label) >= LABEL_NAMES.len() {
            return Err(malformed(format!("a record has the label {label}; CIFAR-10 has 0 to 9")));
        }
        labels.push(label);
        pixels.extend((0..PLANE).flat_map(|place| [0, 1, 2].map(|plane| planes[plane * PLANE + place])));
    }
    Ok(())
}
