//! The same run in candle's own autograd: what the core's operations are held against.

use candle_core::{D, DType, Device, Tensor, Var};
use gand::data::Dataset;
use gand::gan::checkpoint::NamedTensor;
use gand::gan::minibatch::Minibatches;
use gand::gan::ops::dropout::Mask;
use gand::gan::random::{Purpose, Stream};
use gand::gan::spec::{Activation, LayerSpec, Objective, OptimizerSpec, Output, Update};
use gand::gan::{Checkpoint, Spec, latent, schedule};
use std::collections::BTreeMap;

type Result<T> = candle_core::Result<T>;

struct Layer {
    weight: Var,
    bias: Var,
    activation: Activation,
    pieces: usize,
    dropout: f32,
}

pub(super) struct Reference<'a> {
    spec: Spec,
    data: &'a Dataset,
    minibatches: Minibatches,
    generator: Vec<Layer>,
    discriminator: Vec<Layer>,
    average: Vec<Tensor>,
    moments: BTreeMap<String, Vec<Tensor>>,
    step: u64,
}

fn layers(prefix: &str, specs: Vec<LayerSpec>, tensors: &[NamedTensor]) -> Result<Vec<Layer>> {
    let var = |name: String| {
        let found = tensors.iter().find(|tensor| tensor.name == name).unwrap();
        Var::from_vec(found.values.clone(), found.shape.clone(), &Device::Cpu)
    };
    let layers = specs.into_iter().enumerate().map(|(index, spec)| {
        let (activation, pieces, dropout) = match spec {
            LayerSpec::Linear { activation, dropout, .. } => (activation, 1, dropout),
            LayerSpec::Maxout { pieces, dropout, .. } => (Activation::Linear, pieces, dropout),
        };
        let (weight, bias) = (var(format!("{prefix}.{index}.weight"))?, var(format!("{prefix}.{index}.bias"))?);
        Ok(Layer { weight, bias, activation, pieces, dropout })
    });
    layers.collect()
}

fn linear(activation: Activation) -> LayerSpec {
    let init = gand::gan::spec::Init::Glorot;
    LayerSpec::Linear { units: 0, activation, init, bias: 0.0, dropout: 0.0 }
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

fn forward(layers: &[Layer], x: &Tensor, input_dropout: f32, masks: Option<(Stream, usize)>) -> Result<Tensor> {
    let drop = |x: &Tensor, layer: usize, probability: f32| match masks {
        Some((stream, first_row)) if probability > 0.0 => {
            let (rows, width) = x.dims2()?;
            x * mask(rows, width, stream, layer, first_row, probability)?
        }
        _ => Ok(x.clone()),
    };
    let mut x = drop(x, 0, input_dropout)?;
    for (index, layer) in layers.iter().enumerate() {
        let a = x.matmul(&layer.weight.t()?)?.broadcast_add(&layer.bias)?;
        let (rows, width) = a.dims2()?;
        let y = match layer.activation {
            _ if layer.pieces > 1 => a.reshape((rows, width / layer.pieces, layer.pieces))?.max(D::Minus1)?,
            Activation::Relu => a.relu()?,
            Activation::LeakyRelu => candle_nn::ops::leaky_relu(&a, 0.2)?,
            Activation::Sigmoid => candle_nn::ops::sigmoid(&a)?,
            Activation::Tanh => a.tanh()?,
            Activation::Linear => a,
        };
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
        let mut of_generator = spec.model.generator.layers.clone();
        of_generator.push(linear(match spec.model.generator.output {
            Output::Sigmoid => Activation::Sigmoid,
            Output::Tanh => Activation::Tanh,
            Output::Linear => Activation::Linear,
        }));
        let mut of_discriminator = spec.model.discriminator.layers.clone();
        of_discriminator.push(linear(Activation::Linear));
        let generator = layers("generator", of_generator, &checkpoint.tensors)?;
        let discriminator = layers("discriminator", of_discriminator, &checkpoint.tensors)?;
        let average = variables(&generator).iter().map(|var| var.as_tensor().copy()).collect::<Result<_>>()?;
        let minibatches = Minibatches::new(spec.seed, spec.training.batch_size);
        Ok(Self { spec, data, minibatches, generator, discriminator, average, moments: BTreeMap::new(), step: 0 })
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
    fn discriminator_loss(&self, real: &Tensor, fake: &Tensor, masks: Stream) -> Result<Tensor> {
        let dropout = self.spec.model.discriminator.input_dropout;
        let points = Tensor::cat(&[real, fake], 0)?;
        let logits = forward(&self.discriminator, &points, dropout, Some((masks, 0)))?;
        let batch = self.spec.training.batch_size;
        let (real, fake) = (logits.narrow(0, 0, batch)?, logits.narrow(0, batch, batch)?);
        let label = f64::from(self.spec.training.real_label);
        let real = ((softplus(&real.neg()?)? * label)? + (softplus(&real)? * (1.0 - label))?)?;
        (real.mean_all()? + softplus(&fake)?.mean_all()?)? * 0.5
    }

    fn generator_loss(&self, fake: &Tensor, masks: Stream) -> Result<Tensor> {
        let dropout = self.spec.model.discriminator.input_dropout;
        let batch = self.spec.training.batch_size;
        let logits = forward(&self.discriminator, fake, dropout, Some((masks, batch)))?;
        match self.spec.training.objective {
            Objective::NonSaturating => softplus(&logits.neg()?)?.mean_all(),
            Objective::Saturating => softplus(&logits)?.mean_all()?.neg(),
        }
    }

    pub(super) fn step(&mut self) -> Result<()> {
        let (k, seed) = (self.spec.training.discriminator_steps as u64, self.spec.seed);
        let simultaneous = self.spec.training.update == Update::Simultaneous;
        for minibatch in self.step * k..(self.step + 1) * k {
            let masks = Stream::new(seed, Purpose::DropoutForDiscriminator, minibatch, 0);
            let real = self.examples(minibatch)?;
            let latents = self.latents(Purpose::LatentForDiscriminator, minibatch)?;
            let fake = forward(&self.generator, &latents, 0.0, None)?;
            let d_loss = self.discriminator_loss(&real, &fake.detach(), masks)?;
            if simultaneous && minibatch + 1 == (self.step + 1) * k {
                let g_loss = self.generator_loss(&fake, masks)?;
                let (d_gradients, g_gradients) = (d_loss.backward()?, g_loss.backward()?);
                self.descend(&d_gradients, "discriminator")?;
                self.descend(&g_gradients, "generator")?;
            } else {
                self.descend(&d_loss.backward()?, "discriminator")?;
            }
        }
        if !simultaneous {
            let masks = Stream::new(seed, Purpose::DropoutForGenerator, self.step, 0);
            let latents = self.latents(Purpose::LatentForGenerator, self.step)?;
            let fake = forward(&self.generator, &latents, 0.0, None)?;
            self.descend(&self.generator_loss(&fake, masks)?.backward()?, "generator")?;
        }
        if let Some(decay) = self.spec.training.ema {
            let decay = f64::from(schedule::average_decay(decay, self.step));
            for (average, var) in self.average.iter_mut().zip(variables(&self.generator)) {
                *average = ((&*average * decay)? + (var.as_tensor() * (1.0 - decay))?)?;
            }
        }
        self.step += 1;
        Ok(())
    }

    fn descend(&mut self, gradients: &candle_core::backprop::GradStore, player: &str) -> Result<()> {
        let vars = variables(if player == "generator" { &self.generator } else { &self.discriminator });
        for (index, var) in vars.into_iter().enumerate() {
            let gradient = gradients.get(var.as_tensor()).unwrap().detach();
            let moments = self.moments.entry(format!("{player}.{index:03}")).or_default();
            if moments.is_empty() {
                *moments = vec![Tensor::zeros(gradient.shape(), DType::F32, &Device::Cpu)?; 2];
            }
            match self.spec.training.optimizer {
                OptimizerSpec::Sgd { learning_rate, decay, min_learning_rate, momentum } => {
                    let rate = schedule::decayed(learning_rate, decay, min_learning_rate, self.step);
                    let batch = self.spec.training.batch_size as u64;
                    let k = self.spec.training.discriminator_steps as u64;
                    let epoch = self.step * k / (self.data.train.len as u64 / batch);
                    let momentum = f64::from(schedule::ramp(&momentum, epoch));
                    moments[0] = ((&moments[0] * momentum)? - (gradient * f64::from(rate))?)?;
                    var.set(&(var.as_tensor() + &moments[0])?)?;
                }
                OptimizerSpec::Adam { learning_rate, beta1, beta2, epsilon } => {
                    let [b1, b2, epsilon, rate] = [beta1, beta2, epsilon, learning_rate].map(f64::from);
                    let t = i32::try_from(self.step + 1).unwrap();
                    moments[0] = ((&moments[0] * b1)? + (&gradient * (1.0 - b1))?)?;
                    moments[1] = ((&moments[1] * b2)? + (gradient.sqr()? * (1.0 - b2))?)?;
                    let first = (&moments[0] / (1.0 - b1.powi(t)))?;
                    let second = ((&moments[1] / (1.0 - b2.powi(t)))?.sqrt()? + epsilon)?;
                    var.set(&(var.as_tensor() - ((first / second)? * rate)?)?)?;
                }
            }
        }
        Ok(())
    }

    /// The weights, by the names of a checkpoint.
    pub(super) fn weights(&self) -> Result<BTreeMap<String, Vec<f32>>> {
        let mut weights = BTreeMap::new();
        let mut put = |prefix: &str, index: usize, tensor: &Tensor| -> Result<()> {
            let part = if index.is_multiple_of(2) { "weight" } else { "bias" };
            weights.insert(format!("{prefix}.{}.{part}", index / 2), tensor.flatten_all()?.to_vec1()?);
            Ok(())
        };
        for (index, var) in variables(&self.generator).into_iter().enumerate() {
            put("generator", index, var.as_tensor())?;
        }
        for (index, var) in variables(&self.discriminator).into_iter().enumerate() {
            put("discriminator", index, var.as_tensor())?;
        }
        if self.spec.training.ema.is_some() {
            for (index, average) in self.average.iter().enumerate() {
                put("ema.generator", index, average)?;
            }
        }
        Ok(weights)
    }
}

fn variables(layers: &[Layer]) -> Vec<Var> {
    layers.iter().flat_map(|layer| [layer.weight.clone(), layer.bias.clone()]).collect()
}
