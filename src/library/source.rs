//! Where a dataset comes from: the program itself, or files that are read here.

use super::files::{invalid, open, plain_or_gzip, read_file, read_up_to, unreadable};
use super::folder::FolderImages;
use super::known::{description, image_options, known};
use super::{Counts, DatasetInfo, LibraryError, is_dataset_name};
use crate::data::Description;
use crate::data::idx_set::{TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS};
use crate::data::image_set::{self, ImageOptions, Images, Plan, ZippedImages};
use crate::data::synthetic::{self, Synthetic};
use crate::data::{Dataset, DatasetError, Shape, cifar, digits, idx, idx_set, packed, tfd};
use std::path::{Path, PathBuf};

/// Enough of a file to hold its header, also within gzip.
const HEADER_BYTES: u64 = 4096;

/// What an imported or uploaded dataset is kept as, in a folder of its own.
pub(super) const PACKED: &str = "dataset.npz";
const CIFAR_FOLDER: &str = "cifar-10-batches-bin";
const CIFAR_TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const CIFAR_TEST: &str = "test_batch.bin";

/// A dataset's source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Digits,
    Synthetic(Synthetic),
    /// A file that [`packed::encode`] made.
    Packed(PathBuf),
    /// A folder with MNIST's four files, or files named like them.
    IdxFolder(PathBuf),
    /// A folder with CIFAR-10's batches.
    Cifar(PathBuf),
    /// The Toronto Face Database's file.
    Tfd(PathBuf),
    /// A zip of images.
    ImageZip(PathBuf),
    /// A folder of images, with or without class folders.
    ImageFolder(PathBuf),
}

impl Source {
    /// The dataset of that name within the program.
    pub(super) fn built_in(name: &str) -> Option<Self> {
        if name == digits::NAME { Some(Self::Digits) } else { Synthetic::by_name(name).map(Self::Synthetic) }
    }

    /// The dataset of that name under a folder. `name` must be a dataset's.
    pub(super) fn in_root(root: &Path, name: &str) -> Option<Self> {
        debug_assert!(is_dataset_name(name));
        let here = known(name).is_some_and(|known| known.files == TRAIN_IMAGES);
        let folder = root.join(name);
        Self::in_folder(&folder)
            .or_else(|| (here && plain_or_gzip(root, TRAIN_IMAGES).is_some()).then(|| Self::IdxFolder(root.to_owned())))
    }

    /// The dataset whose files lie in a folder.
    pub(super) fn in_folder(folder: &Path) -> Option<Self> {
        let file = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        if let Some(path) = file(PACKED) {
            return Some(Self::Packed(path));
        }
        if plain_or_gzip(folder, TRAIN_IMAGES).is_some() {
            return Some(Self::IdxFolder(folder.to_owned()));
        }
        for place in [folder.to_owned(), folder.join(CIFAR_FOLDER)] {
            if place.join(CIFAR_TRAIN[0]).is_file() {
                return Some(Self::Cifar(place));
            }
        }
        if let Some(path) = file(tfd::FILE) {
            return Some(Self::Tfd(path));
        }
        let entries: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().collect();
        let zips: Vec<PathBuf> = entries
            .iter()
            .map(std::fs::DirEntry::path)
            .filter(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip")) && path.is_file())
            .collect();
        if let [only] = &zips[..] {
            return Some(Self::ImageZip(only.clone()));
        }
        let images = FolderImages::new(folder).paths();
        Plan::new(&images).is_ok().then(|| Self::ImageFolder(folder.to_owned()))
    }

    /// The file that it is, where it is one: its age and length tell whether it is still the same.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Packed(path) | Self::Tfd(path) | Self::ImageZip(path) => Some(path),
            Self::Digits | Self::Synthetic(_) | Self::IdxFolder(_) | Self::Cifar(_) | Self::ImageFolder(_) => None,
        }
    }

    /// What is known without loading.
    pub(super) fn describe(&self, name: &str) -> DatasetInfo {
        let described = match self {
            Self::Digits => Ok(DatasetInfo {
                label_names: digits::label_names(),
                licence: digits::LICENCE.to_owned(),
                origin: digits::ORIGIN.to_owned(),
                ..DatasetInfo::of_files(name, digits::SHAPE, digits::COUNTS.into())
            }),
            Self::Synthetic(synthetic) => Ok(DatasetInfo {
                label_names: synthetic.label_names(),
                licence: synthetic::LICENCE.to_owned(),
                origin: synthetic.origin(),
                ..DatasetInfo::of_files(name, synthetic.shape(), synthetic::COUNTS.into())
            }),
            Self::Packed(path) => packed_head(path).map(|head| DatasetInfo {
                label_names: head.label_names,
                licence: head.licence,
                origin: head.origin,
                digest: Some(head.digest),
                ..DatasetInfo::of_files(name, head.shape, head.counts.into())
            }),
            Self::IdxFolder(folder) => {
                idx_header(folder).map(|(shape, counts)| DatasetInfo::of_files(name, shape, counts))
            }
            Self::Cifar(folder) => {
                cifar_counts(folder).map(|counts| DatasetInfo::of_files(name, cifar::SHAPE, counts.into()))
            }
            Self::Tfd(_) => Ok(DatasetInfo { counts: None, ..DatasetInfo::of_files(name, tfd::SHAPE, [0; 3].into()) }),
            Self::ImageZip(path) => zipped(path).and_then(|mut images| plan(&mut images, path, name)),
            Self::ImageFolder(folder) => plan(&mut FolderImages::new(folder), folder, name),
        };
        described.unwrap_or_else(|error| DatasetInfo::unavailable(name, &error))
    }

    /// The dataset.
    pub(super) fn load(&self, name: &str) -> Result<Dataset, LibraryError> {
        self.load_as(image_options(name), image_set::MAX_VALUES, description(name))
    }

    /// The dataset under a description; images as the options say, and of so many values at most.
    pub(super) fn load_as(
        &self,
        options: ImageOptions,
        max_values: usize,
        description: Description,
    ) -> Result<Dataset, LibraryError> {
        match self {
            Self::Digits => digits::digits().map_err(|source| invalid(Path::new(digits::NAME), source)),
            Self::Synthetic(synthetic) => Ok(synthetic.dataset()),
            Self::Packed(path) => {
                packed::decode(open(path)?, &description.name).map_err(|source| invalid(path, source))
            }
            Self::IdxFolder(folder) => {
                let read = |stem| plain_or_gzip(folder, stem).map(|path| read_file(&path)).transpose();
                let (train_images, train_labels) = (read(TRAIN_IMAGES)?.unwrap_or_default(), read(TRAIN_LABELS)?);
                let (test_images, test_labels) = (read(TEST_IMAGES)?, read(TEST_LABELS)?);
                let files = idx_set::Files {
                    train_images: &train_images,
                    train_labels: train_labels.as_deref(),
                    test_images: test_images.as_deref(),
                    test_labels: test_labels.as_deref(),
                };
                idx_set::dataset(files, description).map_err(|source| invalid(folder, source))
            }
            Self::Cifar(folder) => {
                let train = cifar_batches(folder)?.iter().map(|path| read_file(path)).collect::<Result<Vec<_>, _>>()?;
                let test = read_file(&folder.join(CIFAR_TEST))?;
                cifar::dataset(&train, &test, description).map_err(|source| invalid(folder, source))
            }
            Self::Tfd(path) => tfd::dataset(&read_file(path)?, description).map_err(|source| invalid(path, source)),
            Self::ImageZip(path) => images(&mut zipped(path)?, path, options, max_values, description),
            Self::ImageFolder(folder) => {
                images(&mut FolderImages::new(folder), folder, options, max_values, description)
            }
        }
    }
}

/// The names of the datasets in the folders under a folder. One that cannot be read has none.
pub(super) fn names_in(root: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| is_dataset_name(name) && Source::in_root(root, name).is_some()).collect()
}

/// What a packed dataset says of itself.
fn packed_head(path: &Path) -> Result<packed::Head, LibraryError> {
    packed::head(open(path)?).map_err(|source| invalid(path, source))
}

fn idx_header(folder: &Path) -> Result<(Shape, Counts), LibraryError> {
    let sizes = |stem| -> Result<Option<Vec<usize>>, LibraryError> {
        let Some(path) = plain_or_gzip(folder, stem) else { return Ok(None) };
        let first = read_up_to(&path, HEADER_BYTES)?;
        idx::sizes(&first).map(Some).map_err(|source| invalid(&path, source))
    };
    let train = sizes(TRAIN_IMAGES)?.unwrap_or_default();
    let test = sizes(TEST_IMAGES)?;
    let shape = idx_set::shape(&train).map_err(|source| invalid(folder, source))?;
    Ok((shape, idx_set::counts(train[0], test.and_then(|sizes| sizes.first().copied())).into()))
}

/// The first batches; one that is missing before another makes the set another, and is told.
fn cifar_batches(folder: &Path) -> Result<Vec<PathBuf>, LibraryError> {
    let batches = CIFAR_TRAIN.map(|name| folder.join(name));
    let there = batches.iter().take_while(|path| path.is_file()).count();
    if let Some(later) = batches[there..].iter().find(|path| path.is_file()) {
        let (missing, later) = (CIFAR_TRAIN[there], later.display());
        return Err(invalid(folder, DatasetError::Malformed(format!("{missing} is missing, but {later} is there"))));
    }
    Ok(batches[..there].to_vec())
}

fn cifar_counts(folder: &Path) -> Result<[usize; 3], LibraryError> {
    let records = |path: &Path| {
        let bytes = path.metadata().map_err(|source| unreadable(path, source))?.len();
        cifar::records(bytes).map_err(|source| invalid(path, source))
    };
    let train = cifar_batches(folder)?.iter().map(|path| records(path)).sum::<Result<usize, _>>()?;
    Ok(cifar::counts(train, records(&folder.join(CIFAR_TEST))?))
}

fn zipped(path: &Path) -> Result<ZippedImages<std::io::BufReader<std::fs::File>>, LibraryError> {
    ZippedImages::new(open(path)?).map_err(|source| invalid(path, source))
}

fn plan(images: &mut dyn Images, path: &Path, name: &str) -> Result<DatasetInfo, LibraryError> {
    let plan = Plan::new(&images.paths()).map_err(|source| invalid(path, source))?;
    let shape = plan.shape(images, image_options(name)).map_err(|source| invalid(path, source))?;
    let info = DatasetInfo::of_files(name, shape, plan.counts().into());
    Ok(if info.label_names.is_empty() { DatasetInfo { label_names: plan.label_names, ..info } } else { info })
}

fn images(
    images: &mut dyn Images,
    path: &Path,
    options: ImageOptions,
    max_values: usize,
    description: Description,
) -> Result<Dataset, LibraryError> {
    image_set::dataset(images, options, max_values, description).map_err(|source| invalid(path, source))
}
