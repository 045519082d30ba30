//! The line of those who wait for samples, and who is next.

use super::loaded::{Loaded, Model};
use super::request::{DrawError, Drawn, Latents};
use super::room::Room;
use crate::gan::Sampler;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Requests that may wait; more are turned away, so that nobody waits for long.
const WAITING: usize = 256;

/// A request for samples.
pub(super) struct Task {
    loaded: Arc<Loaded>,
    /// Also had by a task that was given up, for as long as it is in memory.
    room: Room,
    latents: Latents,
    rows: usize,
    filling: Mutex<Filling>,
}

/// What there is of the answer.
struct Filling {
    rows: usize,
    latents: Vec<f32>,
    samples: Vec<f32>,
    /// Gone once there is an answer.
    reply: Option<oneshot::Sender<Result<Drawn, DrawError>>>,
}

impl Task {
    /// A request that nobody works on yet.
    pub(super) fn new(
        model: &Model,
        room: &Room,
        latents: Latents,
        reply: oneshot::Sender<Result<Drawn, DrawError>>,
    ) -> Result<Self, DrawError> {
        let loaded = Arc::clone(&model.0);
        let rows = match &latents {
            Latents::OfSeed { range, .. } => usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0),
            Latents::Given(latents) if latents.len().is_multiple_of(loaded.latent_dim) => {
                latents.len() / loaded.latent_dim
            }
            Latents::Given(_) => 0,
        };
        if rows == 0 {
            return Err(DrawError::Failed("these are no latents".to_owned()));
        }
        if model.bytes(rows as u64) > room.bytes() {
            return Err(DrawError::Failed(format!("{rows} samples are more than room was taken for")));
        }
        let filling = Filling { rows: 0, latents: Vec::new(), samples: Vec::new(), reply: Some(reply) };
        Ok(Self { loaded, room: room.clone(), latents, rows, filling: Mutex::new(filling) })
    }

    fn filling(&self) -> MutexGuard<'_, Filling> {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody waits for it any more: it has failed, or its client went away.
    fn is_given_up(&self) -> bool {
        self.filling().reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Takes some of its rows, and answers when they are all there.
    fn fill(&self, rows: &Range<usize>, latents: &[f32], samples: &[f32]) {
        let (dim, latent_dim) = (self.loaded.shape.len(), self.loaded.latent_dim);
        let mut filling = self.filling();
        place(&mut filling.latents, self.rows * latent_dim, rows.start * latent_dim, latents);
        place(&mut filling.samples, self.rows * dim, rows.start * dim, samples);
        filling.rows += rows.len();
        if filling.rows < self.rows {
            return;
        }
        let drawn = Drawn {
            shape: self.loaded.shape,
            latent_dim,
            latents: std::mem::take(&mut filling.latents),
            samples: std::mem::take(&mut filling.samples),
            room: self.room.clone(),
        };
        filling.answer(Ok(drawn));
    }
}

impl Filling {
    fn answer(&mut self, answer: Result<Drawn, DrawError>) {
        if let Some(reply) = self.reply.take() {
            // A client that went away needs no answer.
            let _ = reply.send(answer);
        }
    }
}

/// Puts a part where it belongs in a whole of `len` numbers.
fn place(whole: &mut Vec<f32>, len: usize, from: usize, part: &[f32]) {
    if part.len() == len {
        *whole = part.to_vec();
    } else {
        whole.resize(len, 0.0);
        whole[from..from + part.len()].copy_from_slice(part);
    }
}

/// Rows of some tasks that are computed in one pass, all of one generator.
pub(super) struct Turn {
    loaded: Arc<Loaded>,
    parts: Vec<(Arc<Task>, Range<usize>)>,
    for_all: bool,
}

impl Turn {
    pub(super) fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// Whether all threads work on it together.
    pub(super) fn is_for_all(&self) -> bool {
        self.for_all
    }

    /// The latents of its rows.
    pub(super) fn latents(&self, thread: usize) -> Vec<f32> {
        let mut latents = Vec::new();
        for (task, rows) in &self.parts {
            match &task.latents {
                Latents::OfSeed { seed, range } => {
                    let from = range.start + rows.start as u64;
                    latents.extend(self.loaded.latents(thread, *seed, from..from + rows.len() as u64));
                }
                Latents::Given(given) => {
                    let width = self.loaded.latent_dim;
                    latents.extend_from_slice(&given[rows.start * width..rows.end * width]);
                }
            }
        }
        latents
    }

    /// Gives each task its samples.
    pub(super) fn hand_out(&self, latents: &[f32], samples: &[f32]) {
        let (width, dim) = (self.loaded.latent_dim, self.loaded.shape.len());
        let mut from = 0;
        for (task, rows) in &self.parts {
            let to = from + rows.len();
            task.fill(rows, &latents[from * width..to * width], &samples[from * dim..to * dim]);
            from = to;
        }
    }

    /// Tells each task that it failed.
    pub(super) fn fail(&self, why: &str) {
        for (task, _) in &self.parts {
            task.filling().answer(Err(DrawError::Failed(why.to_owned())));
        }
    }
}

/// Those who wait, the longest first.
pub(super) struct Line {
    waiting: VecDeque<Waiting>,
    threads: usize,
    at_work: usize,
    /// All threads are at work on one turn.
    together: bool,
    closed: bool,
}

struct Waiting {
    task: Arc<Task>,
    /// How many of its rows somebody has computed or is computing.
    taken: usize,
}

impl Waiting {
    fn left(&self) -> usize {
        self.task.rows - self.taken
    }
}

impl Line {
    /// An empty line before so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self { waiting: VecDeque::new(), threads, at_work: 0, together: false, closed: false }
    }

    /// Takes a task in, unless too many wait.
    pub(super) fn join(&mut self, task: Task) -> Result<(), DrawError> {
        if self.waiting.len() >= WAITING {
            return Err(DrawError::Busy);
        }
        self.waiting.push_back(Waiting { task: Arc::new(task), taken: 0 });
        Ok(())
    }

    /// Lets the threads go home.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What a free thread does next: rows of the task that has waited longest, and with them rows of others for the same
    /// generator, no more than its share. A few rows while nobody works are for all threads together. A task that has rows
    /// left goes to the end of the line, so that small ones need not wait for large ones.
    pub(super) fn next(&mut self) -> Option<Turn> {
        if self.together {
            return None;
        }
        self.waiting.retain(|waiting| !waiting.task.is_given_up());
        let loaded = Arc::clone(&self.waiting.front()?.task.loaded);
        let same = |waiting: &Waiting| Arc::ptr_eq(&waiting.task.loaded, &loaded);
        let rows: usize = self.waiting.iter().filter(|waiting| same(waiting)).map(Waiting::left).sum();
        let for_all = self.at_work == 0 && rows <= Sampler::ROWS;
        let free = (self.threads - self.at_work).max(1);
        let share = rows.div_ceil(free).next_multiple_of(Sampler::GRAIN).min(Sampler::ROWS);
        let mut room = if for_all { rows } else { share };
        let (mut parts, mut others, mut unfinished) = (Vec::new(), VecDeque::new(), Vec::new());
        for mut waiting in self.waiting.drain(..) {
            if room == 0 || !same(&waiting) {
                others.push_back(waiting);
                continue;
            }
            let from = waiting.taken;
            waiting.taken += waiting.left().min(room);
            room -= waiting.taken - from;
            parts.push((Arc::clone(&waiting.task), from..waiting.taken));
            if waiting.left() > 0 {
                unfinished.push(waiting);
            }
        }
        others.extend(unfinished);
        self.waiting = others;
        self.at_work += 1;
        self.together = for_all;
        Some(Turn { loaded, parts, for_all })
    }

    /// A thread has done its turn.
    pub(super) fn done(&mut self, turn: &Turn) {
        self.at_work -= 1;
        self.together &= !turn.for_all;
    }
}
