//! PNG files. The same picture gives the same bytes.

use super::Picture;

/// A picture that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the picture cannot be written: {0}")]
pub struct PictureError(pub(super) String);

/// The file of a picture.
///
/// # Errors
///
/// If the picture is empty or too large for the format.
pub fn encode(picture: &Picture) -> Result<Vec<u8>, PictureError> {
    let failed = |error: &dyn std::fmt::Display| PictureError(error.to_string());
    let side = |length: usize| u32::try_from(length).map_err(|error| failed(&error));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side(picture.width)?, side(picture.height)?);
    encoder.set_color(if picture.channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(|error| failed(&error))?;
    writer.write_image_data(&picture.pixels).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(file)
}

/// The width and the height of the picture in a file, by its head alone.
///
/// # Errors
///
/// If the file is no PNG.
pub fn size(file: &[u8]) -> Result<(usize, usize), PictureError> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    let info = decoder.read_header_info().map_err(|error| PictureError(error.to_string()))?;
    Ok((info.width as usize, info.height as usize))
}

/// The picture in a file that [`encode`] wrote.
///
/// # Errors
///
/// If the file is no such PNG.
pub fn decode(file: &[u8]) -> Result<Picture, PictureError> {
    let failed = |error: png::DecodingError| PictureError(error.to_string());
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().map_err(failed)?;
    let size = reader.output_buffer_size().ok_or_else(|| PictureError("too large a picture".to_owned()))?;
    let mut pixels = vec![0; size];
    let info = reader.next_frame(&mut pixels).map_err(failed)?;
    pixels.truncate(info.buffer_size());
    let channels = match (info.color_type, info.bit_depth) {
        (png::ColorType::Grayscale, png::BitDepth::Eight) => 1,
        (png::ColorType::Rgb, png::BitDepth::Eight) => 3,
        (colours, depth) => return Err(PictureError(format!("{colours:?} of {depth:?} bits are not written here"))),
    };
    Ok(Picture { width: info.width as usize, height: info.height as usize, channels, pixels })
}
