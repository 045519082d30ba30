//! A worker that is stopped beyond its lease and wakes up again.

use super::{report, size};
use crate::support::process::Process;
use crate::worker::fixture::{Fixture, endless, short};
use gand::gan::Losses;
use gand::job::{Ending, EventKind, MetricChunk, OwnerId, Status};
use gand::store::{Hold, LeaseLost, NewCheckpoint, Record};
use rustix::process::Signal;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_wakes_beyond_its_lease_changes_nothing_and_stops_by_itself() {
    let times = size("GAND_TORTURE_STOPS", 2);
    let begun = Instant::now();
    let fixture = Fixture::postgres().await;
    let store = &fixture.store;
    let folder = fixture.datasets().display().to_string();
    let own = ["worker", "--worker-name", "sleeper", "--database-url", &fixture.url, "--data-dir", &folder];
    // Long enough that only a stop lets it lapse: the worker is to give up as often as it was stopped.
    let more = ["--slots", "1", "--threads", "1", "--lease", "5s", "--log", "warn"];
    let sleeper = Process::start(own.into_iter().chain(more));
    let mut refused = 0;
    for time in 0..times {
        let id = fixture.submit(endless()).await;
        let job = fixture.until(id, "under way", |job| job.status == Status::Running && job.last_step > 0).await;
        let stale = Hold { job: id, owner: job.lease_owner.unwrap(), fence: job.fence };
        sleeper.signal(Signal::STOP);
        // Its lease lapses; the next to look takes the job.
        let owner = OwnerId::new();
        let claim = loop {
            if let Some(claim) = store.claim(owner, "the next", Duration::from_secs(600)).await.unwrap() {
                break claim;
            }
            assert!(begun.elapsed() < Duration::from_secs(1200));
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!((claim.job.id, claim.hold.fence > stale.fence), (id, true));
        let before = everything(&fixture, id).await;

        // Whatever it might write as it wakes is refused: every verb that a worker has.
        let step = claim.job.last_step + 1;
        let losses = Losses { step, d_loss: 9.0, g_loss: 9.0, value: 9.0, d_real: 0.9, d_fake: 0.9 };
        let records = [Record::Metrics(MetricChunk { rows: vec![losses] })];
        let checkpoint = NewCheckpoint { step, bytes: vec![7; 99].into(), keep: 1 };
        let outcomes = [
            store.record(stale, &records).await.unwrap(),
            store.publish_checkpoint(stale, checkpoint, &records).await.unwrap(),
            store.discard_checkpoint(stale, 0, "stale").await.unwrap().map(drop),
            store.renew(stale, Duration::from_secs(600), Default::default()).await.unwrap().map(drop),
            store.finish(stale, Ending::Succeeded).await.unwrap().map(drop),
        ];
        assert_eq!(outcomes, [Err(LeaseLost); 5]);
        refused += 1;
        sleeper.signal(Signal::CONT);
        // It has stopped training by itself as soon as its slot takes another job to the end.
        let next = fixture.submit(short(20)).await;
        assert_eq!(fixture.until_succeeded(next).await.worker.as_deref(), Some("sleeper"));
        assert_eq!(everything(&fixture, id).await, before, "round {time}");
        store.finish(claim.hold, Ending::Succeeded).await.unwrap().unwrap();
    }
    sleeper.signal(Signal::TERM);
    let (status, log) = sleeper.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    let given_up = log.matches("job given up: its lease was lost").count() as u64;
    assert_eq!(given_up, times, "{log}");
    report(
        "SIGSTOP beyond the lease",
        &format!(
            "{refused}/{times} stale holds refused by all 5 verbs, no row changed, {given_up}/{times} times the worker \
             stopped by itself; {:.0} s",
            begun.elapsed().as_secs_f64()
        ),
    );
}

/// All that is stored of a job, as text.
async fn everything(fixture: &Fixture, id: gand::job::JobId) -> String {
    let store = &fixture.store;
    let job = fixture.job(id).await;
    let events = store.events(id, 0, 100_000).await.unwrap();
    assert!(events.iter().any(|event| event.kind == EventKind::Status));
    format!(
        "{job:?} {events:?} {:?} {:?} {:?} {:?}",
        store.metrics(id, 0, u64::MAX >> 1).await.unwrap(),
        store.checkpoints(id).await.unwrap(),
        store.snapshot_steps(id).await.unwrap(),
        store.evaluations(id).await.unwrap(),
    )
}
