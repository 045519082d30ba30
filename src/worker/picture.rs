//! The picture of the same latents that shows how G changes.

use crate::data::Dataset;
use crate::data::synthetic::Synthetic;
use crate::gan::{GanError, Sampler};
use crate::render::png::{self, PictureError};
use crate::render::samples_picture;

/// Images in a picture.
const IMAGES: u64 = 64;
/// Points in a picture of a density.
const POINTS: u64 = 2000;
/// Whose latents are shown: those that `GET /jobs/{id}/samples` shows when it is not told otherwise.
const SEED: u64 = 0;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnapshotError {
    #[error(transparent)]
    Sampling(#[from] GanError),
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// G of the fixed latents, as a PNG.
pub(super) fn snapshot(sampler: &mut Sampler, data: &Dataset) -> Result<Vec<u8>, SnapshotError> {
    let count = if data.shape.is_image() { IMAGES } else { POINTS };
    let latents = sampler.latents(SEED, 0..count);
    let samples = sampler.generate(&latents)?;
    let density = Synthetic::by_name(&data.name).map(Synthetic::density);
    Ok(png::encode(&samples_picture(&samples, data.shape, density.as_ref(), 0, 0))?)
}
