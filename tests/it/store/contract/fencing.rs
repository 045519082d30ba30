//! Every write of a worker proves that the job is still its own.

use crate::store::fixture::{Fixture, LAPSED, LONG, checkpoint, fault, file, metrics, result};
use gand::job::{Desired, Ending, Finding, Severity, Status};
use gand::store::{Hold, LeaseLost, Record};

pub(super) async fn a_stale_hold_can_write_nothing(fixture: Fixture) {
    let stale = fixture.running().await.hold;
    fixture.publish(stale, 10, file(1, 100), 3).await;
    fixture.store.renew(stale, LAPSED, Default::default()).await.unwrap().unwrap();
    let current = fixture.store.claim(gand::job::OwnerId::new(), "w-2", LONG).await.unwrap().unwrap();
    // The owner alone, or the fence alone, is no proof either.
    let with_fence = Hold { fence: current.hold.fence, ..stale };
    let with_owner = Hold { owner: current.hold.owner, ..stale };
    for hold in [stale, with_fence, with_owner] {
        refuses_every_write(&fixture, hold).await;
    }
    assert_eq!(
        fixture.store.renew(current.hold, LONG, Default::default()).await.unwrap().unwrap().desired,
        Desired::Run
    );
}

pub(super) async fn a_job_that_is_over_has_no_holder(fixture: Fixture) {
    for status in [Status::Paused, Status::Cancelled, Status::Succeeded, Status::Failed] {
        let (_, hold) = fixture.job_in(status).await;
        refuses_every_write(&fixture, hold.unwrap()).await;
    }
}

pub(super) async fn a_lapsed_lease_that_nobody_took_can_be_renewed(fixture: Fixture) {
    let hold = fixture.claim_lapsed().await;
    fixture.store.record(hold, &[metrics(1..=5)]).await.unwrap().unwrap();
    fixture.store.renew(hold, LONG, Default::default()).await.unwrap().unwrap();
    assert!(fixture.claim(LONG).await.is_none());
    assert_eq!(fixture.store.sweep().await.unwrap(), Default::default());
    assert_eq!(fixture.job(hold.job).await.last_step, 5);
}

pub(super) async fn the_second_hold_of_one_owner_fences_off_its_first(fixture: Fixture) {
    let first = fixture.claim_lapsed().await;
    let second = fixture.claim(LONG).await.unwrap().hold;
    assert_eq!(first.owner, second.owner);
    refuses_every_write(&fixture, first).await;
    fixture.store.record(second, &[metrics(1..=5)]).await.unwrap().unwrap();
}

impl Fixture {
    async fn claim_lapsed(&self) -> Hold {
        self.create(crate::store::fixture::new_job("lapsed")).await;
        self.claim(LAPSED).await.unwrap().hold
    }

    /// All that a job's user can see of it, and what lies behind.
    async fn everything(&self, hold: Hold) -> String {
        let (store, id) = (&self.store, hold.job);
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {}",
            self.job(id).await,
            self.events(id).await,
            store.metrics(id, 0, u64::MAX).await.unwrap(),
            store.checkpoints(id).await.unwrap(),
            store.snapshot_steps(id).await.unwrap(),
            store.evaluations(id).await.unwrap(),
            self.pieces().await,
        )
    }
}

async fn refuses_every_write(fixture: &Fixture, hold: Hold) {
    let store = &fixture.store;
    let before = fixture.everything(hold).await;
    let finding = Finding {
        kind: "collapse".into(),
        severity: Severity::Info,
        step: 11,
        until_step: None,
        detail: String::new(),
    };
    let records = [
        metrics(11..=12),
        Record::Snapshot { step: 11, png: vec![1] },
        Record::Evaluation { step: 11, protocol: "fine".into(), result: result(0.0), best: true },
        Record::Finding(finding),
        Record::Message { step: 11, message: "from the grave".into() },
    ];
    for record in records {
        let refused = store.record(hold, std::slice::from_ref(&record)).await.unwrap();
        assert_eq!(refused, Err(LeaseLost), "{record:?}");
    }
    let published = store.publish_checkpoint(hold, checkpoint(12, file(9, 100), 1), &[metrics(11..=12)]).await;
    assert_eq!(published.unwrap(), Err(LeaseLost));
    assert_eq!(store.discard_checkpoint(hold, 10, "no reason").await.unwrap(), Err(LeaseLost));
    assert_eq!(store.renew(hold, LONG, Default::default()).await.unwrap(), Err(LeaseLost));
    for ending in [Ending::Succeeded, Ending::Failed(fault()), Ending::Paused, Ending::Cancelled, Ending::Released] {
        assert_eq!(store.finish(hold, ending.clone()).await.unwrap(), Err(LeaseLost), "{ending:?}");
    }
    assert_eq!(fixture.everything(hold).await, before, "nothing has changed");
}
