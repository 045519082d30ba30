//! Where a dataset comes from: the program itself, or files that are read here.

use super::{LibraryError, is_dataset_name};
use crate::data::idx_set::{self, Description, Files};
use crate::data::synthetic::{self, Synthetic};
use crate::data::{Dataset, DatasetError, Shape, digits, idx};
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 2 << 30;
/// Enough of a file to hold its header, also within gzip.
const HEADER_BYTES: u64 = 4096;

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// A dataset of files that gand knows by name.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// The file that shows that it is there.
    files: &'static str,
    licence: &'static str,
    origin: &'static str,
    label_names: &'static [&'static str],
}

/// All of them.
pub(super) const KNOWN: &[Known] = &[Known {
    name: "mnist",
    files: TRAIN_IMAGES,
    licence: "CC BY-SA 3.0",
    origin: "Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits",
    label_names: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
}];

/// Points in each split.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Counts {
    /// What the networks see.
    pub train: usize,
    /// What bandwidths are chosen on.
    pub validation: usize,
    /// What scores are reported on.
    pub test: usize,
}

impl From<[usize; 3]> for Counts {
    fn from([train, validation, test]: [usize; 3]) -> Self {
        Self { train, validation, test }
    }
}

/// What is known of a dataset without loading it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DatasetInfo {
    /// Its name in specs and paths.
    pub name: String,
    /// The shape of a point, where the files are there.
    pub shape: Option<Shape>,
    /// Points in each split, where the files are there.
    pub counts: Option<Counts>,
    /// What the labels stand for; empty without labels, or where only loading can tell.
    pub label_names: Vec<String>,
    /// Under which terms it may be used.
    pub licence: String,
    /// SHA-256 over shape, splits and labels, once it is loaded.
    pub digest: Option<String>,
    /// Where it comes from.
    pub origin: String,
    /// Whether it can be loaded.
    pub available: bool,
    /// Why it is not available.
    pub reason: Option<String>,
}

impl DatasetInfo {
    /// A known dataset whose files are not there.
    pub(super) fn missing(name: &str, why: &LibraryError) -> Self {
        Self { available: false, reason: Some(why.to_string()), ..Self::of_files(name) }
    }

    fn of_files(name: &str) -> Self {
        let Description { name, label_names, licence, origin } = description(name);
        Self {
            name,
            shape: None,
            counts: None,
            label_names,
            licence,
            digest: None,
            origin,
            available: true,
            reason: None,
        }
    }
}

/// A dataset's source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Digits,
    Synthetic(Synthetic),
    /// A folder with MNIST's four files, or files named like them.
    IdxFolder(PathBuf),
}

impl Source {
    /// The dataset of that name within the program.
    pub(super) fn built_in(name: &str) -> Option<Self> {
        if name == digits::NAME { Some(Self::Digits) } else { Synthetic::by_name(name).map(Self::Synthetic) }
    }

    /// The dataset of that name under a folder. `name` must be a dataset's.
    pub(super) fn in_root(root: &Path, name: &str) -> Option<Self> {
        debug_assert!(is_dataset_name(name));
        let folder = root.join(name);
        if existing(&folder, TRAIN_IMAGES).is_some() {
            return Some(Self::IdxFolder(folder));
        }
        let in_root_itself = known_files(name) == Some(TRAIN_IMAGES) && existing(root, TRAIN_IMAGES).is_some();
        in_root_itself.then(|| Self::IdxFolder(root.to_owned()))
    }

    /// What is known without loading.
    pub(super) fn describe(&self, name: &str) -> DatasetInfo {
        match self {
            Self::Digits => DatasetInfo {
                name: digits::NAME.to_owned(),
                shape: Some(digits::SHAPE),
                counts: Some(digits::COUNTS.into()),
                label_names: digits::label_names(),
                licence: digits::LICENCE.to_owned(),
                digest: None,
                origin: digits::ORIGIN.to_owned(),
                available: true,
                reason: None,
            },
            Self::Synthetic(synthetic) => DatasetInfo {
                name: synthetic.name().to_owned(),
                shape: Some(synthetic.shape()),
                counts: Some(synthetic::COUNTS.into()),
                label_names: synthetic.label_names(),
                licence: synthetic::LICENCE.to_owned(),
                digest: None,
                origin: synthetic.origin(),
                available: true,
                reason: None,
            },
            Self::IdxFolder(folder) => {
                let info = DatasetInfo::of_files(name);
                match idx_header(folder) {
                    Ok((shape, counts)) => DatasetInfo { shape: Some(shape), counts: Some(counts), ..info },
                    Err(error) => DatasetInfo { available: false, reason: Some(error.to_string()), ..info },
                }
            }
        }
    }

    /// The dataset.
    pub(super) fn load(&self, name: &str) -> Result<Dataset, LibraryError> {
        match self {
            Self::Digits => {
                digits::digits().map_err(|source| LibraryError::Invalid { path: PathBuf::from(digits::NAME), source })
            }
            Self::Synthetic(synthetic) => Ok(synthetic.dataset()),
            Self::IdxFolder(folder) => {
                let read = |stem| existing(folder, stem).map(|path| read_file(&path)).transpose();
                let (train_images, train_labels) = (read(TRAIN_IMAGES)?.unwrap_or_default(), read(TRAIN_LABELS)?);
                let (test_images, test_labels) = (read(TEST_IMAGES)?, read(TEST_LABELS)?);
                let files = Files {
                    train_images: &train_images,
                    train_labels: train_labels.as_deref(),
                    test_images: test_images.as_deref(),
                    test_labels: test_labels.as_deref(),
                };
                idx_set::dataset(files, description(name)).map_err(|source| invalid(folder, source))
            }
        }
    }
}

/// The file that shows that a known dataset is there.
pub(super) fn known_files(name: &str) -> Option<&'static str> {
    KNOWN.iter().find(|known| known.name == name).map(|known| known.files)
}

/// Where a known dataset's files would be under a folder.
pub(super) fn where_looked(root: &Path, name: &str) -> PathBuf {
    root.join(name).join(known_files(name).unwrap_or(""))
}

/// The names of the datasets in the folders under a folder. One that cannot be read has none.
pub(super) fn names_in(root: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| is_dataset_name(name) && Source::in_root(root, name).is_some()).collect()
}

fn description(name: &str) -> Description {
    match KNOWN.iter().find(|known| known.name == name) {
        Some(known) => Description {
            name: name.to_owned(),
            label_names: known.label_names.iter().map(ToString::to_string).collect(),
            licence: known.licence.to_owned(),
            origin: known.origin.to_owned(),
        },
        None => Description {
            name: name.to_owned(),
            label_names: Vec::new(),
            licence: "unknown".to_owned(),
            origin: "files of this machine".to_owned(),
        },
    }
}

/// The file of that name in a folder, plain or gzip.
fn existing(folder: &Path, stem: &str) -> Option<PathBuf> {
    let plain = folder.join(stem);
    let packed = folder.join(format!("{stem}.gz"));
    [plain, packed].into_iter().find(|path| path.is_file())
}

fn idx_header(folder: &Path) -> Result<(Shape, Counts), LibraryError> {
    let sizes = |stem| -> Result<Option<Vec<usize>>, LibraryError> {
        let Some(path) = existing(folder, stem) else { return Ok(None) };
        let first = read_up_to(&path, HEADER_BYTES)?;
        idx::sizes(&first).map(Some).map_err(|source| invalid(&path, source))
    };
    let train = sizes(TRAIN_IMAGES)?.unwrap_or_default();
    let test = sizes(TEST_IMAGES)?;
    let shape = idx_set::shape(&train).map_err(|source| invalid(folder, source))?;
    Ok((shape, idx_set::counts(train[0], test.and_then(|sizes| sizes.first().copied())).into()))
}

fn read_file(path: &Path) -> Result<Vec<u8>, LibraryError> {
    let bytes = read_up_to(path, MAX_FILE_BYTES + 1)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let detail = format!("the file is larger than {MAX_FILE_BYTES} bytes");
        return Err(invalid(path, DatasetError::TooLarge(detail)));
    }
    Ok(bytes)
}

fn read_up_to(path: &Path, limit: u64) -> Result<Vec<u8>, LibraryError> {
    let unreadable = |source| LibraryError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn invalid(path: &Path, source: DatasetError) -> LibraryError {
    LibraryError::Invalid { path: path.to_owned(), source }
}
