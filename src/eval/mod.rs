//! How good samples are: pure functions of samples and data.

pub mod centroids;
pub mod classifier;
pub mod copies;
pub mod coverage;
mod distances;
pub mod frechet;
mod kernels;
pub mod neighbours;
pub mod parzen;
pub mod quality;
pub mod reference;
pub mod spread;
pub mod theory;

pub use classifier::Classifier;
pub use copies::{Copies, Originals};
pub use coverage::{Balls, Coverage};
pub use neighbours::Neighbour;
pub use parzen::{ParzenError, ParzenResult, Protocol};
pub use quality::Quality;
pub use reference::{ReferenceRow, reference_rows};
pub use theory::Theory;
