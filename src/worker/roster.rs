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
    /// take its own jobs from itself (unless it fell asleep between the two). Training that hangs has its lease left to lapse.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::{DataFacts, read_spec};
    use crate::job::{NewJob, OwnerId, Status};
    use crate::store::{Created, Swept, open};
    use std::time::Duration;

    #[tokio::test]
    async fn a_lease_that_lapsed_here_is_renewed_before_anybody_looks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&format!("sqlite://{}", folder.path().join("gand.db").display())).await.unwrap();
        let digits = DataFacts::from(&crate::data::digits::digits().unwrap());
        let spec = read_spec(&serde_json::json!({"dataset": "digits"}), &|_| Some(digits)).unwrap();
        let job = NewJob { name: None, tags: Vec::new(), priority: 0, spec, from: None };
        let Created::New(job) = store.create_job(job, None).await.unwrap() else { panic!("it is new") };
        // Lapsed in the moment it is given, in the database and here.
        let claim = store.claim(OwnerId::new(), "sleeper", Duration::ZERO).await.unwrap().unwrap();
        let control = Arc::new(Control::new(Some(Instant::now())));
        let config = WorkerConfig::new("sleeper", 1, 1, Duration::from_secs(600));

        let roster = Roster::default();
        let entry = roster.enter(claim.hold, Arc::clone(&control));
        assert!(control.has_lapsed());
        roster.renew_lapsed(&*store, &config).await.unwrap();
        assert!(!control.has_lapsed() && !control.is_abandoned());
        assert_eq!(store.sweep().await.unwrap(), Swept::default());
        let of = store.job(job.id).await.unwrap().unwrap();
        assert_eq!((of.status, of.fence, of.attempt), (Status::Running, claim.hold.fence, 1));

        // A run that is no longer there has nothing renewed.
        drop(entry);
        assert!(roster.runs().is_empty());
    }

    #[tokio::test]
    async fn a_lease_that_another_has_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&format!("sqlite://{}", folder.path().join("gand.db").display())).await.unwrap();
        let control = Arc::new(Control::new(Some(Instant::now())));
        let nobodys = Hold { job: crate::job::JobId::new(), owner: OwnerId::new(), fence: 1 };
        let roster = Roster::default();
        let _entry = roster.enter(nobodys, Arc::clone(&control));
        let config = WorkerConfig::new("sleeper", 1, 1, Duration::from_secs(600));
        roster.renew_lapsed(&*store, &config).await.unwrap();
        assert!(control.is_abandoned());
    }
}
