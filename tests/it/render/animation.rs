use gand::render::Picture;
use gand::render::animation::{apng, gif};
use image::AnimationDecoder as _;
use std::io::Cursor;
use std::time::Duration;

const FRAME: Duration = Duration::from_millis(80);

fn grey(shift: u8) -> Picture {
    Picture {
        width: 16,
        height: 16,
        channels: 1,
        pixels: (0..=255).map(|pixel: u8| pixel.wrapping_add(shift)).collect(),
    }
}

#[test]
fn a_gif_keeps_every_grey_of_every_frame() {
    let frames = [grey(0), grey(10), grey(200)];
    let file = gif(&frames, FRAME, FRAME).unwrap();
    assert_eq!(file, gif(&frames, FRAME, FRAME).unwrap());
    let mut options = ::gif::DecodeOptions::new();
    options.set_color_output(::gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(Cursor::new(file)).unwrap();
    for frame in &frames {
        let decoded = decoder.read_next_frame().unwrap().unwrap();
        assert_eq!(decoded.delay, 8);
        let greys: Vec<u8> = decoded.buffer.chunks(4).map(|pixel| pixel[0]).collect();
        assert_eq!(greys, frame.pixels);
    }
    assert!(decoder.read_next_frame().unwrap().is_none());
}

#[test]
fn an_apng_is_exact_in_grey_and_colour() {
    let colour =
        |shift: u8| Picture { width: 4, height: 4, channels: 3, pixels: (0..48).map(|p| p * 5 + shift).collect() };
    for frames in [[grey(0), grey(99)], [colour(0), colour(20)]] {
        let file = apng(&frames, FRAME, FRAME).unwrap();
        let decoder = image::codecs::png::PngDecoder::new(Cursor::new(&file)).unwrap().apng().unwrap();
        let decoded = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(decoded.len(), 2);
        for (decoded, frame) in decoded.iter().zip(&frames) {
            let pixels = decoded.buffer().pixels().flat_map(|pixel| pixel.0[..frame.channels].to_vec());
            assert!(pixels.eq(frame.pixels.iter().copied()));
        }
    }
}

#[test]
fn a_gif_of_colours_has_them_nearly() {
    let picture =
        Picture { width: 8, height: 8, channels: 3, pixels: [[200, 30, 60], [10, 10, 250]].concat().repeat(32) };
    assert!(gif(&[picture.clone(), picture], FRAME, FRAME).unwrap().starts_with(b"GIF89a"));
}

#[test]
fn no_frames_and_frames_of_different_sizes_are_refused() {
    let other = Picture { width: 1, height: 1, channels: 1, pixels: vec![0] };
    for frames in [vec![], vec![grey(0), other]] {
        assert!(gif(&frames, FRAME, FRAME).is_err() && apng(&frames, FRAME, FRAME).is_err());
    }
}
