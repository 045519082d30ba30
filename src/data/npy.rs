//! NumPy's array file: a header that says type, order and shape, then the values.

use super::dataset::malformed;
use super::{DatasetError, Pixels};

/// The values that an array may hold.
pub const MAX_VALUES: usize = 1 << 30;
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// What numpy aligns the values to.
const ALIGNMENT: usize = 64;
const MAX_DIMENSIONS: usize = 8;
/// Real headers have about a hundred bytes.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// An array.
#[derive(Clone, Debug)]
pub struct Array {
    /// Its sizes, the slowest first.
    pub shape: Vec<usize>,
    /// Its values, the last size fastest. Bytes stay bytes; doubles are rounded to single precision.
    pub values: Pixels,
}

impl Array {
    /// Rows and the numbers in each: the first size, and the product of the others.
    #[must_use]
    pub fn rows(&self) -> (usize, usize) {
        match self.shape.split_first() {
            Some((rows, rest)) => (*rows, rest.iter().product()),
            None => (1, 1),
        }
    }

    /// The values as numbers, bytes divided by 255.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.values {
            Pixels::U8(bytes) => bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect(),
            Pixels::F32(values) => values.to_vec(),
        }
    }
}

/// The file of an array of single-precision numbers.
#[must_use]
pub fn encode(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let mut file = header("<f4", shape);
    file.reserve_exact(4 * values.len());
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}

/// The file of an array of bytes.
#[must_use]
pub fn encode_u8(shape: &[usize], values: &[u8]) -> Vec<u8> {
    let mut file = header("|u1", shape);
    file.extend_from_slice(values);
    file
}

fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let sizes = match shape {
        [only] => format!("({only},)"),
        _ => format!("({})", shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {sizes}, }}");
    let start = MAGIC.len() + 4;
    let padded = (start + text.len() + 1).next_multiple_of(ALIGNMENT) - start;
    text.extend(std::iter::repeat_n(' ', padded - 1 - text.len()));
    text.push('\n');
    let mut file = MAGIC.to_vec();
    file.extend([1, 0]);
    file.extend((text.len() as u16).to_le_bytes());
    file.extend_from_slice(text.as_bytes());
    file
}

/// Reads a whole file. Nothing is allocated before the values' length is checked.
///
/// # Errors
///
/// If it is no array in C order of little-endian f4, f8 or bytes, or its length is not what its header says.
pub fn parse(bytes: &[u8]) -> Result<Array, DatasetError> {
    let (text, body) = split_header(bytes)?;
    let header = Header::parse(text)?;
    if header.fortran_order {
        return Err(malformed("the array is in Fortran order; save it with numpy.ascontiguousarray"));
    }
    let count = header.shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    let count = count.filter(|count| *count <= MAX_VALUES).ok_or_else(|| {
        DatasetError::TooLarge(format!("an array of {:?} holds more than {MAX_VALUES} values", header.shape))
    })?;
    let width = match header.descr.as_str() {
        "|u1" | "<u1" | "|b1" => 1,
        "<f4" => 4,
        "<f8" => 8,
        other => return Err(malformed(format!("values of type {other}; uint8 and little-endian float32 are read"))),
    };
    if body.len() != count * width {
        let (shape, found) = (&header.shape, body.len());
        return Err(malformed(format!("an array of {shape:?} takes {} bytes, but {found} follow", count * width)));
    }
    let values = match width {
        // A byte is a share of 255, and true is all of it.
        1 if header.descr == "|b1" => Pixels::U8(body.iter().map(|byte| if *byte == 0 { 0 } else { 255 }).collect()),
        1 => Pixels::U8(body.into()),
        4 => Pixels::F32(body.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
        _ => Pixels::F32(body.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect()),
    };
    Ok(Array { shape: header.shape, values })
}

fn split_header(bytes: &[u8]) -> Result<(&str, &[u8]), DatasetError> {
    let cut = || malformed("the header of the array is cut short");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| malformed("not a .npy file"))?;
    let ([major, _minor], rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let (length, rest) = match major {
        1 => rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_le_bytes(*length)), rest)),
        2 | 3 => rest.split_first_chunk().map(|(length, rest)| (u32::from_le_bytes(*length) as usize, rest)),
        _ => return Err(malformed(format!("version {major} of the .npy format is not known"))),
    }
    .ok_or_else(cut)?;
    if length > MAX_HEADER_BYTES {
        return Err(DatasetError::TooLarge(format!("a header of {length} bytes")));
    }
    let (header, body) = rest.split_at_checked(length).ok_or_else(cut)?;
    let text = std::str::from_utf8(header).map_err(|_| malformed("the header of the array is not text"))?;
    Ok((text, body))
}

/// The header's dictionary.
#[derive(Debug)]
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Reads the Python literal that numpy writes: a dictionary of a string, a bool and a tuple of integers.
    fn parse(text: &str) -> Result<Self, DatasetError> {
        let mut literal = Literal { rest: text };
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        literal.expect('{')?;
        while !literal.take('}') {
            let key = literal.string()?;
            literal.expect(':')?;
            match key.as_str() {
                "descr" => descr = Some(literal.string()?),
                "fortran_order" => fortran_order = Some(literal.boolean()?),
                "shape" => shape = Some(literal.tuple()?),
                other => return Err(malformed(format!("the header of the array has an unknown field {other:?}"))),
            }
            if !literal.take(',') {
                literal.expect('}')?;
                break;
            }
        }
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) if literal.rest.trim().is_empty() => {
                Ok(Self { descr, fortran_order, shape })
            }
            _ => Err(malformed("the header of the array lacks descr, fortran_order or shape")),
        }
    }
}

/// What is left of a Python literal.
struct Literal<'a> {
    rest: &'a str,
}

impl Literal<'_> {
    fn take(&mut self, wanted: char) -> bool {
        match self.rest.trim_start().strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), DatasetError> {
        if self.take(wanted) { Ok(()) } else { Err(malformed(format!("the header of the array lacks a {wanted:?}"))) }
    }

    fn string(&mut self) -> Result<String, DatasetError> {
        let quote = if self.take('\'') {
            '\''
        } else {
            self.expect('"')?;
            '"'
        };
        let (text, rest) = self.rest.split_once(quote).ok_or_else(|| malformed("a string has no end"))?;
        self.rest = rest;
        Ok(text.to_owned())
    }

    fn boolean(&mut self) -> Result<bool, DatasetError> {
        let rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(malformed("fortran_order is neither True nor False"))
    }

    fn tuple(&mut self) -> Result<Vec<usize>, DatasetError> {
        self.expect('(')?;
        let mut sizes = Vec::new();
        while !self.take(')') {
            let rest = self.rest.trim_start();
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let size = rest[..digits].parse().map_err(|_| malformed("the shape of the array is no list of sizes"))?;
            sizes.push(size);
            if sizes.len() > MAX_DIMENSIONS {
                return Err(malformed(format!("an array of more than {MAX_DIMENSIONS} dimensions")));
            }
            self.rest = &rest[digits..];
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(sizes)
    }
}
