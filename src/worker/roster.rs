//! The runs of this process, and their leases after it has slept.

use super::config::WorkerConfig;
use super::control::Control;
use super::heartbeat::deadline;
use crate::store::{Hold, ProgressReport, Store, StoreError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A run, and what holds its job.
type Run = (Hold, Arc<Control>);

/// The runs of this process.
#[derive(Clone, Debug, Default)]
pub(super) struct Roster(Arc<Mutex<Vec<Run>>>);

/// A run's place in the roster, until it is dropped.
pub(super) struct Entry {
    roster: Roster,
    hold: Hold,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.roster.runs().retain(|(hold, _)| *hold != self.hold);
    }
}

impl Roster {
    /// Enters a run.
    pub(super) fn enter(&self, hold: Hold, control: Arc<Control>) -> Entry {
        self.runs().push((hold, control));
        Entry { roster: self.clone(), hold }
    }

    fn runs(&self) -> MutexGuard<'_, Vec<Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews leases that lapsed while nobody here could renew them: the process was stopped, the machine slept, its clock
    /// was set, the database was away. Whoever takes jobs with lapsed leases does this first, so that a process does not
    /// take its own jobs from itself. Training that hangs has its lease left to lapse.
    ///
    /// # Errors
    ///
    /// If the database does not answer: then nothing may be taken.
    pub(super) async fn renew_lapsed(&self, store: &dyn Store, config: &WorkerConfig) -> Result<(), StoreError> {
        let lapsed = |(_, control): &&Run| control.has_lapsed() && !control.is_stalled();
        let lapsed: Vec<_> = self.runs().iter().filter(lapsed).cloned().collect();
        for (hold, control) in lapsed {
            let asked_at = Instant::now();
            match store.renew(hold, config.lease, ProgressReport::default()).await? {
                Ok(renewal) => {
                    control.renewed(deadline(asked_at, config.lease));
                    control.set_desired(renewal.desired);
                    tracing::info!(job = %hold.job, "the lease had lapsed, and is renewed");
                }
                Err(_) => control.abandon(),
            }
        }
        Ok(())
    }
}
