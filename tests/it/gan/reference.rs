//! The same run in candle's own autograd: what the core's operations are held against.

use candle_core::{D, DType, Device, Tensor, Var};
use gand::data::Dataset;
use gand::gan::checkpoint::NamedTensor;
use gand::gan::minibatch::Minibatches;
use gand::gan::ops::dropout::Mask;
use gand::gan::ops::noise::Noise;
use gand::gan::random::{Purpose, Stream};
use gand::gan::spec::{Activation, Objective, OptimizerSpec, Output, Regularized, Update};
use gand::gan::{Checkpoint, Spec, discriminator, generator, latent, layers, schedule};
use std::cell::RefCell;
use std::collections::BTreeMap;

type Result<T> = candle_core::Result<T>;

/// A layer by candle's operations, its numbers as a checkpoint names them.
struct Layer {
    kind: layers::Kind,
    input: [usize; 3],
    output: [usize; 3],
    dropout: f32,
    max_norm: Option<f32>,
    weight: Var,
    bias: Var,
    /// A batch norm's scale; the bias is then its shift.
    scale: Option<Var>,
    /// A batch norm's running mean and variance.
    running: Vec<Tensor>,
    /// The mean and variance of the last forward pass.
    seen: RefCell<Vec<Tensor>>,
}

impl Layer {
    fn variables(&self) -> Vec<(&'static str, Var)> {
        let mut variables = vec![("weight", self.weight.clone())];
        match &self.scale {
            None => variables.push(("bias", self.bias.clone())),
            Some(scale) => {
                variables.push(("norm.bias", self.bias.clone()));
                variables.push(("norm.weight", scale.clone()));
            }
        }
        variables
    }

    fn numbers(&self) -> Vec<(&'static str, Tensor)> {
        let running = ["norm.running_mean", "norm.running_var"].into_iter().zip(self.running.clone());
        self.variables().into_iter().map(|(name, var)| (name, var.as_tensor().clone())).chain(running).collect()
    }

    /// What comes before the bias: (rows, positions…, outputs).
    fn map(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, [height, width, channels]) = (x.dim(0)?, self.input);
        let picture = |x: &Tensor| x.reshape((rows, height, width, channels))?.permute((0, 3, 1, 2))?.contiguous();
        let back = |y: Tensor| y.permute((0, 2, 3, 1))?.contiguous();
        match &self.kind {
            layers::Kind::Linear(_) | layers::Kind::Maxout(_) => x.matmul(&self.weight.t()?),
            layers::Kind::Conv(window, _) | layers::Kind::ConvMaxout(window, _) => {
                back(picture(x)?.conv2d(&self.weight, window.padding, window.stride, 1, 1)?)
            }
            layers::Kind::ConvTranspose(window, _) => {
                back(picture(x)?.conv_transpose2d(&self.weight, window.padding, 0, window.stride, 1)?)
            }
        }
    }

    fn normalize(&self, a: &Tensor) -> Result<Tensor> {
        let Some(scale) = &self.scale else { return a.broadcast_add(&self.bias) };
        let channels = a.dim(D::Minus1)?;
        let flat = a.reshape(((), channels))?;
        let n = flat.dim(0)? as f64;
        let mean = flat.mean(0)?;
        let centred = flat.broadcast_sub(&mean)?;
        let variance = centred.sqr()?.mean(0)?;
        *self.seen.borrow_mut() = vec![mean.detach(), (variance.detach() * (n / (n - 1.0)))?];
        let normal = centred.broadcast_div(&(variance + 1e-5)?.sqrt()?)?;
        normal.broadcast_mul(scale)?.broadcast_add(&self.bias)?.reshape(a.shape())
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let a = self.normalize(&self.map(x)?)?;
        let activation = match &self.kind {
            layers::Kind::Linear(activation)
            | layers::Kind::Conv(_, activation)
            | layers::Kind::ConvTranspose(_, activation) => *activation,
            layers::Kind::Maxout(pieces) => {
                let (rows, width) = a.dims2()?;
                return largest(&a.reshape((rows, width / pieces, *pieces))?, 2);
            }
            layers::Kind::ConvMaxout(_, pooling) => {
                let (rows, height, width, outputs) = a.dims4()?;
                let units = outputs / pooling.pieces;
                let a = largest(&a.reshape((rows * height * width, units, pooling.pieces))?, 2)?;
                return pool(&a.reshape((rows, height, width, units))?, pooling.size, pooling.stride);
            }
        };
        match activation {
            // By products, for candle takes a derivative of 1 at 0, where PyTorch and gand take that of the left.
            Activation::Relu => &a * a.gt(0.0)?.to_dtype(DType::F32)?,
            Activation::LeakyRelu => &a * ((a.gt(0.0)?.to_dtype(DType::F32)? * 0.8)? + 0.2)?,
            Activation::Sigmoid => candle_nn::ops::sigmoid(&a),
            Activation::Tanh => a.tanh(),
            Activation::Linear => Ok(a),
        }
    }

    /// Scales down what is above the limit.
    fn limit(&self) -> Result<()> {
        let Some(most) = self.max_norm else { return Ok(()) };
        let squares = self.weight.sqr()?;
        let norms = match &self.kind {
            layers::Kind::ConvTranspose(..) => squares.sum_keepdim((0, 2, 3))?,
            layers::Kind::Conv(..) | layers::Kind::ConvMaxout(..) => squares.sum_keepdim((1, 2, 3))?,
            _ => squares.sum_keepdim(1)?,
        };
        let norms = norms.sqrt()?;
        let factor = norms.maximum(f64::from(most))?.recip()? * f64::from(most);
        self.weight.set(&self.weight.broadcast_mul(&factor?)?)
    }
}

/// Max pooling over (rows, height, width, units) whose last squares may hang over.
fn pool(a: &Tensor, size: usize, stride: usize) -> Result<Tensor> {
    let (rows, height, width, units) = a.dims4()?;
    let pooled = |side: usize| (side - size).div_ceil(stride) + 1;
    let reach = |side: usize| (pooled(side) - 1) * stride + size;
    let low = |shape: (usize, usize, usize, usize)| Tensor::full(-1e30f32, shape, &Device::Cpu);
    let a = match reach(height) - height {
        0 => a.clone(),
        more => Tensor::cat(&[a, &low((rows, more, width, units))?], 1)?,
    };
    let a = match reach(width) - width {
        0 => a,
        more => Tensor::cat(&[&a, &low((rows, reach(height), more, units))?], 2)?,
    };
    let from = |first: usize, count: usize| {
        let places: Vec<u32> = (0..count).map(|index| (first + index * stride) as u32).collect();
        Tensor::from_vec(places, count, &Device::Cpu)
    };
    let mut shifted = Vec::new();
    for y in 0..size {
        let of_rows = a.index_select(&from(y, pooled(height))?, 1)?;
        for x in 0..size {
            shifted.push(of_rows.index_select(&from(x, pooled(width))?, 2)?);
        }
    }
    largest(&Tensor::stack(&shifted, 0)?, 0)
}

/// The maximum along a dimension, the first of equals, which takes the gradient alone as in PyTorch. (candle's `max` gives
/// it to each of them in full.)
fn largest(a: &Tensor, dim: usize) -> Result<Tensor> {
    a.gather(&a.contiguous()?.argmax_keepdim(dim)?, dim)?.squeeze(dim)
}

pub(super) struct Reference<'a> {
    spec: Spec,
    data: &'a Dataset,
    minibatches: Minibatches,
    generator: Vec<Layer>,
    discriminator: Vec<Layer>,
    average: Vec<Tensor>,
    moments: BTreeMap<String, Vec<Tensor>>,
    /// Updates of each player.
    updates: BTreeMap<String, i32>,
    step: u64,
}

fn layers(prefix: &str, layers: Vec<layers::Layer>, tensors: &[NamedTensor]) -> Result<Vec<Layer>> {
    let layers = layers.into_iter().enumerate().map(|(index, layer)| {
        let var = |part: &str| {
            let name = format!("{prefix}.{index}.{part}");
            let found = tensors.iter().find(|tensor| tensor.name == name).unwrap();
            Var::from_vec(found.values.clone(), found.shape.clone(), &Device::Cpu)
        };
        let running = |part: &str| var(part)?.as_tensor().copy();
        Ok(Layer {
            weight: var("weight")?,
            bias: var(if layer.normalized { "norm.bias" } else { "bias" })?,
            scale: layer.normalized.then(|| var("norm.weight")).transpose()?,
            running: match layer.normalized {
                true => vec![running("norm.running_mean")?, running("norm.running_var")?],
                false => Vec::new(),
            },
            seen: RefCell::default(),
            kind: layer.kind,
            input: layer.input,
            output: layer.output,
            dropout: layer.dropout,
            max_norm: layer.max_norm,
        })
    });
    layers.collect()
}

/// What D's passes have besides: dropout masks, and noise on the input.
#[derive(Clone, Copy)]
struct Disturbance {
    masks: Stream,
    noise: Option<Noise>,
    first_row: usize,
}

/// A dropout mask as a constant.
fn mask(rows: usize, width: usize, stream: Stream, layer: usize, first_row: usize, probability: f32) -> Result<Tensor> {
    let mask = Mask { stream, layer: layer as u32, first_row, probability };
    let mut values = vec![1.0f32; rows * width];
    for (row, values) in values.chunks_mut(width).enumerate() {
        mask.apply(row, values);
    }
    Tensor::from_vec(values, (rows, width), &Device::Cpu)
}

fn forward(layers: &[Layer], x: &Tensor, input_dropout: f32, disturbance: Option<Disturbance>) -> Result<Tensor> {
    let drop = |x: &Tensor, layer: usize, probability: f32| match disturbance {
        Some(Disturbance { masks, first_row, .. }) if probability > 0.0 => {
            let (rows, width) = x.dims2()?;
            x * mask(rows, width, masks, layer, first_row, probability)?
        }
        _ => Ok(x.clone()),
    };
    let mut x = x.clone();
    if let Some(Disturbance { noise: Some(noise), first_row, .. }) = disturbance {
        let (rows, width) = x.dims2()?;
        let mut values = vec![0.0f32; rows * width];
        for (row, values) in values.chunks_mut(width).enumerate() {
            noise.apply(first_row + row, values);
        }
        x = (x + Tensor::from_vec(values, (rows, width), &Device::Cpu)?)?;
    }
    let mut x = drop(&x, 0, input_dropout)?;
    for (index, layer) in layers.iter().enumerate() {
        let y = layer.forward(&x)?.flatten_from(1)?;
        assert_eq!(y.dim(1)?, layer.output.iter().product::<usize>());
        x = drop(&y, index + 1, layer.dropout)?;
    }
    Ok(x)
}

/// log(1 + exp(x)) by candle's operations.
fn softplus(x: &Tensor) -> Result<Tensor> {
    x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?
}

impl<'a> Reference<'a> {
    pub(super) fn new(checkpoint: &Checkpoint, data: &'a Dataset) -> Result<Self> {
        let spec = checkpoint.spec.clone();
        let of_generator = generator::layers(&spec.model, data.shape).unwrap();
        let of_discriminator = discriminator::layers(&spec.model, data.shape).unwrap();
        let generator = layers("generator", of_generator, &checkpoint.tensors)?;
        let discriminator = layers("discriminator", of_discriminator, &checkpoint.tensors)?;
        let average = numbers(&generator).iter().map(|(_, tensor)| tensor.copy()).collect::<Result<_>>()?;
        let minibatches = Minibatches::new(spec.seed, spec.training.batch_size);
        Ok(Self {
            spec,
            data,
            minibatches,
            generator,
            discriminator,
            average,
            moments: BTreeMap::new(),
            updates: BTreeMap::new(),
            step: 0,
        })
    }

    fn latents(&self, purpose: Purpose, minibatch: u64) -> Result<Tensor> {
        let (batch, latent) = (self.spec.training.batch_size, &self.spec.model.latent);
        let mut values = vec![0.0; batch * latent.dim];
        latent::fill_minibatch(latent, self.spec.seed, purpose, minibatch, &mut values);
        Tensor::from_vec(values, (batch, latent.dim), &Device::Cpu)
    }

    fn examples(&mut self, minibatch: u64) -> Result<Tensor> {
        let (batch, dim) = (self.spec.training.batch_size, self.data.shape.len());
        let mut values = vec![0.0; batch * dim];
        self.minibatches.fill(&self.data.train, minibatch, &mut values);
        let values = Tensor::from_vec(values, (batch, dim), &Device::Cpu)?;
        if self.spec.model.generator.output == Output::Tanh { (values * 2.0)? - 1.0 } else { Ok(values) }
    }

    /// ½(CE(real) + CE(fake)) on the logits of both.
    fn discriminator_loss(&self, real: &Tensor, fake: &Tensor, disturbance: Disturbance) -> Result<Tensor> {
        let dropout = self.spec.model.discriminator.input_dropout;
        let points = Tensor::cat(&[real, fake], 0)?;
        let logits = forward(&self.discriminator, &points, dropout, Some(disturbance))?;
        let batch = self.spec.training.batch_size;
        let (real, fake) = (logits.narrow(0, 0, batch)?, logits.narrow(0, batch, batch)?);
        if self.spec.training.objective == Objective::Relativistic {
            return softplus(&(fake - real)?)?.mean_all();
        }
        let label = f64::from(self.spec.training.real_label);
        let real = ((softplus(&real.neg()?)? * label)? + (softplus(&real)? * (1.0 - label))?)?;
        (real.mean_all()? + softplus(&fake)?.mean_all()?)? * 0.5
    }

    /// (γ/2)·E‖∇ₓD‖² of the first minibatch, as often as it is taken.
    pub(super) fn penalty(&mut self) -> Result<f64> {
        let regularizer = self.spec.training.regularizer.unwrap();
        let batch = self.spec.training.batch_size;
        let masks = self.disturbance(Purpose::DropoutForDiscriminator, Purpose::NoiseForDiscriminator, 0);
        let latents = self.latents(Purpose::LatentForDiscriminator, 0)?;
        let fake = forward(&self.generator, &latents, 0.0, None)?;
        let points = Var::from_tensor(&Tensor::cat(&[&self.examples(0)?, &fake], 0)?.detach())?;
        let dropout = self.spec.model.discriminator.input_dropout;
        let logits = forward(&self.discriminator, points.as_tensor(), dropout, Some(masks))?;
        let gradients = logits.sum_all()?.backward()?;
        let norms: Vec<f32> = gradients.get(points.as_tensor()).unwrap().sqr()?.sum(1)?.to_vec1()?;
        let taken = if regularizer.of == Regularized::R1 { &norms[..batch] } else { &norms[..] };
        let sum: f64 = taken.iter().map(|norm| f64::from(*norm)).sum();
        Ok(f64::from(schedule::penalty(&regularizer, 0)) / 2.0 * sum / batch as f64)
    }

    fn generator_loss(&self, real: &Tensor, fake: &Tensor, disturbance: Disturbance) -> Result<Tensor> {
        let dropout = self.spec.model.discriminator.input_dropout;
        let batch = self.spec.training.batch_size;
        if self.spec.training.objective == Objective::Relativistic {
            let points = Tensor::cat(&[real, fake], 0)?;
            let logits = forward(&self.discriminator, &points, dropout, Some(disturbance))?;
            return softplus(&(logits.narrow(0, 0, batch)? - logits.narrow(0, batch, batch)?)?)?.mean_all();
        }
        let disturbance = Disturbance { first_row: batch, ..disturbance };
        let logits = forward(&self.discriminator, fake, dropout, Some(disturbance))?;
        match self.spec.training.objective {
            Objective::NonSaturating => softplus(&logits.neg()?)?.mean_all(),
            Objective::Saturating => softplus(&logits)?.mean_all()?.neg(),
            Objective::Relativistic => unreachable!("taken above"),
        }
    }

    fn disturbance(&self, dropout: Purpose, noise: Purpose, step: u64) -> Disturbance {
        let stream = |purpose| Stream::new(self.spec.seed, purpose, step, 0);
        let deviation = self.spec.training.instance_noise.map_or(0.0, |noise| {
            let left = (noise.until_step as f32 - self.step as f32).max(0.0) / noise.until_step as f32;
            noise.start * left
        });
        let noise = (deviation > 0.0).then(|| Noise { stream: stream(noise), deviation });
        Disturbance { masks: stream(dropout), noise, first_row: 0 }
    }

    pub(super) fn step(&mut self) -> Result<()> {
        let k = self.spec.training.discriminator_steps as u64;
        let simultaneous = self.spec.training.update == Update::Simultaneous;
        for minibatch in self.step * k..(self.step + 1) * k {
            let masks = self.disturbance(Purpose::DropoutForDiscriminator, Purpose::NoiseForDiscriminator, minibatch);
            let real = self.examples(minibatch)?;
            let latents = self.latents(Purpose::LatentForDiscriminator, minibatch)?;
            let fake = forward(&self.generator, &latents, 0.0, None)?;
            let d_loss = self.discriminator_loss(&real, &fake.detach(), masks)?;
            if simultaneous && minibatch + 1 == (self.step + 1) * k {
                let g_loss = self.generator_loss(&real, &fake, masks)?;
                let (d_gradients, g_gradients) = (d_loss.backward()?, g_loss.backward()?);
                self.descend(&d_gradients, "discriminator")?;
                self.descend(&g_gradients, "generator")?;
            } else {
                self.descend(&d_loss.backward()?, "discriminator")?;
            }
        }
        if !simultaneous {
            let masks = self.disturbance(Purpose::DropoutForGenerator, Purpose::NoiseForGenerator, self.step);
            let latents = self.latents(Purpose::LatentForGenerator, self.step)?;
            let fake = forward(&self.generator, &latents, 0.0, None)?;
            let real = self.examples((self.step + 1) * k - 1)?;
            self.descend(&self.generator_loss(&real, &fake, masks)?.backward()?, "generator")?;
        }
        for layer in &mut self.generator {
            for (running, seen) in layer.running.iter_mut().zip(layer.seen.take()) {
                *running = ((&*running * 0.9)? + (seen * 0.1)?)?;
            }
        }
        if let Some(decay) = self.spec.training.ema {
            let decay = f64::from(schedule::average_decay(decay, self.step));
            for (average, (_, number)) in self.average.iter_mut().zip(numbers(&self.generator)) {
                *average = ((&*average * decay)? + (number * (1.0 - decay))?)?;
            }
        }
        self.step += 1;
        Ok(())
    }

    fn descend(&mut self, gradients: &candle_core::backprop::GradStore, player: &str) -> Result<()> {
        let updates = self.updates.entry(player.to_owned()).or_default();
        *updates += 1;
        let t = *updates;
        let layers = if player == "generator" { &self.generator } else { &self.discriminator };
        let vars: Vec<Var> =
            layers.iter().flat_map(|layer| layer.variables().into_iter().map(|(_, var)| var)).collect();
        for (index, var) in vars.into_iter().enumerate() {
            let gradient = gradients.get(var.as_tensor()).unwrap().detach();
            let moments = self.moments.entry(format!("{player}.{index:03}")).or_default();
            if moments.is_empty() {
                *moments = vec![Tensor::zeros(gradient.shape(), DType::F32, &Device::Cpu)?; 2];
            }
            let training = &self.spec.training;
            let own = training.generator_optimizer.filter(|_| player == "generator");
            match own.unwrap_or(training.optimizer) {
                OptimizerSpec::Sgd { learning_rate, decay, min_learning_rate, momentum } => {
                    let rate = schedule::decayed(learning_rate, decay, min_learning_rate, self.step);
                    let batch = self.spec.training.batch_size as u64;
                    let k = self.spec.training.discriminator_steps as u64;
                    let epoch = self.step * k / (self.data.train.len as u64 / batch);
                    let momentum = f64::from(schedule::ramp(&momentum, epoch));
                    moments[0] = ((&moments[0] * momentum)? - (gradient * f64::from(rate))?)?;
                    var.set(&(var.as_tensor() + &moments[0])?)?;
                }
                OptimizerSpec::Adam { learning_rate, beta1, beta2, epsilon, decay, min_learning_rate } => {
                    let learning_rate = schedule::decayed(learning_rate, decay, min_learning_rate, self.step);
                    let [b1, b2, epsilon, rate] = [beta1, beta2, epsilon, learning_rate].map(f64::from);
                    moments[0] = ((&moments[0] * b1)? + (&gradient * (1.0 - b1))?)?;
                    moments[1] = ((&moments[1] * b2)? + (gradient.sqr()? * (1.0 - b2))?)?;
                    let first = (&moments[0] / (1.0 - b1.powi(t)))?;
                    let second = ((&moments[1] / (1.0 - b2.powi(t)))?.sqrt()? + epsilon)?;
                    var.set(&(var.as_tensor() - ((first / second)? * rate)?)?)?;
                }
            }
        }
        layers.iter().try_for_each(Layer::limit)
    }

    /// The weights, by the names of a checkpoint.
    pub(super) fn weights(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        let mut weights = BTreeMap::new();
        let mut put = |name: String, tensor: &Tensor| -> Result<()> {
            weights.insert(name, tensor.flatten_all()?.to_vec1()?);
            Ok(())
        };
        for (name, tensor) in numbers(&self.generator) {
            put(format!("generator.{name}"), &tensor)?;
        }
        for (name, tensor) in numbers(&self.discriminator) {
            put(format!("discriminator.{name}"), &tensor)?;
        }
        if self.spec.training.ema.is_some() {
            for ((name, _), average) in numbers(&self.generator).iter().zip(&self.average) {
                put(format!("ema.generator.{name}"), average)?;
            }
        }
        Ok(weights)
    }
}

/// All numbers of a network with their names.
fn numbers(layers: &[Layer]) -> Vec<(String, Tensor)> {
    let of_layer = |(index, layer): (usize, &Layer)| {
        layer.numbers().into_iter().map(move |(name, tensor)| (format!("{index}.{name}"), tensor)).collect::<Vec<_>>()
    };
    layers.iter().enumerate().flat_map(of_layer).collect()
}
