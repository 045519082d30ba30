use super::describe;
use crate::support::machine::python;
use gand::data::image_set::ImageOptions;
use gand::data::{mat, tfd, upload};
use proptest::prelude::*;
use std::io::Cursor;

fn file(compressed: bool, test: &str) -> Option<Vec<u8>> {
    let mut command = python(test)?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("TFD_48x48.mat");
    let output = command.arg("tests/peers/tfd.py").arg(&path).arg(if compressed { "1" } else { "0" }).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(std::fs::read(path).unwrap())
}

#[test]
fn faces_of_partition_0_are_split_as_the_file_says() {
    let test = "data::tfd::faces_of_partition_0_are_split_as_the_file_says";
    for compressed in [false, true] {
        let Some(bytes) = file(compressed, test) else { return };
        let data = upload::read(Cursor::new(&bytes), 1 << 30, ImageOptions::default(), describe("tfd")).unwrap();
        assert_eq!([data.train.len, data.validation.len, data.test.len], [10, 10, 10]);
        // The second unlabelled face is number 4, the second for validation 6, the second for testing 7.
        for (split, face) in [(&data.train, 4), (&data.validation, 6), (&data.test, 7)] {
            let pixels = split.to_vec(1..2);
            for (place, value) in pixels.iter().enumerate() {
                let expected = (face + 3 * (place / 48) + 5 * (place % 48)) % 251;
                assert_eq!((value * 255.0).round() as usize, expected);
            }
        }
    }
}

#[test]
fn a_file_cut_short_or_of_another_kind_is_refused() {
    assert!(tfd::dataset(b"short", describe("tfd")).unwrap_err().to_string().contains("cut short"));
    assert!(tfd::dataset(&[0; 200], describe("tfd")).unwrap_err().to_string().contains("not a MATLAB file"));
    let test = "data::tfd::a_file_cut_short_or_of_another_kind_is_refused";
    for compressed in [false, true] {
        let Some(bytes) = file(compressed, test) else { return };
        for length in [128, 130, 200, 1000, bytes.len() / 2, bytes.len() - 1] {
            assert!(tfd::dataset(&bytes[..length], describe("tfd")).is_err(), "{length} bytes");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut file = vec![b' '; 126];
        file.extend(b"IM");
        file.extend(&bytes);
        let _ = mat::parse(&file, &["images"]);
        let _ = mat::parse(&bytes, &["images"]);
    }

    #[test]
    fn no_element_makes_the_parser_panic(words in proptest::collection::vec(prop_oneof![0_u32..20, any::<u32>()], 0..40)) {
        let mut file = vec![b' '; 126];
        file.extend(b"IM");
        file.extend(14_u32.to_le_bytes());
        file.extend((4 * words.len() as u32).to_le_bytes());
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        let _ = mat::parse(&file, &["images", ""]);
    }
}
