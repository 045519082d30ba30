//! The thread that owns the loaded generators.

use super::Lru;
use crate::data::Shape;
use crate::gan::{Checkpoint, GanError, Sampler, Weights};
use crate::priority::Work;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Requests that may wait; more are turned away, so that nobody waits for long.
const WAITING: usize = 256;

/// A generator: which checkpoint's, with which of its weights.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Generator {
    /// The digest of the checkpoint's file.
    pub digest: String,
    /// Which weights.
    pub weights: Weights,
}

/// The latents to draw samples of.
#[derive(Clone, PartialEq, Debug)]
pub enum Latents {
    /// Those of a seed.
    OfSeed {
        /// The seed.
        seed: u64,
        /// Which of its latents.
        range: Range<u64>,
    },
    /// These, row by row.
    Given(Vec<f32>),
}

/// Samples, with the latents they were drawn from.
#[derive(Clone, PartialEq, Debug)]
pub struct Drawn {
    /// The shape of a sample.
    pub shape: Shape,
    /// Numbers in a latent.
    pub latent_dim: usize,
    /// The latents, row by row.
    pub latents: Vec<f32>,
    /// The samples, row by row.
    pub samples: Vec<f32>,
}

/// Why nothing was drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The generator is not loaded; ask again with its checkpoint's file.
    #[error("the generator is not loaded")]
    NotLoaded,
    /// Too many requests wait already.
    #[error("too many requests for samples are waiting")]
    Busy,
    /// The thread has ended.
    #[error("the sampler has stopped")]
    Stopped,
    /// The checkpoint cannot be sampled.
    #[error(transparent)]
    Gan(#[from] GanError),
    /// A pass that several requests shared failed.
    #[error("drawing samples failed: {0}")]
    Failed(String),
}

/// A way to ask the thread; cheap to clone. The thread ends once all handles are gone.
#[derive(Clone, Debug)]
pub struct Handle {
    requests: SyncSender<Request>,
}

#[derive(Debug)]
struct Request {
    generator: Generator,
    latents: Latents,
    checkpoint: Option<Vec<u8>>,
    reply: oneshot::Sender<Result<Drawn, DrawError>>,
}

impl Handle {
    /// Starts the thread. It computes with `threads` threads and keeps generators of `cache_bytes` in all.
    ///
    /// # Errors
    ///
    /// If threads cannot be started.
    pub fn start(threads: usize, cache_bytes: u64) -> std::io::Result<(Self, JoinHandle<()>)> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("gand-sampler-{index}"))
            .start_handler(|_| Work::Drawing.give_way())
            .build()
            .map_err(std::io::Error::other)?;
        let (requests, inbox) = sync_channel(WAITING);
        let mut service = Service { pool, threads, loaded: Lru::new(cache_bytes), waiting: VecDeque::new() };
        let thread = std::thread::Builder::new().name("gand-sampler".to_owned()).spawn(move || service.run(&inbox))?;
        Ok((Self { requests }, thread))
    }

    /// Draws samples. `checkpoint` is the file to load the generator from; without it the generator must be loaded
    /// already.
    ///
    /// # Errors
    ///
    /// [`DrawError`]; [`DrawError::NotLoaded`] asks for the file.
    pub async fn draw(
        &self,
        generator: Generator,
        latents: Latents,
        checkpoint: Option<Vec<u8>>,
    ) -> Result<Drawn, DrawError> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(Request { generator, latents, checkpoint, reply }).map_err(|error| match error {
            TrySendError::Full(_) => DrawError::Busy,
            TrySendError::Disconnected(_) => DrawError::Stopped,
        })?;
        answer.await.map_err(|_| DrawError::Stopped)?
    }
}

/// The thread's state.
struct Service {
    pool: rayon::ThreadPool,
    threads: usize,
    loaded: Lru<Generator, Sampler>,
    waiting: VecDeque<Task>,
}

/// A request under way.
struct Task {
    generator: Generator,
    shape: Shape,
    latent_dim: usize,
    latents: Vec<f32>,
    samples: Vec<f32>,
    reply: oneshot::Sender<Result<Drawn, DrawError>>,
}

impl Task {
    fn rows_done(&self) -> usize {
        self.samples.len() / self.shape.len().max(1)
    }

    fn rows_left(&self) -> usize {
        self.latents.len() / self.latent_dim.max(1) - self.rows_done()
    }

    fn answer(self) {
        let Self { shape, latent_dim, latents, samples, reply, .. } = self;
        // A client that went away needs no answer.
        let _ = reply.send(Ok(Drawn { shape, latent_dim, latents, samples }));
    }
}

impl Service {
    fn run(&mut self, inbox: &Receiver<Request>) {
        loop {
            if self.waiting.is_empty() {
                match inbox.recv() {
                    Ok(request) => self.admit(request),
                    Err(_) => return,
                }
            }
            while let Ok(request) = inbox.try_recv() {
                self.admit(request);
            }
            self.pass();
        }
    }

    /// Loads the generator, unless it is there, and lines the request up.
    fn admit(&mut self, request: Request) {
        let Request { generator, latents, checkpoint, reply } = request;
        if reply.is_closed() {
            return;
        }
        match self.prepare(&generator, latents, checkpoint) {
            Ok((shape, latent_dim, latents)) => {
                let samples = Vec::with_capacity(latents.len() / latent_dim.max(1) * shape.len());
                self.waiting.push_back(Task { generator, shape, latent_dim, latents, samples, reply });
            }
            Err(error) => {
                // A client that went away needs no answer.
                let _ = reply.send(Err(error));
            }
        }
    }

    fn prepare(
        &mut self,
        generator: &Generator,
        latents: Latents,
        checkpoint: Option<Vec<u8>>,
    ) -> Result<(Shape, usize, Vec<f32>), DrawError> {
        if self.loaded.get(generator).is_none() {
            let bytes = checkpoint.ok_or(DrawError::NotLoaded)?;
            let checkpoint = Checkpoint::generator_from_bytes(&bytes, generator.weights)?;
            let sampler = Sampler::new(&checkpoint, Some(generator.weights), self.threads)?;
            // The file also holds D and the optimiser: more than the generator weighs.
            self.loaded.put(generator.clone(), sampler, bytes.len() as u64);
        }
        let sampler = self.loaded.get(generator).ok_or(DrawError::NotLoaded)?;
        let latents = match latents {
            Latents::OfSeed { seed, range } => sampler.latents(seed, range),
            Latents::Given(latents) if latents.len().is_multiple_of(sampler.latent_dim().max(1)) => latents,
            Latents::Given(_) => return Err(DrawError::Failed("no whole number of latents".to_owned())),
        };
        Ok((sampler.shape(), sampler.latent_dim(), latents))
    }

    /// One pass: rows of the request that has waited longest, filled up with rows of others for the same generator until
    /// every thread has its share.
    /// Large requests go back to the end of the line after each pass, so that small ones need not wait for them.
    fn pass(&mut self) {
        let Some(generator) = self.waiting.front().map(|task| task.generator.clone()) else { return };
        let mut rows = Vec::new();
        let mut shares = Vec::new();
        let mut room = Sampler::ROWS * self.threads;
        for (index, task) in self.waiting.iter().enumerate().filter(|(_, task)| task.generator == generator) {
            let take = task.rows_left().min(room);
            let from = task.rows_done() * task.latent_dim;
            rows.extend_from_slice(&task.latents[from..from + take * task.latent_dim]);
            shares.push((index, take));
            room -= take;
            if room == 0 {
                break;
            }
        }
        let drawn = match self.loaded.get(&generator) {
            Some(sampler) => self.pool.install(|| sampler.generate(&rows)).map_err(DrawError::from),
            None => Err(DrawError::NotLoaded),
        };
        match drawn {
            Ok(samples) => self.hand_out(&samples, &shares),
            Err(error) => self.fail(&shares, &error),
        }
    }

    fn hand_out(&mut self, samples: &[f32], shares: &[(usize, usize)]) {
        let mut from = 0;
        for (index, take) in shares {
            let task = &mut self.waiting[*index];
            let to = from + take * task.shape.len();
            task.samples.extend_from_slice(&samples[from..to]);
            from = to;
        }
        let (mut later, mut unfinished) = (VecDeque::with_capacity(self.waiting.len()), Vec::new());
        for (index, task) in self.waiting.drain(..).enumerate() {
            let took_part = shares.iter().any(|(share, _)| *share == index);
            if !took_part {
                later.push_back(task);
            } else if task.rows_left() == 0 {
                task.answer();
            } else if !task.reply.is_closed() {
                unfinished.push(task);
            }
        }
        later.extend(unfinished);
        self.waiting = later;
    }

    /// Answers the requests that took part in a failed pass.
    fn fail(&mut self, shares: &[(usize, usize)], error: &DrawError) {
        let mut kept = VecDeque::with_capacity(self.waiting.len());
        for (index, task) in self.waiting.drain(..).enumerate() {
            if shares.iter().any(|(share, _)| *share == index) {
                let told = match error {
                    // Pushed out by others before its turn came: the client side loads it again.
                    DrawError::NotLoaded => DrawError::NotLoaded,
                    other => DrawError::Failed(other.to_string()),
                };
                // A client that went away needs no answer.
                let _ = task.reply.send(Err(told));
            } else {
                kept.push_back(task);
            }
        }
        self.waiting = kept;
    }
}
