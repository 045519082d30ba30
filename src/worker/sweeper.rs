//! Settling jobs whose worker died.

use super::config::WorkerConfig;
use super::figures;
use super::roster::Roster;
use crate::store::{Store, StoreError, Swept};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Sweeps at once, for what an earlier process left, and then at half a lease.
pub(super) async fn sweep(store: Arc<dyn Store>, roster: Roster, config: WorkerConfig, shutdown: CancellationToken) {
    loop {
        match sweep_once(&*store, &roster, &config).await {
            Ok(Swept { requeued: 0, settled: 0, failed: 0 }) => {}
            Ok(swept @ Swept { requeued, settled, failed }) => {
                figures::swept(swept);
                tracing::warn!(requeued, settled, failed, "leases had lapsed");
            }
            Err(error) => tracing::warn!(%error, "could not sweep lapsed leases"),
        }
        tokio::select! {
            () = tokio::time::sleep(config.lease / 2) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn sweep_once(store: &dyn Store, roster: &Roster, config: &WorkerConfig) -> Result<Swept, StoreError> {
    roster.renew_lapsed(store, config).await?;
    store.sweep().await
}
