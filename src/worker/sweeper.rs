//! Settling jobs whose worker died.

use super::config::WorkerConfig;
use super::figures;
use crate::store::{Store, Swept};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Sweeps at once, for what an earlier process left, and then at half a lease.
pub(super) async fn sweep(store: Arc<dyn Store>, config: WorkerConfig, shutdown: CancellationToken) {
    loop {
        match store.sweep().await {
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
