//! NumPy's archive of arrays: a zip of `.npy` files.

use super::DatasetError;
use super::npy::{self, Array};
use std::io::{Cursor, Read, Seek, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Arrays that an archive may hold.
const MAX_ARRAYS: usize = 64;

/// The archive of named arrays of single-precision numbers, uncompressed: the same arrays give the same bytes.
///
/// # Errors
///
/// If the archive would be larger than the zip format allows.
pub fn encode(arrays: &[(&str, &[usize], &[f32])]) -> Result<Vec<u8>, DatasetError> {
    let failed =
        |error: zip::result::ZipError| DatasetError::TooLarge(format!("the archive cannot be written: {error}"));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // No clock: the format's first day. Large files as such, so that the header does not depend on the size.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .large_file(true);
    for (name, shape, values) in arrays {
        archive.start_file(format!("{name}.npy"), options).map_err(failed)?;
        archive.write_all(&npy::encode(shape, values)).map_err(|error| failed(error.into()))?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

/// The arrays of an archive with their names, unpacking at most `max_bytes` altogether.
///
/// # Errors
///
/// If it is no zip, holds anything but `.npy` files, or is larger than allowed.
pub fn parse(bytes: &[u8], max_bytes: usize) -> Result<Vec<(String, Array)>, DatasetError> {
    read(Cursor::new(bytes), max_bytes)
}

/// As [`parse`], from where an archive can be read piece by piece.
///
/// # Errors
///
/// As [`parse`].
pub fn read(reader: impl Read + Seek, max_bytes: usize) -> Result<Vec<(String, Array)>, DatasetError> {
    let damaged = |error: &dyn std::fmt::Display| DatasetError::Malformed(format!("the archive is damaged: {error}"));
    let mut archive = ZipArchive::new(reader).map_err(|error| damaged(&error))?;
    if archive.len() > MAX_ARRAYS {
        return Err(DatasetError::TooLarge(format!("an archive of {} arrays; {MAX_ARRAYS} at most", archive.len())));
    }
    let mut arrays = Vec::new();
    let mut left = max_bytes;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| damaged(&error))?;
        let name = file.name().map_err(|error| damaged(&error))?.to_string();
        let Some(short) = name.strip_suffix(".npy").map(str::to_owned) else {
            return Err(DatasetError::Malformed(format!("the archive holds {name:?}, which is no .npy file")));
        };
        let mut content = Vec::new();
        let read = file.take(left as u64 + 1).read_to_end(&mut content).map_err(|error| damaged(&error))?;
        left = left
            .checked_sub(read)
            .ok_or_else(|| DatasetError::TooLarge(format!("the archive unpacks to more than {max_bytes} bytes")))?;
        arrays.push((short, npy::parse(&content)?));
    }
    Ok(arrays)
}
