//! What is computed once of a dataset, and kept by its digest.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

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

    /// Keeps bytes under a key, which must be a plain file name. A file that cannot be written costs the next process the
    /// same computation, and nothing else.
    pub fn keep(&self, key: &str, bytes: Vec<u8>) {
        if let Some(folder) = &self.folder {
            let path = folder.join(key);
            let written = std::fs::create_dir_all(folder).and_then(|()| {
                let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
                std::fs::write(&unfinished, &bytes)?;
                std::fs::rename(&unfinished, &path)
            });
            if let Err(error) = written {
                tracing::warn!(path = %path.display(), %error, "what was computed cannot be kept");
            }
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), Arc::new(bytes));
    }
}
