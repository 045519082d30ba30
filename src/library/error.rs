//! Why there is no such dataset.

use crate::data::DatasetError;
use std::path::PathBuf;

/// A dataset that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// Nothing has that name.
    #[error("no dataset is called {name:?}; there are {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The name is known, its files are not there.
    #[error("the files of {name} are not here: looked for {looked}; GAND_DATA may name a folder that has them")]
    Missing {
        /// The name asked for.
        name: String,
        /// Where its files were looked for.
        looked: String,
    },
    /// It cannot be kept or removed under that name.
    #[error("{name:?} is refused: {reason}")]
    Refused {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{path} cannot be read or written: {source}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} holds no dataset: {source}", path = path.display())]
    Invalid {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: DatasetError,
    },
}
