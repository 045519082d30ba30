//! From what a user wrote to a complete spec, or to the list of all its faults.

use super::Spec;
use crate::data::Shape;
use serde::{Deserialize, Serialize};

/// One fault of a request's body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}

/// Reads a spec: the recipe's settings with the user's fields over them. Unknown fields are faults. The fields of the
/// job itself (`name`, `tags`, `priority`, `from`) must have been taken out. `shape_of` tells a dataset's shape and
/// number of training examples, or `None` if there is no such dataset.
///
/// # Errors
///
/// Every fault of the spec, in the order of its fields.
pub fn read_spec(
    _written: &serde_json::Value,
    _shape_of: &dyn Fn(&str) -> Option<(Shape, usize)>,
) -> Result<Spec, Vec<Fault>> {
    todo!()
}
