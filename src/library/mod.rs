//! The datasets that this process can see: the built-in ones, and those in the folders it was told of.

mod catalogue;
mod error;
mod name;
mod source;

pub use catalogue::Library;
pub use error::LibraryError;
pub use name::is_dataset_name;
pub use source::{Counts, DatasetInfo};
