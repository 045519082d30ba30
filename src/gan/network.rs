//! A stack of layers with its state: weights, what the optimiser remembers of them, their moving average.

use super::GanError;
use super::initialize::initialize;
use super::layers::{Kind, Layer, Sides};
use super::ops::affine::{Forward, ToInput};
use super::ops::conv_maxout::{ConvMaxout, ConvMaxoutDescend, ConvMaxoutForward, ConvMaxoutToInput};
use super::ops::convolve::{Delta, DescendWindow, ToGrid, ToPicture};
use super::ops::descend::Descend;
use super::ops::dropout::{Drop, Mask};
use super::ops::elementwise::Derive;
use super::ops::limit::Limit;
use super::ops::maxout::{Largest, Maxout, MaxoutDescend, MaxoutToInput};
use super::ops::motion::Motion;
use super::ops::noise::{AddNoise, Noise};
use super::ops::norm::{Differentiate, Measure, MoveNorm, Normalize, STATISTICS, Sums};
use super::ops::pool::Pooling;
use super::ops::slices;
use super::ops::window::Window;
use super::optimizer::Rule;
use super::random::{Purpose, Stream};
use super::spec::Activation;
pub use super::weights::Tensors;
use candle_core::Tensor;
use std::ops::Range;

/// What a pass of a network has in training and not in samples, or in one player and not in the other. A backward pass
/// is given the same as its forward pass.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pass {
    /// Whether batch norm takes the minibatch's statistics, as in training, or the running ones.
    pub training: bool,
    /// Which update dropout masks belong to, if there are any.
    pub masks: Option<Stream>,
    /// Noise on the input.
    pub noise: Option<Noise>,
}

impl Pass {
    /// As samples are drawn: a function of the input and the weights alone.
    pub const SAMPLING: Self = Self { training: false, masks: None, noise: None };
    /// As G is trained.
    pub const TRAINING: Self = Self { training: true, masks: None, noise: None };

    /// As D is trained.
    #[must_use]
    pub fn disturbed(masks: Stream, noise: Option<Noise>) -> Self {
        Self { training: true, masks: Some(masks), noise }
    }
}

/// How a backward pass moves the weights.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Descent {
    /// The optimiser's rule.
    pub rule: Rule,
    /// The decay of the moving average, where one is kept.
    pub average: Option<f32>,
    /// So many rows after those of the pass have inputs and gradients of a penalty, which move the weights and no bias.
    pub penalty_rows: usize,
}

impl From<Rule> for Descent {
    fn from(rule: Rule) -> Self {
        Self { rule, average: None, penalty_rows: 0 }
    }
}

/// A network and its state.
pub struct Network {
    pub(super) layers: Vec<Layer>,
    pub(super) input_dropout: f32,
    noisy: bool,
    /// Sections of `count` numbers: weights, moments, and the average if one is kept.
    pub(super) state: Tensor,
    pub(super) count: usize,
    pub(super) moments: &'static [&'static str],
    pub(super) averaged: bool,
    pub(super) threads: usize,
}

/// What a forward pass leaves for the backward pass, for up to so many rows.
pub struct Activations {
    /// The input as dropout and noise leave it.
    pub(super) disturbed_input: Option<Tensor>,
    pub(super) layers: Vec<LayerActivations>,
}

pub(super) struct LayerActivations {
    pub(super) between: Between,
    /// The layer's outputs.
    pub(super) outputs: Tensor,
    /// Their gradients.
    pub(super) deltas: Tensor,
}

/// What a layer keeps between its affine map and its outputs.
pub(super) enum Between {
    Nothing,
    /// The maps of a maxout layer, and which of them won.
    Pieces(Tensor, Tensor),
    /// Which map of which position won.
    Winners(Tensor),
    /// The affine map's outputs, and the statistics of a batch norm.
    Normalized(Tensor, Tensor),
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
        let network = Self::blank(layers, input_dropout, moments, averaged, threads)?;
        slices::write(&network.state, |state| {
            for (part, layer) in (part..).zip(&network.layers) {
                initialize(layer, Stream::new(seed, Purpose::Init, 0, part), part, state);
            }
        })?;
        network.start_average()?;
        Ok(network)
    }

    /// A network of zeros, to be given its weights.
    ///
    /// # Errors
    ///
    /// If candle cannot allocate it.
    pub(super) fn blank(
        layers: Vec<Layer>,
        input_dropout: f32,
        moments: &'static [&'static str],
        averaged: bool,
        threads: usize,
    ) -> Result<Self, GanError> {
        let count = layers.iter().map(Layer::len).sum();
        let sections = 1 + moments.len() + usize::from(averaged);
        let state = slices::zeros(sections, count)?;
        Ok(Self { state, layers, input_dropout, noisy: false, count, moments, averaged, threads })
    }

    /// The same network, weights and all, as so many threads compute it.
    pub(super) fn sharing(&self, threads: usize) -> Self {
        Self { layers: self.layers.clone(), state: self.state.clone(), threads, ..*self }
    }

    /// Makes room for noise on the input in the activations that are allocated from now on.
    #[must_use]
    pub fn with_noise(self) -> Self {
        Self { noisy: true, ..self }
    }

    /// Sets the average to the weights.
    pub(super) fn start_average(&self) -> Result<(), GanError> {
        if self.averaged {
            let (count, last) = (self.count, self.moments.len() + 1);
            slices::write(&self.state, |state| state.copy_within(..count, last * count))?;
        }
        Ok(())
    }

    /// Sets the biases of the last layer, given a value for each of its outputs. A bias that several outputs share takes
    /// the mean of theirs.
    ///
    /// # Errors
    ///
    /// If the state cannot be written.
    pub fn set_output_bias(&mut self, values: &[f32]) -> Result<(), GanError> {
        let Some(last) = self.layers.last() else { return Ok(()) };
        let biases = last.affine.biases;
        let sharing = (values.len() / biases) as f64;
        let mean = |bias: usize| {
            let sum: f64 = values[bias..].iter().step_by(biases).map(|value| f64::from(*value)).sum();
            (sum / sharing) as f32
        };
        slices::write(&self.state, |state| {
            for (index, bias) in state[last.affine.bias_place()].iter_mut().enumerate() {
                *bias = mean(index);
            }
        })?;
        self.start_average()
    }

    /// The width of its input.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.layers.first().map_or(0, Layer::inputs)
    }

    /// The shape of its output.
    #[must_use]
    pub fn output(&self) -> Sides {
        self.layers.last().map_or([0; 3], |layer| layer.output)
    }

    /// Room for the passes of up to `rows` rows.
    ///
    /// # Errors
    ///
    /// If candle cannot allocate it.
    pub fn activations(&self, rows: usize) -> Result<Activations, GanError> {
        let layers = self.layers.iter().map(|layer| {
            let between = match &layer.kind {
                Kind::Maxout(_) => {
                    Between::Pieces(slices::zeros(rows, layer.affine.outputs)?, slices::places(rows, layer.units())?)
                }
                Kind::ConvMaxout(..) => Between::Winners(slices::places(rows, layer.units())?),
                _ if layer.normalized => Between::Normalized(
                    slices::zeros(rows, layer.units())?,
                    slices::zeros(STATISTICS, layer.affine.biases)?,
                ),
                _ => Between::Nothing,
            };
            let (outputs, deltas) = (slices::zeros(rows, layer.units())?, slices::zeros(rows, layer.units())?);
            Ok(LayerActivations { between, outputs, deltas })
        });
        let layers = layers.collect::<Result<_, GanError>>()?;
        let disturbed_input = match self.input_dropout > 0.0 || self.noisy {
            true => Some(slices::zeros(rows, self.inputs())?),
            false => None,
        };
        Ok(Activations { disturbed_input, layers })
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
        pass: Pass,
        output: Option<&Tensor>,
    ) -> Result<(), GanError> {
        let mut x = self.first_input(input, activations, rows, pass)?;
        let last = self.layers.len() - 1;
        for (index, (layer, buffers)) in self.layers.iter().zip(&activations.layers).enumerate() {
            let y = match output {
                Some(output) if index == last => output.clone(),
                _ => view(&buffers.outputs, rows)?,
            };
            match (&layer.kind, &buffers.between) {
                (Kind::Maxout(pieces), Between::Pieces(a, winners)) => {
                    let (a, winners) = (view(a, rows)?, view(winners, rows)?);
                    self.map(layer, &x, &a, Some(Activation::Linear))?;
                    y.inplace_op2(&a, &Largest(self.maxout(layer, *pieces, &winners)))?;
                }
                (Kind::ConvMaxout(window, pooling), Between::Winners(winners)) => {
                    let winners = view(winners, rows)?;
                    let op = ConvMaxoutForward(self.conv_maxout(layer, window, *pooling, &winners));
                    y.inplace_op3(&x, &self.state, &op)?;
                }
                (_, Between::Normalized(a, statistics)) => {
                    let (a, norm) = (view(a, rows)?, layer.norm(self.threads));
                    self.map(layer, &x, &a, None)?;
                    statistics.inplace_op3(&a, &self.state, &Measure { norm, running: !pass.training })?;
                    let activation = layer.activation().unwrap_or(Activation::Linear);
                    y.inplace_op3(&a, statistics, &Normalize { norm, activation })?;
                }
                (_, Between::Nothing) => self.map(layer, &x, &y, layer.activation())?,
                _ => return Err(mismatched()),
            }
            if let Some(drop) = self.drop(pass, index + 1, layer.dropout, layer.units(), rows) {
                y.inplace_op1(&drop)?;
            }
            x = y;
        }
        Ok(())
    }

    /// y ← the layer's affine map of x, and what follows.
    pub(super) fn map(
        &self,
        layer: &Layer,
        x: &Tensor,
        y: &Tensor,
        finish: Option<Activation>,
    ) -> Result<(), GanError> {
        let (affine, threads) = (layer.affine, self.threads);
        match &layer.kind {
            Kind::Linear(_) | Kind::Maxout(_) => {
                y.inplace_op3(x, &self.state, &Forward { affine, finish, threads })?;
            }
            Kind::Conv(window, _) => y.inplace_op3(x, &self.state, &ToGrid { window, affine, finish, threads })?,
            Kind::ConvTranspose(window, _) => {
                y.inplace_op3(x, &self.state, &ToPicture { window, affine, finish, threads })?;
            }
            Kind::ConvMaxout(..) => return Err(mismatched()),
        }
        Ok(())
    }

    /// Sends the gradient in the last layer's [`Activations::deltas`] back through `rows`: moves the weights by `descend`
    /// where it is given, and writes the input's gradient where it is asked for.
    /// `input`, `pass` and `output` are those of the forward pass.
    ///
    /// # Errors
    ///
    /// If candle refuses an operation.
    #[allow(clippy::too_many_arguments)]
    pub fn backward(
        &self,
        input: &Tensor,
        activations: &Activations,
        rows: &Range<usize>,
        pass: Pass,
        output: Option<&Tensor>,
        descend: Option<Descent>,
        to_input: Option<&Tensor>,
    ) -> Result<(), GanError> {
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let buffers = &activations.layers[index];
            let y = match output {
                Some(output) if index == last => output.clone(),
                _ => view(&buffers.outputs, rows)?,
            };
            let mut delta = view(&buffers.deltas, rows)?;
            self.undo(layer, index, &buffers.between, &delta, &y, rows, pass)?;
            // The gradient goes down through the weights as they were, before they move.
            let dx = match index {
                0 => to_input.cloned(),
                _ => Some(view(&activations.layers[index - 1].deltas, rows)?),
            };
            if let Some(dx) = dx {
                self.send_down(layer, &buffers.between, &delta, &dx, rows)?;
                if let (0, Some(drop)) = (index, self.drop(pass, 0, self.input_dropout, self.inputs(), rows)) {
                    dx.inplace_op1(&drop)?;
                }
            }
            if let Some(descent) = descend {
                let all = rows.start..rows.end + descent.penalty_rows;
                let x = match (index, &activations.disturbed_input) {
                    (0, Some(disturbed)) if self.disturbs(pass) => view(disturbed, &all)?,
                    (0, _) => view(input, &all)?,
                    _ => view(&activations.layers[index - 1].outputs, &all)?,
                };
                if descent.penalty_rows > 0 {
                    delta = view(&buffers.deltas, &all)?;
                }
                self.descend(layer, &buffers.between, &delta, &x, &all, descent)?;
            }
        }
        Ok(())
    }

    /// Makes of the gradient of a layer's outputs `y` that of its affine map (it stays that of the outputs where only the
    /// largest maps have one).
    #[allow(clippy::too_many_arguments)]
    pub(super) fn undo(
        &self,
        layer: &Layer,
        index: usize,
        between: &Between,
        dy: &Tensor,
        y: &Tensor,
        rows: &Range<usize>,
        pass: Pass,
    ) -> Result<(), GanError> {
        if let Some(drop) = self.drop(pass, index + 1, layer.dropout, layer.units(), rows) {
            dy.inplace_op1(&drop)?;
        }
        if let Some(activation) = layer.activation() {
            dy.inplace_op2(y, &self.derive(layer, activation, pass))?;
        }
        if let Between::Normalized(a, statistics) = between {
            let (a, norm) = (view(a, rows)?, layer.norm(self.threads));
            statistics.inplace_op3(&a, dy, &Sums { norm })?;
            dy.inplace_op3(&a, statistics, &Differentiate { norm })?;
        }
        Ok(())
    }

    pub(super) fn derive(&self, layer: &Layer, activation: Activation, pass: Pass) -> Derive {
        let undo = if pass.masks.is_some() { 1.0 - layer.dropout } else { 1.0 };
        Derive { activation, undo, width: layer.units(), threads: self.threads }
    }

    /// dx ← what the gradient of a layer's affine map sends to its input.
    pub(super) fn send_down(
        &self,
        layer: &Layer,
        between: &Between,
        delta: &Tensor,
        dx: &Tensor,
        rows: &Range<usize>,
    ) -> Result<(), GanError> {
        let (affine, threads, finish) = (layer.affine, self.threads, None);
        match (&layer.kind, between) {
            (Kind::Linear(_), _) => dx.inplace_op3(delta, &self.state, &ToInput { affine, threads })?,
            (Kind::Maxout(pieces), Between::Pieces(_, winners)) => {
                let winners = view(winners, rows)?;
                dx.inplace_op3(delta, &self.state, &MaxoutToInput(self.maxout(layer, *pieces, &winners)))?;
            }
            (Kind::Conv(window, _), _) => {
                dx.inplace_op3(delta, &self.state, &ToPicture { window, affine, finish, threads })?;
            }
            (Kind::ConvTranspose(window, _), _) => {
                dx.inplace_op3(delta, &self.state, &ToGrid { window, affine, finish, threads })?;
            }
            (Kind::ConvMaxout(window, pooling), Between::Winners(winners)) => {
                let winners = view(winners, rows)?;
                let op = ConvMaxoutToInput(self.conv_maxout(layer, window, *pooling, &winners));
                dx.inplace_op3(delta, &self.state, &op)?;
            }
            (Kind::Maxout(_) | Kind::ConvMaxout(..), _) => return Err(mismatched()),
        }
        Ok(())
    }

    /// Moves a layer's numbers, and the average after them.
    fn descend(
        &self,
        layer: &Layer,
        between: &Between,
        delta: &Tensor,
        x: &Tensor,
        rows: &Range<usize>,
        descent: Descent,
    ) -> Result<(), GanError> {
        let Descent { rule, average, penalty_rows } = descent;
        let (affine, threads, bias) = (layer.affine, self.threads, !layer.normalized);
        let bias_rows = if bias { rows.len() - penalty_rows } else { 0 };
        let whole = Motion { count: self.count, rule, average };
        // Where a limit may still change the weights, the average waits for it.
        let motion = if layer.max_norm.is_some() { Motion { average: None, ..whole } } else { whole };
        match (&layer.kind, between) {
            (Kind::Linear(_), _) => {
                self.state.inplace_op3(delta, x, &Descend { affine, motion, bias_rows, threads })?;
            }
            (Kind::Maxout(pieces), Between::Pieces(_, winners)) => {
                let winners = view(winners, rows)?;
                let layer = self.maxout(layer, *pieces, &winners);
                self.state.inplace_op3(delta, x, &MaxoutDescend { layer, motion, bias_rows })?;
            }
            (Kind::Conv(window, _), _) => {
                let op = DescendWindow { window, affine, motion, delta: Delta::Grid, bias_rows, threads };
                self.state.inplace_op3(delta, x, &op)?;
            }
            (Kind::ConvTranspose(window, _), _) => {
                let op = DescendWindow { window, affine, motion, delta: Delta::Picture, bias_rows, threads };
                self.state.inplace_op3(x, delta, &op)?;
            }
            (Kind::ConvMaxout(window, pooling), Between::Winners(winners)) => {
                let winners = view(winners, rows)?;
                let layer = self.conv_maxout(layer, window, *pooling, &winners);
                self.state.inplace_op3(delta, x, &ConvMaxoutDescend { layer, motion })?;
            }
            (Kind::Maxout(_) | Kind::ConvMaxout(..), _) => return Err(mismatched()),
        }
        if let Between::Normalized(_, statistics) = between {
            let samples = rows.len() * layer.units() / affine.biases;
            let op = MoveNorm { norm: layer.norm(threads), motion: whole, samples };
            self.state.inplace_op2(statistics, &op)?;
        }
        if let Some(most) = layer.max_norm {
            let op = Limit { affine, most, of: layer.of_output(), motion: whole, bias, threads };
            self.state.inplace_op1(&op)?;
        }
        Ok(())
    }

    fn first_input(
        &self,
        input: &Tensor,
        activations: &Activations,
        rows: &Range<usize>,
        pass: Pass,
    ) -> Result<Tensor, GanError> {
        let x = view(input, rows)?;
        let Some(disturbed) = activations.disturbed_input.as_ref().filter(|_| self.disturbs(pass)) else {
            return Ok(x);
        };
        let disturbed = view(disturbed, rows)?;
        let drop = self.drop(pass, 0, self.input_dropout, self.inputs(), rows);
        match (pass.noise, drop) {
            (Some(noise), drop) => {
                let (width, threads) = (self.inputs(), self.threads);
                disturbed.inplace_op2(&x, &AddNoise { noise, first_row: rows.start, width, threads })?;
                if let Some(drop) = drop {
                    disturbed.inplace_op1(&drop)?;
                }
            }
            (None, Some(drop)) => disturbed.inplace_op2(&x, &drop)?,
            (None, None) => return Ok(x),
        }
        Ok(disturbed)
    }

    /// Whether a pass works on a disturbed copy of its input.
    pub(super) fn disturbs(&self, pass: Pass) -> bool {
        pass.noise.is_some() || (pass.masks.is_some() && self.input_dropout > 0.0)
    }

    pub(super) fn drop(
        &self,
        pass: Pass,
        layer: usize,
        probability: f32,
        width: usize,
        rows: &Range<usize>,
    ) -> Option<Drop> {
        let stream = pass.masks.filter(|_| probability > 0.0)?;
        let mask = Mask { stream, layer: layer as u32, first_row: rows.start, probability };
        Some(Drop { mask, width, threads: self.threads })
    }

    pub(super) fn maxout<'a>(&self, layer: &Layer, pieces: usize, winners: &'a Tensor) -> Maxout<'a> {
        Maxout { affine: layer.affine, pieces, winners, threads: self.threads }
    }

    fn conv_maxout<'a>(
        &self,
        layer: &Layer,
        window: &'a Window,
        pooling: Pooling,
        winners: &'a Tensor,
    ) -> ConvMaxout<'a> {
        ConvMaxout { window, affine: layer.affine, pooling, winners, threads: self.threads }
    }
}

/// A layer whose activations were allocated for another kind.
pub(super) fn mismatched() -> GanError {
    GanError::Spec("the activations are of another network".into())
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
