//! What a checkpoint's bytes are called: their digest, which is compared with every read, so that damage shows.

use super::StoreError;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::ops::Range;

/// The length of every chunk but the last.
const CHUNK_BYTES: usize = 1 << 20;

/// A checkpoint in chunks named by their own BLAKE3: equal content is stored once.
#[derive(Debug)]
pub(super) struct Blob {
    /// The whole file.
    pub(super) bytes: Bytes,
    /// Its digest.
    pub(super) digest: String,
    /// Its chunks in order.
    pub(super) chunks: Vec<Chunk>,
}

/// One chunk of a blob.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Its BLAKE3.
    pub(super) digest: Vec<u8>,
    /// Where it lies in the file.
    pub(super) range: Range<usize>,
}

impl Blob {
    /// Cuts and hashes, away from the threads that answer requests.
    pub(super) async fn cut(bytes: Bytes) -> Result<Self, StoreError> {
        off_thread(move || {
            let (mut whole, mut chunks) = (blake3::Hasher::new(), Vec::new());
            for start in (0..bytes.len()).step_by(CHUNK_BYTES) {
                let range = start..bytes.len().min(start + CHUNK_BYTES);
                let chunk = &bytes[range.clone()];
                whole.update(chunk);
                chunks.push(Chunk { digest: blake3::hash(chunk).as_bytes().to_vec(), range });
            }
            Ok(Self { digest: name(&whole.finalize()), bytes, chunks })
        })
        .await
    }

    /// The chunks' bytes in the order of their digests, each digest once: two writers that lock rows in one order
    /// cannot wait for each other in a circle.
    pub(super) fn unique_chunks(&self) -> Vec<(&[u8], &[u8])> {
        let mut unique: Vec<_> =
            self.chunks.iter().map(|chunk| (chunk.digest.as_slice(), &self.bytes[chunk.range.clone()])).collect();
        unique.sort_unstable_by_key(|(digest, _)| *digest);
        unique.dedup_by_key(|(digest, _)| *digest);
        unique
    }
}

/// A digest as it is stored and told.
pub(super) fn name(hash: &blake3::Hash) -> String {
    format!("{BLAKE3}{}", hash.to_hex())
}

/// What comes before the hexadecimal digits of a BLAKE3.
pub(super) const BLAKE3: &str = "blake3:";

/// The same for a SHA-256, which earlier versions wrote.
pub(super) const SHA256: &str = "sha256:";

/// What `digest`'s kind of digest of these bytes is, in hexadecimal.
fn same_kind_of(digest: &str, bytes: &[u8]) -> String {
    match digest.starts_with(SHA256) {
        true => hex::encode(Sha256::digest(bytes)),
        false => blake3::hash(bytes).to_hex().to_string(),
    }
}

/// Returns the file of a checkpoint if it is what was written.
///
/// # Errors
///
/// [`StoreError::Corrupt`] if it is not.
pub(super) fn whole(step: u64, digest: &str, size_bytes: u64, bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if bytes.len() as u64 != size_bytes {
        return damaged(step, &format!("{} bytes of {size_bytes} are there", bytes.len()));
    }
    let kind = if digest.starts_with(SHA256) { SHA256 } else { BLAKE3 };
    if digest.strip_prefix(kind) != Some(&same_kind_of(digest, &bytes)) {
        return damaged(step, "the file does not match its digest");
    }
    Ok(bytes)
}

/// Puts chunks together again: every chunk and the whole must be what was written.
pub(super) async fn join(
    step: u64,
    digest: String,
    size_bytes: u64,
    chunks: Vec<(Vec<u8>, Vec<u8>)>,
) -> Result<Vec<u8>, StoreError> {
    off_thread(move || {
        let mut bytes = Vec::with_capacity(chunks.iter().map(|(_, bytes)| bytes.len()).sum());
        for (position, (expected, chunk)) in chunks.into_iter().enumerate() {
            if same_kind_of(&digest, &chunk) != hex::encode(expected) {
                return damaged(step, &format!("chunk {position} does not match its digest"));
            }
            bytes.extend_from_slice(&chunk);
        }
        whole(step, &digest, size_bytes, bytes)
    })
    .await
}

fn damaged<T>(step: u64, what: &str) -> Result<T, StoreError> {
    Err(StoreError::Corrupt(format!("checkpoint of step {step}: {what}")))
}

/// Does what takes long on a thread that may be kept.
pub(super) async fn off_thread<T: Send + 'static>(
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
            blob.chunks.iter().map(|chunk| (chunk.digest.clone(), blob.bytes[chunk.range.clone()].to_vec())).collect();
        change(&mut chunks);
        join(7, blob.digest, blob.bytes.len() as u64, chunks).await
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

    #[test]
    fn a_digest_says_of_which_kind_it_is() {
        let abc = |digest: &str| whole(7, digest, 3, b"abc".to_vec());
        // The test vectors of FIPS 180-2 and of BLAKE3's reference implementation.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let blake3 = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85";
        abc(&format!("sha256:{sha256}")).unwrap();
        abc(&format!("blake3:{blake3}")).unwrap();
        for wrong in [format!("sha256:{blake3}"), format!("blake3:{sha256}"), sha256.to_owned(), blake3.to_owned()] {
            assert!(matches!(abc(&wrong), Err(StoreError::Corrupt(_))), "{wrong}");
        }
        assert!(whole(7, &format!("blake3:{blake3}"), 4, b"abc".to_vec()).is_err(), "a byte is missing");
    }
}
