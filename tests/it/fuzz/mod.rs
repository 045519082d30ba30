//! Every parser of bytes from outside, fed with what nobody would send in good faith: no panic, no allocation beyond what
//! is allowed, no end that does not come.
//!
//! Coverage-guided fuzzers need a nightly compiler. This harness needs none: it mutates known inputs, and keeps those that
//! were answered in a way that no input before was. What such runs found lies in `tests/corpus` and is tried every time.
//! `make fuzz SECONDS=600` gives each target that long.

mod harness;
mod inputs;
mod mutation;

use harness::{Target, fuzz};
use inputs::{described, upload};

macro_rules! targets {
    ($($name:ident: $limit:expr, $seeds:expr, $run:expr;)*) => { $(
        #[test]
        fn $name() {
            fuzz(&Target { name: stringify!($name), limit: $limit, seeds: $seeds, run: $run });
        }
    )* };
}

/// What an upload may unpack to here.
const UPLOAD: usize = 1 << 20;
/// What reading such an upload may hold: the file, its arrays as they are and as they are kept.
const ARRAYS: usize = 24 << 20;
/// One image's file, what decodes it and its pixels (`data::image_set` has these limits).
const IMAGES: usize = (64 + 256 + 64) << 20;

targets! {
    idx: ARRAYS, inputs::idx, |bytes| described(gand::data::idx::parse(bytes).map(|idx| idx.sizes.len()));
    npy: ARRAYS, inputs::npy, |bytes| described(gand::data::npy::parse(bytes).map(|array| array.shape.len()));
    npz: ARRAYS, inputs::npz, |bytes| described(gand::data::npz::parse(bytes, UPLOAD).map(|arrays| arrays.len()));
    mat: ARRAYS, inputs::mat, |bytes| described(gand::data::mat::parse(bytes, &["images", "labs_ex"]).map(|arrays| arrays.len()));
    upload_file: IMAGES, inputs::upload_file, |bytes| upload(bytes, UPLOAD);
    zip_entries: IMAGES, inputs::zip_entries, |bytes| upload(&inputs::zip_of_entries(bytes), UPLOAD);
    pgm: IMAGES, inputs::pgm, |bytes| upload(&inputs::zip_of_image("pgm", bytes), UPLOAD);
    png: IMAGES, inputs::png, |bytes| upload(&inputs::zip_of_image("png", bytes), UPLOAD);
    jpeg: IMAGES, inputs::jpeg, |bytes| upload(&inputs::zip_of_image("jpg", bytes), UPLOAD);
    packed: ARRAYS, inputs::packed, |bytes| upload(bytes, UPLOAD);
    safetensors: 8 << 20, inputs::safetensors, |bytes| described(gand::gan::Checkpoint::from_bytes(bytes).map(|checkpoint| checkpoint.tensors.len()));
    cursor: 1 << 20, inputs::cursor, inputs::read_cursor;
    range: 1 << 20, inputs::range, inputs::read_range;
    spec: 16 << 20, inputs::spec, inputs::read_spec;
}
