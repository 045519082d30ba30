//! The threads that draw, the loaded generators, and the line of those who wait.

use super::Lru;
use super::line::{Line, Task, Turn};
use super::loaded::{Loaded, Model};
use super::request::{DrawError, Drawn, Generator, Latents};
use super::room::{Room, Rooms};
use crate::priority::Work;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// A way to ask for samples; cheap to clone. The threads end once all handles are gone.
#[derive(Clone)]
pub struct Handle {
    service: Arc<Service>,
    /// Ends the threads when the last of them is dropped.
    _open: Arc<Open>,
}

struct Open(Arc<Service>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.line().close();
        self.0.changed.notify_all();
    }
}

/// What the threads and the handles share.
struct Service {
    /// What computes when all threads work on one pass.
    pool: rayon::ThreadPool,
    threads: usize,
    loaded: Mutex<Lru<Generator, Model>>,
    rooms: Rooms,
    line: Mutex<Line>,
    /// Somebody has come into the line. Who takes a turn wakes the next while anybody waits.
    changed: Condvar,
}

impl Handle {
    /// Starts `threads` threads and keeps generators of `cache_bytes` in all.
    ///
    /// # Errors
    ///
    /// If threads cannot be started.
    pub fn start(threads: usize, cache_bytes: u64) -> std::io::Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("gand-sampler-{index}"))
            .start_handler(|_| Work::Drawing.give_way())
            .build()
            .map_err(std::io::Error::other)?;
        let service = Arc::new(Service {
            pool,
            threads,
            loaded: Mutex::new(Lru::new(cache_bytes)),
            rooms: Rooms::new(),
            line: Mutex::new(Line::new(threads)),
            changed: Condvar::new(),
        });
        // Whatever fails from here on ends the threads that were started.
        let handle = Self { _open: Arc::new(Open(Arc::clone(&service))), service };
        for index in 0..threads {
            let service = Arc::clone(&handle.service);
            let thread = std::thread::Builder::new().name(format!("gand-drawer-{index}"));
            thread.spawn(move || {
                Work::Drawing.give_way();
                service.work(index);
            })?;
        }
        Ok(handle)
    }

    /// The generator, if it is loaded.
    #[must_use]
    pub fn find(&self, generator: &Generator) -> Option<Model> {
        self.service.loaded().get(generator).cloned()
    }

    /// Loads a generator from its checkpoint's file.
    ///
    /// # Errors
    ///
    /// If the file is no checkpoint that can be sampled.
    pub async fn load(&self, generator: Generator, checkpoint: Vec<u8>) -> Result<Model, DrawError> {
        let service = Arc::clone(&self.service);
        let loading = tokio::task::spawn_blocking(move || {
            let loaded = service.pool.install(|| Loaded::new(&checkpoint, generator.weights, service.threads))?;
            let model = Model(Arc::new(loaded));
            // The file also holds the optimiser: more than the generator weighs.
            service.loaded().put(generator, model.clone(), checkpoint.len() as u64);
            Ok(model)
        });
        loading.await.map_err(|error| DrawError::Failed(error.to_string()))?
    }

    /// Waits until there is room for so many bytes: those of all that a request will draw.
    ///
    /// # Errors
    ///
    /// [`DrawError::Stopped`].
    pub async fn room(&self, bytes: u64) -> Result<Room, DrawError> {
        self.service.rooms.take(bytes).await
    }

    /// Draws samples in room that was taken for them.
    ///
    /// # Errors
    ///
    /// [`DrawError`].
    pub async fn draw(&self, model: &Model, room: &Room, latents: Latents) -> Result<Drawn, DrawError> {
        let (reply, answer) = oneshot::channel();
        let task = Task::new(model, room, latents, reply)?;
        self.service.line().join(task)?;
        self.service.changed.notify_one();
        answer.await.map_err(|_| DrawError::Stopped)?
    }
}

impl Service {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn loaded(&self) -> MutexGuard<'_, Lru<Generator, Model>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does all its life.
    fn work(&self, index: usize) {
        let mut line = self.line();
        loop {
            if let Some(turn) = line.next() {
                let more = !line.is_empty();
                drop(line);
                if more {
                    self.changed.notify_one();
                }
                self.draw(index, &turn);
                line = self.line();
                line.done(&turn);
            } else if line.is_closed() {
                return;
            } else {
                line = self.changed.wait(line).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn draw(&self, index: usize, turn: &Turn) {
        let drawn = catch_unwind(AssertUnwindSafe(|| {
            let latents = turn.latents(index);
            let samples = match turn.is_for_all() {
                true => self.pool.install(|| turn.loaded().together(&latents)),
                false => turn.loaded().alone(index, &latents),
            };
            samples.map(|samples| turn.hand_out(&latents, &samples))
        }));
        match drawn {
            Ok(Ok(())) => {}
            Ok(Err(error)) => turn.fail(&error.to_string()),
            Err(_) => turn.fail("a fault in gand; the log says which"),
        }
    }
}
