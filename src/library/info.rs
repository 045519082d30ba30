//! What is known of a dataset without loading it.

use super::LibraryError;
use super::known::description;
use crate::data::Description;
use crate::data::Shape;
use serde::Serialize;

/// Points in each split.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Counts {
    /// What the networks see.
    pub train: usize,
    /// What bandwidths are chosen on.
    pub validation: usize,
    /// What scores are reported on.
    pub test: usize,
}

impl From<[usize; 3]> for Counts {
    fn from([train, validation, test]: [usize; 3]) -> Self {
        Self { train, validation, test }
    }
}

/// What is known of a dataset without loading it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DatasetInfo {
    /// Its name in specs and paths.
    pub name: String,
    /// The shape of a point, where the files are there.
    pub shape: Option<Shape>,
    /// Points in each split, where the files are there.
    pub counts: Option<Counts>,
    /// What the labels stand for; empty without labels, or where only loading can tell.
    pub label_names: Vec<String>,
    /// Under which terms it may be used.
    pub licence: String,
    /// SHA-256 over shape, splits and labels, once it is loaded.
    pub digest: Option<String>,
    /// Where it comes from.
    pub origin: String,
    /// Whether it can be loaded.
    pub available: bool,
    /// Why it is not available.
    pub reason: Option<String>,
    /// Whether it was imported or uploaded, so that it can be replaced and removed.
    pub imported: bool,
}

impl DatasetInfo {
    /// A dataset whose files have this shape and these counts.
    pub(super) fn of_files(name: &str, shape: Shape, counts: Counts) -> Self {
        Self { shape: Some(shape), counts: Some(counts), available: true, reason: None, ..Self::without_files(name) }
    }

    /// A dataset whose files are missing or damaged.
    pub(super) fn unavailable(name: &str, why: &LibraryError) -> Self {
        Self { reason: Some(why.to_string()), ..Self::without_files(name) }
    }

    fn without_files(name: &str) -> Self {
        let Description { name, label_names, licence, origin } = description(name);
        Self {
            name,
            shape: None,
            counts: None,
            label_names,
            licence,
            digest: None,
            origin,
            available: false,
            reason: None,
            imported: false,
        }
    }
}
