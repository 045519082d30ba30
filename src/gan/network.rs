//! A stack of layers with its state: weights, what the optimiser remembers of them, their moving average.

use super::GanError;
use super::checkpoint::NamedTensor;
use super::layers::{Kind, Layer};
use super::ops::affine::{Forward, ToInput};
use super::ops::descend::Descend;
use super::ops::dropout::{Drop, Mask};
use super::ops::elementwise;
use super::ops::maxout::{Largest, Pieces, ToLargest};
use super::ops::slices;
use super::ops::split::{Shared, split, threads_for};
use super::optimizer::Rule;
use super::random::{Purpose, Stream};
use super::spec::{Activation, Init};
use candle_core::Tensor;
use std::ops::Range;

/// Which update a dropout mask belongs to; `None` stands for no dropout, as in sampling.
pub type Masks = Option<Stream>;

/// A network and its state.
pub struct Network {
    layers: Vec<Layer>,
    input_dropout: f32,
    /// Sections of `count` numbers: weights, moments, and the average if one is kept.
    state: Tensor,
    count: usize,
    moments: &'static [&'static str],
    averaged: bool,
    threads: usize,
}

/// What a forward pass leaves for the backward pass, for up to so many rows.
pub struct Activations {
    dropped_input: Option<Tensor>,
    layers: Vec<LayerActivations>,
}

struct LayerActivations {
    /// Affine outputs and their gradients, kept apart from the units' where the layer has pieces.
    pieces: Option<(Tensor, Tensor)>,
    /// The layer's outputs.
    outputs: Tensor,
    /// Their gradients.
    deltas: Tensor,
}

impl Network {
    /// A network with its weights at their start. `part` tells its random numbers from the other player's.
    ///
    /// # Errors
    ///
    /// If candle cannot allocate it.
    pub fn new(
        layers: Vec<Layer>,
        input_dropout: f32,
        moments: &'static [&'static str],
        averaged: bool,
        (seed, part): (u64, u32),
        threads: usize,
    ) -> Result<Self, GanError> {
        let count = layers.iter().map(|layer| layer.affine.len()).sum();
        let sections = 1 + moments.len() + usize::from(averaged);
        let network =
            Self { state: slices::zeros(sections, count)?, layers, input_dropout, count, moments, averaged, threads };
        slices::write(&network.state, |state| {
            for (index, layer) in (0u32..).zip(&network.layers) {
                initialize(layer, Stream::new(seed, Purpose::Init, 0, part + index), state);
            }
        })?;
        network.start_average()?;
        Ok(network)
    }

    /// Sets the average to the weights.
    fn start_average(&self) -> Result<(), GanError> {
        if self.averaged {
            let (count, last) = (self.count, self.moments.len() + 1);
            slices::write(&self.state, |state| state.copy_within(..count, last * count))?;
        }
        Ok(())
    }

    /// Sets the biases of the last layer.
    ///
    /// # Errors
    ///
    /// If the state cannot be written.
    pub fn set_output_bias(&mut self, values: &[f32]) -> Result<(), GanError> {
        let Some(last) = self.layers.last() else { return Ok(()) };
        let end = last.affine.at + last.affine.len();
        slices::write(&self.state, |state| state[end - values.len()..end].copy_from_slice(values))?;
        self.start_average()
    }

    /// The width of its input.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.affine.inputs)
    }

    /// Room for the passes of up to `rows` rows.
    ///
    /// # Errors
    ///
    /// If candle cannot allocate it.
    pub fn activations(&self, rows: usize) -> Result<Activations, GanError> {
        let layers = self.layers.iter().map(|layer| {
            let pieces = match layer.kind {
                Kind::Linear(_) => None,
                Kind::Maxout(_) => {
                    Some((slices::zeros(rows, layer.affine.outputs)?, slices::zeros(rows, layer.affine.outputs)?))
                }
            };
            let (outputs, deltas) = (slices::zeros(rows, layer.units())?, slices::zeros(rows, layer.units())?);
            Ok(LayerActivations { pieces, outputs, deltas })
        });
        let layers = layers.collect::<Result<_, GanError>>()?;
        let dropped_input = match self.input_dropout > 0.0 {
            true => Some(slices::zeros(rows, self.inputs())?),
            false => None,
        };
        Ok(Activations { dropped_input, layers })
    }

    /// Computes `rows` of the outputs from the same rows of `input`; `output` takes the last layer's outputs where they
    /// are wanted elsewhere than in the activations.
    ///
    /// # Errors
    ///
    /// If candle refuses an operation.
    pub fn forward(
        &self,
        input: &Tensor,
        activations: &Activations,
        rows: &Range<usize>,
        masks: Masks,
        output: Option<&Tensor>,
    ) -> Result<(), GanError> {
        let mut x = self.first_input(input, activations, rows, masks)?;
        let last = self.layers.len() - 1;
        for (index, (layer, buffers)) in self.layers.iter().zip(&activations.layers).enumerate() {
            let y = match output {
                Some(output) if index == last => output.clone(),
                _ => view(&buffers.outputs, rows)?,
            };
            let forward = |activation| Forward { affine: layer.affine, activation, threads: self.threads };
            match (layer.kind, &buffers.pieces) {
                (Kind::Maxout(pieces), Some((a, _))) => {
                    let a = view(a, rows)?;
                    a.inplace_op3(&x, &self.state, &forward(Activation::Linear))?;
                    y.inplace_op2(&a, &Largest(self.pieces(layer, pieces)))?;
                }
                (Kind::Linear(activation), _) => y.inplace_op3(&x, &self.state, &forward(activation))?,
                (Kind::Maxout(_), None) => return Err(GanError::Spec("maxout without room for its pieces".into())),
            }
            if let Some(drop) = self.drop(masks, index + 1, layer.dropout, layer.units(), rows) {
                y.inplace_op1(&drop)?;
            }
            x = y;
        }
        Ok(())
    }

    /// Sends the gradient in the last layer's [`Activations::deltas`] back through `rows`: moves the weights by `descend`
    /// (rule and decay of the average) where it is given, and writes the input's gradient where it is asked for.
    /// `input` and `output` are those of the forward pass.
    ///
    /// # Errors
    ///
    /// If candle refuses an operation.
    pub fn backward(
        &self,
        input: &Tensor,
        activations: &Activations,
        rows: &Range<usize>,
        masks: Masks,
        output: Option<&Tensor>,
        descend: Option<(Rule, Option<f32>)>,
        to_input: Option<&Tensor>,
    ) -> Result<(), GanError> {
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let buffers = &activations.layers[index];
            let y = match output {
                Some(output) if index == last => output.clone(),
                _ => view(&buffers.outputs, rows)?,
            };
            let dy = view(&buffers.deltas, rows)?;
            if let Some(drop) = self.drop(masks, index + 1, layer.dropout, layer.units(), rows) {
                dy.inplace_op1(&drop)?;
            }
            let delta = match (layer.kind, &buffers.pieces) {
                (Kind::Maxout(pieces), Some((a, delta))) => {
                    let delta = view(delta, rows)?;
                    delta.inplace_op3(&view(a, rows)?, &dy, &ToLargest(self.pieces(layer, pieces)))?;
                    delta
                }
                (Kind::Linear(activation), _) => {
                    let undo = if masks.is_some() { 1.0 - layer.dropout } else { 1.0 };
                    dy.inplace_op2(&y, &Derive { activation, undo, width: layer.units(), threads: self.threads })?;
                    dy
                }
                (Kind::Maxout(_), None) => return Err(GanError::Spec("maxout without room for its pieces".into())),
            };
            // The gradient goes down through the weights as they were, before they move.
            let dx = match index {
                0 => to_input.cloned(),
                _ => Some(view(&activations.layers[index - 1].deltas, rows)?),
            };
            if let Some(dx) = dx {
                dx.inplace_op3(&delta, &self.state, &ToInput { affine: layer.affine, threads: self.threads })?;
                if let (0, Some(drop)) = (index, self.drop(masks, 0, self.input_dropout, self.inputs(), rows)) {
                    dx.inplace_op1(&drop)?;
                }
            }
            if let Some((rule, average)) = descend {
                let x = match (index, &activations.dropped_input) {
                    (0, Some(dropped)) if masks.is_some() => view(dropped, rows)?,
                    (0, _) => view(input, rows)?,
                    _ => view(&activations.layers[index - 1].outputs, rows)?,
                };
                let descend = Descend { affine: layer.affine, count: self.count, rule, average, threads: self.threads };
                self.state.inplace_op3(&delta, &x, &descend)?;
            }
        }
        Ok(())
    }

    fn first_input(
        &self,
        input: &Tensor,
        activations: &Activations,
        rows: &Range<usize>,
        masks: Masks,
    ) -> Result<Tensor, GanError> {
        let x = view(input, rows)?;
        match (self.drop(masks, 0, self.input_dropout, self.inputs(), rows), &activations.dropped_input) {
            (Some(drop), Some(dropped)) => {
                let dropped = view(dropped, rows)?;
                dropped.inplace_op2(&x, &drop)?;
                Ok(dropped)
            }
            _ => Ok(x),
        }
    }

    fn drop(&self, masks: Masks, layer: usize, probability: f32, width: usize, rows: &Range<usize>) -> Option<Drop> {
        let stream = masks.filter(|_| probability > 0.0)?;
        let mask = Mask { stream, layer: layer as u32, first_row: rows.start, probability };
        Some(Drop { mask, width, threads: self.threads })
    }

    fn pieces(&self, layer: &Layer, pieces: usize) -> Pieces {
        Pieces { units: layer.units(), pieces, threads: self.threads }
    }

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
                let (values, inputs, outputs) = (&state[layer.affine.at..], layer.affine.inputs, layer.affine.outputs);
                let mut weight = Vec::with_capacity(inputs * outputs);
                for row in 0..outputs {
                    weight.extend((0..inputs).map(|column| values[layer.place(row, column)]));
                }
                let bias = (0..outputs).map(|row| values[layer.place(row, inputs)]).collect();
                let name = |part: &str| format!("{prefix}.{index}.{part}{suffix}");
                tensors.push(NamedTensor { name: name("weight"), shape: vec![outputs, inputs], values: weight });
                tensors.push(NamedTensor { name: name("bias"), shape: vec![outputs], values: bias });
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
            let (inputs, outputs) = (layer.affine.inputs, layer.affine.outputs);
            let weight = tensors.take(&format!("{prefix}.{index}.weight{suffix}"), &[outputs, inputs])?;
            let bias = tensors.take(&format!("{prefix}.{index}.bias{suffix}"), &[outputs])?;
            let start = section * self.count + layer.affine.at;
            slices::write(&self.state, |state| {
                let values = &mut state[start..start + layer.affine.len()];
                for row in 0..outputs {
                    for column in 0..inputs {
                        values[layer.place(row, column)] = weight[row * inputs + column];
                    }
                    values[layer.place(row, inputs)] = bias[row];
                }
            })?;
        }
        Ok(())
    }
}

impl Activations {
    /// The last layer's outputs.
    ///
    /// # Errors
    ///
    /// If candle refuses the view.
    pub fn output(&self, rows: &Range<usize>) -> Result<Tensor, GanError> {
        match self.layers.last() {
            Some(last) => view(&last.outputs, rows),
            None => Err(GanError::Spec("a network without layers".into())),
        }
    }

    /// The gradients of the last layer's outputs, to be written before the backward pass.
    ///
    /// # Errors
    ///
    /// If candle refuses the view.
    pub fn deltas(&self, rows: &Range<usize>) -> Result<Tensor, GanError> {
        match self.layers.last() {
            Some(last) => view(&last.deltas, rows),
            None => Err(GanError::Spec("a network without layers".into())),
        }
    }
}

/// Some rows of a tensor, without a copy.
///
/// # Errors
///
/// If the tensor has fewer rows.
pub fn view(tensor: &Tensor, rows: &Range<usize>) -> Result<Tensor, GanError> {
    Ok(tensor.narrow(0, rows.start, rows.len())?)
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

fn initialize(layer: &Layer, stream: Stream, state: &mut [f32]) {
    let (inputs, outputs) = (layer.affine.inputs, layer.affine.outputs);
    let values = &mut state[layer.affine.at..layer.affine.at + layer.affine.len()];
    let (weights, biases) = values.split_at_mut(inputs * outputs);
    let fan_in = inputs as f32;
    let units = layer.units() as f32;
    match layer.init {
        Init::Uniform { range } => uniform(weights, stream, range),
        Init::Glorot => uniform(weights, stream, (6.0 / (fan_in + units)).sqrt()),
        Init::He => {
            stream.fill_normal(weights);
            let deviation = (2.0 / fan_in).sqrt();
            weights.iter_mut().for_each(|weight| *weight *= deviation);
        }
    }
    biases.fill(layer.bias);
}

fn uniform(weights: &mut [f32], stream: Stream, range: f32) {
    stream.fill_symmetric(weights);
    weights.iter_mut().for_each(|weight| *weight *= range);
}

/// `dy.inplace_op2(y, Derive)`: dy ← dy · activation′, told from the layer's outputs.
struct Derive {
    activation: Activation,
    undo: f32,
    width: usize,
    threads: usize,
}

impl candle_core::InplaceOp2 for Derive {
    fn name(&self) -> &'static str {
        "activation-backward"
    }

    fn cpu_fwd(
        &self,
        dy: &mut candle_core::CpuStorage,
        dy_layout: &candle_core::Layout,
        y: &candle_core::CpuStorage,
        y_layout: &candle_core::Layout,
    ) -> candle_core::Result<()> {
        let (dy, y) = (slices::destination(dy, dy_layout)?, slices::source(y, y_layout)?);
        let (rows, width) = (dy.len() / self.width, self.width);
        let threads = threads_for(dy.len() * 2, self.threads);
        let dy = Shared::new(dy);
        split(rows, 1, threads, &|rows| {
            let range = rows.start * width..rows.end * width;
            // SAFETY: each thread has rows of its own.
            elementwise::derive(unsafe { dy.part(range.clone()) }, &y[range], self.activation, self.undo);
        });
        Ok(())
    }
}
