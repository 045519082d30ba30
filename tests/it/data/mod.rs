//! Datasets as values, and the formats they are parsed from.

mod array_set;
mod cifar;
mod digits;
mod idx;
mod idx_set;
mod image_set;
mod npy;
mod packed;
mod synthetic;
mod tfd;
mod upload;

use gand::data::Description;

fn describe(name: &str) -> Description {
    Description { name: name.into(), label_names: Vec::new(), licence: "CC0".into(), origin: "a test".into() }
}

/// A zip of files, packed tightly.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write as _;
    let mut archive = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default();
    for (name, bytes) in files {
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
