//! Checkpoints: whole or not at all, once for equal content, and only those that are worth keeping.

use crate::store::fixture::{Fixture, LAPSED, LONG, checkpoint, file, metrics, new_job, result, rows};
use gand::job::{Ending, EventKind, Finding, NewJob, Origin, Severity, Status};
use gand::store::{Claim, Hold, LeaseLost, NewCheckpoint, Record, StoreError};

const MIB: usize = 1 << 20;

pub(super) async fn a_checkpoint_comes_back_whole(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    for (step, len) in [(1, 0), (2, 17), (3, MIB), (4, 3 * MIB + 5)] {
        fixture.publish(hold, step, file(step as u8, len), 9).await;
    }
    for (step, len) in [(1, 0), (2, 17), (3, MIB), (4, 3 * MIB + 5)] {
        let bytes = fixture.store.checkpoint_bytes(hold.job, step).await.unwrap();
        assert!(bytes == Some(file(step as u8, len)), "the checkpoint of {len} bytes");
    }
    assert_eq!(fixture.store.checkpoint_bytes(hold.job, 5).await.unwrap(), None);
    let list = fixture.store.checkpoints(hold.job).await.unwrap();
    assert_eq!(list.iter().map(|info| info.step).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(list[3].size_bytes, 3 * MIB as u64 + 5);
    assert_eq!(list[3].digest, format!("blake3:{}", blake3::hash(&file(4, 3 * MIB + 5))));
}

pub(super) async fn records_and_checkpoint_are_published_together(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let records = [metrics(1..=100), Record::Snapshot { step: 100, png: vec![7] }];
    fixture.store.publish_checkpoint(hold, checkpoint(100, file(1, 10), 3), &records).await.unwrap().unwrap();
    assert_eq!(fixture.job(hold.job).await.last_step, 100);
    assert_eq!(fixture.store.snapshot_steps(hold.job).await.unwrap(), [100]);
    assert_eq!(fixture.checkpoint_steps(hold.job).await, [100]);
}

pub(super) async fn equal_content_is_stored_once(fixture: Fixture) {
    let first = fixture.running().await.hold;
    let second = fixture.running().await.hold;
    let bytes = file(1, 2 * MIB + 100);
    fixture.publish(first, 10, bytes.clone(), 3).await;
    fixture.publish(second, 10, bytes.clone(), 3).await;
    assert_eq!(fixture.pieces().await, fixture.engine(1, 3));
    let mut altered = bytes.clone();
    altered[MIB + 3] ^= 1;
    fixture.publish(second, 20, altered, 3).await;
    assert_eq!(fixture.pieces().await, fixture.engine(2, 4));
    // What one job gives up stays for the other.
    fixture.store.finish(first, Ending::Succeeded).await.unwrap().unwrap();
    fixture.store.delete_job(first.job).await.unwrap();
    assert_eq!(fixture.pieces().await, fixture.engine(2, 4));
    assert_eq!(fixture.store.checkpoint_bytes(second.job, 10).await.unwrap(), Some(bytes));
    fixture.store.finish(second, Ending::Succeeded).await.unwrap().unwrap();
    fixture.store.delete_job(second.job).await.unwrap();
    assert_eq!(fixture.pieces().await, 0);
}

pub(super) async fn only_the_newest_the_best_and_the_named_are_kept(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let (store, id) = (&fixture.store, hold.job);
    fixture.publish(hold, 10, file(10, 100), 2).await;
    store.request_evaluation(id, 10, "fine").await.unwrap().expect("a checkpoint");
    fixture.publish(hold, 20, file(20, 100), 2).await;
    let forked = NewJob { from: Some(Origin { job: id, step: 20 }), ..new_job("fork") };
    fixture.create(forked).await;
    let best = |step| Record::Evaluation { step, protocol: "fine".into(), result: result(step as f64), best: true };
    store.record(hold, &[best(30)]).await.unwrap().unwrap();
    for step in [30, 40, 50, 60, 70] {
        fixture.publish(hold, step, file(step as u8, 100), 2).await;
    }
    assert_eq!(fixture.checkpoint_steps(id).await, [10, 20, 30, 60, 70]);
    let best_steps = async || {
        let list = store.checkpoints(id).await.unwrap();
        list.iter().filter(|info| info.best).map(|info| info.step).collect::<Vec<_>>()
    };
    assert_eq!(best_steps().await, [30]);
    // The next best is not there until it is published; so long the old one stays.
    store.record(hold, &[best(75)]).await.unwrap().unwrap();
    fixture.publish(hold, 72, file(72, 100), 2).await;
    assert_eq!(best_steps().await, [30]);
    fixture.publish(hold, 75, file(75, 100), 2).await;
    assert_eq!(fixture.checkpoint_steps(id).await, [10, 20, 72, 75]);
    assert_eq!(best_steps().await, [75]);
    assert_eq!(fixture.pieces().await, 4, "what was pruned is gone");
    assert_eq!(fixture.count("checkpoint_chunks").await, fixture.engine(0, 4));
}

pub(super) async fn damage_of_any_kind_is_corruption_never_other_bytes(fixture: Fixture) {
    let bytes = file(1, 2 * MIB + 10);
    for damage in ["a flipped bit", "a byte short", "a byte too many", "empty", "a piece lost", "digest", "size"] {
        let hold = fixture.running().await.hold;
        fixture.publish(hold, 10, bytes.clone(), 3).await;
        match damage {
            "a flipped bit" => fixture.spoil(|bytes| bytes[9] ^= 4).await,
            "a byte short" => fixture.spoil(|bytes| bytes.truncate(bytes.len() - 1)).await,
            "a byte too many" => fixture.spoil(|bytes| bytes.push(0)).await,
            "empty" => fixture.spoil(Vec::clear).await,
            "a piece lost" => fixture.lose_a_piece().await,
            "digest" => drop(fixture.sql("UPDATE checkpoints SET digest = 'blake3:beef'").await),
            "size" => drop(fixture.sql("UPDATE checkpoints SET size_bytes = size_bytes + 1").await),
            _ => unreachable!(),
        }
        let read = fixture.store.checkpoint_bytes(hold.job, 10).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{damage}: {read:?}");
        fixture.store.discard_checkpoint(hold, 10, "damaged").await.unwrap().unwrap();
        fixture.store.finish(hold, Ending::Succeeded).await.unwrap().unwrap();
    }
}

pub(super) async fn publishing_the_same_content_again_heals_it(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    fixture.publish(hold, 10, file(1, 100), 3).await;
    fixture.spoil(|bytes| bytes.truncate(50)).await;
    fixture.publish(hold, 10, file(1, 100), 3).await;
    assert_eq!(fixture.store.checkpoint_bytes(hold.job, 10).await.unwrap(), Some(file(1, 100)));
    assert_eq!(fixture.pieces().await, 1);
}

pub(super) async fn a_discarded_checkpoint_leaves_the_job_at_the_one_before(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let (store, id) = (&fixture.store, hold.job);
    fixture.publish(hold, 100, file(1, 100), 3).await;
    fixture.publish(hold, 200, file(2, 100), 3).await;
    store.record(hold, &[Record::Snapshot { step: 150, png: vec![1] }]).await.unwrap().unwrap();
    let left = store.discard_checkpoint(hold, 200, "chunk 0 does not match").await.unwrap().unwrap();
    assert_eq!(left, Some(100));
    let job = fixture.job(id).await;
    assert_eq!((job.last_step, job.health[0].severity), (100, Severity::Warning));
    assert_eq!(job.health[0].kind, "checkpoint_discarded");
    assert!(job.health[0].detail.contains("chunk 0 does not match"), "{}", job.health[0].detail);
    assert_eq!(store.metrics(id, 0, 999).await.unwrap(), rows(1..=100));
    assert_eq!(store.snapshot_steps(id).await.unwrap(), [] as [u64; 0]);
    assert_eq!(fixture.checkpoint_steps(id).await, [100]);
    assert_eq!(fixture.pieces().await, 1);
    assert_eq!(store.discard_checkpoint(hold, 100, "also").await.unwrap().unwrap(), None);
    let job = fixture.job(id).await;
    assert_eq!((job.last_step, job.latest), (0, None));
}

pub(super) async fn a_resume_cuts_metrics_at_the_checkpoint_even_within_a_row(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    fixture.store.record(hold, &[metrics(1..=150)]).await.unwrap().unwrap();
    // Published late: metrics beyond it share its row.
    fixture.store.publish_checkpoint(hold, checkpoint(100, file(1, 10), 3), &[]).await.unwrap().unwrap();
    fixture.store.renew(hold, LAPSED, Default::default()).await.unwrap().unwrap();
    let again = fixture.claim(LONG).await.unwrap();
    assert_eq!(again.job.last_step, 100);
    assert_eq!(again.job.latest.map(|losses| losses.step), Some(100));
    assert_eq!(fixture.store.metrics(hold.job, 0, 999).await.unwrap(), rows(1..=100));
    fixture.store.record(again.hold, &[metrics(101..=110)]).await.unwrap().unwrap();
    assert_eq!(fixture.store.metrics(hold.job, 0, 999).await.unwrap(), rows(1..=110));
}

pub(super) async fn jobs_that_share_content_publish_and_prune_at_once(fixture: Fixture) {
    let mut holds: Vec<Hold> = Vec::new();
    for _ in 0..6 {
        holds.push(fixture.running().await.hold);
    }
    let workers: Vec<_> = holds
        .iter()
        .map(|hold| {
            let (store, hold) = (std::sync::Arc::clone(&fixture.store), *hold);
            tokio::spawn(async move {
                for step in 1..=12 {
                    let new = checkpoint(step, file(step as u8, MIB + 50), 1);
                    // A deadlock would be transient, and is retried as a worker would.
                    loop {
                        match store.publish_checkpoint(hold, new.clone(), &[]).await {
                            Ok(published) => break published.unwrap(),
                            Err(error) => assert!(error.is_transient(), "{error}"),
                        }
                    }
                    // What the others give up meanwhile is not what this one has.
                    let bytes = store.checkpoint_bytes(hold.job, step).await.unwrap();
                    assert!(bytes == Some(file(step as u8, MIB + 50)), "step {step}");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    for hold in holds {
        assert_eq!(fixture.checkpoint_steps(hold.job).await, [12]);
        let bytes = fixture.store.checkpoint_bytes(hold.job, 12).await.unwrap();
        assert!(bytes == Some(file(12, MIB + 50)));
    }
    assert_eq!(fixture.pieces().await, fixture.engine(1, 2));
}

pub(super) async fn a_rollback_takes_the_job_back_to_its_newest_checkpoint(fixture: Fixture) {
    let Claim { job, hold } = fixture.running().await;
    fixture.publish(hold, 10, file(1, 100), 3).await;
    let picture = |step| Record::Snapshot { step, png: vec![1] };
    let records = [metrics(11..=15), picture(10), picture(14)];
    fixture.store.record(hold, &records).await.unwrap().unwrap();
    let finding = Finding {
        kind: "rolled_back".to_owned(),
        severity: Severity::Warning,
        step: 10,
        until_step: Some(10),
        detail: "the discriminator's loss is NaN".to_owned(),
    };
    // What training found on the way there is forgotten, and what ended there holds again.
    let found = |kind: &str, step, until_step| {
        let (kind, detail) = (kind.to_owned(), String::new());
        Record::Finding(Finding { kind, severity: Severity::Critical, step, until_step, detail })
    };
    let findings = [found("collapse", 12, None), found("discriminator_wins", 5, Some(14))];
    fixture.store.record(hold, &findings).await.unwrap().unwrap();
    let stale = Hold { fence: hold.fence - 1, ..hold };
    assert_eq!(fixture.store.roll_back(stale, &finding).await.unwrap(), Err(LeaseLost));
    assert_eq!(fixture.job(job.id).await.last_step, 15);
    assert_eq!(fixture.store.roll_back(hold, &finding).await.unwrap(), Ok(10));
    let after = fixture.job(job.id).await;
    assert_eq!((after.status, after.last_step), (Status::Running, 10));
    let [won, told] = &after.health[..] else { panic!("{:?}", after.health) };
    assert_eq!((won.kind.as_str(), won.until_step, told), ("discriminator_wins", None, &finding));
    assert_eq!(fixture.store.metrics(job.id, 0, 100).await.unwrap(), rows(1..=10));
    assert_eq!(fixture.store.snapshot_steps(job.id).await.unwrap(), [10]);
    let event = fixture.events(job.id).await.pop().unwrap();
    assert_eq!((event.kind, event.step), (EventKind::Health, Some(10)));
    // Training goes on from there.
    fixture.store.record(hold, &[metrics(11..=12)]).await.unwrap().unwrap();
    assert_eq!(fixture.job(job.id).await.last_step, 12);
}

pub(super) async fn a_restart_leaves_nothing_of_what_was_before(fixture: Fixture) {
    let Claim { job, hold } = fixture.running().await;
    fixture.publish(hold, 10, file(1, 100), 3).await;
    fixture.publish(hold, 20, file(2, 100), 3).await;
    let picture = |step| Record::Snapshot { step, png: vec![1] };
    let finding = |kind: &str, step, until_step| {
        let (kind, detail) = (kind.to_owned(), "why".to_owned());
        Finding { kind, severity: Severity::Critical, step, until_step, detail }
    };
    let evaluation = |step| Record::Evaluation { step, protocol: "fine".into(), result: result(1.0), best: true };
    let records =
        [metrics(21..=25), picture(0), picture(20), evaluation(20), Record::Finding(finding("collapse", 22, None))];
    fixture.store.record(hold, &records).await.unwrap().unwrap();
    let (restarted, begun) = (finding("restarted", 0, Some(0)), file(3, MIB + 50));
    let start_over = |hold| {
        let checkpoint = NewCheckpoint { step: 0, bytes: begun.clone().into(), keep: 3 };
        fixture.store.start_over(hold, checkpoint, &restarted)
    };
    let stale = Hold { fence: hold.fence - 1, ..hold };
    assert_eq!(start_over(stale).await.unwrap(), Err(LeaseLost));
    assert_eq!(fixture.checkpoint_steps(job.id).await, [10, 20]);
    // Also where the answer to the first was lost.
    for _ in 0..2 {
        assert_eq!(start_over(hold).await.unwrap(), Ok(()));
    }
    let after = fixture.job(job.id).await;
    assert_eq!((after.status, after.last_step, after.latest, after.parzen), (Status::Running, 0, None, None));
    assert_eq!(after.health, std::slice::from_ref(&restarted));
    assert_eq!(fixture.checkpoint_steps(job.id).await, [0]);
    assert!(fixture.store.checkpoint_bytes(job.id, 0).await.unwrap() == Some(begun.clone()));
    assert_eq!(fixture.pieces().await, fixture.engine(1, 2));
    assert_eq!(fixture.store.metrics(job.id, 0, 100).await.unwrap(), []);
    assert_eq!(fixture.store.snapshot_steps(job.id).await.unwrap(), [0]);
    // Training goes on from there.
    fixture.store.record(hold, &[metrics(1..=12)]).await.unwrap().unwrap();
    assert_eq!(fixture.job(job.id).await.last_step, 12);
}
