//! Trying again while the database is away.

use crate::store::{LeaseLost, StoreError};
use std::pin::Pin;
use std::time::Duration;

/// A wait that doubles from try to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    next: Duration,
}

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: SHORTEST }
    }

    /// Waits, longer each time.
    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST);
    }
}

/// Why a guarded write was given up.
#[derive(Debug)]
pub(super) enum GivenUp {
    /// The job is no longer ours.
    LeaseLost,
    /// The database refuses the statement itself.
    Refused(StoreError),
}

impl From<StoreError> for GivenUp {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// The answer of one of the store's verbs, to come.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Tries a guarded write until the database is there to answer. However long that takes nothing is lost by waiting:
/// the answer says whether the lease still holds.
pub(super) async fn until_written<'a, T>(
    what: &'static str,
    write: impl FnMut() -> Answer<'a, Result<T, LeaseLost>>,
) -> Result<T, GivenUp> {
    match until_answered(what, write).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(LeaseLost)) => Err(GivenUp::LeaseLost),
        Err(error) => Err(GivenUp::Refused(error)),
    }
}

/// Asks until the database is there to answer.
pub(super) async fn until_answered<'a, T>(
    what: &'static str,
    mut ask: impl FnMut() -> Answer<'a, T>,
) -> Result<T, StoreError> {
    let mut backoff = Backoff::new();
    let mut away = false;
    loop {
        match ask().await {
            Err(error) if error.is_transient() => {
                if !away {
                    tracing::warn!(what, %error, "the database is away; training waits for it");
                }
                away = true;
                backoff.wait().await;
            }
            answer => {
                if away {
                    tracing::info!(what, "the database is back");
                }
                return answer;
            }
        }
    }
}
