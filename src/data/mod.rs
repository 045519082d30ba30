//! Datasets as values: built in, synthetic, or parsed from bytes. Nothing here opens a file.

pub mod dataset;

pub use dataset::{Dataset, DatasetError, Pixels, Shape, Split};
