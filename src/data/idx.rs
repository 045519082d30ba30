//! IDX, the format of MNIST: big-endian sizes, then the values. Bytes only; plain or gzip.

use super::DatasetError;
use super::dataset::malformed;
use flate2::read::MultiGzDecoder;
use std::io::{ErrorKind, Read};

/// The values that an IDX file may hold.
pub const MAX_VALUES: usize = 1 << 30;
/// Sizes that a header may name.
const MAX_DIMENSIONS: u8 = 4;
/// The type byte of unsigned bytes, the only one that image files use.
const UNSIGNED_BYTE: u8 = 0x08;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An array of bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Idx {
    /// Its sizes, the slowest first.
    pub sizes: Vec<usize>,
    /// Its values, the last size fastest.
    pub values: Vec<u8>,
}

/// Reads a whole file. Memory grows with what is there, not with what the header claims.
///
/// # Errors
///
/// If the header is none, claims more than [`MAX_VALUES`], or is followed by fewer or more values than it says.
pub fn parse(bytes: &[u8]) -> Result<Idx, DatasetError> {
    if bytes.starts_with(&GZIP) {
        let mut reader = MultiGzDecoder::new(bytes);
        let sizes = read_header(&mut reader)?;
        let expected = count(&sizes)?;
        let mut values = Vec::new();
        let found = (&mut reader).take(expected as u64 + 1).read_to_end(&mut values);
        let found = found.map_err(|error| malformed(format!("the gzip stream is damaged: {error}")))?;
        check_length(expected, found, &sizes)?;
        Ok(Idx { sizes, values })
    } else {
        let mut rest = bytes;
        let sizes = read_header(&mut rest)?;
        check_length(count(&sizes)?, rest.len(), &sizes)?;
        Ok(Idx { sizes, values: rest.to_vec() })
    }
}

/// The sizes alone, from a file's first bytes (a few hundred suffice, also of a gzip file).
///
/// # Errors
///
/// If the header is none or claims more than [`MAX_VALUES`].
pub fn sizes(first: &[u8]) -> Result<Vec<usize>, DatasetError> {
    let sizes = if first.starts_with(&GZIP) {
        read_header(&mut MultiGzDecoder::new(first))
    } else {
        read_header(&mut &*first)
    }?;
    count(&sizes)?;
    Ok(sizes)
}

/// The file of an array: what [`parse`] reads.
///
/// # Errors
///
/// If the sizes do not fit the values or the format.
pub fn encode(sizes: &[usize], values: &[u8]) -> Result<Vec<u8>, DatasetError> {
    let dimensions = u8::try_from(sizes.len()).ok().filter(|n| (1..=MAX_DIMENSIONS).contains(n));
    let dimensions = dimensions.ok_or_else(|| malformed(format!("{} sizes do not fit an IDX file", sizes.len())))?;
    check_length(count(sizes)?, values.len(), sizes)?;
    let mut file = vec![0, 0, UNSIGNED_BYTE, dimensions];
    for size in sizes {
        let size = u32::try_from(*size).map_err(|_| malformed(format!("{size} does not fit an IDX header")))?;
        file.extend(size.to_be_bytes());
    }
    file.extend_from_slice(values);
    Ok(file)
}

fn read_header(reader: &mut impl Read) -> Result<Vec<usize>, DatasetError> {
    let mut magic = [0; 4];
    read_exact(reader, &mut magic)?;
    let [zero, null, kind, dimensions] = magic;
    if [zero, null] != [0, 0] {
        return Err(malformed(format!("not an IDX file: it starts with {zero:#04x} {null:#04x}, not with two zeros")));
    }
    if kind != UNSIGNED_BYTE {
        return Err(malformed(format!("IDX values of type {kind:#04x}; only unsigned bytes (0x08) are read")));
    }
    if dimensions == 0 || dimensions > MAX_DIMENSIONS {
        return Err(malformed(format!("an IDX array of {dimensions} dimensions; 1 to {MAX_DIMENSIONS} are read")));
    }
    let mut sizes = Vec::with_capacity(usize::from(dimensions));
    for _ in 0..dimensions {
        let mut size = [0; 4];
        read_exact(reader, &mut size)?;
        sizes.push(u32::from_be_bytes(size) as usize);
    }
    Ok(sizes)
}

fn read_exact(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), DatasetError> {
    reader.read_exact(buffer).map_err(|error| {
        malformed(match error.kind() {
            ErrorKind::UnexpectedEof => "the IDX header is cut short".to_owned(),
            _ => format!("the gzip stream is damaged: {error}"),
        })
    })
}

fn count(sizes: &[usize]) -> Result<usize, DatasetError> {
    let product = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    product
        .filter(|values| *values <= MAX_VALUES)
        .ok_or_else(|| DatasetError::TooLarge(format!("an IDX array of {sizes:?} holds more than {MAX_VALUES} values")))
}

fn check_length(expected: usize, found: usize, sizes: &[usize]) -> Result<(), DatasetError> {
    match found.cmp(&expected) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => {
            Err(malformed(format!("the IDX header promises {sizes:?}, {expected} values, but only {found} follow")))
        }
        std::cmp::Ordering::Greater => {
            Err(malformed(format!("the IDX header promises {sizes:?}, {expected} values, but more follow")))
        }
    }
}
