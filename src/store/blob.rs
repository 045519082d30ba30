//! A checkpoint's bytes as chunks named by their own SHA-256: equal content is stored once, and damage shows.

use super::StoreError;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::ops::Range;

/// The length of every chunk but the last.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

/// A checkpoint ready to be written.
#[derive(Debug)]
pub(super) struct Blob {
    /// The whole file.
    pub(super) bytes: Bytes,
    /// Its SHA-256 in hexadecimal.
    pub(super) sha256: String,
    /// Its chunks in order.
    pub(super) chunks: Vec<Chunk>,
}

/// One chunk of a blob.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Its SHA-256.
    pub(super) sha256: Vec<u8>,
    /// Where it lies in the file.
    pub(super) range: Range<usize>,
}

impl Blob {
    /// Cuts and hashes, away from the threads that answer requests.
    pub(super) async fn cut(bytes: Bytes) -> Result<Self, StoreError> {
        off_thread(move || {
            let sha256 = hex(&Sha256::digest(&bytes));
            let chunks = (0..bytes.len())
                .step_by(CHUNK_BYTES)
                .map(|start| {
                    let range = start..bytes.len().min(start + CHUNK_BYTES);
                    Chunk { sha256: Sha256::digest(&bytes[range.clone()]).to_vec(), range }
                })
                .collect();
            Ok(Self { bytes, sha256, chunks })
        })
        .await
    }

    /// The chunks' bytes in the order of their hashes, each hash once: two writers that lock rows in one order cannot
    /// wait for each other in a circle.
    pub(super) fn unique_chunks(&self) -> Vec<(&[u8], &[u8])> {
        let mut unique: Vec<_> =
            self.chunks.iter().map(|chunk| (chunk.sha256.as_slice(), &self.bytes[chunk.range.clone()])).collect();
        unique.sort_unstable_by_key(|(sha256, _)| *sha256);
        unique.dedup_by_key(|(sha256, _)| *sha256);
        unique
    }
}

/// Puts chunks together again: every chunk and the whole must be what was written.
pub(super) async fn join(
    step: u64,
    sha256: String,
    size_bytes: u64,
    chunks: Vec<(Vec<u8>, Vec<u8>)>,
) -> Result<Vec<u8>, StoreError> {
    off_thread(move || {
        let damaged = |what: String| Err(StoreError::Corrupt(format!("checkpoint of step {step}: {what}")));
        let mut bytes = Vec::with_capacity(chunks.iter().map(|(_, bytes)| bytes.len()).sum());
        for (position, (expected, chunk)) in chunks.into_iter().enumerate() {
            if Sha256::digest(&chunk).as_slice() != expected {
                return damaged(format!("chunk {position} does not match its checksum"));
            }
            bytes.extend_from_slice(&chunk);
        }
        if bytes.len() as u64 != size_bytes {
            return damaged(format!("{} bytes of {size_bytes} are there", bytes.len()));
        }
        if hex(&Sha256::digest(&bytes)) != sha256 {
            return damaged("the file does not match its checksum".to_owned());
        }
        Ok(bytes)
    })
    .await
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        // Only while the runtime shuts down, or if hashing panicked.
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Chunks = Vec<(Vec<u8>, Vec<u8>)>;

    async fn round_trip(bytes: Vec<u8>, change: impl Fn(&mut Chunks)) -> Result<Vec<u8>, StoreError> {
        let blob = Blob::cut(bytes.into()).await?;
        let mut chunks: Vec<_> =
            blob.chunks.iter().map(|chunk| (chunk.sha256.clone(), blob.bytes[chunk.range.clone()].to_vec())).collect();
        change(&mut chunks);
        join(7, blob.sha256, blob.bytes.len() as u64, chunks).await
    }

    fn file(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i / 3 + i * i / 1000) as u8).collect()
    }

    #[tokio::test]
    async fn what_was_cut_joins_to_the_same_bytes() {
        for len in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 17] {
            assert_eq!(round_trip(file(len), |_| ()).await.unwrap(), file(len), "{len} bytes");
        }
    }

    #[tokio::test]
    async fn damage_of_every_kind_is_noticed() {
        let len = 2 * CHUNK_BYTES + 100;
        let damages: [&dyn Fn(&mut Chunks); 5] = [
            &|chunks| chunks[1].1[5] ^= 1,
            &|chunks| {
                chunks[2].1.pop();
            },
            &|chunks| {
                chunks.pop();
            },
            &|chunks| chunks.swap(0, 1),
            &|chunks| chunks.push(chunks[0].clone()),
        ];
        for (i, damage) in damages.into_iter().enumerate() {
            assert!(matches!(round_trip(file(len), damage).await, Err(StoreError::Corrupt(_))), "damage {i}");
        }
    }

    #[tokio::test]
    async fn equal_chunks_are_written_once() {
        let blob = Blob::cut(vec![0; 4 * CHUNK_BYTES + 1].into()).await.unwrap();
        assert_eq!((blob.chunks.len(), blob.unique_chunks().len()), (5, 2));
    }
}
