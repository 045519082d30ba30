//! The datasets that this process can see: the built-in ones, and those in the folders it was told of.

mod cache;
mod catalogue;
mod error;
mod files;
mod folder;
mod import;
mod incoming;
mod info;
mod known;
mod name;
mod shelf;
mod source;

pub use cache::Cache;
pub use catalogue::Library;
pub use error::LibraryError;
pub use import::ImportOptions;
pub use incoming::Incoming;
pub use info::{Counts, DatasetInfo};
pub use name::is_dataset_name;
