//! Taking datasets in, and removing them again.

use super::files::{invalid, open, unreadable};
use super::known::{description, image_options};
use super::source::{PACKED, Source};
use super::{DatasetInfo, Incoming, Library, LibraryError, is_dataset_name};
use crate::data::Description;
use crate::data::image_set::ImageOptions;
use crate::data::{Dataset, packed, upload};
use std::fs::OpenOptions;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// The largest dataset that is taken in where nothing else is said.
const MAX_BYTES: u64 = 1 << 30;
/// Bytes of a licence or an origin.
const MAX_TEXT_BYTES: usize = 2000;

/// What to make of a file or folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportOptions {
    /// Size and channels of images; what is left open is as the dataset of that name usually has it, or as the images
    /// are.
    pub images: ImageOptions,
    /// What the dataset may take unpacked, and a file that is no zip.
    pub max_bytes: u64,
    /// Under which terms it may be used, where its name does not tell.
    pub licence: Option<String>,
    /// Where it comes from, where its name does not tell.
    pub origin: Option<String>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self { images: ImageOptions::default(), max_bytes: MAX_BYTES, licence: None, origin: None }
    }
}

impl Library {
    /// A file to write an upload into, on the same disk as the library's first folder. It is removed with the value.
    ///
    /// # Errors
    ///
    /// If there is no folder, or it cannot be written.
    pub fn incoming(&self) -> Result<Incoming, LibraryError> {
        match self.roots.first() {
            Some(root) => Incoming::new(root),
            None => Err(refused("a dataset", "there is no folder to keep it in")),
        }
    }

    /// Reads a dataset from a file or folder of any kind that gand reads, and keeps it in the first folder under a name,
    /// in place of what was imported under that name before. It is checked whole before it is visible.
    ///
    /// # Errors
    ///
    /// [`LibraryError::Refused`] if the name is none, or taken by a dataset that was not imported;
    /// [`LibraryError::Invalid`] if the source holds no dataset or a larger one than allowed.
    pub fn import(&self, name: &str, source: &Path, options: &ImportOptions) -> Result<DatasetInfo, LibraryError> {
        let kept = self.place_for(name)?;
        let mut data = read(name, source, options)?;
        // A packed dataset brings what it was called and under which terms; what is said now goes before it.
        let Description { name: called, licence, origin, .. } = describe(name, options)?;
        data.name = called;
        if options.licence.is_some() {
            data.licence = licence;
        }
        if options.origin.is_some() {
            data.origin = origin;
        }
        self.keep(&data, &kept)?;
        self.info(name)
    }

    /// Removes a dataset that [`Self::import`] kept.
    ///
    /// # Errors
    ///
    /// If there is none of that name, it was not imported, or it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), LibraryError> {
        let source = self.find(name)?;
        let folder = self.roots.first().map(|root| root.join(name));
        match (source, folder) {
            (Source::Packed(path), Some(folder)) if path == folder.join(PACKED) => {
                std::fs::remove_file(&path).map_err(|source| unreadable(&path, source))?;
                // What else a person put there is left alone, and then the folder too.
                let _ = std::fs::remove_dir(&folder);
                self.forget(name);
                Ok(())
            }
            _ => Err(refused(name, "it was not uploaded or imported, so it is not removed")),
        }
    }

    /// The file that a dataset of that name is kept in.
    fn place_for(&self, name: &str) -> Result<PathBuf, LibraryError> {
        if !is_dataset_name(name) {
            let rule = "a name has lower-case letters, digits, '.', '_' and '-', starts with a letter or digit, and has \
                        64 bytes at most";
            return Err(refused(name, rule));
        }
        let root = self.roots.first().ok_or_else(|| refused(name, "there is no folder to keep it in"))?;
        let kept = root.join(name).join(PACKED);
        match self.find(name) {
            Ok(Source::Packed(path)) if path == kept => Ok(kept),
            Ok(Source::Digits | Source::Synthetic(_)) => Err(refused(name, "a dataset of that name is built in")),
            Ok(_) => Err(refused(name, "a dataset of that name lies in a folder that gand was told of")),
            Err(LibraryError::Unknown { .. } | LibraryError::Missing { .. }) => Ok(kept),
            Err(error) => Err(error),
        }
    }

    fn keep(&self, data: &Dataset, kept: &Path) -> Result<(), LibraryError> {
        let unfinished = self.incoming()?;
        let path = unfinished.path().to_owned();
        let file = OpenOptions::new().write(true).open(&path).map_err(|source| unreadable(&path, source))?;
        packed::write(data, BufWriter::new(file)).map_err(|source| invalid(&path, source))?;
        if let Some(folder) = kept.parent() {
            std::fs::create_dir_all(folder).map_err(|source| unreadable(folder, source))?;
        }
        unfinished.publish(kept)?;
        self.forget(&data.name);
        Ok(())
    }
}

/// The dataset in a file or folder.
fn read(name: &str, source: &Path, options: &ImportOptions) -> Result<Dataset, LibraryError> {
    let usual = image_options(name);
    let images =
        ImageOptions { size: options.images.size.or(usual.size), channels: options.images.channels.or(usual.channels) };
    let description = describe(name, options)?;
    if source.is_dir() {
        let limit = usize::try_from(options.max_bytes).unwrap_or(usize::MAX);
        let found = Source::in_folder(source).ok_or_else(|| refused(name, "the folder holds no dataset"))?;
        return found.load_as(images, limit, description);
    }
    upload::read(open(source)?, options.max_bytes, images, description).map_err(|fault| invalid(source, fault))
}

fn describe(name: &str, options: &ImportOptions) -> Result<Description, LibraryError> {
    let usual = description(name);
    let text = |given: &Option<String>, usual: String| given.clone().unwrap_or(usual);
    let description = Description {
        licence: text(&options.licence, usual.licence),
        origin: text(&options.origin, usual.origin),
        ..usual
    };
    if description.licence.len().max(description.origin.len()) > MAX_TEXT_BYTES {
        return Err(refused(name, "licence and origin may have 2000 bytes each"));
    }
    Ok(description)
}

fn refused(name: &str, reason: &str) -> LibraryError {
    LibraryError::Refused { name: name.to_owned(), reason: reason.to_owned() }
}
