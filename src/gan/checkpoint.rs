//! A run's whole state at a step, and its file: safetensors with the run's metadata.

use super::{GanError, Spec};
use crate::data::Shape;

/// Everything needed to go on from a step as if nothing had happened, and to draw samples.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The run.
    pub spec: Spec,
    /// Steps trained.
    pub step: u64,
    /// The shape of a point.
    pub shape: Shape,
    /// The digest of the data it was trained on.
    pub dataset_digest: String,
    /// gand's version.
    pub version: String,
    /// How many threads computed it.
    pub threads: usize,
    /// The processor features that its kernels used.
    pub processor: String,
    /// Named tensors: `generator.0.weight`, ..., `ema.generator.…`, `optimizer.…`.
    pub tensors: Vec<NamedTensor>,
}

/// A tensor with its name and shape.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedTensor {
    /// Its name in the file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row by row.
    pub values: Vec<f32>,
}

impl Checkpoint {
    /// The safetensors file; the same state gives the same bytes.
    ///
    /// # Errors
    ///
    /// If the spec cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GanError> {
        todo!()
    }

    /// Reads what [`Self::to_bytes`] wrote. Missing and extra tensors are both refused.
    ///
    /// # Errors
    ///
    /// [`GanError::Checkpoint`] if the bytes are no checkpoint of gand's.
    pub fn from_bytes(_bytes: &[u8]) -> Result<Self, GanError> {
        todo!()
    }
}
