//! What identifies a dataset: a digest over all that training and evaluation see.

use super::{Pixels, Shape, Split};
use sha2::{Digest, Sha256};

/// SHA-256 in hexadecimal over the shape and, for each split in order, its length, its values and its labels.
/// Numbers go in as little-endian bytes, so the digest is the same on every machine.
#[must_use]
pub fn digest(shape: Shape, splits: [&Split; 3]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"gand dataset 1");
    for size in [shape.height, shape.width, shape.channels] {
        hash.update((size as u64).to_le_bytes());
    }
    for split in splits {
        hash.update((split.len as u64).to_le_bytes());
        match &split.pixels {
            Pixels::U8(bytes) => {
                hash.update(b"u8");
                hash.update(bytes);
            }
            Pixels::F32(values) => {
                hash.update(b"f4");
                let mut block = Vec::with_capacity(4 * 4096);
                for chunk in values.chunks(4096) {
                    block.clear();
                    block.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
                    hash.update(&block);
                }
            }
        }
        match &split.labels {
            Some(labels) => {
                hash.update(b"labels");
                hash.update(labels);
            }
            None => hash.update(b"none"),
        }
    }
    hex::encode(hash.finalize())
}
