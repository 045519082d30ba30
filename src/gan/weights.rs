//! A network's state as a checkpoint's tensors, and back.

use super::GanError;
use super::checkpoint::NamedTensor;
use super::network::Network;
use super::ops::slices;

impl Network {
    /// The weights as a checkpoint names them: `{prefix}.0.weight`, (out, in), and so on; with `average`, the moving
    /// average of them.
    ///
    /// # Errors
    ///
    /// If the state cannot be read.
    pub fn weights(&self, prefix: &str, average: bool) -> Result<Vec<NamedTensor>, GanError> {
        let section = if average { self.moments.len() + 1 } else { 0 };
        self.section(section, prefix, "")
    }

    /// What the optimiser remembers, as a checkpoint names it: `{prefix}.0.weight.velocity`, and so on.
    ///
    /// # Errors
    ///
    /// If the state cannot be read.
    pub fn moments(&self, prefix: &str) -> Result<Vec<NamedTensor>, GanError> {
        let mut tensors = Vec::new();
        for (section, moment) in (1..).zip(self.moments) {
            tensors.extend(self.section(section, prefix, &format!(".{moment}"))?);
        }
        Ok(tensors)
    }

    fn section(&self, section: usize, prefix: &str, suffix: &str) -> Result<Vec<NamedTensor>, GanError> {
        let tensors = slices::read(&self.state, |state| {
            let state = &state[section * self.count..(section + 1) * self.count];
            let mut tensors = Vec::with_capacity(2 * self.layers.len());
            for (index, layer) in self.layers.iter().enumerate() {
                let numbers = &state[layer.affine.at..];
                for part in layer.parts().into_iter().filter(|part| part.trained || suffix.is_empty()) {
                    let mut values = Vec::with_capacity(part.rows.len() * part.columns.len());
                    for row in &part.rows {
                        values.extend(part.columns.iter().map(|column| numbers[row + column]));
                    }
                    let name = format!("{prefix}.{index}.{}{suffix}", part.name);
                    tensors.push(NamedTensor { name, shape: part.shape, values });
                }
            }
            tensors
        })?;
        Ok(tensors)
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
                slices::write(&self.state, |state| {
                    let numbers = &mut state[start..start + layer.len()];
                    for (row, values) in part.rows.iter().zip(values.chunks_exact(part.columns.len())) {
                        for (column, value) in part.columns.iter().zip(values) {
                            numbers[row + column] = *value;
                        }
                    }
                })?;
            }
        }
        Ok(())
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
