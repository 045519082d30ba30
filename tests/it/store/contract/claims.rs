//! Who takes which job, and what a claim finds.

use crate::store::fixture::{Fixture, LAPSED, LONG, file, losses, metrics, new_job, result, rows};
use gand::job::{Command, Ending, EventKind, JobErrorKind, NewJob, OwnerId, Status};
use gand::store::{MAX_ATTEMPTS, QueuePlace, Record, Swept};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Barrier;

pub(super) async fn the_oldest_of_the_highest_priority_goes_first(fixture: Fixture) {
    for (name, priority) in [("a", 0), ("b", 2), ("c", -1), ("d", 2), ("e", 0)] {
        fixture.create(NewJob { priority, ..new_job(name) }).await;
    }
    let mut order = Vec::new();
    while let Some(claim) = fixture.claim(LONG).await {
        order.push(claim.job.name.unwrap());
    }
    assert_eq!(order, ["b", "d", "a", "e", "c"]);
}

pub(super) async fn waiting_raises_priority_so_that_nothing_starves(fixture: Fixture) {
    let old = fixture.create(NewJob { priority: -1, ..new_job("old") }).await;
    let new = fixture.create(NewJob { priority: 1, ..new_job("new") }).await;
    assert_eq!(fixture.store.queue_place(old.id).await.unwrap(), Some(QueuePlace { position: 2, running: 0 }));
    // Three times `AGING`, and a second: two ahead of -1 are 1, one more is 2.
    let then = fixture.ago(901);
    fixture.sql(&format!("UPDATE jobs SET queued_at = {then} WHERE name = 'old'")).await;
    assert_eq!(fixture.store.queue_place(old.id).await.unwrap(), Some(QueuePlace { position: 1, running: 0 }));
    let places = fixture.store.queue_places(old.id, old.id).await.unwrap();
    assert_eq!(places, [(old.id, QueuePlace { position: 1, running: 0 })]);
    assert_eq!(fixture.claim(LONG).await.unwrap().job.id, old.id);
    assert_eq!(fixture.claim(LONG).await.unwrap().job.id, new.id);
}

pub(super) async fn concurrent_claims_never_take_a_job_twice(fixture: Fixture) {
    const JOBS: usize = 60;
    const WORKERS: usize = 8;
    for i in 0..JOBS {
        fixture.create(new_job(&format!("{i}"))).await;
    }
    let start = Arc::new(Barrier::new(WORKERS));
    let workers: Vec<_> = (0..WORKERS)
        .map(|i| {
            let (store, start) = (Arc::clone(&fixture.store), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                let (owner, mut taken) = (OwnerId::new(), Vec::new());
                while let Some(claim) = store.claim(owner, &format!("w-{i}"), LONG).await.unwrap() {
                    assert_eq!((claim.job.attempt, claim.job.fence), (1, 1));
                    assert_eq!(claim.job.lease_owner, Some(owner));
                    taken.push(claim.job.id);
                }
                taken
            })
        })
        .collect();
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    assert_eq!(taken.len(), JOBS);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), JOBS);
}

pub(super) async fn a_claim_counts_attempt_and_fence_and_says_who_started_what(fixture: Fixture) {
    let submitted = fixture.create(new_job("one")).await;
    assert_eq!((submitted.status, submitted.attempt, submitted.fence), (Status::Queued, 0, 0));
    let claim = fixture.claim(LONG).await.unwrap();
    let job = claim.job;
    assert_eq!((job.status, job.attempt, job.fence, job.last_step), (Status::Running, 1, 1, 0));
    assert_eq!((job.worker.as_deref(), job.lease_owner), (Some("w-1"), Some(fixture.owner)));
    assert!(job.started_at.is_some() && job.lease_until > job.started_at && job.version > submitted.version);
    assert_eq!((claim.hold.job, claim.hold.owner, claim.hold.fence), (job.id, fixture.owner, 1));
    let event = fixture.events(job.id).await.pop().unwrap();
    assert_eq!((event.kind, event.step), (EventKind::Status, Some(0)));
    assert_eq!(event.data["status"], "running");
    assert_eq!((&event.data["worker"], &event.data["attempt"]), (&"w-1".into(), &1.into()));
}

pub(super) async fn a_lapsed_job_is_claimed_again_from_its_checkpoint(fixture: Fixture) {
    let first = fixture.running().await;
    let (id, store) = (first.job.id, &fixture.store);
    fixture.publish(first.hold, 100, file(1, 5000), 3).await;
    let beyond = [
        metrics(101..=160),
        Record::Snapshot { step: 150, png: vec![1] },
        Record::Evaluation { step: 150, protocol: "fine".into(), result: result(1.0), best: true },
    ];
    store.record(first.hold, &beyond).await.unwrap().unwrap();
    store.record(first.hold, &[Record::Snapshot { step: 50, png: vec![2] }]).await.unwrap().unwrap();
    assert_eq!(fixture.job(id).await.last_step, 160);
    assert_eq!(fixture.job(id).await.parzen.unwrap().step, 150);
    assert!(fixture.claim(LONG).await.is_none(), "its lease has not lapsed");

    store.renew(first.hold, LAPSED, Default::default()).await.unwrap().unwrap();
    let second = fixture.claim(LONG).await.expect("the lapsed job");
    assert_eq!((second.job.id, second.job.attempt, second.job.fence), (id, 2, 2));
    assert_eq!((second.job.last_step, second.job.latest), (100, Some(losses(100))));
    assert_eq!(second.job.parzen, None);
    assert_eq!(store.metrics(id, 0, u64::MAX).await.unwrap(), rows(1..=100));
    assert_eq!(store.snapshot_steps(id).await.unwrap(), [50]);
    assert_eq!(store.evaluations(id).await.unwrap(), []);
    let messages = fixture.messages(id).await;
    assert_eq!(messages[messages.len() - 2], "lease of worker w-1 lapsed at step 160; queued again");
    assert_eq!(messages[messages.len() - 1], "continued from step 100 by worker w-1");

    // Made again, the same steps are simply there.
    store.record(second.hold, &[metrics(101..=170)]).await.unwrap().unwrap();
    assert_eq!(store.metrics(id, 1, 1000).await.unwrap(), rows(1..=170));
}

pub(super) async fn a_job_that_killed_too_many_workers_is_not_claimed_but_failed(fixture: Fixture) {
    let id = fixture.create(new_job("poison")).await.id;
    for attempt in 1..=MAX_ATTEMPTS {
        let claim = fixture.claim(LAPSED).await.expect("attempts are left");
        assert_eq!(claim.job.attempt, attempt);
        fixture.store.record(claim.hold, &[metrics(1..=7)]).await.unwrap().unwrap();
        if attempt < MAX_ATTEMPTS {
            assert_eq!(fixture.store.sweep().await.unwrap(), Swept { requeued: 1, ..Swept::default() });
            assert_eq!(fixture.status(id).await, Status::Queued);
        }
    }
    assert!(fixture.claim(LONG).await.is_none());
    assert_eq!(fixture.store.sweep().await.unwrap(), Swept { failed: 1, ..Swept::default() });
    assert_eq!(fixture.store.sweep().await.unwrap(), Swept::default());
    let job = fixture.job(id).await;
    let error = job.error.expect("a reason");
    assert_eq!((job.status, error.kind, error.step), (Status::Failed, JobErrorKind::WorkerLost, Some(7)));
    assert!(error.detail.contains("5 workers") && error.detail.contains("step 7"), "{}", error.detail);
    assert!(job.finished_at.is_some() && job.lease_owner.is_none() && job.lease_until.is_none());
}

pub(super) async fn only_workers_that_died_count_as_attempts(fixture: Fixture) {
    let id = fixture.create(new_job("patient")).await.id;
    for _ in 0..=MAX_ATTEMPTS {
        let claim = fixture.claim(LONG).await.expect("a released job goes back into the queue");
        assert_eq!(claim.job.attempt, 1);
        let left = fixture.store.finish(claim.hold, Ending::Released).await.unwrap().unwrap();
        assert_eq!(left, Status::Queued);
        assert_eq!(fixture.job(id).await.attempt, 0);
    }
    for _ in 0..=MAX_ATTEMPTS {
        let claim = fixture.claim(LONG).await.expect("a resumed job goes back into the queue");
        assert_eq!(claim.job.attempt, 1);
        fixture.store.command(id, Command::Pause).await.unwrap();
        assert_eq!(fixture.store.finish(claim.hold, Ending::Paused).await.unwrap().unwrap(), Status::Paused);
        fixture.store.command(id, Command::Resume).await.unwrap();
    }
    fixture.claim(LAPSED).await.unwrap();
    fixture.store.sweep().await.unwrap();
    assert_eq!(fixture.job(id).await.attempt, 1);
}

pub(super) async fn a_queued_job_knows_its_place(fixture: Fixture) {
    let mut ids = Vec::new();
    for (name, priority) in [("a", 0), ("b", 5), ("c", 0)] {
        ids.push(fixture.create(NewJob { priority, ..new_job(name) }).await.id);
    }
    let place = async |i: usize| fixture.store.queue_place(ids[i]).await.unwrap();
    let at = |position, running| Some(QueuePlace { position, running });
    assert_eq!([place(0).await, place(1).await, place(2).await], [at(2, 0), at(1, 0), at(3, 0)]);
    fixture.claim(LONG).await.unwrap();
    assert_eq!([place(0).await, place(1).await, place(2).await], [at(1, 1), None, at(2, 1)]);
}

pub(super) async fn a_claim_reads_an_index_however_many_wait(fixture: Fixture) {
    let first = fixture.create(NewJob { priority: 1, ..new_job("first") }).await.id;
    fixture.multiply_queue(5000).await;
    let plan = fixture.store.claim_plan().await.unwrap();
    // SQLite and PostgreSQL in turn: no walk through the table, and nothing to be put in order.
    assert!(plan.contains("USING INDEX jobs_turn") || plan.contains("Index Scan using jobs_turn"), "{plan}");
    for slow in ["TEMP B-TREE", "Seq Scan", "Sort", "Bitmap"] {
        assert!(!plan.contains(slow), "{plan}");
    }
    assert_eq!(fixture.claim(LONG).await.unwrap().job.id, first);
    assert_eq!(fixture.claim(LONG).await.unwrap().job.priority, 0);
}
