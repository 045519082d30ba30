//! From what a user wrote to a complete spec, or to the list of all its faults.

use super::Spec;
use crate::data::{Dataset, Pixels, Shape};
use serde::{Deserialize, Serialize};

/// One fault of a request's body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

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

/// Reads a spec: the recipe's settings with the user's fields over them. Unknown fields are faults. The fields of the
/// job itself (`name`, `tags`, `priority`, `from`) must have been taken out. `facts_of` knows the datasets by name.
///
/// # Errors
///
/// Every fault of the spec, in the order of its fields.
pub fn read_spec(
    _written: &serde_json::Value,
    _facts_of: &dyn Fn(&str) -> Option<DataFacts>,
) -> Result<Spec, Vec<Fault>> {
    todo!()
}
