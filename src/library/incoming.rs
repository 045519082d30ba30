//! A file on its way into the library: it has a name of its own, and is gone with its owner unless it is kept.

use super::LibraryError;
use super::files::unreadable;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The folder for them within a root. No dataset can be called so.
const FOLDER: &str = ".incoming";
/// What a process that was killed left behind is removed after this time.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// Counts the files of this process.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// An unfinished file.
#[derive(Debug)]
pub struct Incoming {
    path: PathBuf,
    kept: bool,
}

impl Incoming {
    /// A new file within a root.
    pub(super) fn new(root: &Path) -> Result<Self, LibraryError> {
        let folder = root.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|source| unreadable(&folder, source))?;
        tidy(&folder);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{}-{number}", std::process::id()));
        File::create(&path).map_err(|source| unreadable(&path, source))?;
        Ok(Self { path, kept: false })
    }

    /// Where it lies; to be written to, and given to [`super::Library::import`].
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it to the disk and moves it to where it is seen, in one step.
    pub(super) fn publish(mut self, to: &Path) -> Result<(), LibraryError> {
        let synced = File::open(&self.path).and_then(|file| file.sync_all());
        synced.and_then(|()| std::fs::rename(&self.path, to)).map_err(|source| unreadable(to, source))?;
        self.kept = true;
        // The name is on the disk only once its folder is. Where a folder cannot be synced, the file still is whole.
        if let Some(Err(error)) = to.parent().map(|folder| File::open(folder).and_then(|folder| folder.sync_all())) {
            tracing::debug!(%error, path = %to.display(), "the folder could not be synced");
        }
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "could not remove an unfinished file");
        }
    }
}

fn tidy(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let old = |modified: SystemTime| modified.elapsed().is_ok_and(|age| age > STALE);
    for entry in entries.flatten() {
        if entry.metadata().and_then(|metadata| metadata.modified()).is_ok_and(old)
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::warn!(%error, path = %entry.path().display(), "could not remove a file left behind");
        }
    }
}
