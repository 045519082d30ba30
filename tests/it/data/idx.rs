use flate2::{Compression, write::GzEncoder};
use gand::data::DatasetError;
use gand::data::idx::{Idx, encode, parse, sizes};
use proptest::prelude::*;
use std::io::Write as _;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn file() -> Vec<u8> {
    encode(&[2, 3, 4], &(0..24).collect::<Vec<u8>>()).unwrap()
}

fn malformed(bytes: &[u8]) -> String {
    match parse(bytes) {
        Err(DatasetError::Malformed(detail)) => detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn plain_and_gzip_files_hold_the_same_array() {
    let expected = Idx { sizes: vec![2, 3, 4], values: (0..24).collect() };
    assert_eq!(parse(&file()).unwrap(), expected);
    assert_eq!(parse(&gzip(&file())).unwrap(), expected);
    assert_eq!(sizes(&file()[..16]).unwrap(), [2, 3, 4]);
    assert_eq!(sizes(&gzip(&file())[..30]).unwrap(), [2, 3, 4]);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let (plain, packed) = (file(), gzip(&file()));
    for length in 0..plain.len() {
        assert!(parse(&plain[..length]).is_err(), "{length} bytes were read");
    }
    for length in 0..packed.len() {
        assert!(parse(&packed[..length]).is_err(), "{length} bytes of gzip were read");
    }
    assert!(malformed(&plain[..20]).contains("promises [2, 3, 4], 24 values, but only 4 follow"));
}

#[test]
fn values_after_the_array_are_refused() {
    let mut longer = file();
    longer.push(0);
    assert!(malformed(&longer).contains("more follow"));
    assert!(malformed(&gzip(&longer)).contains("more follow"));
}

#[test]
fn other_types_and_other_formats_are_named() {
    let mut floats = file();
    floats[2] = 0x0d;
    assert!(malformed(&floats).contains("type 0x0d"));
    let mut five = file();
    five[3] = 5;
    assert!(malformed(&five).contains("5 dimensions"));
    assert!(malformed(b"\x89PNG\r\n").contains("not an IDX file"));
}

#[test]
fn a_header_that_claims_the_world_allocates_nothing() {
    let mut liar = vec![0, 0, 8, 4];
    liar.extend([0xff; 16]);
    for bytes in [liar.clone(), gzip(&liar)] {
        assert!(matches!(parse(&bytes), Err(DatasetError::TooLarge(_))));
    }
    // One that stays under the limit, with nothing behind it: refused for its length, before any allocation.
    let mut quiet = vec![0, 0, 8, 1];
    quiet.extend((1_u32 << 30).to_be_bytes());
    assert!(malformed(&quiet).contains("only 0 follow"));
    assert!(malformed(&gzip(&quiet)).contains("only 0 follow"));
}

#[test]
fn a_gzip_bomb_is_cut_off_at_what_its_header_promised() {
    let mut bomb = encode(&[3], &[1, 2, 3]).unwrap();
    bomb.resize(64 << 20, 0);
    assert!(malformed(&gzip(&bomb)).contains("more follow"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = sizes(&bytes);
    }

    #[test]
    fn no_header_makes_the_parser_panic(kind in 7_u8..10, rest in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = vec![0, 0, kind];
        bytes.extend(rest);
        let _ = parse(&bytes);
        let _ = parse(&gzip(&bytes));
    }

    #[test]
    fn every_array_comes_back(
        (sizes, values) in proptest::collection::vec(0_usize..6, 1..=4).prop_flat_map(|sizes| {
            let count = sizes.iter().product::<usize>();
            (Just(sizes), proptest::collection::vec(any::<u8>(), count))
        })
    ) {
        let file = encode(&sizes, &values).unwrap();
        prop_assert_eq!(&parse(&file).unwrap(), &Idx { sizes: sizes.clone(), values: values.clone() });
        prop_assert_eq!(parse(&gzip(&file)).unwrap(), Idx { sizes, values });
    }
}
