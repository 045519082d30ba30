//! Pictures from numbers.

pub mod animation;
mod chart;
pub mod colour;
pub mod grid;
pub mod picture;
pub mod plot;
pub mod png;
pub mod points;
pub mod samples;

pub use grid::{GridStyle, grid};
pub use picture::Picture;
pub use png::PictureError;
pub use samples::samples_picture;
