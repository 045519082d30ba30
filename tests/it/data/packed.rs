use super::zip;
use gand::data::digits::digits;
use gand::data::packed::{decode, encode, head};
use gand::data::synthetic::Synthetic;
use proptest::prelude::*;
use std::io::Cursor;

#[test]
fn a_dataset_comes_back_whole_under_a_name_of_choice() {
    for data in [digits().unwrap(), Synthetic::Gaussian1d.dataset()] {
        let file = encode(&data).unwrap();
        assert_eq!(file, encode(&data).unwrap());
        let back = decode(Cursor::new(&file), "another").unwrap();
        assert_eq!((back.name.as_str(), &back.digest, back.shape), ("another", &data.digest, data.shape));
        assert_eq!((&back.label_names, &back.licence, &back.origin), (&data.label_names, &data.licence, &data.origin));
        assert_eq!(back.test.to_vec(0..9), data.test.to_vec(0..9));
        assert_eq!(back.validation.labels, data.validation.labels);
        let head = head(Cursor::new(&file)).unwrap();
        assert_eq!(head.counts, [data.train.len, data.validation.len, data.test.len]);
        assert_eq!(head.digest, data.digest);
    }
}

#[test]
fn files_that_say_other_than_they_hold_are_refused() {
    let fault = |bytes: &[u8]| decode(Cursor::new(bytes), "x").unwrap_err().to_string();
    assert!(fault(b"nothing").contains("not a packed dataset"));
    assert!(fault(&zip(&[("dataset.json", b"{}")])).contains("dataset.json"));
    let json = |shape: &str, counts: &str| {
        format!(
            r#"{{"shape": {shape}, "counts": {counts}, "label_names": [], "digest": "", "licence": "", "origin": ""}}"#
        )
    };
    let huge = json(r#"{"height": 4294967296, "width": 4294967296, "channels": 4294967296}"#, "[1, 1, 1]");
    assert!(fault(&zip(&[("dataset.json", huge.as_bytes())])).contains("are no dataset"));
    let small = json(r#"{"height": 1, "width": 1, "channels": 1}"#, "[1, 1, 1]");
    assert!(fault(&zip(&[("dataset.json", small.as_bytes())])).contains("train.npy"));
    let array = gand::data::npy::encode_u8(&[1, 1, 1, 1], &[9]);
    let files =
        [("dataset.json", small.as_bytes()), ("train.npy", &array), ("validation.npy", &array), ("test.npy", &array)];
    assert!(fault(&zip(&files)).contains("have the digest"));
    let two = gand::data::npy::encode_u8(&[2, 1, 1, 1], &[9, 9]);
    assert!(fault(&zip(&[("dataset.json", small.as_bytes()), ("train.npy", &two)])).contains("not [1, 1, 1, 1]"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(Cursor::new(bytes), "x");
    }
}
