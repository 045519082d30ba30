//! Reading files, bounded, with errors that name them.

use super::LibraryError;
use crate::data::DatasetError;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// The largest file that is read whole.
const MAX_FILE_BYTES: u64 = 2 << 30;

/// The whole file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, LibraryError> {
    let bytes = read_up_to(path, MAX_FILE_BYTES + 1)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let detail = format!("the file is larger than {MAX_FILE_BYTES} bytes");
        return Err(invalid(path, DatasetError::TooLarge(detail)));
    }
    Ok(bytes)
}

/// The first bytes of a file.
pub(super) fn read_up_to(path: &Path, limit: u64) -> Result<Vec<u8>, LibraryError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    file.take(limit).read_to_end(&mut bytes).map_err(|source| unreadable(path, source))?;
    Ok(bytes)
}

/// A file to read piece by piece.
pub(super) fn open(path: &Path) -> Result<BufReader<File>, LibraryError> {
    File::open(path).map(BufReader::new).map_err(|source| unreadable(path, source))
}

/// The file of that name in a folder, plain or gzip.
pub(super) fn plain_or_gzip(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file())
}

pub(super) fn unreadable(path: &Path, source: std::io::Error) -> LibraryError {
    LibraryError::Unreadable { path: path.to_owned(), source }
}

pub(super) fn invalid(path: &Path, source: DatasetError) -> LibraryError {
    LibraryError::Invalid { path: path.to_owned(), source }
}
