//! The Toronto Face Database, from its MATLAB file, for those who hold a licence: images, a fold for each of five
//! partitions, and expressions. gand trains on the unlabelled faces, as the paper does, and takes partition 0.

use super::digest::digest;
use super::mat::{self, MatArray, MatValues};
use super::{Dataset, DatasetError, Description, Pixels, Shape, Split};

/// The shape of a point.
pub const SHAPE: Shape = Shape { height: 48, width: 48, channels: 1 };
/// What the file's name for the data is.
pub const FILE: &str = "TFD_48x48.mat";

/// The file's words for a face's part in a partition.
const UNLABELLED: i16 = 0;
const VALIDATION: i16 = 2;
const TEST: i16 = 3;

/// The dataset under partition 0.
///
/// # Errors
///
/// If the file is no such file, lacks `images` or `folds`, or they do not fit one another.
pub fn dataset(bytes: &[u8], description: Description) -> Result<Dataset, DatasetError> {
    let arrays = mat::parse(bytes, &["images", "folds"])?;
    let array = |name: &str| -> Result<&MatArray, DatasetError> {
        let found = arrays.iter().find(|array| array.name == name);
        found.ok_or_else(|| DatasetError::Malformed(format!("the MATLAB file has no array {name}")))
    };
    let (images, folds) = (array("images")?, array("folds")?);
    let [count, height, width] = images.sizes[..] else { return Err(shape_fault(images)) };
    let MatValues::U8(pixels) = &images.values else { return Err(shape_fault(images)) };
    if (height, width) != (SHAPE.height, SHAPE.width) {
        return Err(shape_fault(images));
    }
    if folds.sizes.first() != Some(&count) {
        return Err(DatasetError::Malformed(format!("{count} images but folds of {:?}", folds.sizes)));
    }
    // The first size is the fastest: neighbouring values are the same pixel of different faces.
    let split = |part: i16| -> Result<Split, DatasetError> {
        let members: Vec<usize> = (0..count).filter(|face| folds.values.get(*face) == Some(part)).collect();
        if members.is_empty() {
            return Err(DatasetError::Malformed(format!("no face has the fold {part} in partition 0")));
        }
        let mut out = Vec::with_capacity(members.len() * SHAPE.len());
        for face in &members {
            for row in 0..height {
                out.extend((0..width).map(|column| pixels[face + count * (row + height * column)]));
            }
        }
        Ok(Split { pixels: Pixels::U8(out.into()), labels: None, len: members.len(), dim: SHAPE.len() })
    };
    let (train, validation, test) = (split(UNLABELLED)?, split(VALIDATION)?, split(TEST)?);
    Ok(Dataset {
        name: description.name,
        shape: SHAPE,
        digest: digest(SHAPE, [&train, &validation, &test]),
        train,
        validation,
        test,
        label_names: Vec::new(),
        licence: description.licence,
        origin: description.origin,
    })
}

fn shape_fault(images: &MatArray) -> DatasetError {
    DatasetError::Malformed(format!("images of {:?}; bytes of N x 48 x 48 are needed", images.sizes))
}
