//! A slot: claims one job after another.

use super::config::WorkerConfig;
use super::control::Control;
use super::patience::Backoff;
use super::roster::Roster;
use super::run::Run;
use super::{figures, heartbeat};
use crate::job::OwnerId;
use crate::library::Library;
use crate::store::{Claim, Store, StoreError};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// What the slots of a process share.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) store: Arc<dyn Store>,
    pub(super) library: Arc<Library>,
    pub(super) config: WorkerConfig,
    pub(super) owner: OwnerId,
    pub(super) roster: Roster,
    pub(super) shutdown: CancellationToken,
}

impl Slot {
    /// Claims and trains jobs until the pool is stopped.
    pub(super) async fn work(self) {
        let mut backoff = Backoff::new();
        while !self.shutdown.is_cancelled() {
            let asked_at = Instant::now();
            match self.claim().await {
                Ok(Some(claim)) => {
                    backoff = Backoff::new();
                    self.take_on(claim, asked_at).await;
                }
                Ok(None) => {
                    backoff = Backoff::new();
                    self.rest(self.store.changed(self.config.poll)).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "could not look for work");
                    self.rest(backoff.wait()).await;
                }
            }
        }
    }

    async fn claim(&self) -> Result<Option<Claim>, StoreError> {
        self.roster.renew_lapsed(&*self.store, &self.config).await?;
        self.store.claim(self.owner, &self.config.name, self.config.lease).await
    }

    /// Waits, but not beyond the pool's end.
    async fn rest(&self, wait: impl Future<Output = ()>) {
        tokio::select! {
            () = wait => {}
            () = self.shutdown.cancelled() => {}
        }
    }

    /// Trains one job. Its faults stay its own: whatever happens to it, the slot lives on.
    async fn take_on(&self, claim: Claim, asked_at: Instant) {
        let (job, attempt) = (claim.job.id, claim.job.attempt);
        figures::claimed(attempt);
        tracing::info!(%job, attempt, dataset = claim.job.spec.dataset, "job claimed");
        let control = Arc::new(Control::new(Some(heartbeat::deadline(asked_at, self.config.lease))));
        control.set_desired(claim.job.desired);
        let _entry = self.roster.enter(claim.hold, Arc::clone(&control));
        let mut heart = JoinSet::new();
        heart.spawn(heartbeat::beat(
            Arc::clone(&self.store),
            claim.hold,
            Arc::clone(&control),
            self.config.clone(),
            self.shutdown.clone(),
        ));
        let run = Run::new(Arc::clone(&self.store), Arc::clone(&self.library), self.config.clone(), control, claim);
        let span = tracing::info_span!("job", id = %job, attempt);
        let ended = tokio::spawn(run.see_through().instrument(span)).await;
        // Waited for, so that nothing holds the store once the slots have ended.
        heart.shutdown().await;
        figures::free();
        match ended {
            Ok(Some(status)) => {
                figures::left(status);
                tracing::info!(%job, %status, "job left");
            }
            Ok(None) => {
                figures::lease_lost();
                tracing::warn!(%job, "job given up: its lease was lost");
            }
            Err(error) => tracing::error!(%job, %error, "the slot's run broke; its lease will lapse"),
        }
    }
}
