//! Datasets as values, and the formats they are parsed from.

mod digits;
mod idx;
mod idx_set;
mod npy;
mod synthetic;
