//! All that works in one process: slots, evaluator, sweeper.

use super::config::WorkerConfig;
use super::evaluator::Evaluator;
use super::roster::Roster;
use super::slot::Slot;
use super::{figures, sweeper};
use crate::job::OwnerId;
use crate::library::Library;
use crate::store::Store;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A running pool of worker slots.
#[derive(Debug)]
pub struct Pool {
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Pool {
    /// Starts the slots in the present runtime. Each process start is a new owner of leases: a restarted process is
    /// never taken for the one that died.
    #[must_use]
    pub fn start(store: Arc<dyn Store>, library: Arc<Library>, config: WorkerConfig) -> Self {
        figures::describe();
        let (shutdown, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (owner, roster) = (OwnerId::new(), Roster::default());
        tasks.spawn(sweeper::sweep(Arc::clone(&store), roster.clone(), config.clone(), shutdown.clone()));
        if config.slots > 0 {
            let (store, library) = (Arc::clone(&store), Arc::clone(&library));
            let evaluator = Evaluator { store, library, config: config.clone(), owner, shutdown: shutdown.clone() };
            tasks.spawn(evaluator.work());
        }
        for _ in 0..config.slots {
            let (store, library) = (Arc::clone(&store), Arc::clone(&library));
            let (config, roster, shutdown) = (config.clone(), roster.clone(), shutdown.clone());
            let slot = Slot { store, library, config, owner, roster, shutdown };
            tasks.spawn(slot.work());
        }
        Self { shutdown, tasks }
    }

    /// Stops in good order: no more claims; running jobs leave a checkpoint and go back into the queue.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a task of the worker pool broke");
            }
        }
    }
}
