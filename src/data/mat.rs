//! MATLAB's file format, level 5: as much of it as holds plain arrays of numbers.

use super::DatasetError;
use super::dataset::malformed;
use flate2::read::ZlibDecoder;
use std::io::Read;

/// Values in one array.
const MAX_VALUES: usize = 1 << 30;
/// How such a file starts.
pub const START: &[u8] = b"MATLAB 5.0 MAT-file";
const HEADER_BYTES: usize = 128;
const MAX_DIMENSIONS: usize = 4;
/// An array's own header (flags, sizes, name) is far smaller than this.
const SLACK_BYTES: usize = 4096;

const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT16: u32 = 3;
const UINT16: u32 = 4;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const DOUBLE: u32 = 9;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

/// An array of integers; the first size is the fastest, as MATLAB has it.
#[derive(Clone, PartialEq, Debug)]
pub struct MatArray {
    /// Its name.
    pub name: String,
    /// Its sizes.
    pub sizes: Vec<usize>,
    /// Its values. Doubles are rounded; what is not within i16 is cut.
    pub values: MatValues,
}

/// The values of an array.
#[derive(Clone, PartialEq, Debug)]
pub enum MatValues {
    /// Bytes.
    U8(Vec<u8>),
    /// Anything else.
    I16(Vec<i16>),
}

impl MatValues {
    /// One value.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<i16> {
        match self {
            Self::U8(values) => values.get(index).map(|value| i16::from(*value)),
            Self::I16(values) => values.get(index).copied(),
        }
    }
}

/// The arrays of a file whose names are `wanted`; others are skipped.
///
/// # Errors
///
/// If it is no such file, is cut short, or an array is none of numbers or larger than it may be.
pub fn parse(bytes: &[u8], wanted: &[&str]) -> Result<Vec<MatArray>, DatasetError> {
    let header = bytes.get(..HEADER_BYTES).ok_or_else(|| malformed("the header of the MATLAB file is cut short"))?;
    match &header[126..128] {
        b"IM" => {}
        b"MI" => return Err(malformed("a big-endian MATLAB file; only little-endian ones are read")),
        _ => return Err(malformed("not a MATLAB file of level 5 (of 7.3 and later, save with -v7)")),
    }
    let mut rest = &bytes[HEADER_BYTES..];
    let mut arrays = Vec::new();
    while rest.len() >= 8 {
        // At the top level a compressed element is not padded; a plain one is a multiple of eight long already.
        let (kind, body, after) = element(rest)?;
        match kind {
            COMPRESSED => arrays.extend(compressed(body, wanted)?),
            MATRIX => arrays.extend(matrix(body, wanted)?),
            _ => {}
        }
        rest = after;
    }
    Ok(arrays)
}

/// Unpacks no more than the element within says it has, and no more than an array may have.
fn compressed(body: &[u8], wanted: &[&str]) -> Result<Option<MatArray>, DatasetError> {
    let damaged = |error: std::io::Error| malformed(format!("a compressed array is damaged: {error}"));
    let mut reader = ZlibDecoder::new(body);
    let mut tag = [0; 8];
    reader.read_exact(&mut tag).map_err(damaged)?;
    let (kind, length) = (word(&tag, 0)?, word(&tag, 4)? as usize);
    if kind != MATRIX {
        return Ok(None);
    }
    if length > 8 * MAX_VALUES + SLACK_BYTES {
        return Err(DatasetError::TooLarge(format!("an array of {length} bytes")));
    }
    // The name comes early: arrays that nobody wants are not unpacked.
    let mut content = Vec::new();
    (&mut reader).take(SLACK_BYTES.min(length) as u64).read_to_end(&mut content).map_err(damaged)?;
    if let Ok(found) = Description::read(&content)
        && !wanted.contains(&found.name.as_str())
    {
        return Ok(None);
    }
    reader.take((length - content.len()) as u64).read_to_end(&mut content).map_err(damaged)?;
    if content.len() != length {
        return Err(malformed("a compressed array is cut short"));
    }
    matrix(&content, wanted)
}

/// What comes before an array's values.
struct Description<'a> {
    name: String,
    sizes: Vec<usize>,
    rest: &'a [u8],
}

impl<'a> Description<'a> {
    fn read(body: &'a [u8]) -> Result<Self, DatasetError> {
        let (_, _flags, rest) = element(body)?;
        let (kind, sizes, rest) = element(rest)?;
        if kind != INT32 || sizes.len() > 4 * MAX_DIMENSIONS || !sizes.len().is_multiple_of(4) {
            return Err(malformed(format!("an array has no list of 1 to {MAX_DIMENSIONS} sizes")));
        }
        let sizes = (0..sizes.len() / 4).map(|place| word(sizes, 4 * place).map(|size| size as usize));
        let sizes = sizes.collect::<Result<Vec<_>, _>>()?;
        let (_, name, rest) = element(rest)?;
        Ok(Self { name: String::from_utf8_lossy(name).into_owned(), sizes, rest })
    }
}

fn matrix(body: &[u8], wanted: &[&str]) -> Result<Option<MatArray>, DatasetError> {
    let Description { name, sizes, rest } = Description::read(body)?;
    if !wanted.contains(&name.as_str()) {
        return Ok(None);
    }
    let count = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    let count = count.filter(|count| *count <= MAX_VALUES).ok_or_else(|| {
        DatasetError::TooLarge(format!("the array {name} of {sizes:?} holds more than {MAX_VALUES} values"))
    })?;
    let (kind, data, _) = element(rest)?;
    let width = match kind {
        INT8 | UINT8 => 1,
        INT16 | UINT16 => 2,
        INT32 | UINT32 => 4,
        DOUBLE => 8,
        other => return Err(malformed(format!("the array {name} has values of MATLAB's type {other}"))),
    };
    if data.len() != count * width {
        let found = data.len();
        return Err(malformed(format!("the array {name} of {sizes:?} takes {} bytes, not {found}", count * width)));
    }
    let cut = |value: i64| i16::try_from(value.clamp(i64::from(i16::MIN), i64::from(i16::MAX))).unwrap_or(0);
    let values = match kind {
        UINT8 => MatValues::U8(data.to_vec()),
        INT8 => MatValues::I16(data.iter().map(|byte| i16::from(*byte as i8)).collect()),
        INT16 => MatValues::I16(data.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect()),
        UINT16 => {
            MatValues::I16(data.as_chunks().0.iter().map(|bytes| cut(u16::from_le_bytes(*bytes).into())).collect())
        }
        INT32 => {
            MatValues::I16(data.as_chunks().0.iter().map(|bytes| cut(i32::from_le_bytes(*bytes).into())).collect())
        }
        UINT32 => {
            MatValues::I16(data.as_chunks().0.iter().map(|bytes| cut(u32::from_le_bytes(*bytes).into())).collect())
        }
        _ => MatValues::I16(data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes).round() as i16).collect()),
    };
    Ok(Some(MatArray { name, sizes, values }))
}

/// A tagged piece: its type, its bytes, and what follows. Small pieces have their length within the tag.
fn element(bytes: &[u8]) -> Result<(u32, &[u8], &[u8]), DatasetError> {
    let cut = || malformed("the MATLAB file is cut short");
    let tag = word(bytes, 0)?;
    if tag >> 16 != 0 {
        let length = (tag >> 16) as usize;
        let body = bytes.get(4..4 + length.min(4)).filter(|_| length <= 4).ok_or_else(cut)?;
        return Ok((tag & 0xffff, body, bytes.get(8..).ok_or_else(cut)?));
    }
    let length = word(bytes, 4)? as usize;
    let body = bytes.get(8..8 + length).ok_or_else(cut)?;
    let padded = if tag == COMPRESSED { length } else { length.next_multiple_of(8) };
    // The last piece may lack its padding.
    Ok((tag, body, bytes.get(8 + padded..).unwrap_or(&[])))
}

fn word(bytes: &[u8], at: usize) -> Result<u32, DatasetError> {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map(u32::from_le_bytes).ok_or_else(|| malformed("the MATLAB file is cut short"))
}
