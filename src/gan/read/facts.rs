//! What is known of a dataset without its points.

use crate::data::{Dataset, Pixels, Shape};

/// What a spec must fit: a dataset without its points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DataFacts {
    /// The shape of a point.
    pub shape: Shape,
    /// Points in the train split.
    pub train: usize,
    /// Points in the validation split.
    pub validation: usize,
    /// Whether every value lies in [0, 1], as images' do.
    pub unit_interval: bool,
}

impl From<&Dataset> for DataFacts {
    fn from(data: &Dataset) -> Self {
        let unit_interval = data.shape.is_image()
            || match &data.train.pixels {
                Pixels::U8(_) => true,
                Pixels::F32(values) => values.iter().all(|value| (0.0..=1.0).contains(value)),
            };
        Self { shape: data.shape, train: data.train.len, validation: data.validation.len, unit_interval }
    }
}
