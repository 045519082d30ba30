//! A run in progress: Algorithm 1.

use super::checkpoint::{self, Head, NamedTensor};
use super::linearized::Linearized;
use super::minibatch::Minibatches;
use super::network::{Activations, Descent, Network, Pass, Tensors, view};
use super::ops::noise::Noise;
use super::ops::{simd, slices};
use super::optimizer::{self, Rule};
use super::random::{Purpose, Stream};
use super::spec::{Objective, OptimizerSpec, Output, Regularized, Training, Update};
use super::{Checkpoint, GanError, Losses, Spec, contrast, discriminator, generator, latent, objective, schedule};
use crate::data::Dataset;
use candle_core::Tensor;
use std::ops::Range;
use std::sync::Arc;

/// Both players, their optimisers and the step they are at.
pub struct Trainer {
    spec: Spec,
    data: Arc<Dataset>,
    threads: usize,
    generator: Network,
    discriminator: Network,
    minibatches: Minibatches,
    steps_done: u64,
    /// How often the run has gone back from a loss that was not finite.
    rollbacks: u32,
    /// How often the run has begun again from step 0.
    restarts: u32,
    /// G's input: m latents.
    latents: Tensor,
    /// D's input: m examples, then m samples, which G writes there itself, then the rows of a penalty, if there is one.
    points: Tensor,
    generator_pass: Activations,
    discriminator_pass: Activations,
}

impl Trainer {
    /// A run at its beginning. Kernels use `threads` threads of the rayon pool that the caller is in.
    ///
    /// # Errors
    ///
    /// If the spec does not fit the data.
    pub fn new(spec: &Spec, data: Arc<Dataset>, threads: usize) -> Result<Self, GanError> {
        let (batch, dim) = (spec.training.batch_size, data.shape.len());
        if data.train.len < batch {
            let (name, len) = (&data.name, data.train.len);
            return Err(GanError::Spec(format!("a minibatch of {batch} is larger than {name}'s {len} examples")));
        }
        let mut mean = data.train.mean();
        mean.iter_mut().for_each(|value| *value = to_network(spec.model.generator.output, *value));
        let averaged = spec.training.ema.is_some();
        let moments = optimizer::moments(spec.training.optimizer_of_generator());
        let generator = generator::new(&spec.model, data.shape, &mean, moments, averaged, spec.seed, threads)?;
        let noisy = spec.training.instance_noise.is_some();
        let moments = optimizer::moments(&spec.training.optimizer);
        let discriminator = discriminator::new(&spec.model, data.shape, noisy, moments, spec.seed, threads)?;
        let rows = batch * rows_of_discriminator(&spec.training);
        Ok(Self {
            latents: slices::zeros(batch, spec.model.latent.dim)?,
            points: slices::zeros(rows, dim)?,
            generator_pass: generator.activations(batch)?,
            discriminator_pass: discriminator.activations(rows)?,
            minibatches: Minibatches::new(spec.seed, batch),
            steps_done: 0,
            rollbacks: 0,
            restarts: 0,
            spec: spec.clone(),
            data,
            threads,
            generator,
            discriminator,
        })
    }

    /// The run at its beginning once more, after as many restarts: all its numbers are others.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn restart(spec: &Spec, data: Arc<Dataset>, threads: usize, restarts: u32) -> Result<Self, GanError> {
        let mut trainer = Self::new(&Spec { seed: restarted(spec.seed, restarts), ..spec.clone() }, data, threads)?;
        trainer.spec.seed = spec.seed;
        trainer.restarts = restarts;
        Ok(trainer)
    }

    /// A run at a checkpoint of its own.
    ///
    /// # Errors
    ///
    /// If the checkpoint is of another spec or other data.
    pub fn resume(checkpoint: &Checkpoint, spec: &Spec, data: Arc<Dataset>, threads: usize) -> Result<Self, GanError> {
        if checkpoint.dataset_digest != data.digest {
            return Err(GanError::Checkpoint(format!("the checkpoint was trained on other data than {}", data.name)));
        }
        let mut trainer = Self::new(spec, data, threads)?;
        let mut tensors = Tensors::new(&checkpoint.tensors);
        trainer.generator.load_weights(&mut tensors, "generator")?;
        trainer.discriminator.load_weights(&mut tensors, "discriminator")?;
        trainer.generator.load_rest(&mut tensors, "generator")?;
        trainer.discriminator.load_rest(&mut tensors, "discriminator")?;
        tensors.finish()?;
        trainer.steps_done = checkpoint.step;
        trainer.rollbacks = checkpoint.rollbacks;
        trainer.restarts = checkpoint.restarts;
        trainer.minibatches = Minibatches::new(trainer.seed(), spec.training.batch_size);
        Ok(trainer)
    }

    /// A new run that starts from another run's weights (optimisers and step start anew). If its G has more layers than
    /// the other's, the other's become the upper ones under a new D: the paper's second stage on the Toronto Face Database.
    ///
    /// # Errors
    ///
    /// If the networks differ in shape.
    pub fn fork(checkpoint: &Checkpoint, spec: &Spec, data: Arc<Dataset>, threads: usize) -> Result<Self, GanError> {
        let mut trainer = Self::new(spec, data, threads)?;
        let own = trainer.generator.layer_count();
        let others =
            checkpoint.tensors.iter().filter_map(|tensor| layer_of(&tensor.name)).max().map_or(0, |last| last + 1);
        if let Some(bottom) = own.checked_sub(others).filter(|bottom| *bottom > 0) {
            let mut stacked = trainer.checkpoint()?.tensors;
            stacked.retain(|tensor| layer_of(&tensor.name).is_some_and(|layer| layer < bottom));
            stacked.extend(checkpoint.tensors.iter().filter_map(|tensor| {
                let (layer, name) =
                    (layer_of(&tensor.name)?, tensor.name.split('.').skip(2).collect::<Vec<_>>().join("."));
                Some(NamedTensor { name: format!("generator.{}.{name}", layer + bottom), ..tensor.clone() })
            }));
            let mut tensors = Tensors::new(&stacked);
            trainer.generator.load_weights(&mut tensors, "generator")?;
            tensors.finish()?;
            return Ok(trainer);
        }
        let weights =
            |tensor: &&NamedTensor| !tensor.name.starts_with("optimizer.") && !tensor.name.starts_with("ema.");
        let mut tensors = Tensors::new(checkpoint.tensors.iter().filter(weights));
        trainer.generator.load_weights(&mut tensors, "generator")?;
        trainer.discriminator.load_weights(&mut tensors, "discriminator")?;
        tensors.finish()?;
        Ok(trainer)
    }

    /// Steps done.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        self.steps_done
    }

    /// How often the run has gone back from a loss that was not finite.
    #[must_use]
    pub fn rollbacks(&self) -> u32 {
        self.rollbacks
    }

    /// How often the run has begun again from step 0.
    #[must_use]
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// One step of Algorithm 1: k updates of D, each on a minibatch of examples and one of samples, then one of G (or
    /// `generator_steps`).
    ///
    /// # Errors
    ///
    /// [`GanError::Diverged`] if a loss is not finite.
    pub fn step(&mut self) -> Result<Losses, GanError> {
        let losses = match self.spec.training.update {
            Update::Alternating => self.alternating_step()?,
            Update::Simultaneous => self.simultaneous_step()?,
        };
        self.steps_done += 1;
        Ok(losses)
    }

    fn alternating_step(&mut self) -> Result<Losses, GanError> {
        let mut losses = None;
        for minibatch in self.minibatches_of_step() {
            let (pass, measured) = self.meet(minibatch)?;
            self.update_discriminator(pass, minibatch)?;
            losses = Some(measured);
        }
        let updates = self.spec.training.generator_steps as u64;
        // Where a sample's logit counts against an example's, D judges the examples of its last update again.
        let judged = match self.spec.training.objective {
            Objective::Relativistic => self.all_rows(),
            Objective::NonSaturating | Objective::Saturating => self.fake_rows(),
        };
        let mut g_loss = f32::NAN;
        for update in self.steps_done * updates..(self.steps_done + 1) * updates {
            let pass = self.disturbed(Purpose::DropoutForGenerator, Purpose::NoiseForGenerator, update);
            self.generate(Purpose::LatentForGenerator, update)?;
            self.judge(&judged, pass)?;
            g_loss = self.send_back_to_generator(pass)?;
            self.update_generator(update)?;
        }
        let losses = losses.ok_or_else(|| GanError::Spec("discriminator_steps must be at least 1".into()))?;
        Ok(Losses { g_loss, ..losses })
    }

    /// The published code's step: both gradients at the old weights, from one draw of latents and one dropout mask. With
    /// k > 1 D first takes k − 1 updates of its own.
    fn simultaneous_step(&mut self) -> Result<Losses, GanError> {
        let Range { start, end } = self.minibatches_of_step();
        let last = end - 1;
        for minibatch in start..last {
            let (pass, _) = self.meet(minibatch)?;
            self.update_discriminator(pass, minibatch)?;
        }
        let (pass, losses) = self.meet(last)?;
        let g_loss = self.send_back_to_generator(pass)?;
        self.update_discriminator(pass, last)?;
        self.update_generator(self.steps_done)?;
        Ok(Losses { g_loss, ..losses })
    }

    /// The minibatches of the present step: one for each of D's updates, which have the same numbers.
    fn minibatches_of_step(&self) -> Range<u64> {
        let k = self.spec.training.discriminator_steps as u64;
        self.steps_done * k..(self.steps_done + 1) * k
    }

    /// D judges a minibatch of examples and one of samples; what it makes of them, before it learns from it.
    fn meet(&mut self, minibatch: u64) -> Result<(Pass, Losses), GanError> {
        let pass = self.disturbed(Purpose::DropoutForDiscriminator, Purpose::NoiseForDiscriminator, minibatch);
        self.take_examples(minibatch)?;
        self.generate(Purpose::LatentForDiscriminator, minibatch)?;
        self.judge(&self.all_rows(), pass)?;
        Ok((pass, self.measure()?))
    }

    /// Puts a minibatch of examples into the first half of D's input.
    fn take_examples(&mut self, minibatch: u64) -> Result<(), GanError> {
        let Self { minibatches, data, spec, .. } = self;
        let (output, contrast) = (spec.model.generator.output, spec.model.contrast);
        slices::write(&view(&self.points, &(0..spec.training.batch_size))?, |points| {
            minibatches.fill(&data.train, minibatch, points);
            if output == Output::Tanh {
                points.iter_mut().for_each(|value| *value = to_network(output, *value));
            }
            if let Some(contrast) = contrast {
                points.chunks_exact_mut(data.shape.len()).for_each(|point| contrast::normalize(&contrast, point));
            }
        })?;
        Ok(())
    }

    /// Draws latents and puts G's samples of them into the second half of D's input.
    fn generate(&mut self, purpose: Purpose, minibatch: u64) -> Result<(), GanError> {
        let (seed, latent) = (self.seed(), &self.spec.model.latent);
        slices::write(&self.latents, |out| latent::fill_minibatch(latent, seed, purpose, minibatch, out))?;
        let samples = view(&self.points, &self.fake_rows())?;
        self.generator.forward(&self.latents, &self.generator_pass, &self.batch(), Pass::TRAINING, Some(&samples))
    }

    /// D's logits of some rows of its input.
    fn judge(&mut self, rows: &Range<usize>, pass: Pass) -> Result<(), GanError> {
        self.discriminator.forward(&self.points, &self.discriminator_pass, rows, pass, None)
    }

    /// The losses before an update, checked.
    fn measure(&self) -> Result<Losses, GanError> {
        let (step, training) = (self.steps_done + 1, &self.spec.training);
        let losses = self.logits(&self.all_rows(), |logits| {
            let (real, fake) = logits.split_at(logits.len() / 2);
            match training.objective {
                Objective::Relativistic => objective::measure_pairs(step, real, fake),
                Objective::NonSaturating | Objective::Saturating => {
                    objective::measure(step, real, fake, training.real_label)
                }
            }
        })?;
        finite(step, "the discriminator's loss", losses.d_loss)?;
        Ok(losses)
    }

    /// Ascends D's stochastic gradient.
    fn update_discriminator(&mut self, pass: Pass, update: u64) -> Result<(), GanError> {
        let penalty_rows = self.penalize(pass, update)?;
        let (all, training) = (self.all_rows(), &self.spec.training);
        self.differentiate(&all, |logits, gradient| {
            let (real, fake) = logits.split_at(logits.len() / 2);
            match training.objective {
                Objective::Relativistic => objective::discriminator_gradient_of_pairs(real, fake, gradient),
                Objective::NonSaturating | Objective::Saturating => {
                    objective::discriminator_gradient(real, fake, training.real_label, gradient);
                }
            }
        })?;
        let rule = self.rule(&self.spec.training.optimizer, update);
        let descend = Some(Descent { penalty_rows, ..rule.into() });
        self.discriminator.backward(&self.points, &self.discriminator_pass, &all, pass, None, descend, None)
    }

    /// Puts what the gradient penalty adds to D's gradient below the minibatch: ∇ₓD where the penalty is taken, times γ / m.
    /// How many rows that is: none in an update without it.
    fn penalize(&mut self, pass: Pass, update: u64) -> Result<usize, GanError> {
        let Some(regularizer) =
            self.spec.training.regularizer.filter(|regularizer| regularizer.is_due(update, self.steps_done))
        else {
            return Ok(0);
        };
        let pattern = match regularizer.of {
            Regularized::R1 => self.batch(),
            Regularized::R1R2 => self.all_rows(),
        };
        let linearized = Linearized { pattern, start: self.all_rows().end };
        let (gradient, activations) = (view(&self.points, &linearized.rows())?, &self.discriminator_pass);
        self.discriminator.differentiate_outputs(activations, &linearized, pass, &gradient)?;
        let factor = schedule::penalty(&regularizer, self.steps_done) / self.spec.training.batch_size as f32;
        slices::write(&gradient, |gradient| gradient.iter_mut().for_each(|value| *value *= factor))?;
        self.discriminator.forward_linearized(&self.points, activations, &linearized, pass)?;
        Ok(linearized.rows().len())
    }

    /// G's loss, and its gradient sent back through D, which stays as it is, to the samples.
    fn send_back_to_generator(&mut self, pass: Pass) -> Result<f32, GanError> {
        let (fake, objective) = (self.fake_rows(), self.spec.training.objective);
        let examples = match objective {
            Objective::Relativistic => self.logits(&self.batch(), <[f32]>::to_vec)?,
            Objective::NonSaturating | Objective::Saturating => Vec::new(),
        };
        let loss = self.logits(&fake, |logits| objective::generator_loss(&examples, logits, objective))?;
        finite(self.steps_done + 1, "the generator's loss", loss)?;
        self.differentiate(&fake, |logits, gradient| {
            objective::generator_gradient(&examples, logits, objective, gradient);
        })?;
        let samples = self.generator_pass.deltas(&self.batch())?;
        let to_input = Some(&samples);
        self.discriminator.backward(&self.points, &self.discriminator_pass, &fake, pass, None, None, to_input)?;
        Ok(loss)
    }

    /// Descends G's stochastic gradient, which lies in its last layer's deltas.
    fn update_generator(&mut self, update: u64) -> Result<(), GanError> {
        let samples = view(&self.points, &self.fake_rows())?;
        let average = self.spec.training.ema.map(|decay| schedule::average_decay(decay, self.steps_done));
        let rule = self.rule(self.spec.training.optimizer_of_generator(), update);
        let (output, descend) = (Some(&samples), Some(Descent { average, ..rule.into() }));
        self.generator.backward(
            &self.latents,
            &self.generator_pass,
            &self.batch(),
            Pass::TRAINING,
            output,
            descend,
            None,
        )
    }

    /// Writes a gradient in the logits to where the backward pass takes it up.
    fn differentiate(&self, rows: &Range<usize>, gradient: impl Fn(&[f32], &mut [f32])) -> Result<(), GanError> {
        let deltas = self.discriminator_pass.deltas(rows)?;
        let logits = self.logits(rows, <[f32]>::to_vec)?;
        Ok(slices::write(&deltas, |deltas| gradient(&logits, deltas))?)
    }

    fn logits<R>(&self, rows: &Range<usize>, reader: impl FnOnce(&[f32]) -> R) -> Result<R, GanError> {
        Ok(slices::read(&self.discriminator_pass.output(rows)?, reader)?)
    }

    /// The rule of a player's update with this number (from 0).
    fn rule(&self, optimizer: &OptimizerSpec, update: u64) -> Rule {
        let epoch = self.minibatches_of_step().start / self.minibatches.per_epoch(&self.data.train);
        Rule::at(optimizer, self.steps_done, update, epoch).halved(self.rollbacks)
    }

    /// What the run's numbers are drawn from: after a rollback or a restart, others. No spec's seed reaches the bits that
    /// are set.
    fn seed(&self) -> u64 {
        restarted(self.spec.seed, self.restarts) | u64::from(self.rollbacks) << 53
    }

    /// D's dropout masks and the noise on its input in one of its updates or G's.
    fn disturbed(&self, dropout: Purpose, noise_purpose: Purpose, step: u64) -> Pass {
        let stream = |purpose| Stream::new(self.seed(), purpose, step, 0);
        let deviation = self.spec.training.instance_noise.map(|noise| schedule::annealed(&noise, self.steps_done));
        let noise = deviation.filter(|deviation| *deviation > 0.0);
        Pass::disturbed(stream(dropout), noise.map(|deviation| Noise { stream: stream(noise_purpose), deviation }))
    }

    fn batch(&self) -> Range<usize> {
        0..self.spec.training.batch_size
    }

    fn all_rows(&self) -> Range<usize> {
        0..2 * self.spec.training.batch_size
    }

    fn fake_rows(&self) -> Range<usize> {
        self.spec.training.batch_size..2 * self.spec.training.batch_size
    }

    /// Writes the whole state as a checkpoint's file in place of what `bytes` holds, whose memory is used again.
    ///
    /// # Errors
    ///
    /// If a tensor cannot be read.
    pub fn write_checkpoint(&self, bytes: &mut Vec<u8>) -> Result<(), GanError> {
        let mut entries = self.generator.weights("generator", false);
        entries.extend(self.discriminator.weights("discriminator", false));
        if self.spec.training.ema.is_some() {
            entries.extend(self.generator.weights("ema.generator", true));
        }
        entries.extend(self.generator.moments("optimizer.generator"));
        entries.extend(self.discriminator.moments("optimizer.discriminator"));
        checkpoint::write(&self.head(), entries, bytes)
    }

    /// What a checkpoint of the present step says of the run.
    #[must_use]
    pub fn head(&self) -> Head<'_> {
        Head {
            spec: &self.spec,
            step: self.steps_done,
            shape: self.data.shape,
            dataset_digest: &self.data.digest,
            version: env!("CARGO_PKG_VERSION"),
            threads: self.threads,
            processor: simd::processor(),
            rollbacks: self.rollbacks,
            restarts: self.restarts,
        }
    }

    /// Refuses weights that are no numbers: no checkpoint holds any, so that each is one to go back to.
    ///
    /// # Errors
    ///
    /// [`GanError::Diverged`] if a number of either player's state is not finite.
    pub fn check(&self) -> Result<(), GanError> {
        for (what, player) in [("a number of G's", &self.generator), ("a number of D's", &self.discriminator)] {
            if let Some(value) = player.not_finite()? {
                return Err(GanError::Diverged { step: self.steps_done, what, value });
            }
        }
        Ok(())
    }

    /// The whole state, copied.
    ///
    /// # Errors
    ///
    /// If a tensor cannot be read.
    pub fn checkpoint(&self) -> Result<Checkpoint, GanError> {
        let mut bytes = Vec::new();
        self.write_checkpoint(&mut bytes)?;
        Checkpoint::from_bytes(&bytes)
    }

    /// G, to draw samples from.
    pub(super) fn generator(&self) -> &Network {
        &self.generator
    }
}

/// How many times the minibatch's size D's rows are: examples and samples, and those of a penalty.
#[must_use]
pub fn rows_of_discriminator(training: &Training) -> usize {
    match training.regularizer.map(|regularizer| regularizer.of) {
        None => 2,
        Some(Regularized::R1) => 3,
        Some(Regularized::R1R2) => 4,
    }
}

/// The seed after so many restarts. Rollbacks, at most three, have the two bits below.
fn restarted(seed: u64, restarts: u32) -> u64 {
    seed | u64::from(restarts) << 55
}

/// The layer of G that a checkpoint's tensor belongs to, if it is one of G's weights.
fn layer_of(name: &str) -> Option<usize> {
    name.strip_prefix("generator.")?.split('.').next()?.parse().ok()
}

/// Data in the scale of the networks: [−1, 1] where G ends in tanh.
fn to_network(output: Output, value: f32) -> f32 {
    match output {
        Output::Tanh => 2.0 * value - 1.0,
        Output::Sigmoid | Output::Linear => value,
    }
}

fn finite(step: u64, what: &'static str, value: f32) -> Result<(), GanError> {
    if value.is_finite() { Ok(()) } else { Err(GanError::Diverged { step, what, value }) }
}
