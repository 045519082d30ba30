//! A checkpoint that the command line names.

use crate::gan::Checkpoint;
use anyhow::Context as _;
use std::path::Path;

/// Reads the file, and what is in it.
pub(super) fn read(path: &Path) -> anyhow::Result<(Vec<u8>, Checkpoint)> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let checkpoint = Checkpoint::from_bytes(&bytes);
    let checkpoint = checkpoint.with_context(|| format!("{} is no checkpoint of gand's", path.display()))?;
    Ok((bytes, checkpoint))
}
