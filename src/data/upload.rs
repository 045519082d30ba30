//! A dataset from one file of any kind that gand reads.

use super::dataset::malformed;
use super::idx_set::{self, Files};
use super::image_set::{self, ImageOptions, ZippedImages};
use super::{Dataset, DatasetError, Description, array_set, idx, mat, npy, npz, packed, tfd};
use std::io::{Read, Seek};
use zip::ZipArchive;

/// Enough of a file to tell what it is.
const FIRST_BYTES: u64 = 4096;
/// What headers may take beside the values.
const SLACK_BYTES: u64 = 1 << 20;

/// The dataset in a file: `.npy`; `.npz`; an IDX file of images (plain or gzip); the Toronto Face Database's MATLAB file;
/// or a zip of images, of MNIST's files, or of a packed dataset. What it is shows in its first bytes, not in a name.
/// Neither the file (unless it is a zip) nor the dataset may have more than `max_bytes`.
///
/// # Errors
///
/// If it is none of these, not whole, or too large.
pub fn read(
    mut file: impl Read + Seek,
    max_bytes: u64,
    options: ImageOptions,
    description: Description,
) -> Result<Dataset, DatasetError> {
    let mut first = Vec::new();
    file.by_ref().take(FIRST_BYTES).read_to_end(&mut first).map_err(unread)?;
    file.rewind().map_err(unread)?;
    if first.starts_with(b"PK") {
        return archive(file, max_bytes, options, description);
    }
    if first.starts_with(b"\x93NUMPY") {
        return array_set::dataset(&[("x".to_owned(), npy::parse(&whole(file, max_bytes)?)?)], description);
    }
    if first.starts_with(&[0x1f, 0x8b]) || first.starts_with(&[0, 0]) {
        within(&first, max_bytes)?;
        let bytes = whole(file, max_bytes)?;
        let files = Files { train_images: &bytes, train_labels: None, test_images: None, test_labels: None };
        return idx_set::dataset(files, description);
    }
    if first.starts_with(mat::START) {
        return tfd::dataset(&whole(file, max_bytes)?, description);
    }
    Err(malformed("neither a zip, a .npy or .npz, an IDX file, nor the Toronto Face Database's MATLAB file"))
}

fn archive(
    mut file: impl Read + Seek,
    max_bytes: u64,
    options: ImageOptions,
    description: Description,
) -> Result<Dataset, DatasetError> {
    let names: Vec<String> = {
        let archive = ZipArchive::new(&mut file).map_err(|error| malformed(format!("not a zip archive: {error}")))?;
        let name = |place| Some(archive.name_for_index(place)?.ok()?.to_string());
        (0..archive.len()).filter_map(name).collect()
    };
    let limit = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    if names.iter().any(|name| name == packed::HEAD) {
        if packed::head(&mut file)?.values() > limit {
            return Err(too_large(max_bytes));
        }
        return packed::decode(file, &description.name);
    }
    if names.iter().all(|name| name.ends_with(".npy")) && !names.is_empty() {
        return array_set::dataset(&npz::read(file, limit)?, description);
    }
    if names.iter().any(|name| stem(name) == idx_set::TRAIN_IMAGES) {
        return idx_files(file, &names, max_bytes, description);
    }
    image_set::dataset(&mut ZippedImages::new(file)?, options, limit, description)
}

fn idx_files(
    file: impl Read + Seek,
    names: &[String],
    max_bytes: u64,
    description: Description,
) -> Result<Dataset, DatasetError> {
    let mut archive = ZipArchive::new(file).map_err(|error| malformed(format!("not a zip archive: {error}")))?;
    let mut read = |wanted: &str| -> Result<Option<Vec<u8>>, DatasetError> {
        let Some(name) = names.iter().find(|name| stem(name) == wanted) else { return Ok(None) };
        let file = archive.by_name(name).map_err(|error| malformed(format!("{name}: {error}")))?;
        let bytes = whole(file, max_bytes)?;
        within(&bytes[..bytes.len().min(4096)], max_bytes)?;
        Ok(Some(bytes))
    };
    let (train_images, train_labels) = (read(idx_set::TRAIN_IMAGES)?, read(idx_set::TRAIN_LABELS)?);
    let (test_images, test_labels) = (read(idx_set::TEST_IMAGES)?, read(idx_set::TEST_LABELS)?);
    let files = Files {
        train_images: train_images.as_deref().unwrap_or_default(),
        train_labels: train_labels.as_deref(),
        test_images: test_images.as_deref(),
        test_labels: test_labels.as_deref(),
    };
    idx_set::dataset(files, description)
}

/// Whether an IDX file of these first bytes unpacks to what is allowed.
fn within(first: &[u8], max_bytes: u64) -> Result<(), DatasetError> {
    let values: usize = idx::sizes(first)?.iter().product();
    if values as u64 > max_bytes { Err(too_large(max_bytes)) } else { Ok(()) }
}

fn whole(reader: impl Read, max_bytes: u64) -> Result<Vec<u8>, DatasetError> {
    let limit = max_bytes.saturating_add(SLACK_BYTES);
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > limit { Err(too_large(max_bytes)) } else { Ok(bytes) }
}

/// A file's name without folders and without `.gz`.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".gz").unwrap_or(name)
}

fn unread(error: std::io::Error) -> DatasetError {
    malformed(format!("the file cannot be read: {error}"))
}

fn too_large(max_bytes: u64) -> DatasetError {
    DatasetError::TooLarge(format!("a dataset of more than {max_bytes} bytes"))
}
