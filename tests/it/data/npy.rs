use crate::support::machine::python;
use gand::data::npy::{encode, encode_u8, parse};
use gand::data::{DatasetError, Pixels, npz};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;

fn numpy_reads(test: &str, path: &Path) -> Option<Value> {
    let mut command = python(test)?;
    let output = command.args(["tests/peers/arrays.py", "read"]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn numpy_reads_what_gand_writes() {
    let name = "data::npy::numpy_reads_what_gand_writes";
    let folder = tempfile::tempdir().unwrap();
    for (shape, count) in [(vec![2, 3], 6), (vec![5], 5), (vec![], 1), (vec![0, 4], 0), (vec![1, 2, 2, 3], 12)] {
        let values: Vec<f32> = (0..count).map(|value| value as f32 / 4.0).collect();
        let path = folder.path().join("array.npy");
        std::fs::write(&path, encode(&shape, &values)).unwrap();
        let Some(read) = numpy_reads(name, &path) else { return };
        assert_eq!(read[""]["dtype"], "<f4");
        assert_eq!(read[""]["shape"], serde_json::json!(shape));
        assert_eq!(read[""]["values"], serde_json::json!(values));
    }
    let path = folder.path().join("bytes.npy");
    std::fs::write(&path, encode_u8(&[2, 2], &[0, 1, 254, 255])).unwrap();
    let Some(read) = numpy_reads(name, &path) else { return };
    assert_eq!((&read[""]["dtype"], &read[""]["values"]), (&"|u1".into(), &serde_json::json!([0, 1, 254, 255])));

    let path = folder.path().join("two.npz");
    let file = npz::encode(&[("z", &[1, 2], &[0.5, -0.5]), ("x", &[2, 1], &[1.0, 2.0])]).unwrap();
    std::fs::write(&path, &file).unwrap();
    let Some(read) = numpy_reads(name, &path) else { return };
    assert_eq!(read["z"]["values"], serde_json::json!([0.5, -0.5]));
    assert_eq!(read["x"]["shape"], serde_json::json!([2, 1]));
}

#[test]
fn gand_reads_what_numpy_writes() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut command) = python("data::npy::gand_reads_what_numpy_writes") else { return };
    let output = command.args(["tests/peers/arrays.py", "write"]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();

    let bytes = parse(&read("u1.npy")).unwrap();
    assert_eq!((bytes.shape.as_slice(), bytes.rows()), (&[2, 3, 4][..], (2, 12)));
    assert!(matches!(&bytes.values, Pixels::U8(values) if values[..] == (0..24).collect::<Vec<u8>>()));
    for name in ["f4.npy", "f8.npy"] {
        let expected: Vec<f32> = (0..24).map(|value| value as f32 / 8.0).collect();
        assert_eq!(parse(&read(name)).unwrap().to_f32(), expected, "{name}");
    }
    assert_eq!(parse(&read("b1.npy")).unwrap().to_f32(), [0.0, 1.0, 1.0, 0.0], "true is all of a byte");
    assert_eq!(parse(&read("scalar.npy")).unwrap().to_f32(), [2.5]);
    assert!(parse(&read("fortran.npy")).unwrap_err().to_string().contains("Fortran order"));
    assert!(parse(&read("int64.npy")).unwrap_err().to_string().contains("type <i8"));
    for name in ["plain.npz", "packed.npz"] {
        let arrays = npz::parse(&read(name), 1 << 20).unwrap();
        let names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(arrays[1].1.shape, [2, 3, 4]);
    }
}

#[test]
fn an_archive_is_unpacked_up_to_the_limit_and_no_further() {
    let zeros = vec![0.0; 1 << 20];
    let file = npz::encode(&[("a", &[1 << 20], &zeros)]).unwrap();
    assert!(npz::parse(&file, 5 << 20).is_ok());
    assert!(matches!(npz::parse(&file, 1 << 20), Err(DatasetError::TooLarge(_))));
}

#[test]
fn an_archive_of_the_same_arrays_has_the_same_bytes() {
    let write = || npz::encode(&[("z", &[2], &[1.0, 2.0]), ("x", &[1], &[3.0])]).unwrap();
    assert_eq!(write(), write());
}

#[test]
fn headers_that_lie_are_refused_before_anything_is_allocated() {
    let lie = |shape: &str| {
        let good = String::from_utf8_lossy(&encode(&[2], &[])).into_owned();
        assert!(good.contains("(2,)"));
        let mut file = encode(&[2], &[]);
        let at = file.windows(4).position(|window| window == b"(2,)").unwrap();
        file.splice(at..at + 4, shape.bytes());
        let length = (file.len() - 10) as u16;
        file[8..10].copy_from_slice(&length.to_le_bytes());
        parse(&file)
    };
    assert!(matches!(lie("(18446744073709551615, 2)"), Err(DatasetError::TooLarge(_))));
    assert!(matches!(lie("(99999999999,)"), Err(DatasetError::TooLarge(_))));
    assert!(lie("(1000000,)").unwrap_err().to_string().contains("takes 4000000 bytes, but 0 follow"));
    for broken in ["(2", "2,)", "(-2,)", "(2 2)", "(1,1,1,1,1,1,1,1,1)", "(99999999999999999999999,)", "None"] {
        assert!(lie(broken).is_err(), "{broken}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = npz::parse(&bytes, 1 << 20);
    }

    #[test]
    fn no_header_makes_the_parser_panic(text in "[-{}'a-z_:,() 0-9TrueFals<|]{0,80}", version in 0_u8..5) {
        let mut file = b"\x93NUMPY".to_vec();
        file.extend([version, 0]);
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.bytes());
        let _ = parse(&file);
    }

    #[test]
    fn a_byte_changed_anywhere_makes_nothing_panic(at in 0_usize..400, to in any::<u8>()) {
        let mut file = npz::encode(&[("x", &[2, 2], &[1.0; 4])]).unwrap();
        if let Some(byte) = file.get_mut(at) {
            *byte = to;
        }
        let _ = npz::parse(&file, 1 << 20);
    }

    #[test]
    fn every_array_comes_back(shape in proptest::collection::vec(0_usize..5, 0..4), seed in any::<u32>()) {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|index| (seed as f32).sin() + index as f32).collect();
        let array = parse(&encode(&shape, &values)).unwrap();
        prop_assert_eq!(array.shape, shape);
        prop_assert!(matches!(array.values, Pixels::F32(read) if read[..] == values[..]));
    }
}
