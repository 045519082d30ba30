//! Notifications: a hint that something changed, never the only way to learn of it.

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// The channel of the notifications.
pub(super) const CHANNEL: &str = "gand";

/// After so long a silence the connection has to answer, or it is replaced: a half-open one would stay silent for ever.
const SILENCE: Duration = Duration::from_secs(20);

/// How long that answer, or a new connection, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait before connecting again.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes whoever waits on `changed` at every notification, for ever.
pub(super) async fn listen(options: PgConnectOptions, changed: Arc<Notify>) {
    let mut lost = false;
    loop {
        let Err(error) = follow(&options, &changed, &mut lost).await;
        if !lost {
            tracing::warn!(%error, "lost the connection that listens for notifications; polling goes on");
            lost = true;
        }
        // What was sent while nobody listened is gone: let everyone look for themselves.
        changed.notify_waiters();
        sleep(PAUSE).await;
    }
}

async fn follow(options: &PgConnectOptions, changed: &Notify, lost: &mut bool) -> Result<Infallible, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    if std::mem::take(lost) {
        tracing::info!("listening for notifications again");
        changed.notify_waiters();
    }
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(_))) => changed.notify_waiters(),
            Ok(Ok(None)) => return Err(sqlx::Error::WorkerCrashed),
            Ok(Err(error)) => return Err(error),
            Err(_) => match timeout(PATIENCE, sqlx::query("SELECT 1").execute(&mut listener)).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(sqlx::Error::PoolTimedOut),
            },
        }
    }
}
