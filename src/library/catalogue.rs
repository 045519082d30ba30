//! The library: finds datasets by name, loads each once, keeps what it loaded as far as there is room.

use super::known::{KNOWN, known, where_looked};
use super::shelf::{Shelves, Stamp, stamp};
use super::source::{PACKED, Source, names_in};
use super::{Cache, DatasetInfo, LibraryError, is_dataset_name};
use crate::data::Dataset;
use crate::data::synthetic::Synthetic;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The datasets that this process can see.
#[derive(Debug)]
pub struct Library {
    /// The first is the one that is written to.
    pub(super) roots: Vec<PathBuf>,
    shelves: Shelves,
    cache: Cache,
    /// Descriptions of files.
    described: Mutex<HashMap<PathBuf, (Stamp, DatasetInfo)>>,
}

impl Library {
    /// A library of the built-in datasets and those under `roots`: each root may hold a folder a dataset, or MNIST's
    /// files themselves. Earlier roots come first; roots that do not exist (yet) are empty.
    #[must_use]
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots, shelves: Shelves::default(), cache: Cache::default(), described: Mutex::default() }
    }

    /// The library of a data directory (whose `datasets` folder holds uploads) and of a folder with further datasets.
    #[must_use]
    pub fn in_folders(data_dir: &Path, further: Option<&Path>) -> Self {
        let mut roots = vec![data_dir.join("datasets")];
        roots.extend(further.map(Path::to_owned));
        Self { cache: Cache::in_folder(data_dir.join("classifiers")), ..Self::new(roots) }
    }

    /// Where what is computed of datasets is kept.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// What there is, in the order of names: built-in sets first, then those of files. Reads headers, loads nothing.
    #[must_use]
    pub fn list(&self) -> Vec<DatasetInfo> {
        self.names().into_iter().filter_map(|name| self.info(&name).ok()).collect()
    }

    /// What is known of one dataset. Reads headers, loads nothing. A known set whose files are missing or damaged is
    /// described too, as not available and why.
    ///
    /// # Errors
    ///
    /// [`LibraryError::Unknown`] if nothing has that name.
    pub fn info(&self, name: &str) -> Result<DatasetInfo, LibraryError> {
        let source = match self.find(name) {
            Ok(source) => source,
            Err(error @ LibraryError::Missing { .. }) => return Ok(DatasetInfo::unavailable(name, &error)),
            Err(error) => return Err(error),
        };
        let mut info = DatasetInfo { imported: self.keeps(&source, name), ..self.describe(&source, name) };
        if info.available
            && let Some(place) = self.shelves.place_if_any(name)
            && let Ok(loaded) = place.try_lock()
            && let Some(loaded) = loaded.as_ref().filter(|loaded| loaded.stamp == source.file().and_then(stamp))
        {
            info.digest = Some(loaded.digest.clone());
        }
        Ok(info)
    }

    /// The dataset of that name. The first call loads it, and blocks for that; calls meanwhile wait for the same load.
    ///
    /// # Errors
    ///
    /// If there is none of that name, or its files are missing or damaged.
    pub fn get(&self, name: &str) -> Result<Arc<Dataset>, LibraryError> {
        let source = self.find(name)?;
        let place = self.shelves.place(name);
        // A loader that panicked left the place empty: the next one tries again.
        let mut loaded = place.lock().unwrap_or_else(PoisonError::into_inner);
        // Another process may have put another file there. Looked at before the file is read.
        let stamp = source.file().and_then(stamp);
        if let Some(dataset) = self.shelves.take(loaded.as_ref(), stamp) {
            return Ok(dataset);
        }
        let dataset = Arc::new(source.load(name)?);
        *loaded = Some(self.shelves.put(&dataset, stamp));
        Ok(dataset)
    }

    /// Lets go of what was loaded under a name, so that the next [`Self::get`] reads its files again.
    pub fn forget(&self, name: &str) {
        self.shelves.forget(name);
    }

    /// Whether a source is the file in which [`Self::import`] keeps a dataset of that name.
    pub(super) fn keeps(&self, source: &Source, name: &str) -> bool {
        let Source::Packed(path) = source else { return false };
        self.roots.first().is_some_and(|root| *path == root.join(name).join(PACKED))
    }

    fn describe(&self, source: &Source, name: &str) -> DatasetInfo {
        let file = source.file().and_then(|path| Some((path, stamp(path)?)));
        let Some((path, stamp)) = file else { return source.describe(name) };
        let known = || self.described.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, info)) = known().get(path)
            && (*of, info.name.as_str()) == (stamp, name)
        {
            return info.clone();
        }
        let info = source.describe(name);
        // What could not be read may be readable the next time, and its file no other.
        if info.available {
            known().insert(path.to_owned(), (stamp, info.clone()));
        }
        info
    }

    pub(super) fn find(&self, name: &str) -> Result<Source, LibraryError> {
        if !is_dataset_name(name) {
            return Err(self.unknown(name));
        }
        if let Some(source) = Source::built_in(name) {
            return Ok(source);
        }
        if let Some(source) = self.roots.iter().find_map(|root| Source::in_root(root, name)) {
            return Ok(source);
        }
        let Some(known) = known(name) else { return Err(self.unknown(name)) };
        let looked: Vec<String> =
            self.roots.iter().map(|root| where_looked(root, known).display().to_string()).collect();
        let looked = if looked.is_empty() { "them in no folder (none is set)".to_owned() } else { looked.join(", ") };
        Err(LibraryError::Missing { name: name.to_owned(), looked })
    }

    fn unknown(&self, name: &str) -> LibraryError {
        LibraryError::Unknown { name: name.to_owned(), known: self.names().join(", ") }
    }

    fn names(&self) -> Vec<String> {
        let mut names = vec![crate::data::digits::NAME.to_owned()];
        names.extend(Synthetic::ALL.map(|one| one.name().to_owned()));
        let mut of_files: BTreeSet<String> = KNOWN.iter().map(|known| known.name.to_owned()).collect();
        of_files.extend(self.roots.iter().flat_map(|root| names_in(root)));
        names.extend(of_files.into_iter().filter(|name| Source::built_in(name).is_none()));
        names
    }
}
