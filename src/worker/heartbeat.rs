//! Keeping the lease while training advances, and learning what the user wants.

use super::config::WorkerConfig;
use super::control::Control;
use crate::store::{Hold, LeaseLost, ProgressReport, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// At most so often is a job looked at, however many hints there are.
const SHORTEST_LOOK: Duration = Duration::from_millis(20);

/// Where a lease counts as lost before it lapses in the database, whose clock started later than ours.
pub(super) fn deadline(asked_at: Instant, lease: Duration) -> Instant {
    asked_at + lease - lease / 10
}

/// Renews the lease at a third of its length, and in between looks for commands whenever something may have changed.
/// Ends when the lease is lost; is dropped when the job is left.
pub(super) async fn beat(
    store: Arc<dyn Store>,
    hold: Hold,
    control: Arc<Control>,
    config: WorkerConfig,
    shutdown: CancellationToken,
) {
    let mut pulse = Pulse { trained: control.trained(), at: Instant::now(), steps_per_second: None };
    let mut renew_at = Instant::now() + config.lease / 3;
    loop {
        let wait = renew_at.saturating_duration_since(Instant::now()).min(config.poll);
        tokio::select! {
            () = store.changed(wait) => tokio::time::sleep(SHORTEST_LOOK).await,
            () = shutdown.cancelled(), if !control.is_shutting_down() => {
                control.shut_down();
                continue;
            }
        }
        if Instant::now() < renew_at {
            look(&*store, hold, &control).await;
        } else if control.is_stalled() {
            tracing::error!(job = %hold.job, step = control.step(), "training hangs; its lease is left to lapse");
            renew_at = Instant::now() + config.lease / 3;
        } else {
            renew_at = renew(&*store, hold, &control, &config, &mut pulse).await;
        }
        if control.is_abandoned() {
            return;
        }
    }
}

/// Reads what the user wants, without a write.
async fn look(store: &dyn Store, hold: Hold, control: &Control) {
    match store.job(hold.job).await {
        Ok(Some(job)) if job.fence == hold.fence && job.lease_owner == Some(hold.owner) => {
            control.set_desired(job.desired);
        }
        Ok(_) => control.abandon(),
        // The renewal, which must get through, will tell of it.
        Err(error) => tracing::debug!(job = %hold.job, %error, "could not look for commands"),
    }
}

/// Renews the lease and returns when to do so next.
async fn renew(store: &dyn Store, hold: Hold, control: &Control, config: &WorkerConfig, pulse: &mut Pulse) -> Instant {
    let asked_at = Instant::now();
    pulse.take(control.trained(), asked_at);
    let progress = ProgressReport { steps_per_second: pulse.steps_per_second };
    match store.renew(hold, config.lease, progress).await {
        Ok(Ok(renewal)) => {
            control.renewed(deadline(asked_at, config.lease));
            control.set_desired(renewal.desired);
            asked_at + config.lease / 3
        }
        Ok(Err(LeaseLost)) => {
            tracing::warn!(job = %hold.job, "the lease is lost");
            control.abandon();
            asked_at + config.lease
        }
        Err(error) => {
            tracing::warn!(job = %hold.job, %error, "could not renew the lease");
            Instant::now() + (config.lease / 10).min(Duration::from_secs(1))
        }
    }
}

/// The speed between two renewals, of the steps that were trained here: a run that begins at a late step, or goes back
/// to an early one, has not done what lies between.
struct Pulse {
    trained: u64,
    at: Instant,
    steps_per_second: Option<f64>,
}

impl Pulse {
    fn take(&mut self, trained: u64, at: Instant) {
        let seconds = at.duration_since(self.at).as_secs_f64();
        if seconds > 0.0 {
            self.steps_per_second = Some(trained.saturating_sub(self.trained) as f64 / seconds);
        }
        (self.trained, self.at) = (trained, at);
    }
}
