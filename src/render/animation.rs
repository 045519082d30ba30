//! Pictures that move: GIF for everywhere, animated PNG for every colour.

use super::Picture;
use super::png::PictureError;
use std::borrow::Cow;
use std::time::Duration;

/// How hard GIF's palette is looked for, from 1 (best) to 30 (fastest).
const PALETTE_SPEED: i32 = 10;

/// The GIF of pictures of one size, each shown for `frame`, the last one `rest`; endless. Grey pictures keep every
/// shade; colours are brought down to the 256 that suit each picture best.
///
/// # Errors
///
/// If there is no picture, their sizes differ, or one is too large for the format.
pub fn gif(pictures: &[Picture], frame: Duration, rest: Duration) -> Result<Vec<u8>, PictureError> {
    let (width, height, channels) = common_size(pictures)?;
    let side = |length: usize| u16::try_from(length).map_err(failed);
    let (width, height) = (side(width)?, side(height)?);
    let greys: Vec<u8> = if channels == 1 { (0..=255).flat_map(|shade| [shade; 3]).collect() } else { Vec::new() };
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, width, height, &greys).map_err(failed)?;
    encoder.set_repeat(gif::Repeat::Infinite).map_err(failed)?;
    for (index, picture) in pictures.iter().enumerate() {
        let mut shown = if channels == 1 {
            gif::Frame { width, height, buffer: Cow::Borrowed(&picture.pixels), ..gif::Frame::default() }
        } else {
            gif::Frame::from_rgb_speed(width, height, &picture.pixels, PALETTE_SPEED)
        };
        let time = if index + 1 == pictures.len() { rest } else { frame };
        shown.delay = u16::try_from(time.as_millis() / 10).unwrap_or(u16::MAX);
        encoder.write_frame(&shown).map_err(failed)?;
    }
    drop(encoder);
    Ok(file)
}

/// The animated PNG of pictures of one size, each shown for `frame`, the last one `rest`; endless.
///
/// # Errors
///
/// If there is no picture, their sizes differ, or one is too large for the format.
pub fn apng(pictures: &[Picture], frame: Duration, rest: Duration) -> Result<Vec<u8>, PictureError> {
    let (width, height, channels) = common_size(pictures)?;
    let side = |length: usize| u32::try_from(length).map_err(failed);
    let count = side(pictures.len())?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side(width)?, side(height)?);
    encoder.set_color(if channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_animated(count, 0).map_err(failed)?;
    let mut writer = encoder.write_header().map_err(failed)?;
    for (index, picture) in pictures.iter().enumerate() {
        let time = if index + 1 == pictures.len() { rest } else { frame };
        writer.set_frame_delay(u16::try_from(time.as_millis()).unwrap_or(u16::MAX), 1000).map_err(failed)?;
        writer.write_image_data(&picture.pixels).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    Ok(file)
}

fn common_size(pictures: &[Picture]) -> Result<(usize, usize, usize), PictureError> {
    let Some(first) = pictures.first() else { return Err(PictureError("there are no pictures".to_owned())) };
    let size = |picture: &Picture| (picture.width, picture.height, picture.channels);
    match pictures.iter().find(|picture| size(picture) != size(first)) {
        None => Ok(size(first)),
        Some(other) => Err(PictureError(format!("pictures of {:?} and of {:?} in one", size(first), size(other)))),
    }
}

fn failed(error: impl std::fmt::Display) -> PictureError {
    PictureError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(100);

    fn grey(shade: u8) -> Picture {
        Picture { width: 4, height: 3, channels: 1, pixels: vec![shade; 12] }
    }

    #[test]
    fn a_gif_has_every_shade_of_grey() {
        let file = gif(&[grey(0), grey(77), grey(255)], FRAME, FRAME).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(&file[..]).unwrap();
        let mut shades = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            shades.push(frame.buffer[0]);
        }
        assert_eq!(shades, [0, 77, 255]);
    }

    #[test]
    fn an_animated_png_has_every_picture() {
        let file = apng(&[grey(1), grey(2)], FRAME, FRAME).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        assert_eq!(reader.info().animation_control().map(|control| control.num_frames), Some(2));
        let mut pixels = [0; 12];
        for shade in [1, 2] {
            reader.next_frame(&mut pixels).unwrap();
            assert_eq!(pixels, [shade; 12]);
        }
    }

    #[test]
    fn pictures_of_different_sizes_make_no_film() {
        let other = Picture { width: 3, height: 4, channels: 1, pixels: vec![0; 12] };
        assert!(gif(&[grey(0), other.clone()], FRAME, FRAME).is_err());
        assert!(apng(&[grey(0), other], FRAME, FRAME).is_err());
        assert!(gif(&[], FRAME, FRAME).is_err());
    }
}
