//! What can go wrong in the core.

/// A fault of a spec, of data, of a checkpoint, or of the training itself.
#[derive(Debug, thiserror::Error)]
pub enum GanError {
    /// The spec does not fit the data.
    #[error("{0}")]
    Spec(String),
    /// The bytes are no checkpoint, or not of this run.
    #[error("{0}")]
    Checkpoint(String),
    /// The run keeps no average of G's weights.
    #[error("this job keeps no moving average of its weights (training.ema is null)")]
    NoAverage,
    /// A loss or a weight is no longer finite.
    #[error("{what} is {value} in step {step}")]
    Diverged {
        /// The step, counted from 1.
        step: u64,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f32,
    },
    /// candle refused an operation: a fault of gand's own.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}
