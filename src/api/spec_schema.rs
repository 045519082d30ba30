//! The parts of a spec as the OpenAPI document describes them.
//!
//! Everything in a spec but `dataset` may be left out, for a recipe lies underneath; what a job shows has every field.
//! These types are the document's alone: `gan::read` reads specs, and names every fault at once. A test holds the fields
//! here to those that specs have.

use serde::Serialize;
use utoipa::ToSchema;

/// The two networks and the latent prior.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "latent": {"dim": 32, "prior": "uniform"},
    "generator": {"layers": [{"type": "linear", "units": 128, "activation": "relu"}], "output": "sigmoid"},
    "discriminator": {"layers": [{"type": "maxout", "units": 64, "pieces": 2, "dropout": 0.3}]}
}))]
#[allow(dead_code)]
pub struct Model {
    /// What is done to each point before D sees it, if anything.
    contrast: Option<Contrast>,
    /// What G starts from.
    #[schema(nullable = false)]
    latent: Option<Latent>,
    /// G: latents to data.
    #[schema(nullable = false)]
    generator: Option<GeneratorNetwork>,
    /// D: data to the logit of being real.
    #[schema(nullable = false)]
    discriminator: Option<DiscriminatorNetwork>,
}

/// Global contrast normalisation: each point loses its mean and is brought to one length. Images only, with G's output
/// `linear`.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct Contrast {
    /// The length that each point is brought to.
    #[schema(nullable = false, exclusive_minimum = 0, maximum = 1e4)]
    scale: Option<f64>,
    /// The mean that a sample is shown with.
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    mean: Option<f64>,
    /// The standard deviation that a sample is shown with.
    #[schema(nullable = false, exclusive_minimum = 0, maximum = 1)]
    deviation: Option<f64>,
}

/// The latent space.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct Latent {
    /// Its dimension.
    #[schema(nullable = false, minimum = 1, maximum = 4096, example = 100)]
    dim: Option<u64>,
    /// Its distribution.
    #[schema(nullable = false)]
    prior: Option<Prior>,
}

/// The distribution of a latent coordinate; both have mean 0 and variance 1.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum Prior {
    /// Uniform on (−√3, √3).
    Uniform,
    /// Standard normal.
    Gaussian,
}

/// G's hidden layers and its output layer.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Generator)]
#[allow(dead_code)]
pub struct GeneratorNetwork {
    /// The hidden layers, from the latents on.
    #[schema(nullable = false, max_items = 16)]
    layers: Option<Vec<Layer>>,
    /// The form of the output layer.
    #[schema(nullable = false)]
    output_layer: Option<OutputLayer>,
    /// The activation of the output layer.
    #[schema(nullable = false)]
    output: Option<OutputActivation>,
    /// How the output layer's weights start.
    #[schema(nullable = false)]
    output_init: Option<Init>,
    /// How the output layer's bias starts.
    #[schema(nullable = false)]
    output_bias: Option<OutputBias>,
    /// The largest norm of the weights of each of its outputs.
    #[schema(exclusive_minimum = 0, maximum = 1e6)]
    output_max_norm: Option<f64>,
}

/// The form of G's output layer.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[allow(dead_code)]
pub enum OutputLayer {
    /// One unit for each number of a point.
    Linear {},
    /// A transposed convolution whose picture is the point.
    #[serde(rename = "conv_transpose2d")]
    ConvTranspose2d {
        /// Height and width of the window.
        #[schema(minimum = 1, maximum = 32)]
        kernel: u64,
        /// From one position to the next.
        #[schema(nullable = false, minimum = 1, maximum = 32)]
        stride: Option<u64>,
        /// Rows and columns that are cut off at each side.
        #[schema(nullable = false, minimum = 0, maximum = 32)]
        padding: Option<u64>,
        /// Height, width and channels that the layer before is taken as, where it is dense.
        #[schema(min_items = 3, max_items = 3)]
        input_shape: Option<Vec<u64>>,
        /// Whether every number of the point has a bias of its own, instead of one for each channel.
        #[schema(nullable = false)]
        untied_bias: Option<bool>,
    },
}

/// The activation of G's output layer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum OutputActivation {
    /// For data in [0, 1].
    Sigmoid,
    /// For data without bounds.
    Linear,
    /// For images scaled to [−1, 1] within the networks.
    Tanh,
}

/// How the bias of G's output layer starts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum OutputBias {
    /// At 0.
    Zero,
    /// At the value that makes the output the mean of each training pixel.
    DataMean,
}

/// D's hidden layers; its output is one linear unit, the logit.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Discriminator)]
#[allow(dead_code)]
pub struct DiscriminatorNetwork {
    /// The probability of dropping an input pixel in training.
    #[schema(nullable = false, minimum = 0, exclusive_maximum = 1)]
    input_dropout: Option<f64>,
    /// The hidden layers, from the data on.
    #[schema(nullable = false, max_items = 16)]
    layers: Option<Vec<Layer>>,
    /// How the output unit's weights start.
    #[schema(nullable = false)]
    output_init: Option<Init>,
    /// The largest norm of its weights.
    #[schema(exclusive_minimum = 0, maximum = 1e6)]
    output_max_norm: Option<f64>,
}

/// A hidden layer. Dropout is D's alone, batch norm G's alone.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[allow(dead_code)]
pub enum Layer {
    /// y = activation(x·Wᵀ + b).
    Linear {
        /// Units.
        #[schema(minimum = 1, maximum = 16384)]
        units: u64,
        /// What follows the affine map.
        #[schema(nullable = false)]
        activation: Option<Activation>,
        /// How the weights start.
        #[schema(nullable = false)]
        init: Option<Init>,
        /// What each bias starts at.
        #[schema(nullable = false, minimum = -100, maximum = 100)]
        bias: Option<f64>,
        /// The probability of dropping an output in training.
        #[schema(nullable = false, minimum = 0, exclusive_maximum = 1)]
        dropout: Option<f64>,
        /// The largest norm of each output's weights.
        #[schema(exclusive_minimum = 0, maximum = 1e6)]
        max_norm: Option<f64>,
        /// Whether each channel is brought to mean 0 and variance 1 over the minibatch before the activation.
        #[schema(nullable = false)]
        batch_norm: Option<bool>,
    },
    /// Each unit is the largest of `pieces` affine maps.
    Maxout {
        /// Units.
        #[schema(minimum = 1, maximum = 16384)]
        units: u64,
        /// Affine maps for each unit.
        #[schema(nullable = false, minimum = 1, maximum = 16)]
        pieces: Option<u64>,
        /// How the weights start.
        #[schema(nullable = false)]
        init: Option<Init>,
        /// The probability of dropping an output in training.
        #[schema(nullable = false, minimum = 0, exclusive_maximum = 1)]
        dropout: Option<f64>,
        /// The largest norm of each output's weights.
        #[schema(exclusive_minimum = 0, maximum = 1e6)]
        max_norm: Option<f64>,
    },
    /// A convolution.
    #[serde(rename = "conv2d")]
    Conv2d {
        /// Channels of its output.
        #[schema(minimum = 1, maximum = 4096)]
        channels: u64,
        /// Height and width of the window.
        #[schema(minimum = 1, maximum = 32)]
        kernel: u64,
        /// From one position to the next.
        #[schema(nullable = false, minimum = 1, maximum = 32)]
        stride: Option<u64>,
        /// Rows and columns of zeros around the input.
        #[schema(nullable = false, minimum = 0, maximum = 32)]
        padding: Option<u64>,
        /// What follows the affine map.
        #[schema(nullable = false)]
        activation: Option<Activation>,
        /// How the weights start.
        #[schema(nullable = false)]
        init: Option<Init>,
        /// What each channel's bias starts at.
        #[schema(nullable = false, minimum = -100, maximum = 100)]
        bias: Option<f64>,
        /// The probability of dropping an output in training.
        #[schema(nullable = false, minimum = 0, exclusive_maximum = 1)]
        dropout: Option<f64>,
        /// The largest norm of each output's weights.
        #[schema(exclusive_minimum = 0, maximum = 1e6)]
        max_norm: Option<f64>,
        /// Whether each channel is brought to mean 0 and variance 1 over the minibatch before the activation.
        #[schema(nullable = false)]
        batch_norm: Option<bool>,
    },
    /// The transpose of a convolution: each position of the input adds a window to the output.
    #[serde(rename = "conv_transpose2d")]
    ConvTranspose2d {
        /// Channels of its output.
        #[schema(minimum = 1, maximum = 4096)]
        channels: u64,
        /// Height and width of the window.
        #[schema(minimum = 1, maximum = 32)]
        kernel: u64,
        /// From one position's window to the next one's.
        #[schema(nullable = false, minimum = 1, maximum = 32)]
        stride: Option<u64>,
        /// Rows and columns that are cut off at each side of the output.
        #[schema(nullable = false, minimum = 0, maximum = 32)]
        padding: Option<u64>,
        /// Height, width and channels that the layer before is taken as, where it is dense.
        #[schema(min_items = 3, max_items = 3)]
        input_shape: Option<Vec<u64>>,
        /// What follows the affine map.
        #[schema(nullable = false)]
        activation: Option<Activation>,
        /// How the weights start.
        #[schema(nullable = false)]
        init: Option<Init>,
        /// What each channel's bias starts at.
        #[schema(nullable = false, minimum = -100, maximum = 100)]
        bias: Option<f64>,
        /// The probability of dropping an output in training.
        #[schema(nullable = false, minimum = 0, exclusive_maximum = 1)]
        dropout: Option<f64>,
        /// The largest norm of each output's weights.
        #[schema(exclusive_minimum = 0, maximum = 1e6)]
        max_norm: Option<f64>,
        /// Whether each channel is brought to mean 0 and variance 1 over the minibatch before the activation.
        #[schema(nullable = false)]
        batch_norm: Option<bool>,
    },
    /// A convolution of stride 1 whose channels are the largest of `pieces` maps, then max pooling.
    ConvMaxout {
        /// Channels of its output.
        #[schema(minimum = 1, maximum = 4096)]
        channels: u64,
        /// Affine maps for each channel.
        #[schema(nullable = false, minimum = 1, maximum = 16)]
        pieces: Option<u64>,
        /// Height and width of the window.
        #[schema(minimum = 1, maximum = 32)]
        kernel: u64,
        /// Rows and columns of zeros around the input.
        #[schema(nullable = false, minimum = 0, maximum = 32)]
        padding: Option<u64>,
        /// Height and width of what is pooled into one.
        #[schema(nullable = false, minimum = 1, maximum = 32)]
        pool: Option<u64>,
        /// From one such square to the next.
        #[schema(nullable = false, minimum = 1, maximum = 32)]
        pool_stride: Option<u64>,
        /// How the weights start.
        #[schema(nullable = false)]
        init: Option<Init>,
        /// The probability of dropping an output in training.
        #[schema(nullable = false, minimum = 0, exclusive_maximum = 1)]
        dropout: Option<f64>,
        /// The largest norm of each output's weights.
        #[schema(exclusive_minimum = 0, maximum = 1e6)]
        max_norm: Option<f64>,
    },
}

/// The function after a layer's affine map.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
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

/// How weights start: an object, or for short a word or the half-width of a uniform start.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum Init {
    /// In full.
    Full(InitObject),
    /// For short.
    Word(InitWord),
    /// The half-width of a uniform start.
    Range(HalfWidth),
}

/// The half-width of a uniform start.
#[derive(Serialize, ToSchema)]
#[schema(exclusive_minimum = 0, maximum = 10, example = 0.05)]
#[allow(dead_code)]
pub struct HalfWidth(f64);

/// How weights start, in full.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[allow(dead_code)]
pub enum InitObject {
    /// Uniform on (−range, range).
    Uniform {
        /// The half-width.
        #[schema(exclusive_minimum = 0, maximum = 10)]
        range: f64,
    },
    /// Gaussian with variance 2 / inputs (He et al., 2015).
    He {},
    /// Uniform with variance 2 / (inputs + outputs) (Glorot and Bengio, 2010).
    Glorot {},
    /// Standard normal on so many of each output's inputs, and 0 on the others.
    Sparse {
        /// How many.
        #[schema(minimum = 1, maximum = 16384)]
        nonzero: u64,
    },
}

/// How weights start, in a word.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum InitWord {
    /// He et al., 2015.
    He,
    /// Glorot and Bengio, 2010.
    Glorot,
}

/// Algorithm 1 and its settings.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"steps": 2000, "batch_size": 64, "optimizer": {"type": "adam", "learning_rate": 2e-4}}))]
#[allow(dead_code)]
pub struct Training {
    /// How many updates of G.
    #[schema(nullable = false, minimum = 1, maximum = 100_000_000)]
    steps: Option<u64>,
    /// m: examples, and as many samples, in a minibatch.
    #[schema(nullable = false, minimum = 1, maximum = 4096)]
    batch_size: Option<u64>,
    /// k: updates of D for each of G.
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    discriminator_steps: Option<u64>,
    /// Updates of G after those of D; more than one makes G collapse.
    #[schema(nullable = false, minimum = 1, maximum = 100)]
    generator_steps: Option<u64>,
    /// In which order the players move.
    #[schema(nullable = false)]
    update: Option<Update>,
    /// What G descends.
    #[schema(nullable = false)]
    objective: Option<Objective>,
    /// The target of D on real data, 1 unless smoothed.
    #[schema(nullable = false, exclusive_minimum = 0, maximum = 1)]
    real_label: Option<f64>,
    /// How both players descend; D alone, where G has an optimiser of its own.
    #[schema(nullable = false)]
    optimizer: Option<Optimizer>,
    /// How G descends, if not as D does (two time scales).
    generator_optimizer: Option<Optimizer>,
    /// Gaussian noise on D's inputs, real and not, if any.
    instance_noise: Option<InstanceNoise>,
    /// A penalty on D's gradient in its input, if any.
    regularizer: Option<Regularizer>,
    /// The decay of the moving average of G's weights, if one is kept.
    #[schema(exclusive_minimum = 0, exclusive_maximum = 1)]
    ema: Option<f64>,
}

/// A penalty of (gamma / 2)·E‖∇D(x)‖² on the gradient of D's logit, added to D's loss. D must have no sigmoid, tanh or
/// conv_maxout layers.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct Regularizer {
    /// At which points.
    r#type: Regularized,
    /// Its weight at the first step.
    #[schema(nullable = false, exclusive_minimum = 0, maximum = 1_000_000)]
    gamma: Option<f64>,
    /// Its weight at `until_step`; until then its logarithm changes in a straight line. Without it the weight stays.
    #[schema(nullable = false, exclusive_minimum = 0, maximum = 1_000_000)]
    gamma_end: Option<f64>,
    /// The step from which there is no penalty, if it ends.
    #[schema(minimum = 1, maximum = 100_000_000)]
    until_step: Option<u64>,
    /// It is taken in every so many of D's updates, so many times as strong.
    #[schema(nullable = false, minimum = 1, maximum = 1000)]
    every: Option<u64>,
    /// How its gradient is computed.
    #[schema(nullable = false)]
    method: Option<RegularizerMethod>,
}

/// The points at which D's gradient is penalised.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum Regularized {
    /// Examples.
    R1,
    /// Examples, and samples as much.
    #[serde(rename = "r1_r2")]
    R1R2,
}

/// How the gradient of a penalty is computed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum RegularizerMethod {
    /// To the last digit, by a linearised pass.
    Exact,
}

/// Noise whose standard deviation falls in a straight line to 0.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct InstanceNoise {
    /// The standard deviation at the first step, in the networks' scale.
    #[schema(nullable = false, exclusive_minimum = 0, maximum = 100)]
    start: Option<f64>,
    /// The step from which there is none.
    #[schema(nullable = false, minimum = 1, maximum = 100_000_000)]
    until_step: Option<u64>,
}

/// In which order the players move.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum Update {
    /// Algorithm 1: D k times, then G against the new D.
    Alternating,
    /// The published code: both gradients at the old weights.
    Simultaneous,
}

/// What G descends.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum Objective {
    /// −E log D(G(z)).
    NonSaturating,
    /// E log(1 − D(G(z))).
    Saturating,
    /// D says which of an example and a sample is the real one, and G makes it err.
    Relativistic,
}

/// How the players descend. An optimiser of another type than the recipe's replaces it whole, and what the recipe has for
/// G alone.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[allow(dead_code)]
pub enum Optimizer {
    /// Gradient descent with classical momentum.
    Sgd {
        /// The step size at the first step.
        #[schema(nullable = false, exclusive_minimum = 0, maximum = 10)]
        learning_rate: Option<f64>,
        /// The step size is divided by this at every step.
        #[schema(nullable = false, minimum = 1, maximum = 2)]
        decay: Option<f64>,
        /// The step size never falls below this.
        #[schema(nullable = false, minimum = 0, maximum = 10)]
        min_learning_rate: Option<f64>,
        /// The momentum and how it grows.
        #[schema(nullable = false)]
        momentum: Option<Momentum>,
    },
    /// Kingma and Ba, 2015.
    Adam {
        /// The step size.
        #[schema(nullable = false, exclusive_minimum = 0, maximum = 10)]
        learning_rate: Option<f64>,
        /// Decay of the first moment.
        #[schema(nullable = false, minimum = 0, exclusive_maximum = 1)]
        beta1: Option<f64>,
        /// Decay of the second moment.
        #[schema(nullable = false, minimum = 0, exclusive_maximum = 1)]
        beta2: Option<f64>,
        /// Keeps the division finite.
        #[schema(nullable = false, exclusive_minimum = 0, maximum = 1)]
        epsilon: Option<f64>,
        /// The step size is divided by this at every step.
        #[schema(nullable = false, minimum = 1, maximum = 2)]
        decay: Option<f64>,
        /// The step size never falls below this.
        #[schema(nullable = false, minimum = 0, maximum = 10)]
        min_learning_rate: Option<f64>,
    },
}

/// A momentum: an object, or for short a number that does not change.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum Momentum {
    /// It grows.
    Growing(GrowingMomentum),
    /// It stays.
    Constant(ConstantMomentum),
}

/// A momentum that does not change.
#[derive(Serialize, ToSchema)]
#[schema(minimum = 0, exclusive_maximum = 1, example = 0.5)]
#[allow(dead_code)]
pub struct ConstantMomentum(f64);

/// A momentum that grows in a straight line from `start` to `end`.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct GrowingMomentum {
    /// The momentum until `from_epoch`.
    #[schema(nullable = false, minimum = 0, exclusive_maximum = 1)]
    start: Option<f64>,
    /// The momentum from `until_epoch` on.
    #[schema(nullable = false, minimum = 0, exclusive_maximum = 1)]
    end: Option<f64>,
    /// The epoch in which it begins to grow.
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000_000)]
    from_epoch: Option<u64>,
    /// The epoch from which it stays.
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000_000)]
    until_epoch: Option<u64>,
}

/// When to write checkpoints and which to keep.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"every": 1000, "keep": 3, "keep_best": true}))]
#[allow(dead_code)]
pub struct CheckpointPlan {
    /// Steps between two.
    #[schema(nullable = false, minimum = 1, maximum = 100_000_000)]
    every: Option<u64>,
    /// How many of the newest to keep.
    #[schema(nullable = false, minimum = 1, maximum = 1000)]
    keep: Option<u64>,
    /// Whether to keep the best besides.
    #[schema(nullable = false)]
    keep_best: Option<bool>,
    /// What the best is best by.
    #[schema(nullable = false)]
    best_by: Option<Metric>,
}

/// A number of an evaluation by which generators are compared.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum Metric {
    /// The Parzen-window log-likelihood.
    LogLikelihood,
    /// The share of the data that the samples reach.
    Coverage,
    /// How deep in the data the samples lie.
    Density,
    /// The Fréchet distance in a classifier's features, for labelled images.
    Frechet,
    /// The Jensen-Shannon divergence, where the density is known.
    Divergence,
}

/// When and how to evaluate.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"every": 5000, "parzen": {"samples": 10000}}))]
#[allow(dead_code)]
pub struct EvaluationPlan {
    /// Steps between two; 0 for none but the last.
    #[schema(nullable = false, minimum = 0, maximum = 100_000_000)]
    every: Option<u64>,
    /// The Parzen-window estimate.
    #[schema(nullable = false)]
    parzen: Option<ParzenPlan>,
    /// Whether to measure fidelity and diversity as well.
    #[schema(nullable = false)]
    quality: Option<bool>,
    /// When to stop before the last step.
    stop_when: Option<StopWhen>,
}

/// Stop once several evaluations in a row have not beaten the best before them.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct StopWhen {
    /// How many in a row.
    #[schema(nullable = false, minimum = 1, maximum = 1000)]
    evaluations: Option<u64>,
    /// By how much the best must be beaten.
    #[schema(nullable = false, minimum = 0, maximum = 1e6)]
    min_gain: Option<f64>,
}

/// The settings of the Parzen-window estimate.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct ParzenPlan {
    /// Samples drawn from G: the centres.
    #[schema(nullable = false, minimum = 1, maximum = 100_000)]
    samples: Option<u64>,
    /// The first so many points of the validation split choose the bandwidth.
    #[schema(nullable = false, minimum = 1, maximum = 10_000_000)]
    validation_points: Option<u64>,
    /// The bandwidths to choose from.
    #[schema(nullable = false)]
    bandwidth_grid: Option<BandwidthGrid>,
}

/// Ascending bandwidths, or the name of a protocol's.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum BandwidthGrid {
    /// These.
    Bandwidths(Bandwidths),
    /// A protocol's.
    Protocol(GridName),
}

/// Bandwidths to choose from, ascending.
#[derive(Serialize, ToSchema)]
#[schema(min_items = 1, max_items = 200, example = json!([0.1, 0.2, 0.4]))]
#[allow(dead_code)]
pub struct Bandwidths(Vec<f64>);

/// A protocol's bandwidths.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum GridName {
    /// Ten, log-spaced from 0.1 to 1.
    Goodfellow2014,
    /// Forty, from 0.08 to 0.5.
    Fine,
}

/// What to do when a loss is not finite.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum OnDivergence {
    /// Fail the job, with the step and the reason.
    Fail,
    /// Go back to the last checkpoint, with other random numbers and half the learning rate, at most three times.
    Rollback,
}

/// What to do when the generator collapses or D has won.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
pub enum OnCollapse {
    /// Say so and train on: it may recover.
    Continue,
    /// Keep a checkpoint and fail the job.
    Stop,
    /// Begin again from step 0 with other random numbers, at most three times; then fail the job.
    Restart,
}

/// What decides the outcome of a job, every default filled in.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)]
pub struct Spec {
    /// The dataset's name.
    #[schema(example = "digits")]
    dataset: String,
    /// The recipe that the spec was made from.
    #[schema(example = "digits")]
    recipe: String,
    /// All randomness is a function of this, of its purpose and of the step.
    #[schema(minimum = 0)]
    seed: u64,
    /// The two networks and the latent prior.
    model: Model,
    /// Algorithm 1 and its settings.
    training: Training,
    /// When to write checkpoints and which to keep.
    checkpoint: CheckpointPlan,
    /// When and how to evaluate.
    evaluation: EvaluationPlan,
    /// What to do when a loss is not finite.
    on_divergence: OnDivergence,
    /// What to do when the generator collapses or D has won.
    on_collapse: OnCollapse,
}
