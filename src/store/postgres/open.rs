//! Connecting to the server.

use super::listen::{CHANNEL, listen};
use crate::store::StoreError;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, Executor, Postgres, Transaction};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

const CONNECTIONS: u32 = 16;

/// How long a caller waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// An idle connection that does not answer for so long is dropped for another: the line may have been cut without a word.
const PING: Duration = Duration::from_secs(1);

/// Any answer that takes longer counts as none: the server may have gone without a word.
const SOON: Duration = Duration::from_secs(30);

/// The same for what moves many megabytes.
const EVENTUALLY: Duration = Duration::from_secs(600);

/// Settings of every session. A process that hangs in the middle of a transaction may not keep a job locked, and a
/// server whose client's machine vanished notices it.
const SESSION: &str = "SET idle_in_transaction_session_timeout = '5s';
    SET lock_timeout = '20s';
    SET tcp_keepalives_idle = 30;
    SET tcp_keepalives_interval = 10;
    SET tcp_keepalives_count = 3";

/// The store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pub(super) pool: PgPool,
    changed: Arc<Notify>,
    _listener: AbortOnDropHandle<()>,
}

impl PostgresStore {
    /// Connects to the database and applies the migrations; processes that start together wait for each other there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the URL is wrong, the server is away, or the database was migrated by a newer gand.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?.application_name("gand");
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            // By our own ping, which has a limit: sqlx's waits for as long as the caller may.
            .test_before_acquire(false)
            .before_acquire(|connection, _| {
                Box::pin(async move {
                    let ping = tokio::time::timeout(PING, connection.ping()).await;
                    Ok(matches!(ping, Ok(Ok(()))))
                })
            })
            .after_connect(|connection, _| {
                Box::pin(async move {
                    connection.execute(SESSION).await?;
                    Ok(())
                })
            })
            .connect_with(options.clone())
            .await?;
        MIGRATIONS.run(&pool).await?;
        let changed = Arc::new(Notify::new());
        let listener = tokio::spawn(listen(options, Arc::clone(&changed)));
        Ok(Self { pool, changed, _listener: AbortOnDropHandle::new(listener) })
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let pool = self.pool.clone();
        whole(async move { pool.begin().await }).await
    }

    /// Begins a transaction that only reads, and all from one moment.
    pub(super) async fn snapshot(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let pool = self.pool.clone();
        whole(async move { pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await }).await
    }

    /// Commits, and wakes those who wait for a change, here and on other machines.
    pub(super) async fn commit(&self, mut transaction: Transaction<'static, Postgres>) -> Result<(), StoreError> {
        sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *transaction).await?;
        transaction.commit().await?;
        self.changed.notify_waiters();
        Ok(())
    }

    pub(super) async fn answer(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    pub(super) async fn wait_for_change(&self, at_most: Duration) {
        // Either way the caller looks for itself.
        let _ = tokio::time::timeout(at_most, self.changed.notified()).await;
    }

    pub(super) async fn soon<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        within(SOON, work).await
    }

    pub(super) async fn eventually<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        within(EVENTUALLY, work).await
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(StoreError::Unavailable(sqlx::Error::PoolTimedOut)))
}

/// Ends a transaction that changed nothing before its answer is given. Dropped, it would be rolled back some time later,
/// and whoever passes over locked rows would miss the job until then.
pub(super) async fn unchanged<T>(transaction: Transaction<'static, Postgres>, answer: T) -> Result<T, StoreError> {
    transaction.rollback().await?;
    Ok(answer)
}

/// Sees a BEGIN through even if its caller is cancelled meanwhile. sqlx would give the connection back to the pool with
/// the transaction open, and the next to use it would be inside it; a transaction that was begun whole is rolled back
/// when it is dropped.
async fn whole(
    begin: impl Future<Output = Result<Transaction<'static, Postgres>, sqlx::Error>> + Send + 'static,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    match tokio::spawn(begin).await {
        Ok(begun) => Ok(begun?),
        Err(_) => Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)),
    }
}
