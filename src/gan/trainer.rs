//! A run in progress: Algorithm 1.

use super::{Checkpoint, GanError, Losses, Spec};
use crate::data::Dataset;
use std::sync::Arc;

/// Both players, their optimisers and the step they are at.
pub struct Trainer {}

impl Trainer {
    /// A run at its beginning. Kernels use `threads` threads of the rayon pool that the caller is in.
    ///
    /// # Errors
    ///
    /// If the spec does not fit the data.
    pub fn new(_spec: &Spec, _data: Arc<Dataset>, _threads: usize) -> Result<Self, GanError> {
        todo!()
    }

    /// A run at a checkpoint of its own.
    ///
    /// # Errors
    ///
    /// If the checkpoint is of another spec or other data.
    pub fn resume(
        _checkpoint: &Checkpoint,
        _spec: &Spec,
        _data: Arc<Dataset>,
        _threads: usize,
    ) -> Result<Self, GanError> {
        todo!()
    }

    /// A new run that starts from another run's weights (optimisers and step start anew).
    ///
    /// # Errors
    ///
    /// If the networks differ in shape.
    pub fn fork(
        _checkpoint: &Checkpoint,
        _spec: &Spec,
        _data: Arc<Dataset>,
        _threads: usize,
    ) -> Result<Self, GanError> {
        todo!()
    }

    /// Steps done.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        todo!()
    }

    /// One step: k updates of D and one of G.
    ///
    /// # Errors
    ///
    /// [`GanError::Diverged`] if a loss is not finite.
    pub fn step(&mut self) -> Result<Losses, GanError> {
        todo!()
    }

    /// The whole state, copied.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        todo!()
    }
}
