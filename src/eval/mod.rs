//! How good samples are: pure functions of samples and data.

mod distances;
mod kernels;
pub mod parzen;

pub use parzen::{ParzenError, ParzenResult, Protocol};
