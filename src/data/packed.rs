//! A dataset as one file: a `.npz` that numpy reads, with a `dataset.json` for what arrays cannot say. What was uploaded
//! or imported is kept like this, whatever it came as.

use super::dataset::malformed;
use super::npy::{self, Array};
use super::{Dataset, DatasetError, Pixels, Shape, Split, digest::digest};
use serde::{Deserialize, Serialize};
use std::io::{Cursor, Read, Seek, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The entry that only a packed dataset has.
pub const HEAD: &str = "dataset.json";
const MAX_HEAD_BYTES: u64 = 1 << 20;
/// What an array's own header may take beside its values.
const SLACK_BYTES: u64 = 4096;
/// Values in one dataset.
const MAX_VALUES: usize = 1 << 30;
const SPLITS: [&str; 3] = ["train", "validation", "test"];

/// What is known of a packed dataset without unpacking it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The shape of a point.
    pub shape: Shape,
    /// Points in train, validation and test.
    pub counts: [usize; 3],
    /// What the labels stand for.
    pub label_names: Vec<String>,
    /// SHA-256 over shape, splits and labels.
    pub digest: String,
    /// Under which terms it may be used.
    pub licence: String,
    /// Where it comes from.
    pub origin: String,
}

impl Head {
    /// Values in all splits.
    #[must_use]
    pub fn values(&self) -> usize {
        let points = self.counts.iter().try_fold(0_usize, |sum, count| sum.checked_add(*count));
        let sizes = [self.shape.height, self.shape.width, self.shape.channels];
        let product = |points: usize| sizes.iter().try_fold(points, |product, size| product.checked_mul(*size));
        points.and_then(product).unwrap_or(usize::MAX)
    }
}

/// The file of a dataset. The same dataset gives the same bytes; its name is not in it.
///
/// # Errors
///
/// If the file cannot be written.
pub fn encode(data: &Dataset) -> Result<Vec<u8>, DatasetError> {
    let mut file = Cursor::new(Vec::new());
    write(data, &mut file)?;
    Ok(file.into_inner())
}

/// Writes what [`encode`] gives.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write(data: &Dataset, file: impl Write + Seek) -> Result<(), DatasetError> {
    let failed = |error: &dyn std::fmt::Display| malformed(format!("the dataset cannot be packed: {error}"));
    let splits = [&data.train, &data.validation, &data.test];
    let head = Head {
        shape: data.shape,
        counts: splits.map(|split| split.len),
        label_names: data.label_names.clone(),
        digest: data.digest.clone(),
        licence: data.licence.clone(),
        origin: data.origin.clone(),
    };
    let mut archive = ZipWriter::new(file);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1))
        .last_modified_time(zip::DateTime::default());
    let mut put = |name: String, bytes: &[u8]| -> Result<(), DatasetError> {
        archive.start_file(name, options).map_err(|error| failed(&error))?;
        archive.write_all(bytes).map_err(|error| failed(&error))
    };
    put(HEAD.to_owned(), &serde_json::to_vec_pretty(&head).map_err(|error| failed(&error))?)?;
    for (name, split) in SPLITS.iter().zip(splits) {
        let sizes = [split.len, data.shape.height, data.shape.width, data.shape.channels];
        let points = match &split.pixels {
            Pixels::U8(bytes) => npy::encode_u8(&sizes, bytes),
            Pixels::F32(values) => npy::encode(&sizes, values),
        };
        put(format!("{name}.npy"), &points)?;
        if let Some(labels) = &split.labels {
            put(format!("{name}_labels.npy"), &npy::encode_u8(&[split.len], labels))?;
        }
    }
    archive.finish().and_then(|mut file| Ok(file.flush()?)).map_err(|error| failed(&error))
}

/// What a packed dataset says of itself.
///
/// # Errors
///
/// If it is no packed dataset.
pub fn head(reader: impl Read + Seek) -> Result<Head, DatasetError> {
    read_head(&mut open(reader)?)
}

/// The dataset, under a name. Its digest is computed again.
///
/// # Errors
///
/// If it is no packed dataset, or its arrays are not what its head says.
pub fn decode(reader: impl Read + Seek, name: &str) -> Result<Dataset, DatasetError> {
    let mut archive = open(reader)?;
    let head = read_head(&mut archive)?;
    let mut split = |place: usize| -> Result<Split, DatasetError> {
        let (name, len, dim) = (SPLITS[place], head.counts[place], head.shape.len());
        let points = array(&mut archive, &format!("{name}.npy"), 4 * (len * dim) as u64)?;
        let sizes = [len, head.shape.height, head.shape.width, head.shape.channels];
        if points.shape != sizes {
            return Err(malformed(format!("{name} is {:?}, not {sizes:?}", points.shape)));
        }
        let labels = if head.label_names.is_empty() {
            None
        } else {
            match array(&mut archive, &format!("{name}_labels.npy"), len as u64)?.values {
                Pixels::U8(labels) if labels.len() == len => Some(labels),
                _ => return Err(malformed(format!("the labels of {name} are not {len} bytes"))),
            }
        };
        let known = head.label_names.len();
        if labels.iter().flat_map(|labels| labels.iter()).any(|label| usize::from(*label) >= known) {
            return Err(malformed(format!("a label of {name} is not among the {known} names")));
        }
        Ok(Split { pixels: points.values, labels, len, dim })
    };
    let (train, validation, test) = (split(0)?, split(1)?, split(2)?);
    let found = digest(head.shape, [&train, &validation, &test]);
    if found != head.digest {
        return Err(malformed(format!("the data have the digest {found}, not {}", head.digest)));
    }
    Ok(Dataset {
        name: name.to_owned(),
        shape: head.shape,
        train,
        validation,
        test,
        label_names: head.label_names,
        digest: found,
        licence: head.licence,
        origin: head.origin,
    })
}

fn open<R: Read + Seek>(reader: R) -> Result<ZipArchive<R>, DatasetError> {
    ZipArchive::new(reader).map_err(|error| malformed(format!("not a packed dataset: {error}")))
}

fn read_head<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<Head, DatasetError> {
    let bytes = entry(archive, HEAD, MAX_HEAD_BYTES)?;
    let head: Head = serde_json::from_slice(&bytes).map_err(|error| malformed(format!("{HEAD}: {error}")))?;
    let sizes = [head.shape.height, head.shape.width, head.shape.channels];
    if head.values() > MAX_VALUES || sizes.contains(&0) || head.counts.contains(&0) {
        return Err(malformed(format!("{HEAD}: {:?} points of {sizes:?} are no dataset", head.counts)));
    }
    Ok(head)
}

fn array<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str, bytes: u64) -> Result<Array, DatasetError> {
    npy::parse(&entry(archive, name, bytes + SLACK_BYTES)?)
}

fn entry<R: Read + Seek>(archive: &mut ZipArchive<R>, name: &str, limit: u64) -> Result<Vec<u8>, DatasetError> {
    let file = archive.by_name(name).map_err(|error| malformed(format!("{name}: {error}")))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| malformed(format!("{name}: {error}")))?;
    if bytes.len() as u64 > limit {
        return Err(DatasetError::TooLarge(format!("{name} unpacks to more than {limit} bytes")));
    }
    Ok(bytes)
}
