//! What can go wrong in the store.

/// A fault of the database, or of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or answered with an error; trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A statement failed for another reason: a fault of gand's own.
    #[error("the database refused a statement: {0}")]
    Statement(#[source] sqlx::Error),
    /// The migrations could not be applied.
    #[error("the database could not be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// What is stored does not read as what was written.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// Another process has the SQLite file.
    #[error("{0} is in use by another gand; SQLite serves one process, PostgreSQL (DATABASE_URL) serves many")]
    InUse(String),
    /// The URL's scheme is not one of ours.
    #[error("the database URL must start with postgres:// or sqlite:")]
    UnknownScheme,
}

impl StoreError {
    /// Whether waiting and trying again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Protocol(_) => {
                Self::Unavailable(error)
            }
            // Class 57 is operator intervention (shutdown), 53 insufficient resources, 08 connection exceptions;
            // 40001 and 40P01 are serialisation failures and deadlocks; 5 and 6 are SQLite's busy and locked.
            E::Database(database) => match database.code().as_deref() {
                Some(code)
                    if code.starts_with("57")
                        || code.starts_with("53")
                        || code.starts_with("08")
                        || matches!(code, "40001" | "40P01" | "5" | "6" | "517") =>
                {
                    Self::Unavailable(error)
                }
                _ => Self::Statement(error),
            },
            _ => Self::Statement(error),
        }
    }
}
