//! A dataset in memory: three splits of points of one shape.

use super::digest::digest;
use std::sync::Arc;

/// The shape of one point, as arrays and pictures show it. Vectors are 1 × dim × 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 for grey, 3 for RGB.
    pub channels: usize,
}

impl Shape {
    /// Numbers in one point.
    #[must_use]
    pub fn len(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Whether a point has no numbers.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether points are pictures, not plain vectors.
    #[must_use]
    pub fn is_image(self) -> bool {
        self.height > 1
    }
}

/// Points, row by row.
#[derive(Clone, Debug)]
pub enum Pixels {
    /// Bytes that stand for byte / 255.
    U8(Arc<[u8]>),
    /// Numbers as they are.
    F32(Arc<[f32]>),
}

/// Some points, with labels where there are any.
#[derive(Clone, Debug)]
pub struct Split {
    /// `len × shape.len()` values.
    pub pixels: Pixels,
    /// One label a point; an index into the dataset's label names.
    pub labels: Option<Arc<[u8]>>,
    /// How many points.
    pub len: usize,
    /// Values in each point.
    pub dim: usize,
}

impl Split {
    /// Writes the points at `indices` one after another into `out`.
    ///
    /// # Panics
    ///
    /// If an index is out of range or `out` is not `indices.len() × dim` long.
    pub fn gather(&self, indices: impl IntoIterator<Item = usize>, out: &mut [f32]) {
        let mut rows = out.chunks_exact_mut(self.dim);
        for index in indices {
            let Some(row) = rows.next() else { break };
            let range = index * self.dim..(index + 1) * self.dim;
            match &self.pixels {
                Pixels::U8(bytes) => {
                    for (value, byte) in row.iter_mut().zip(&bytes[range]) {
                        *value = f32::from(*byte) / 255.0;
                    }
                }
                Pixels::F32(values) => row.copy_from_slice(&values[range]),
            }
        }
    }

    /// The mean of each number over all points.
    #[must_use]
    pub fn mean(&self) -> Vec<f32> {
        let mut sums = vec![0.0f64; self.dim];
        let mut row = vec![0.0f32; self.dim];
        for index in 0..self.len {
            self.gather([index], &mut row);
            for (sum, value) in sums.iter_mut().zip(&row) {
                *sum += f64::from(*value);
            }
        }
        sums.iter().map(|sum| (sum / self.len.max(1) as f64) as f32).collect()
    }

    /// The points of `range` as one vector.
    #[must_use]
    pub fn to_vec(&self, range: std::ops::Range<usize>) -> Vec<f32> {
        let mut out = vec![0.0; range.len() * self.dim];
        self.gather(range, &mut out);
        out
    }
}

/// Data to train on, choose by and test on.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Its name in specs and paths.
    pub name: String,
    /// The shape of a point.
    pub shape: Shape,
    /// What the networks see.
    pub train: Split,
    /// What bandwidths are chosen on.
    pub validation: Split,
    /// What scores are reported on.
    pub test: Split,
    /// What the labels stand for.
    pub label_names: Vec<String>,
    /// SHA-256 over shape, splits and labels, in hexadecimal: the same data, the same digest.
    pub digest: String,
    /// Under which terms it may be used.
    pub licence: String,
    /// Where it comes from.
    pub origin: String,
}

/// What is said of a dataset beside its points.
#[derive(Clone, Debug)]
pub struct Description {
    /// The dataset's name.
    pub name: String,
    /// What the labels stand for; numbered where this is empty.
    pub label_names: Vec<String>,
    /// Under which terms it may be used.
    pub licence: String,
    /// Where it comes from.
    pub origin: String,
}

impl Description {
    /// The dataset that this is said of: points to train on, to choose by and to test on, of one shape.
    #[must_use]
    pub fn of(self, [train, validation, test]: [Split; 3], shape: Shape) -> Dataset {
        Dataset {
            name: self.name,
            shape,
            digest: digest(shape, [&train, &validation, &test]),
            train,
            validation,
            test,
            label_names: self.label_names,
            licence: self.licence,
            origin: self.origin,
        }
    }
}

/// Bytes that are no dataset.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The bytes do not follow their format.
    #[error("{0}")]
    Malformed(String),
    /// It would be larger than allowed.
    #[error("{0}")]
    TooLarge(String),
}

pub(super) fn malformed(detail: impl Into<String>) -> DatasetError {
    DatasetError::Malformed(detail.into())
}

pub(super) fn too_few([train, validation, test]: [usize; 3]) -> DatasetError {
    malformed(format!("too few points: {train} to train on, {validation} to choose by, {test} to test on"))
}
