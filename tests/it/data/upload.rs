use super::{describe, zip};
use gand::data::digits::digits;
use gand::data::image_set::ImageOptions;
use gand::data::{idx, npy, npz, packed, upload};
use proptest::prelude::*;
use std::io::Cursor;

fn parse(bytes: &[u8]) -> Result<gand::data::Dataset, gand::data::DatasetError> {
    upload::read(Cursor::new(bytes), 1 << 20, ImageOptions::default(), describe("mine"))
}

#[test]
fn a_file_is_known_by_what_it_holds() {
    let images: Vec<u8> = (0..60 * 4).map(|value| value as u8).collect();
    let idx = idx::encode(&[60, 2, 2], &images).unwrap();
    let labels = idx::encode(&[60], &[1; 60]).unwrap();
    let numbers: Vec<f32> = images.iter().map(|byte| f32::from(*byte) / 255.0).collect();
    let arrays = npz::encode(&[("x_train", &[60, 2, 2], &numbers)]).unwrap();
    let mnist = zip(&[("mine/train-images-idx3-ubyte", &idx), ("mine/train-labels-idx1-ubyte", &labels)]);
    for (bytes, labelled) in [
        (npy::encode_u8(&[60, 2, 2], &images), false),
        (npy::encode(&[60, 2, 2, 1], &numbers), false),
        (arrays, false),
        (idx, false),
        (mnist, true),
    ] {
        let data = parse(&bytes).unwrap();
        assert_eq!((data.name.as_str(), data.shape.len()), ("mine", 4));
        assert_eq!(data.train.len + data.validation.len + data.test.len, 60);
        assert_eq!(data.train.labels.is_some(), labelled);
    }
    let data = digits().unwrap();
    assert_eq!(parse(&packed::encode(&data).unwrap()).unwrap().digest, data.digest);
}

#[test]
fn anything_else_is_refused() {
    for bytes in [&b""[..], b"hello", b"\x89PNG\r\n\x1a\n", b"PK\x05\x06"] {
        assert!(parse(bytes).is_err());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        start in prop_oneof![Just(&b"PK\x03\x04"[..]), Just(&b"\x93NUMPY\x01\x00"[..]), Just(&b"\x1f\x8b\x08"[..]), Just(&[0, 0, 8][..]), Just(&b""[..])],
        rest in proptest::collection::vec(any::<u8>(), 0..300)
    ) {
        let _ = parse(&[start, &rest[..]].concat());
    }
}
