//! The picture that suits points of a shape.

use super::Picture;
use super::grid::{GridStyle, grid, natural_scale};
use super::points::{histogram, scatter};
use crate::data::{Density, Shape};

/// Images as a grid, numbers as a histogram, points of the plane as a scatter (both against the density they should have,
/// where it is known). `columns` and `scale` of 0 leave the choice to the picture.
#[must_use]
pub fn samples_picture(
    values: &[f32],
    shape: Shape,
    density: Option<&Density>,
    columns: usize,
    scale: usize,
) -> Picture {
    match (shape.is_image(), shape.len()) {
        (false, 1) => histogram(values, density, scale.max(1)),
        (false, 2) => scatter(values, density, scale.max(1)),
        _ => {
            let scale = if scale == 0 { natural_scale(shape) } else { scale };
            grid(values, shape, GridStyle::new(columns, scale))
        }
    }
}
