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
    /// The SQLite file, its lock or its folder cannot be opened.
    #[error("cannot open {path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The URL's scheme is not one of ours.
    #[error("the database URL must be postgres://... or sqlite://PATH")]
    UnknownScheme,
}

impl StoreError {
    /// Whether the database's URL is at fault, so that nothing helps but another one.
    #[must_use]
    pub fn is_of_the_url(&self) -> bool {
        matches!(self, Self::UnknownScheme | Self::Statement(sqlx::Error::Configuration(_)))
    }

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
            E::Database(database) if database.code().is_some_and(|code| is_passing(&code)) => Self::Unavailable(error),
            E::ColumnDecode { .. } | E::Decode(_) => Self::Corrupt(error.to_string()),
            _ => Self::Statement(error),
        }
    }
}

/// Whether a database's error code names a condition that can pass by itself.
fn is_passing(code: &str) -> bool {
    if code.len() == 5 {
        // PostgreSQL's SQLSTATE: 08 connection exceptions, 53 insufficient resources, 57 operator intervention (a
        // shutdown, a start), 58 system errors, 28 and 3D logins and databases refused, which an administrator may be
        // changing, 25006 a standby, 25P03 and 25P04 sessions that hung too long, 40001 and 40P01 serialisation failures
        // and deadlocks, 55000 a database that takes no connections, 55P03 a lock not granted in time.
        return matches!(code.get(..2), Some("08" | "28" | "3D" | "53" | "57" | "58"))
            || matches!(code, "25006" | "25P03" | "25P04" | "40001" | "40P01" | "55000" | "55P03");
    }
    // SQLite's extended result codes carry the primary one in their low byte: 5 busy, 6 locked, 10 input or output
    // error, 13 disk full.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
}

#[cfg(test)]
mod tests {
    use super::is_passing;

    #[test]
    fn what_an_administrator_may_be_changing_passes() {
        // Too many connections, a shutdown, a password that is being changed, a database that takes no logins.
        for code in ["53300", "57P01", "28P01", "55000", "5", "13"] {
            assert!(is_passing(code), "{code}");
        }
        // A constraint, a table that is not there.
        for code in ["23505", "42P01", "19"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
