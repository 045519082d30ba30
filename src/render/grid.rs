//! Many images as one: a grid with gaps.

use super::Picture;
use super::colour::GAP;
use crate::data::Shape;

/// How a grid looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GridStyle {
    /// Images in a row; as many as make it about square where this is 0.
    pub columns: usize,
    /// Pixels a side for each pixel of an image.
    pub scale: usize,
    /// Pixels between images and around them.
    pub gap: usize,
}

impl GridStyle {
    /// About square, with gaps that suit the scale.
    #[must_use]
    pub fn new(columns: usize, scale: usize) -> Self {
        let scale = scale.max(1);
        Self { columns, scale, gap: scale.clamp(2, 4) }
    }

    /// The columns of a grid of so many images.
    #[must_use]
    pub fn columns_for(self, count: usize) -> usize {
        let square = (1..=count).find(|side| side * side >= count).unwrap_or(1);
        if self.columns == 0 { square } else { self.columns.min(count.max(1)) }
    }

    /// The width and the height in pixels of a grid of so many images, known before it is drawn.
    #[must_use]
    pub fn size(self, shape: Shape, count: usize) -> (usize, usize) {
        let columns = self.columns_for(count);
        let cell = |length: usize| length.saturating_mul(self.scale.max(1)).saturating_add(self.gap);
        let side = |images: usize, length: usize| images.saturating_mul(cell(length)).saturating_add(self.gap);
        (side(columns, shape.width), side(count.div_ceil(columns), shape.height))
    }
}

/// A scale at which single images of that shape are well seen.
#[must_use]
pub fn natural_scale(shape: Shape) -> usize {
    (56 / shape.height.max(shape.width).max(1)).clamp(1, 8)
}

/// Images (row by row, values in [0, 1], what lies outside is cut) as a grid, from the left to the right and down. Grey
/// for one channel, RGB for three; of any other number the first is shown.
#[must_use]
pub fn grid(images: &[f32], shape: Shape, style: GridStyle) -> Picture {
    let size = shape.len().max(1);
    let count = images.len() / size;
    let columns = style.columns_for(count);
    let (scale, gap) = (style.scale.max(1), style.gap);
    let (cell_width, cell_height) = (shape.width * scale + gap, shape.height * scale + gap);
    let channels = if shape.channels == 3 { 3 } else { 1 };
    let (width, height) = style.size(shape, count);
    let mut pixels = vec![GAP; width * height * channels];
    let mut line = vec![0; shape.width * scale * channels];
    // All at once: the compiler takes many at a time.
    let bytes: Vec<u8> = images.iter().map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as i32 as u8).collect();
    for (index, image) in bytes.chunks_exact(size).enumerate() {
        let left = gap + index % columns * cell_width;
        let top = gap + index / columns * cell_height;
        for (y, row) in image.chunks_exact(shape.width * shape.channels).enumerate() {
            for (block, pixel) in line.chunks_exact_mut(scale * channels).zip(row.chunks_exact(shape.channels)) {
                for place in block.chunks_exact_mut(channels) {
                    place.copy_from_slice(&pixel[..channels]);
                }
            }
            for repeat in 0..scale {
                let start = ((top + y * scale + repeat) * width + left) * channels;
                pixels[start..start + line.len()].copy_from_slice(&line);
            }
        }
    }
    Picture { width, height, channels, pixels }
}
