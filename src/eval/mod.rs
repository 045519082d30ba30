//! How good samples are: pure functions of samples and data.

pub mod centroids;
pub mod coverage;
mod distances;
mod kernels;
pub mod neighbours;
pub mod parzen;
pub mod reference;
pub mod spread;
pub mod theory;

pub use coverage::Coverage;
pub use neighbours::Neighbour;
pub use parzen::{ParzenError, ParzenResult, Protocol};
pub use reference::{ReferenceRow, reference_rows};
pub use theory::Theory;
