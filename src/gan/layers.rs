//! The layers of a network, from their specs to their places in its state.

use super::ops::affine::Affine;
use super::spec::{Activation, Init, LayerSpec};

/// A layer of a network.
#[derive(Clone, PartialEq, Debug)]
pub struct Layer {
    /// Its affine map.
    pub affine: Affine,
    /// What makes its outputs of the affine map's.
    pub kind: Kind,
    /// The probability of dropping an output in training.
    pub dropout: f32,
    /// How its weights start.
    pub init: Init,
    /// What each bias starts at.
    pub bias: f32,
}

/// What follows the affine map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An activation.
    Linear(Activation),
    /// The largest of so many maps for each unit.
    Maxout(usize),
}

impl Layer {
    /// The layer that a spec describes, on `inputs` inputs, its numbers from `at` on.
    #[must_use]
    pub fn new(spec: &LayerSpec, inputs: usize, at: usize) -> Self {
        match *spec {
            LayerSpec::Linear { units, activation, init, bias, dropout } => Self {
                affine: Affine { at, inputs, outputs: units },
                kind: Kind::Linear(activation),
                dropout,
                init,
                bias,
            },
            LayerSpec::Maxout { units, pieces, init, dropout } => Self {
                affine: Affine { at, inputs, outputs: units * pieces },
                kind: Kind::Maxout(pieces),
                dropout,
                init,
                bias: 0.0,
            },
        }
    }

    /// How many outputs it has.
    #[must_use]
    pub fn units(&self) -> usize {
        match self.kind {
            Kind::Linear(_) => self.affine.outputs,
            Kind::Maxout(pieces) => self.affine.outputs / pieces,
        }
    }

    /// Where the weight of a checkpoint's row (output) and column (input) lies behind [`Affine::at`]; the bias of a row
    /// lies at column `inputs`. A checkpoint has piece j of unit u in row u·pieces + j; the state has all units of a
    /// piece together.
    #[must_use]
    pub fn place(&self, row: usize, column: usize) -> usize {
        let output = match self.kind {
            Kind::Linear(_) => row,
            Kind::Maxout(pieces) => (row % pieces) * self.units() + row / pieces,
        };
        column * self.affine.outputs + output
    }
}
