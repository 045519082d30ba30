//! Datasets as values: built in, synthetic, or parsed from bytes. Nothing here opens a file.

pub mod array_set;
pub mod cifar;
pub mod dataset;
pub mod density;
pub mod digest;
pub mod digits;
pub mod idx;
pub mod idx_set;
pub mod image_set;
pub mod mat;
pub mod npy;
pub mod npz;
pub mod packed;
pub mod random;
pub mod synthetic;
pub mod tfd;
pub mod upload;

pub use dataset::{Dataset, DatasetError, Description, Pixels, Shape, Split};
pub use density::Density;
