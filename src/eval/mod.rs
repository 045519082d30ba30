//! How good samples are: pure functions of samples and data.

pub mod parzen;

pub use parzen::ParzenResult;
