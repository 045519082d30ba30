use super::{describe, zip};
use gand::data::image_set::{ImageOptions, Plan, ZippedImages, dataset};
use gand::data::{Dataset, DatasetError, Shape};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use proptest::prelude::*;
use std::io::Cursor;

fn write(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn grey(shade: u8, side: u32) -> DynamicImage {
    GrayImage::from_pixel(side, side, Luma([shade])).into()
}

fn load(bytes: &[u8], options: ImageOptions) -> Result<Dataset, DatasetError> {
    dataset(&mut ZippedImages::new(Cursor::new(bytes))?, options, 1 << 28, describe("images"))
}

/// `count` images in each class folder; an image's shade tells its class and place.
fn classes(prefix: &str, names: &[&str], count: usize, first: u8) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for (class, name) in names.iter().enumerate() {
        for place in 0..count {
            let shade = first + (class * count + place) as u8;
            files.push((format!("{prefix}{name}/{place}.png"), write(&grey(shade, 3), ImageFormat::Png)));
        }
    }
    files
}

fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    zip(&files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect::<Vec<_>>())
}

#[test]
fn class_folders_give_labels_in_natural_order_and_every_split_its_share() {
    let bytes = zipped(&classes("faces/", &["s10", "s2", "s1"], 10, 0));
    let data = load(&bytes, ImageOptions::default()).unwrap();
    assert_eq!(data.label_names, ["s1", "s2", "s10"]);
    assert_eq!(data.shape, Shape { height: 3, width: 3, channels: 1 });
    assert_eq!([data.train.len, data.validation.len, data.test.len], [24, 3, 3]);
    for split in [&data.validation, &data.test] {
        assert_eq!(split.labels.as_ref().unwrap()[..], [0, 1, 2]);
    }
    // The shade says which class an image was written for: s10 came first, then s2, then s1.
    let shades = data.train.to_vec(0..data.train.len);
    for (image, label) in shades.chunks(9).zip(data.train.labels.as_ref().unwrap().iter()) {
        let class = (image[0] * 255.0).round() as usize / 10;
        assert_eq!([2, 1, 0][class], usize::from(*label));
    }
    assert_eq!(data.digest, load(&bytes, ImageOptions::default()).unwrap().digest);
}

#[test]
fn folders_named_train_and_test_are_the_splits() {
    let mut files = classes("train/", &["a", "b"], 20, 0);
    files.extend(classes("test/", &["a", "b"], 3, 100));
    let data = load(&zipped(&files), ImageOptions::default()).unwrap();
    assert_eq!([data.train.len, data.validation.len, data.test.len], [36, 4, 6]);
    assert_eq!(data.label_names, ["a", "b"]);
    assert!(data.test.to_vec(0..6).iter().all(|value| *value * 255.0 > 99.0));
    files.extend(classes("validation/", &["a", "b"], 2, 200));
    let data = load(&zipped(&files), ImageOptions::default()).unwrap();
    assert_eq!([data.train.len, data.validation.len, data.test.len], [40, 4, 6]);
}

#[test]
fn images_without_class_folders_have_no_labels() {
    let data = load(&zipped(&classes("", &["all"], 20, 0)), ImageOptions::default()).unwrap();
    assert!(data.label_names.is_empty() && data.train.labels.is_none());
}

#[test]
fn what_is_no_image_and_what_is_hidden_is_left_out() {
    let mut files = classes("", &["a", "b"], 10, 0);
    for name in ["README.txt", "__MACOSX/a/0.png", "a/.hidden.png", ".git/x.png"] {
        files.push((name.to_owned(), b"nothing".to_vec()));
    }
    assert_eq!(load(&zipped(&files), ImageOptions::default()).unwrap().label_names, ["a", "b"]);
}

#[test]
fn png_jpeg_and_pgm_are_read_grey_or_in_colour() {
    let colour = DynamicImage::from(RgbImage::from_pixel(4, 4, Rgb([200, 100, 0])));
    let formats = [("png", ImageFormat::Png), ("jpg", ImageFormat::Jpeg), ("ppm", ImageFormat::Pnm)];
    let files: Vec<(String, Vec<u8>)> = (0..30)
        .map(|place| (format!("{place}.{}", formats[place % 3].0), write(&colour, formats[place % 3].1)))
        .collect();
    let data = load(&zipped(&files), ImageOptions::default()).unwrap();
    assert_eq!(data.shape.channels, 3);
    let values = data.train.to_vec(0..data.train.len);
    for pixel in values.chunks(3) {
        let found = [pixel[0], pixel[1], pixel[2]].map(|value| value * 255.0);
        assert!(found.iter().zip([200.0, 100.0, 0.0]).all(|(found, wanted)| (found - wanted).abs() < 4.0), "{found:?}");
    }
    let options = ImageOptions { size: Some((2, 6)), channels: Some(1) };
    let data = load(&zipped(&files), options).unwrap();
    assert_eq!(data.shape, Shape { height: 2, width: 6, channels: 1 });
    let luma = 0.2126 * 200.0 + 0.7152 * 100.0;
    assert!(data.train.to_vec(0..1).iter().all(|value| (value * 255.0 - luma).abs() < 6.0));
}

#[test]
fn what_cannot_be_used_is_refused_with_the_file_and_the_reason() {
    let fault = |bytes: &[u8]| load(bytes, ImageOptions::default()).unwrap_err().to_string();
    assert!(fault(b"PK\x03\x04 and nothing").contains("not a zip archive"));
    assert!(fault(&zip(&[("a.txt", b"text")])).contains("there are no images"));
    assert!(fault(&zipped(&classes("", &["a"], 2, 0))).contains("too few images"));
    let mut files = classes("", &["a"], 20, 0);
    files[7].1 = b"no picture".to_vec();
    assert!(fault(&zipped(&files)).contains("a/7.png: not an image"));
    files[7].1 = write(&grey(1, 4), ImageFormat::Png);
    assert!(fault(&zipped(&files)).contains("say which size"));
    let many: Vec<String> = (0..300).map(|class| format!("{class}/x.png")).collect();
    assert!(Plan::new(&many).unwrap_err().to_string().contains("300 class folders"));
}

#[test]
fn images_that_claim_or_unpack_to_too_much_are_refused() {
    // A PGM of a few bytes that says it has 60,000 × 60,000 pixels.
    let mut files = classes("", &["a"], 20, 0);
    files[0] = ("a/0.pgm".to_owned(), b"P5 60000 60000 255\n".to_vec());
    let options = ImageOptions { size: Some((3, 3)), channels: Some(1) };
    assert!(load(&zipped(&files), options).is_err());
    // A file of zeros that packs a thousandfold.
    files[0] = ("a/0.pgm".to_owned(), vec![0; 65 << 20]);
    let error = load(&zipped(&files), options).unwrap_err();
    assert!(matches!(&error, DatasetError::TooLarge(detail) if detail.contains("a/0.pgm")), "{error}");
    // Sizes that nobody has the memory for.
    let files = classes("", &["a"], 20, 0);
    for size in [(0, 3), (5000, 3)] {
        let options = ImageOptions { size: Some(size), channels: None };
        assert!(matches!(load(&zipped(&files), options), Err(DatasetError::TooLarge(_))));
    }
    let options = ImageOptions { size: None, channels: Some(2) };
    assert!(load(&zipped(&files), options).unwrap_err().to_string().contains("2 channels"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = load(&bytes, ImageOptions::default());
    }

    #[test]
    fn a_byte_changed_anywhere_makes_nothing_panic(at in 0_usize..4000, to in any::<u8>()) {
        let mut bytes = zipped(&classes("", &["a", "b"], 10, 0));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = to;
        }
        let _ = load(&bytes, ImageOptions::default());
    }

    #[test]
    fn no_paths_make_the_plan_panic_and_every_image_is_dealt_once(
        paths in proptest::collection::vec("(train/|test/|val/)?([a-c0-9é]{0,3}/){0,2}[a-z0-9.]{1,3}(\\.png|\\.txt|)", 0..60)
    ) {
        if let Ok(plan) = Plan::new(&paths) {
            let images = paths.iter().filter(|path| path.ends_with(".png") && !path.split('/').any(|part| part.starts_with('.')));
            prop_assert_eq!(plan.counts().iter().sum::<usize>(), images.count());
        }
    }
}
