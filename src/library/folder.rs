//! Images in folders.

use super::files::read_file;
use crate::data::DatasetError;
use crate::data::image_set::Images;
use std::path::{Path, PathBuf};

/// Folders within folders that are looked into: a split, a class, and one more.
const MAX_DEPTH: usize = 3;
/// Files that are looked at.
const MAX_FILES: usize = 400_000;

/// The files under a folder.
#[derive(Debug)]
pub(super) struct FolderImages {
    root: PathBuf,
    paths: Vec<String>,
}

impl FolderImages {
    /// Lists what is there. Folders that cannot be read, and names that are no text, hold nothing.
    pub(super) fn new(root: &Path) -> Self {
        let mut paths = Vec::new();
        list(root, "", MAX_DEPTH, &mut paths);
        Self { root: root.to_owned(), paths }
    }
}

impl Images for FolderImages {
    fn paths(&self) -> Vec<String> {
        self.paths.clone()
    }

    fn read(&mut self, place: usize) -> Result<Vec<u8>, DatasetError> {
        read_file(&self.root.join(&self.paths[place])).map_err(|error| DatasetError::Malformed(error.to_string()))
    }
}

/// Appends paths relative to the root. Links are not followed: a folder could contain itself.
fn list(folder: &Path, prefix: &str, depth: usize, paths: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else { continue };
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if kind.is_file() && paths.len() < MAX_FILES {
            paths.push(path);
        } else if kind.is_dir() && depth > 0 {
            list(&entry.path(), &path, depth - 1, paths);
        }
    }
}
