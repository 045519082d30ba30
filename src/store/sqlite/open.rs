//! Opening the file, its lock and its connections.

use super::files::Files;
use super::move_out::move_out;
use crate::store::StoreError;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Notify;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

const READERS: u32 = 4;

/// The store in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) readers: SqlitePool,
    writer: SqlitePool,
    pub(super) files: Files,
    changed: Notify,
    /// Held for as long as the store is open; the kernel releases it when the process ends, however it ends.
    _lock: File,
}

impl SqliteStore {
    /// Its connections: those that read, and the one that writes.
    pub(super) fn pools(&self) -> [&SqlitePool; 2] {
        [&self.readers, &self.writer]
    }

    /// Opens the file at `path`, makes it if it is not there, and applies the migrations.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another process has it open.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let path = prepare(path)?;
        let lock = lock(&path)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            // sqlx sets it before the journal mode, whose change needs it.
            .busy_timeout(Duration::from_secs(10))
            .journal_mode(SqliteJournalMode::Wal)
            // FULL, not NORMAL: a job that was accepted and a checkpoint that was published survive a power cut. It
            // costs one sync a commit, of which there are a few a second.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // Give back what a burst of pictures made of the log.
            .pragma("journal_size_limit", "67108864");
        let pool = || SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None);
        let writer = pool().max_connections(1).connect_with(options.clone()).await?;
        MIGRATIONS.run(&writer).await?;
        end_leases(&writer).await?;
        let files = Files::beside(&path)?;
        move_out(&writer, &files).await?;
        let named: Vec<(String,)> = sqlx::query_as("SELECT digest FROM checkpoints").fetch_all(&writer).await?;
        files.keep_only(named.into_iter().map(|(digest,)| digest)).await?;
        let readers =
            pool().max_connections(READERS).connect_with(options.create_if_missing(false).pragma("query_only", "ON"));
        Ok(Self { readers: readers.await?, writer, files, changed: Notify::new(), _lock: lock })
    }

    /// Begins a transaction that may write: the only one until it ends.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Commits, and wakes those who wait for a change.
    pub(super) async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
        transaction.commit().await?;
        self.changed.notify_waiters();
        Ok(())
    }

    pub(super) async fn answer(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    pub(super) async fn wait_for_change(&self, at_most: Duration) {
        // Either way the caller looks for itself.
        let _ = tokio::time::timeout(at_most, self.changed.notified()).await;
    }

    /// Closes the connections; the lock goes with the store.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Lets every lease lapse. The lock is ours: whoever held one is dead, and its job need not wait.
async fn end_leases(writer: &SqlitePool) -> Result<(), StoreError> {
    for statement in [
        "UPDATE jobs SET lease_until = 0 WHERE lease_until IS NOT NULL",
        "UPDATE evaluations SET lease_until = 0 WHERE state = 'running'",
    ] {
        sqlx::query(statement).execute(writer).await?;
    }
    Ok(())
}

/// Makes the folder, and returns one name for the file however it was written.
fn prepare(path: &Path) -> Result<PathBuf, StoreError> {
    let fault = |source| StoreError::File { path: path.display().to_string(), source };
    if let Ok(existing) = path.canonicalize() {
        return Ok(existing);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(fault)?;
    let name = path.file_name().ok_or_else(|| fault(std::io::ErrorKind::IsADirectory.into()))?;
    Ok(folder.canonicalize().map_err(fault)?.join(name))
}

/// Takes the lock file beside the database.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let fault = |source| StoreError::File { path: name.to_string_lossy().into_owned(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.display().to_string())),
        Err(TryLockError::Error(source)) => Err(fault(source)),
    }
}
