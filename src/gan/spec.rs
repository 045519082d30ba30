//! The spec: everything that, with the data, decides what a training run comes to.
//!
//! These are the values after reading: complete and valid. [`read`](super::read) makes them from what a user wrote,
//! with a recipe underneath, and names every fault at once.

use super::decimal;
use serde::{Deserialize, Serialize};

/// A training run, every default filled in.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The dataset's name.
    pub dataset: String,
    /// The recipe that the spec was made from.
    pub recipe: String,
    /// All randomness is a function of this, of its purpose and of the step.
    pub seed: u64,
    /// The two networks and the latent prior.
    pub model: Model,
    /// Algorithm 1 and its settings.
    pub training: Training,
    /// When to write checkpoints and which to keep.
    pub checkpoint: CheckpointPlan,
    /// When and how to evaluate.
    pub evaluation: EvaluationPlan,
    /// What to do when a loss is not finite.
    pub on_divergence: OnDivergence,
    /// What to do when the generator collapses or D has won.
    #[serde(default)]
    pub on_collapse: OnCollapse,
}

/// The two players.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What is done to each point before D sees it, if anything.
    #[serde(default)]
    pub contrast: Option<Contrast>,
    /// What G starts from.
    pub latent: Latent,
    /// G: latents to data.
    pub generator: GeneratorSpec,
    /// D: data to the logit of being real.
    pub discriminator: DiscriminatorSpec,
}

/// Global contrast normalisation (pylearn2's, which the paper's CIFAR-10 recipes train on): each point loses its mean and
/// is brought to one length. Which mean and length it had is lost, so samples are shown with those of a typical point.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrast {
    /// The length that each point is brought to.
    #[serde(serialize_with = "decimal::serialize")]
    pub scale: f32,
    /// The mean that a sample is shown with.
    #[serde(serialize_with = "decimal::serialize")]
    pub mean: f32,
    /// The standard deviation of the values of a sample of that length, as it is shown.
    #[serde(serialize_with = "decimal::serialize")]
    pub deviation: f32,
}

/// The latent space.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latent {
    /// Its dimension.
    pub dim: usize,
    /// Its distribution.
    pub prior: Prior,
}

/// The distribution of a latent coordinate; both have mean 0 and variance 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prior {
    /// Uniform on (−√3, √3), as the published code has it.
    Uniform,
    /// Standard normal.
    Gaussian,
}

/// G's hidden layers and its output layer, which gives the data.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorSpec {
    /// The hidden layers, from the latents on.
    pub layers: Vec<LayerSpec>,
    /// The form of the output layer.
    pub output_layer: OutputLayer,
    /// The activation of the output layer.
    pub output: Output,
    /// How the output layer's weights start.
    pub output_init: Init,
    /// How the output layer's bias starts.
    pub output_bias: OutputBias,
    /// The largest norm of the weights of each of its outputs.
    pub output_max_norm: Option<f32>,
}

/// The form of G's output layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum OutputLayer {
    /// One unit for each number of a point.
    Linear,
    /// A transposed convolution whose picture is the point.
    ConvTranspose2d {
        /// Height and width of the window.
        kernel: usize,
        /// From one position to the next.
        stride: usize,
        /// Rows and columns that are cut off at each side.
        padding: usize,
        /// Height, width and channels that the layer before is taken as, where it is dense.
        input_shape: Option<[usize; 3]>,
        /// Whether every number of the point has a bias of its own, instead of one for each channel.
        untied_bias: bool,
    },
}

/// D's hidden layers; its output is one linear unit, the logit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorSpec {
    /// The probability of dropping an input pixel in training.
    #[serde(serialize_with = "decimal::serialize")]
    pub input_dropout: f32,
    /// The hidden layers, from the data on.
    pub layers: Vec<LayerSpec>,
    /// How the output unit's weights start.
    pub output_init: Init,
    /// The largest norm of its weights.
    pub output_max_norm: Option<f32>,
}

/// A hidden layer. Pictures lie as (height, width, channels); a dense layer takes them as one row of numbers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerSpec {
    /// y = activation(x·Wᵀ + b).
    Linear {
        /// Units.
        units: usize,
        /// What follows the affine map.
        activation: Activation,
        /// How the weights start.
        init: Init,
        /// What each bias starts at.
        #[serde(serialize_with = "decimal::serialize")]
        bias: f32,
        /// The probability of dropping an output in training.
        #[serde(serialize_with = "decimal::serialize")]
        dropout: f32,
        /// The largest norm of each output's weights: those with a larger one are scaled down after an update.
        max_norm: Option<f32>,
        /// Whether each channel is brought to mean 0 and variance 1 over the minibatch before the activation (G only).
        batch_norm: bool,
    },
    /// Each unit is the largest of `pieces` affine maps (Goodfellow et al., Maxout Networks, 2013).
    Maxout {
        /// Units.
        units: usize,
        /// Affine maps for each unit.
        pieces: usize,
        /// How the weights start.
        init: Init,
        /// The probability of dropping an output in training.
        #[serde(serialize_with = "decimal::serialize")]
        dropout: f32,
        /// The largest norm of each output's weights: those with a larger one are scaled down after an update.
        max_norm: Option<f32>,
    },
    /// A convolution.
    Conv2d {
        /// Channels of its output.
        channels: usize,
        /// Height and width of the window.
        kernel: usize,
        /// From one position to the next.
        stride: usize,
        /// Rows and columns of zeros around the input.
        padding: usize,
        /// What follows the affine map.
        activation: Activation,
        /// How the weights start.
        init: Init,
        /// What each channel's bias starts at.
        bias: f32,
        /// The probability of dropping an output in training.
        dropout: f32,
        /// The largest norm of each output's weights: those with a larger one are scaled down after an update.
        max_norm: Option<f32>,
        /// Whether each channel is brought to mean 0 and variance 1 over the minibatch before the activation (G only).
        batch_norm: bool,
    },
    /// The transpose of a convolution: each position of the input adds a window to the output.
    ConvTranspose2d {
        /// Channels of its output.
        channels: usize,
        /// Height and width of the window.
        kernel: usize,
        /// From one position's window to the next one's.
        stride: usize,
        /// Rows and columns that are cut off at each side of the output.
        padding: usize,
        /// Height, width and channels that the layer before is taken as, where it is dense.
        input_shape: Option<[usize; 3]>,
        /// What follows the affine map.
        activation: Activation,
        /// How the weights start.
        init: Init,
        /// What each channel's bias starts at.
        bias: f32,
        /// The probability of dropping an output in training.
        dropout: f32,
        /// The largest norm of each output's weights: those with a larger one are scaled down after an update.
        max_norm: Option<f32>,
        /// Whether each channel is brought to mean 0 and variance 1 over the minibatch before the activation (G only).
        batch_norm: bool,
    },
    /// A convolution of stride 1 whose channels are the largest of `pieces` maps, then max pooling (pylearn2's
    /// `MaxoutConvC01B`). The last pooled squares may hang over the edge.
    ConvMaxout {
        /// Channels of its output.
        channels: usize,
        /// Affine maps for each channel.
        pieces: usize,
        /// Height and width of the window.
        kernel: usize,
        /// Rows and columns of zeros around the input.
        padding: usize,
        /// Height and width of what is pooled into one.
        pool: usize,
        /// From one such square to the next.
        pool_stride: usize,
        /// How the weights start.
        init: Init,
        /// The probability of dropping an output in training.
        dropout: f32,
        /// The largest norm of each output's weights: those with a larger one are scaled down after an update.
        max_norm: Option<f32>,
    },
}

/// The function after a layer's affine map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, a).
    Relu,
    /// a where positive, 0.2·a elsewhere.
    LeakyRelu,
    /// 1 / (1 + exp(−a)).
    Sigmoid,
    /// tanh(a).
    Tanh,
    /// a itself.
    Linear,
}

/// The activation of G's output layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// For data in [0, 1].
    Sigmoid,
    /// For data without bounds.
    Linear,
    /// For images scaled to [−1, 1] within the networks; samples are brought back to [0, 1].
    Tanh,
}

/// How weights start. Biases start at 0 where nothing else is said.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Init {
    /// Uniform on (−range, range): pylearn2's `irange`.
    Uniform {
        /// The half-width.
        #[serde(serialize_with = "decimal::serialize")]
        range: f32,
    },
    /// Gaussian with variance 2 / inputs (He et al., 2015).
    He,
    /// Uniform with variance 2 / (inputs + outputs) (Glorot and Bengio, 2010).
    Glorot,
    /// Standard normal on so many of each output's inputs, drawn at random, and 0 on the others (Martens, 2010;
    /// pylearn2's `sparse_init`).
    Sparse {
        /// How many.
        nonzero: usize,
    },
}

/// How the bias of G's output layer starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputBias {
    /// At 0.
    Zero,
    /// At the value that makes the output the mean of each training pixel (the logit of it, for a sigmoid).
    DataMean,
}

/// Algorithm 1 and its settings.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// How many updates of G.
    pub steps: u64,
    /// m: examples, and as many samples, in a minibatch.
    pub batch_size: usize,
    /// k: updates of D for each of G.
    pub discriminator_steps: usize,
    /// Updates of G after those of D. More than one against the same D is the paper's "Helvetica scenario".
    #[serde(default = "one")]
    pub generator_steps: usize,
    /// In which order the players move.
    pub update: Update,
    /// What G descends.
    pub objective: Objective,
    /// The target of D on real data, 1 unless smoothed (one-sided label smoothing, Salimans et al., 2016).
    #[serde(serialize_with = "decimal::serialize")]
    pub real_label: f32,
    /// How both players descend; D alone, where G has an optimiser of its own.
    pub optimizer: OptimizerSpec,
    /// How G descends, if not as D does (two time scales: Heusel et al., 2017).
    #[serde(default)]
    pub generator_optimizer: Option<OptimizerSpec>,
    /// Gaussian noise on D's inputs, real and not, if any.
    pub instance_noise: Option<InstanceNoise>,
    /// A penalty on D's gradient in its input, if any.
    #[serde(default)]
    pub regularizer: Option<Regularizer>,
    /// The decay of the moving average of G's weights, if one is kept.
    #[serde(serialize_with = "decimal::serialize_option")]
    pub ema: Option<f32>,
}

impl Training {
    /// How G descends.
    #[must_use]
    pub fn optimizer_of_generator(&self) -> &OptimizerSpec {
        self.generator_optimizer.as_ref().unwrap_or(&self.optimizer)
    }
}

fn no_decay() -> f64 {
    1.0
}

fn one() -> usize {
    1
}

/// A penalty of (γ/2)·E‖∇ₓD‖² on D's logit (Mescheder, Geiger and Nowozin, 2018), added to D's loss.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regularizer {
    /// At which points.
    #[serde(rename = "type")]
    pub of: Regularized,
    /// γ at the first step.
    #[serde(serialize_with = "decimal::serialize")]
    pub gamma: f32,
    /// γ at `until_step`; between the two its logarithm falls, or rises, in a straight line.
    #[serde(serialize_with = "decimal::serialize")]
    pub gamma_end: f32,
    /// The step from which there is no penalty, if it ends; until then it only helps the run over its start.
    pub until_step: Option<u64>,
    /// It is taken in every so many of D's updates, so many times as strong.
    pub every: u64,
    /// How its gradient is computed.
    pub method: RegularizerMethod,
}

impl Regularizer {
    /// Whether D's update with this number (from 0), after so many steps, takes it.
    #[must_use]
    pub fn is_due(&self, update: u64, steps: u64) -> bool {
        update.is_multiple_of(self.every) && self.until_step.is_none_or(|until| steps < until)
    }
}

/// The points at which D's gradient is penalised.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regularized {
    /// Examples.
    R1,
    /// Examples, and samples as much.
    #[serde(rename = "r1_r2")]
    R1R2,
}

/// How the gradient of a penalty is computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegularizerMethod {
    /// To the last digit, by a linearised pass; D must be piecewise linear.
    Exact,
}

/// Noise whose standard deviation falls in a straight line to 0.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceNoise {
    /// The standard deviation at the first step, in the networks' scale.
    pub start: f32,
    /// The step from which there is none.
    pub until_step: u64,
}

/// In which order the players move.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    /// Algorithm 1: D k times, then G against the new D, with fresh latents and dropout masks.
    Alternating,
    /// The published code: both gradients at the old weights, from one draw of latents and one dropout mask.
    Simultaneous,
}

/// What the players descend.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// −E log D(G(z)): the same fixed point, with strong gradients early on.
    NonSaturating,
    /// E log(1 − D(G(z))): equation 1 as it stands.
    Saturating,
    /// D says which of an example and a sample is the real one, and G makes it err (Jolicoeur-Martineau, 2018).
    Relativistic,
}

/// How the players descend.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerSpec {
    /// Gradient descent with classical momentum: v ← μv − ηg, θ ← θ + v.
    Sgd {
        /// η at the first step.
        #[serde(serialize_with = "decimal::serialize")]
        learning_rate: f32,
        /// η is divided by this at every step (1.000004 in the published code).
        decay: f64,
        /// η never falls below this.
        #[serde(serialize_with = "decimal::serialize")]
        min_learning_rate: f32,
        /// μ and how it grows.
        momentum: Momentum,
    },
    /// Kingma and Ba, 2015.
    Adam {
        /// The step size at the first step.
        #[serde(serialize_with = "decimal::serialize")]
        learning_rate: f32,
        /// Decay of the first moment.
        #[serde(serialize_with = "decimal::serialize")]
        beta1: f32,
        /// Decay of the second moment.
        #[serde(serialize_with = "decimal::serialize")]
        beta2: f32,
        /// Keeps the division finite.
        #[serde(serialize_with = "decimal::serialize")]
        epsilon: f32,
        /// The step size is divided by this at every step.
        #[serde(default = "no_decay")]
        decay: f64,
        /// The step size never falls below this.
        #[serde(default, serialize_with = "decimal::serialize")]
        min_learning_rate: f32,
    },
}

impl OptimizerSpec {
    /// Adam with its usual settings for GANs (Radford et al., 2016), at a rate that does not fall.
    #[must_use]
    pub fn adam(learning_rate: f32) -> Self {
        Self::Adam { learning_rate, beta1: 0.5, beta2: 0.999, epsilon: 1e-8, decay: 1.0, min_learning_rate: 0.0 }
    }
}

/// A momentum that grows in a straight line from `start` to `end`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Momentum {
    /// μ until `from_epoch`.
    #[serde(serialize_with = "decimal::serialize")]
    pub start: f32,
    /// μ from `until_epoch` on.
    #[serde(serialize_with = "decimal::serialize")]
    pub end: f32,
    /// The epoch in which it begins to grow.
    pub from_epoch: u64,
    /// The epoch from which it stays.
    pub until_epoch: u64,
}

/// When to write checkpoints and which to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointPlan {
    /// Steps between two.
    pub every: u64,
    /// How many of the newest to keep.
    pub keep: u32,
    /// Whether to keep the best besides.
    pub keep_best: bool,
    /// What the best is best by.
    #[serde(default)]
    pub best_by: Metric,
}

/// A number of an evaluation by which generators are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The Parzen-window log-likelihood: the higher the better.
    #[default]
    LogLikelihood,
    /// The share of the data that the samples reach: the higher the better.
    Coverage,
    /// How deep in the data the samples lie: the higher the better.
    Density,
    /// The Fréchet distance in the classifier's features: the lower the better.
    Frechet,
    /// The Jensen-Shannon divergence, where the density is known: the lower the better.
    Divergence,
}

/// When and how to evaluate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluationPlan {
    /// Steps between two; 0 for none but the last.
    pub every: u64,
    /// The Parzen-window estimate.
    pub parzen: ParzenPlan,
    /// Whether to measure fidelity and diversity as well.
    #[serde(default)]
    pub quality: bool,
    /// When to stop before the last step.
    #[serde(default)]
    pub stop_when: Option<StopWhen>,
}

/// Stop once several evaluations in a row have not beaten the best before them, by the metric that checkpoints are kept
/// by.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopWhen {
    /// How many in a row.
    pub evaluations: u32,
    /// By how much the best must be beaten.
    pub min_gain: f64,
}

/// The settings of the Parzen-window estimate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParzenPlan {
    /// Samples drawn from G: the centres.
    pub samples: usize,
    /// The first so many points of the validation split choose the bandwidth.
    pub validation_points: usize,
    /// The bandwidths to choose from.
    pub bandwidth_grid: Vec<f64>,
}

/// What to do when a loss is not finite.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDivergence {
    /// Fail the job, with the step and the reason.
    Fail,
    /// Go back to the last checkpoint, with other random numbers and half the learning rate, at most three times.
    Rollback,
}

/// What to do when the generator collapses or D has won.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCollapse {
    /// Say so and train on: it may recover.
    #[default]
    Continue,
    /// Keep a checkpoint and fail the job.
    Stop,
    /// Begin again from step 0 with other random numbers, at most three times; then fail the job. One that began with
    /// another run's weights fails at once: they are what it was to begin with.
    Restart,
}
