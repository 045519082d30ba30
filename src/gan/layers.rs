//! The layers of a network, from their specs to their places in its state.

use super::ops::affine::Affine;
use super::ops::limit::Of;
use super::ops::norm::Norm;
use super::ops::pool::{self, Pooling};
use super::ops::window::Window;
use super::spec::{Activation, Init, LayerSpec};

/// Numbers of a layer's output for one point; also what dropout's counter can tell apart.
const MAX_OUTPUTS: usize = 1 << 20;
/// Weights of a layer.
const MAX_WEIGHTS: usize = 1 << 28;

/// Height, width and channels of what goes from layer to layer; a dense layer's output is 1 × 1 × units.
pub type Sides = [usize; 3];

/// A layer of a network.
#[derive(Clone, PartialEq, Debug)]
pub struct Layer {
    /// Its affine map.
    pub affine: Affine,
    /// What makes its outputs of the affine map's.
    pub kind: Kind,
    /// The shape of its input.
    pub input: Sides,
    /// The shape of its output.
    pub output: Sides,
    /// The probability of dropping an output in training.
    pub dropout: f32,
    /// How its weights start.
    pub init: Init,
    /// What each bias starts at.
    pub bias: f32,
    /// The largest norm of an output's weights.
    pub max_norm: Option<f32>,
    /// Whether batch norm stands between the affine map and the activation; the biases are then its shifts.
    pub normalized: bool,
}

/// What the affine map works on, and what follows it.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// The whole input; an activation.
    Linear(Activation),
    /// The whole input; the largest of so many maps for each unit.
    Maxout(usize),
    /// A window over the input; an activation.
    Conv(Window, Activation),
    /// A window over the output; an activation.
    ConvTranspose(Window, Activation),
    /// A window over the input; the largest of several maps, pooled.
    ConvMaxout(Window, Pooling),
}

/// A field of a layer's spec that does not fit the layer's input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Misfit {
    /// The field.
    pub field: &'static str,
    /// What is wrong.
    pub detail: String,
}

fn misfit<T>(field: &'static str, detail: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit { field, detail: detail.into() })
}

/// One named tensor of a layer in a checkpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its name, without the layer's.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether the optimiser moves it.
    pub trained: bool,
    /// Where the rows of the tensor, taken as a matrix, begin, from [`Affine::at`] on.
    pub rows: Vec<usize>,
    /// Where the columns lie from there on.
    pub columns: Vec<usize>,
}

impl Layer {
    /// The layer that a spec describes, on an input of this shape, its numbers from `at` on.
    ///
    /// # Errors
    ///
    /// If the layer does not fit its input.
    pub fn new(spec: &LayerSpec, input: Sides, at: usize) -> Result<Self, Misfit> {
        let inputs: usize = input.iter().product();
        let dense = |outputs: usize, by_output: bool| Affine { at, inputs, outputs, biases: outputs, by_output };
        let layer = match *spec {
            LayerSpec::Linear { units, activation, init, bias, dropout, max_norm, batch_norm } => Self {
                affine: dense(units, false),
                kind: Kind::Linear(activation),
                input,
                output: [1, 1, units],
                dropout,
                init,
                bias,
                max_norm,
                normalized: batch_norm,
            },
            LayerSpec::Maxout { units, pieces, init, dropout, max_norm } => Self {
                affine: dense(units * pieces, true),
                kind: Kind::Maxout(pieces),
                input,
                output: [1, 1, units],
                dropout,
                init,
                bias: 0.0,
                max_norm,
                normalized: false,
            },
            LayerSpec::Conv2d {
                channels,
                kernel,
                stride,
                padding,
                activation,
                init,
                bias,
                dropout,
                max_norm,
                batch_norm,
            } => {
                let grid = grid(input, kernel, stride, padding)?;
                check_size([grid[0], grid[1], channels], kernel * kernel * input[2] * channels)?;
                let window = Window::new(input, grid, kernel, stride, padding);
                Self {
                    affine: Affine {
                        at,
                        inputs: window.patch(),
                        outputs: channels,
                        biases: channels,
                        by_output: false,
                    },
                    kind: Kind::Conv(window, activation),
                    input,
                    output: [grid[0], grid[1], channels],
                    dropout,
                    init,
                    bias,
                    max_norm,
                    normalized: batch_norm,
                }
            }
            LayerSpec::ConvTranspose2d {
                channels,
                kernel,
                stride,
                padding,
                input_shape,
                activation,
                init,
                bias,
                dropout,
                max_norm,
                batch_norm,
            } => {
                let input = reshape(input, input_shape)?;
                let (output, window) = transposed(input, channels, kernel, stride, padding)?;
                Self {
                    affine: Affine {
                        at,
                        inputs: window.patch(),
                        outputs: input[2],
                        biases: channels,
                        by_output: false,
                    },
                    kind: Kind::ConvTranspose(window, activation),
                    input,
                    output,
                    dropout,
                    init,
                    bias,
                    max_norm,
                    normalized: batch_norm,
                }
            }
            LayerSpec::ConvMaxout { channels, pieces, kernel, padding, pool, pool_stride, init, dropout, max_norm } => {
                let grid = grid(input, kernel, 1, padding)?;
                if pool > grid[0].min(grid[1]) {
                    let [height, width] = grid;
                    return misfit("pool", format!("{pool} is more than the {height} × {width} positions there are"));
                }
                if pool_stride > pool {
                    return misfit(
                        "pool_stride",
                        format!("{pool_stride} is more than pool, {pool}: it would leave gaps"),
                    );
                }
                let outputs = channels * pieces;
                check_size([grid[0], grid[1], outputs], kernel * kernel * input[2] * outputs)?;
                if grid[0] * grid[1] >= pool::MOST || outputs >= pool::MOST {
                    return misfit(
                        "channels",
                        "too many positions, or channels times pieces; each must be below 65536",
                    );
                }
                let window = Window::new(input, grid, kernel, 1, padding);
                let pooling = Pooling { grid, units: channels, pieces, size: pool, stride: pool_stride };
                let [height, width] = pooling.pooled();
                Self {
                    affine: Affine { at, inputs: window.patch(), outputs, biases: outputs, by_output: true },
                    kind: Kind::ConvMaxout(window, pooling),
                    input,
                    output: [height, width, channels],
                    dropout,
                    init,
                    bias: 0.0,
                    max_norm,
                    normalized: false,
                }
            }
        };
        check_size(layer.output, layer.affine.inputs * layer.affine.outputs)?;
        let (_, most) = layer.outputs_and_weights();
        if let Init::Sparse { nonzero } = layer.init
            && nonzero > most
        {
            return misfit("init", format!("{nonzero} weights are more than the {most} that an output has"));
        }
        Ok(layer)
    }

    /// Gives each number of the output a bias of its own.
    pub fn untie_bias(&mut self) {
        self.affine.biases = self.units();
    }

    /// How many outputs it has.
    #[must_use]
    pub fn units(&self) -> usize {
        self.output.iter().product()
    }

    /// How many inputs it has.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.input.iter().product()
    }

    /// Numbers in a section of the state.
    #[must_use]
    pub fn len(&self) -> usize {
        self.affine.len() + if self.normalized { 3 * self.affine.biases } else { 0 }
    }

    /// Whether it has no numbers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The activation, where one follows.
    #[must_use]
    pub fn activation(&self) -> Option<Activation> {
        match self.kind {
            Kind::Linear(activation) | Kind::Conv(_, activation) | Kind::ConvTranspose(_, activation) => {
                Some(activation)
            }
            Kind::Maxout(_) | Kind::ConvMaxout(..) => None,
        }
    }

    /// Its batch norm.
    #[must_use]
    pub fn norm(&self, threads: usize) -> Norm {
        Norm { at: self.affine.bias_place().start, channels: self.affine.biases, threads }
    }

    /// Which weights are an output's.
    #[must_use]
    pub fn of_output(&self) -> Of {
        match self.kind {
            Kind::ConvTranspose(..) => Of::Rows(self.output[2]),
            _ if self.affine.by_output => Of::Rows(self.affine.outputs),
            _ => Of::Column,
        }
    }

    /// How many outputs have weights of their own, and how many each.
    #[must_use]
    pub fn outputs_and_weights(&self) -> (usize, usize) {
        let Affine { inputs, outputs, .. } = self.affine;
        match self.kind {
            Kind::ConvTranspose(..) => (self.output[2], inputs / self.output[2] * outputs),
            _ => (outputs, inputs),
        }
    }

    /// Where one of an output's weights lies, from [`Affine::at`] on.
    #[must_use]
    pub fn weight_of_output(&self, output: usize, index: usize) -> usize {
        let Affine { inputs, outputs, by_output, .. } = self.affine;
        match self.kind {
            Kind::ConvTranspose(..) => (index / outputs * self.output[2] + output) * outputs + index % outputs,
            _ if by_output => output * inputs + index,
            _ => index * outputs + output,
        }
    }

    /// How many inputs an output has, and how many outputs an input; those of a transposed convolution on average.
    #[must_use]
    pub fn fans(&self) -> (usize, usize) {
        let Affine { inputs, outputs, .. } = self.affine;
        match &self.kind {
            Kind::Linear(_) => (inputs, outputs),
            Kind::Maxout(pieces) => (inputs, outputs / pieces),
            Kind::Conv(window, _) => (inputs, outputs * window.kernel * window.kernel),
            Kind::ConvMaxout(window, pooling) => (inputs, pooling.units * window.kernel * window.kernel),
            Kind::ConvTranspose(window, _) => {
                let taps = window.kernel * window.kernel;
                ((outputs * taps / (window.stride * window.stride)).max(1), inputs)
            }
        }
    }

    /// Its tensors in a checkpoint, with PyTorch's shapes: a weight is (out, in), of a convolution (out, in, y, x), of a
    /// transposed one (in, out, y, x). Piece j of unit u is in row u·pieces + j; the state has all units of a piece
    /// together.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let Affine { inputs, outputs, biases, .. } = self.affine;
        let by_unit = |pieces: usize| {
            let units = outputs / pieces;
            (0..outputs).map(|row| (row % pieces) * units + row / pieces).collect::<Vec<_>>()
        };
        let rows = match &self.kind {
            Kind::Maxout(pieces) => by_unit(*pieces),
            Kind::ConvMaxout(_, pooling) => by_unit(pooling.pieces),
            _ => (0..outputs).collect(),
        };
        let (columns, shape) = match &self.kind {
            Kind::Linear(_) | Kind::Maxout(_) => ((0..inputs).collect::<Vec<_>>(), vec![outputs, inputs]),
            Kind::Conv(window, _) | Kind::ConvTranspose(window, _) | Kind::ConvMaxout(window, _) => {
                let (kernel, channels) = (window.kernel, window.picture[2]);
                let taps = kernel * kernel;
                let place = |column: usize| column % taps * channels + column / taps;
                ((0..inputs).map(place).collect(), vec![outputs, channels, kernel, kernel])
            }
        };
        let of_bias = |index: usize, rows: &[usize]| {
            rows.iter().map(|row| inputs * outputs + index * biases + row).collect::<Vec<_>>()
        };
        // Biases follow the rows of the weights, but for a transposed convolution, whose rows are inputs.
        let bias_rows = match self.kind {
            Kind::ConvTranspose(..) => (0..biases).collect(),
            _ => rows.clone(),
        };
        let bias_shape = match self.kind {
            Kind::ConvTranspose(..) if biases != self.output[2] => self.output.to_vec(),
            _ => vec![biases],
        };
        let (row_stride, column_stride) = if self.affine.by_output { (inputs, 1) } else { (1, outputs) };
        let weights = Part {
            name: "weight",
            shape,
            trained: true,
            rows: rows.into_iter().map(|row| row * row_stride).collect(),
            columns: columns.into_iter().map(|column| column * column_stride).collect(),
        };
        let vector = |name: &'static str, index: usize, trained: bool| Part {
            name,
            shape: bias_shape.clone(),
            trained,
            rows: of_bias(index, &bias_rows),
            columns: vec![0],
        };
        if self.normalized {
            vec![
                weights,
                vector("norm.bias", 0, true),
                vector("norm.weight", 1, true),
                vector("norm.running_mean", 2, false),
                vector("norm.running_var", 3, false),
            ]
        } else {
            vec![weights, vector("bias", 0, true)]
        }
    }
}

/// The positions of a window over an input.
fn grid(input: Sides, kernel: usize, stride: usize, padding: usize) -> Result<[usize; 2], Misfit> {
    let [height, width, _] = input;
    if padding >= kernel {
        return misfit("padding", format!("{padding} is not below the kernel, {kernel}: windows of zeros alone"));
    }
    let mut grid = [0; 2];
    for (positions, side) in grid.iter_mut().zip([height, width]) {
        let padded = side + 2 * padding;
        if kernel > padded {
            let detail = format!("{kernel} is larger than the padded input, {height} × {width} with {padding} around");
            return misfit("kernel", detail);
        }
        if !(padded - kernel).is_multiple_of(stride) {
            let detail =
                format!("({side} + 2·{padding} − {kernel}) / {stride} + 1 positions are no whole number along a side");
            return misfit("stride", detail);
        }
        *positions = (padded - kernel) / stride + 1;
    }
    Ok(grid)
}

/// The picture that a transposed convolution makes of a grid, and its window.
fn transposed(
    input: Sides,
    channels: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
) -> Result<(Sides, Window), Misfit> {
    if padding >= kernel {
        return misfit(
            "padding",
            format!("{padding} is not below the kernel, {kernel}: nothing would be left at the sides"),
        );
    }
    let [height, width, _] = input;
    let side = |positions: usize| ((positions - 1) * stride + kernel).checked_sub(2 * padding).filter(|side| *side > 0);
    let (Some(rows), Some(columns)) = (side(height), side(width)) else {
        return misfit("padding", format!("{padding} cuts off the whole output of a {height} × {width} input"));
    };
    let output = [rows, columns, channels];
    check_size(output, kernel * kernel * channels * input[2])?;
    Ok((output, Window::new(output, [height, width], kernel, stride, padding)))
}

/// An input as a transposed convolution takes it.
fn reshape(input: Sides, shape: Option<Sides>) -> Result<Sides, Misfit> {
    let Some(shape) = shape else { return Ok(input) };
    let (given, wanted) = (input.iter().product::<usize>(), shape.iter().product::<usize>());
    if given == wanted {
        Ok(shape)
    } else {
        let [height, width, channels] = shape;
        misfit(
            "input_shape",
            format!("{height} × {width} × {channels} are {wanted} numbers; the layer before gives {given}"),
        )
    }
}

fn check_size(output: Sides, weights: usize) -> Result<(), Misfit> {
    let outputs: usize = output.iter().product();
    let field = if output[..2] == [1, 1] { "units" } else { "channels" };
    if outputs > MAX_OUTPUTS {
        let [height, width, channels] = output;
        return misfit(field, format!("{height} × {width} × {channels} outputs; at most {MAX_OUTPUTS} are allowed"));
    }
    if weights > MAX_WEIGHTS {
        return misfit(field, format!("{weights} weights; at most {MAX_WEIGHTS} are allowed in a layer"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv(kernel: usize, stride: usize, padding: usize) -> LayerSpec {
        LayerSpec::Conv2d {
            channels: 4,
            kernel,
            stride,
            padding,
            activation: Activation::Relu,
            init: Init::He,
            bias: 0.0,
            dropout: 0.0,
            max_norm: None,
            batch_norm: false,
        }
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_field() {
        let field = |spec: &LayerSpec| Layer::new(spec, [8, 8, 3], 0).map(|_| ()).map_err(|misfit| misfit.field);
        assert_eq!(field(&conv(3, 1, 1)), Ok(()));
        assert_eq!(field(&conv(9, 1, 0)), Err("kernel"));
        assert_eq!(field(&conv(3, 2, 1)), Err("stride"));
        assert_eq!(field(&conv(3, 1, 3)), Err("padding"));
    }

    /// Out channel 1 of 2, in channel 2 of 3, row 0 and column 1 of a 2 × 2 kernel.
    #[test]
    fn a_convolutions_weight_has_pytorchs_order_in_a_checkpoint() {
        let spec = LayerSpec::ConvMaxout {
            channels: 1,
            pieces: 2,
            kernel: 2,
            padding: 0,
            pool: 1,
            pool_stride: 1,
            init: Init::He,
            dropout: 0.0,
            max_norm: None,
        };
        let layer = Layer::new(&spec, [4, 4, 3], 0).unwrap();
        let weight = &layer.parts()[0];
        assert_eq!(weight.shape, [2, 3, 2, 2]);
        let (row, column) = (1, 2 * 4 + 1);
        assert_eq!(weight.rows[row] + weight.columns[column], 12 + 3 + 2, "patch (0, 1, 2) of output 1");
    }
}
