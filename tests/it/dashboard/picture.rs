//! Screenshots in few bytes: they are kept in the repository.

use color_quant::NeuQuant;
use std::collections::HashMap;

/// The colours of a palette.
const COLOURS: usize = 256;

/// The same picture with a palette: a page has few colours, and what letters and photographs have more of is not missed.
pub fn small(png: &[u8]) -> Vec<u8> {
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png).unwrap().to_rgba8();
    let (palette, indices) = exact(&picture).unwrap_or_else(|| near(&picture));
    let mut small = Vec::new();
    let mut encoder = png::Encoder::new(&mut small, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_compression(png::Compression::High);
    // Of indices no row is near the one above it.
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header().unwrap().write_image_data(&indices).unwrap();
    small
}

/// The colours as they are, where they are few enough.
fn exact(picture: &image::RgbaImage) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut known = HashMap::new();
    let mut palette = Vec::new();
    let mut indices = Vec::with_capacity(picture.pixels().len());
    for image::Rgba([red, green, blue, _]) in picture.pixels().copied() {
        let next = known.len();
        let index = *known.entry([red, green, blue]).or_insert_with(|| {
            palette.extend([red, green, blue]);
            next
        });
        indices.push(u8::try_from(index).ok()?);
    }
    Some((palette, indices))
}

fn near(picture: &image::RgbaImage) -> (Vec<u8>, Vec<u8>) {
    let network = NeuQuant::new(3, COLOURS, picture.as_raw());
    let mut known = HashMap::new();
    let indices =
        picture.pixels().map(|pixel| *known.entry(pixel.0).or_insert_with(|| network.index_of(&pixel.0) as u8));
    (network.color_map_rgb(), indices.collect())
}
