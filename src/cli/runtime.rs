//! The asynchronous runtime of the long-running commands, and the signals that end them.

use anyhow::Context as _;
use std::future::Future;

/// Runs a future on a multi-threaded runtime.
///
/// # Errors
///
/// If the runtime cannot be started, or with the future's own error.
pub fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // At least two, so that on one core a busy handler does not keep the others from being polled.
        .worker_threads(crate::config::cores().max(2))
        .thread_name("gand-async")
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let result = runtime.block_on(future);
    // Not waited for: what still computes has no one to give its result to.
    runtime.shutdown_background();
    result
}

/// Listens for SIGTERM and SIGINT from now on; the future resolves at the first. Whoever announces that it is ready
/// listens before: until then a signal kills. To be called within the runtime.
pub fn stop_signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        async {
            let (mut terminate, mut interrupt) = match signals {
                (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
                (Err(error), _) | (_, Err(error)) => {
                    tracing::error!(%error, "cannot listen for signals; only SIGKILL will end this process");
                    return std::future::pending().await;
                }
            };
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM"),
                _ = interrupt.recv() => tracing::info!("SIGINT"),
            }
        }
    }
    #[cfg(not(unix))]
    async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::error!(%error, "cannot listen for Ctrl-C");
            std::future::pending::<()>().await;
        }
    }
}
