//! Checkpoints' bytes: files in a folder beside the database, each named by its digest.
//!
//! In the database every byte would be copied and summed up into the write-ahead log, and then copied again. As a file
//! it is written once. The transaction that publishes a checkpoint comes after its file is synced, and the one that
//! gives it up before its file is removed: whatever happens in between leaves a file that nobody names, never a name
//! without its file. Opening the store removes such files.

use crate::store::StoreError;
use crate::store::blob::{self, BLAKE3, off_thread};
use bytes::Bytes;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Error, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// So much is hashed and then written while it is in the cache.
const PIECE: usize = 1 << 20;

/// How a file's name ends,
const WHOLE: &str = "safetensors";

/// and until it is whole.
const UNFINISHED: &str = "part";

#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    /// Tells unfinished files apart.
    count: AtomicU64,
    /// Held by many who use files, or by one who removes them.
    use_: RwLock<()>,
}

impl Files {
    /// The files beside the database at `path`.
    pub(super) fn beside(path: &Path) -> Result<Self, StoreError> {
        let mut folder = path.as_os_str().to_owned();
        folder.push("-checkpoints");
        let folder = PathBuf::from(folder);
        fs::create_dir_all(&folder)
            .map_err(|source| StoreError::File { path: folder.display().to_string(), source })?;
        Ok(Self { folder, count: AtomicU64::new(0), use_: RwLock::new(()) })
    }

    /// While this is held no file is removed.
    pub(super) async fn in_use(&self) -> RwLockReadGuard<'_, ()> {
        self.use_.read().await
    }

    /// While this is held nobody writes or reads a file: what no row names then, nobody will come to name.
    pub(super) async fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.use_.write().await
    }

    /// Writes a file, safe from a power cut, and returns its digest. One that is there already is replaced: if it was
    /// damaged, this heals it.
    pub(super) async fn write(&self, bytes: Bytes) -> Result<String, StoreError> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (unfinished, folder) = (self.folder.join(format!("{number}.{UNFINISHED}")), self.folder.clone());
        off_thread(move || {
            let digest = write(&unfinished, &bytes).map_err(|error| fault(&unfinished, &error));
            let named = digest.and_then(|digest| {
                let path = folder.join(file_name(&digest));
                fs::rename(&unfinished, &path).map_err(|error| fault(&path, &error))?;
                File::open(&folder).and_then(|folder| folder.sync_all()).map_err(|error| fault(&folder, &error))?;
                Ok(digest)
            });
            if named.is_err() {
                // What went wrong before matters more; what is left is removed when the store is opened.
                let _ = fs::remove_file(&unfinished);
            }
            named
        })
        .await
    }

    /// Reads the file of a checkpoint, whole: it must be what was written.
    pub(super) async fn read(&self, step: u64, digest: String, size_bytes: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.folder.join(file_name(&digest));
        off_thread(move || match fs::read(&path) {
            Ok(bytes) => blob::whole(step, &digest, size_bytes, bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(StoreError::Corrupt(format!("checkpoint of step {step}: {} is gone", path.display())))
            }
            Err(error) => Err(fault(&path, &error)),
        })
        .await
    }

    /// Removes a file.
    pub(super) async fn remove(&self, digest: &str) -> Result<(), StoreError> {
        let path = self.folder.join(file_name(digest));
        off_thread(move || remove(&path)).await
    }

    /// Removes every file that none of `digests` names. What is not named as checkpoints are is somebody else's and stays.
    pub(super) async fn keep_only(&self, digests: impl IntoIterator<Item = String>) -> Result<(), StoreError> {
        let named: HashSet<_> = digests.into_iter().map(|digest| file_name(&digest)).collect();
        let folder = self.folder.clone();
        off_thread(move || {
            for entry in fs::read_dir(&folder).map_err(|error| fault(&folder, &error))? {
                let entry = entry.map_err(|error| fault(&folder, &error))?;
                let name = entry.file_name();
                if name.to_str().is_some_and(|name| is_ours(name) && !named.contains(name)) {
                    tracing::info!(file = %entry.path().display(), "removing a file that no checkpoint names");
                    remove(&entry.path())?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// What the file of this digest is called.
fn file_name(digest: &str) -> String {
    format!("{}.{WHOLE}", digest.strip_prefix(BLAKE3).unwrap_or(digest))
}

/// Whether a file is called as checkpoints are, whole or not.
fn is_ours(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((digest, WHOLE)) => digest.len() == 64 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()),
        Some((number, UNFINISHED)) => number.bytes().all(|digit| digit.is_ascii_digit()),
        _ => false,
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<String, Error> {
    let (mut file, mut hasher) = (File::create(path)?, blake3::Hasher::new());
    for piece in bytes.chunks(PIECE) {
        hasher.update(piece);
        file.write_all(piece)?;
    }
    file.sync_data()?;
    Ok(blob::name(&hasher.finalize()))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fault(path, &error)),
        _ => Ok(()),
    }
}

/// A full disk or one that fails: as with the database's own file, trying again may help.
fn fault(path: &Path, error: &Error) -> StoreError {
    StoreError::Unavailable(sqlx::Error::Io(Error::new(error.kind(), format!("{}: {error}", path.display()))))
}
