//! A network's state as a checkpoint's tensors, and back.

use super::GanError;
use super::checkpoint::{Entry, NamedTensor};
use super::layers::Part;
use super::network::Network;
use super::ops::{slices, split};
use std::sync::atomic::{AtomicU32, Ordering};

impl Network {
    /// How many layers it has.
    #[must_use]
    pub fn layer_count(&self) -> usize {
        self.layers.len()
    }

    /// The weights as a checkpoint names them: `{prefix}.0.weight`, (out, in), and so on; with `average`, the moving
    /// average of them.
    pub(super) fn weights(&self, prefix: &str, average: bool) -> Vec<Entry<'_>> {
        let section = if average { self.moments.len() + 1 } else { 0 };
        self.section(section, prefix, "")
    }

    /// What the optimiser remembers, as a checkpoint names it: `{prefix}.0.weight.velocity`, and so on.
    pub(super) fn moments(&self, prefix: &str) -> Vec<Entry<'_>> {
        let moments = (1..).zip(self.moments);
        moments.flat_map(|(section, moment)| self.section(section, prefix, &format!(".{moment}"))).collect()
    }

    /// The weights and what the optimiser remembers of them, named as in a checkpoint.
    ///
    /// # Errors
    ///
    /// If the state cannot be read.
    pub fn tensors(&self, prefix: &str) -> Result<Vec<NamedTensor>, GanError> {
        let entries = self.weights(prefix, false).into_iter().chain(self.moments(&format!("optimizer.{prefix}")));
        let read = |Entry { name, shape, fill }: Entry<'_>| {
            let mut bytes = vec![0; 4 * shape.iter().product::<usize>()];
            fill(&mut bytes)?;
            let values = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            Ok(NamedTensor { name, shape, values })
        };
        entries.map(read).collect()
    }

    fn section(&self, section: usize, prefix: &str, suffix: &str) -> Vec<Entry<'_>> {
        let mut entries = Vec::with_capacity(2 * self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let start = section * self.count + layer.affine.at;
            for part in layer.parts().into_iter().filter(|part| part.trained || suffix.is_empty()) {
                entries.push(Entry {
                    name: format!("{prefix}.{index}.{}{suffix}", part.name),
                    shape: part.shape.clone(),
                    fill: Box::new(move |bytes| {
                        Ok(slices::read(&self.state, |state| gather(&state[start..], &part, self.threads, bytes))?)
                    }),
                });
            }
        }
        entries
    }

    /// A number of its state that is not finite.
    ///
    /// # Errors
    ///
    /// If the state cannot be read.
    pub fn not_finite(&self) -> Result<Option<f32>, GanError> {
        // Without its sign, what is no number is greater than all that are: a maximum, which the compiler takes many at a
        // time.
        let magnitude = |number: &f32| number.abs().to_bits();
        let largest = AtomicU32::new(0);
        Ok(slices::read(&self.state, |state| {
            split::split(state.len(), 1, split::threads_for(state.len(), self.threads), &|range| {
                largest.fetch_max(state[range].iter().map(magnitude).fold(0, u32::max), Ordering::Relaxed);
            });
            let finite = largest.load(Ordering::Relaxed) < f32::INFINITY.to_bits();
            if finite { None } else { state.iter().find(|number| !number.is_finite()).copied() }
        })?)
    }

    /// Takes the weights of another network of the same layers, or the average of them.
    ///
    /// # Errors
    ///
    /// If the state cannot be read.
    pub fn copy_weights(&self, other: &Self, average: bool) -> Result<(), GanError> {
        let start = if average { other.count * (other.moments.len() + 1) } else { 0 };
        slices::read(&other.state, |source| {
            slices::write(&self.state, |state| state[..self.count].copy_from_slice(&source[start..][..self.count]))
        })??;
        Ok(())
    }

    /// Takes the weights from a checkpoint's tensors, and the average with them.
    ///
    /// # Errors
    ///
    /// If a tensor is missing or has another shape.
    pub fn load_weights(&mut self, tensors: &mut Tensors<'_>, prefix: &str) -> Result<(), GanError> {
        self.load_section(0, tensors, prefix, "")?;
        self.start_average()
    }

    /// Takes the average and the moments from a checkpoint's tensors.
    ///
    /// # Errors
    ///
    /// If a tensor is missing or has another shape.
    pub fn load_rest(&mut self, tensors: &mut Tensors<'_>, prefix: &str) -> Result<(), GanError> {
        for (section, moment) in (1..).zip(self.moments) {
            self.load_section(section, tensors, &format!("optimizer.{prefix}"), &format!(".{moment}"))?;
        }
        match self.averaged {
            true => self.load_section(self.moments.len() + 1, tensors, &format!("ema.{prefix}"), ""),
            false => Ok(()),
        }
    }

    fn load_section(
        &mut self,
        section: usize,
        tensors: &mut Tensors<'_>,
        prefix: &str,
        suffix: &str,
    ) -> Result<(), GanError> {
        for (index, layer) in self.layers.iter().enumerate() {
            let start = section * self.count + layer.affine.at;
            for part in layer.parts().into_iter().filter(|part| part.trained || suffix.is_empty()) {
                let values = tensors.take(&format!("{prefix}.{index}.{}{suffix}", part.name), &part.shape)?;
                slices::write(&self.state, |state| scatter(values, &part, &mut state[start..start + layer.len()]))?;
            }
        }
        Ok(())
    }
}

/// Rows and columns of a tile: what it reads and what it writes stay in the nearest cache together.
const TILE: (usize, usize) = (80, 16);

/// Writes a part's numbers, row by row. The state has them column by column: tile after tile, so that no line of memory
/// is fetched for one number of it.
fn gather(numbers: &[f32], part: &Part, threads: usize, bytes: &mut [u8]) {
    let width = part.columns.len();
    let out = split::Shared::new(bytes.as_chunks_mut::<4>().0);
    let threads = split::threads_for(out.len(), threads);
    split::split(part.rows.len(), TILE.0, threads, &|rows| {
        // SAFETY: the ranges of rows do not overlap.
        let out = unsafe { out.part(rows.start * width..rows.end * width) };
        for (rows, out) in part.rows[rows].chunks(TILE.0).zip(out.chunks_mut(TILE.0 * width)) {
            for (tile, columns) in part.columns.chunks(TILE.1).enumerate() {
                for (row, out) in rows.iter().zip(out.chunks_exact_mut(width)) {
                    for (out, column) in out[tile * TILE.1..].iter_mut().zip(columns) {
                        *out = numbers[row + column].to_le_bytes();
                    }
                }
            }
        }
    });
}

/// The way back: puts a part's numbers, row by row, where the state has them.
fn scatter(values: &[f32], part: &Part, numbers: &mut [f32]) {
    let width = part.columns.len();
    for (rows, values) in part.rows.chunks(TILE.0).zip(values.chunks(TILE.0 * width)) {
        for (tile, columns) in part.columns.chunks(TILE.1).enumerate() {
            for (row, values) in rows.iter().zip(values.chunks_exact(width)) {
                for (value, column) in values[tile * TILE.1..].iter().zip(columns) {
                    numbers[row + column] = *value;
                }
            }
        }
    }
}

/// A checkpoint's tensors, each to be taken once.
pub struct Tensors<'a> {
    left: Vec<&'a NamedTensor>,
}

impl<'a> Tensors<'a> {
    /// All of them.
    pub fn new(tensors: impl IntoIterator<Item = &'a NamedTensor>) -> Self {
        Self { left: tensors.into_iter().collect() }
    }

    /// The values of one.
    ///
    /// # Errors
    ///
    /// If it is missing or has another shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<&'a [f32], GanError> {
        let Some(index) = self.left.iter().position(|tensor| tensor.name == name) else {
            return Err(GanError::Checkpoint(format!("the checkpoint lacks the tensor {name}")));
        };
        let tensor = self.left.swap_remove(index);
        if tensor.shape != shape {
            let found = &tensor.shape;
            return Err(GanError::Checkpoint(format!("the tensor {name} has shape {found:?}, expected {shape:?}")));
        }
        Ok(&tensor.values)
    }

    /// Refuses what nobody took.
    ///
    /// # Errors
    ///
    /// If any is left.
    pub fn finish(self) -> Result<(), GanError> {
        match self.left.first() {
            None => Ok(()),
            Some(extra) => {
                Err(GanError::Checkpoint(format!("the checkpoint has a tensor that does not belong: {}", extra.name)))
            }
        }
    }
}
