//! A raster picture.

use super::colour::Colour;

/// Rows of pixels, grey or RGB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
    /// `height × width × channels` bytes.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// An RGB picture of one colour.
    #[must_use]
    pub fn filled(width: usize, height: usize, colour: Colour) -> Self {
        Self { width, height, channels: 3, pixels: colour.repeat(width * height) }
    }

    /// Lays a colour over a pixel of an RGB picture; nothing happens outside it. `cover` 0 leaves the pixel, 1 replaces it.
    pub(super) fn lay(&mut self, x: usize, y: usize, colour: Colour, cover: f32) {
        if x >= self.width || y >= self.height {
            return;
        }
        let start = (y * self.width + x) * 3;
        for (below, above) in self.pixels[start..start + 3].iter_mut().zip(colour) {
            let mixed = f32::from(*below) + (f32::from(above) - f32::from(*below)) * cover.clamp(0.0, 1.0);
            *below = mixed.round() as u8;
        }
    }
}
