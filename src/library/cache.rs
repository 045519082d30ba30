//! What is computed once of a dataset, and kept by its digest.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the files that this process has begun: two threads may keep the same at once.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Bytes by key: in memory, and in a folder where there is one.
#[derive(Clone, Default, Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
    known: Arc<Mutex<HashMap<String, Arc<Vec<u8>>>>>,
}

impl Cache {
    /// A cache that outlives the process.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder: Some(folder), ..Self::default() }
    }

    /// What is kept under a key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<Arc<Vec<u8>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = known.get(key) {
            return Some(Arc::clone(bytes));
        }
        let path = self.folder.as_ref()?.join(key);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let bytes = Arc::new(bytes);
                known.insert(key.to_owned(), Arc::clone(&bytes));
                Some(bytes)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "what was kept cannot be read");
                None
            }
        }
    }

    /// Keeps bytes under a key, which must be a plain file name. Where no file can be written, as beside a worker whose
    /// machine lends it no disk, they are kept in memory alone: the next process computes the same again.
    pub fn keep(&self, key: &str, bytes: Vec<u8>) {
        if let Some(folder) = &self.folder {
            let path = folder.join(key);
            let written = std::fs::create_dir_all(folder).and_then(|()| {
                let number = COUNT.fetch_add(1, Ordering::Relaxed);
                let unfinished = folder.join(format!("{key}.{}-{number}.unfinished", std::process::id()));
                let published = std::fs::write(&unfinished, &bytes).and_then(|()| std::fs::rename(&unfinished, &path));
                if published.is_err() {
                    // Half a file, if that much: the error told is the one that left it.
                    let _ = std::fs::remove_file(&unfinished);
                }
                published
            });
            if let Err(error) = written {
                tracing::warn!(path = %path.display(), %error, "what was computed is kept in memory only");
            }
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), Arc::new(bytes));
    }
}
