//! What a worker leaves: metrics, snapshots, findings, and the events that tell of them.

use crate::store::fixture::{Fixture, LONG, file, losses, metrics, new_job, result, rows};
use gand::gan::Losses;
use gand::job::{Command, Ending, EventKind, Finding, MetricChunk, Severity};
use gand::store::Record;

pub(super) async fn metrics_come_back_to_the_bit_whatever_their_batches(fixture: Fixture) {
    let claim = fixture.running().await;
    let (hold, id) = (claim.hold, claim.job.id);
    let odd = Losses { d_loss: f32::MIN_POSITIVE, g_loss: f32::MAX, ..losses(1) };
    fixture.store.record(hold, &[Record::Metrics(MetricChunk { rows: vec![odd] })]).await.unwrap().unwrap();
    for steps in [2..=3, 4..=4, 5..=2500, 2501..=2600] {
        fixture.store.record(hold, &[metrics(steps)]).await.unwrap().unwrap();
    }
    let mut expected = rows(1..=2600);
    expected[0] = odd;
    assert_eq!(fixture.store.metrics(id, 0, u64::MAX).await.unwrap(), expected);
    assert_eq!(fixture.store.metrics(id, 3, 5).await.unwrap(), rows(3..=5));
    assert_eq!(fixture.store.metrics(id, 2600, 9999).await.unwrap(), rows(2600..=2600));
    assert_eq!(fixture.store.metrics(id, 2601, 9999).await.unwrap(), []);
    let job = fixture.job(id).await;
    assert_eq!((job.last_step, job.latest), (2600, Some(losses(2600))));
}

pub(super) async fn small_batches_share_a_row_and_checkpoints_close_it(fixture: Fixture) {
    let claim = fixture.running().await;
    for step in 1..=50 {
        fixture.store.record(claim.hold, &[metrics(step..=step)]).await.unwrap().unwrap();
    }
    assert_eq!(fixture.count("metrics").await, 1);
    fixture.publish(claim.hold, 60, file(1, 10), 3).await;
    fixture.store.record(claim.hold, &[metrics(61..=70)]).await.unwrap().unwrap();
    fixture.store.record(claim.hold, &[metrics(71..=80)]).await.unwrap().unwrap();
    assert_eq!(fixture.count("metrics").await, 2);
    assert_eq!(fixture.count("metrics WHERE first_step = 61 AND last_step = 80").await, 1);
}

pub(super) async fn steps_told_twice_are_kept_once(fixture: Fixture) {
    let claim = fixture.running().await;
    let hold = claim.hold;
    fixture.store.record(hold, &[metrics(1..=10)]).await.unwrap().unwrap();
    let events = fixture.events(hold.job).await.len();
    fixture.store.record(hold, &[metrics(1..=10)]).await.unwrap().unwrap();
    assert_eq!(fixture.events(hold.job).await.len(), events);
    fixture.store.record(hold, &[metrics(6..=15)]).await.unwrap().unwrap();
    assert_eq!(fixture.store.metrics(hold.job, 1, 100).await.unwrap(), rows(1..=15));
    // A checkpoint whose answer got lost is published again.
    for _ in 0..2 {
        fixture.publish(hold, 20, file(1, 3000), 3).await;
    }
    assert_eq!(fixture.checkpoint_steps(hold.job).await, [20]);
}

pub(super) async fn events_have_no_gaps_and_say_what_happened(fixture: Fixture) {
    let claim = fixture.running().await;
    let (hold, id, store) = (claim.hold, claim.job.id, &fixture.store);
    let finding = |step| Finding {
        kind: "collapse".into(),
        severity: Severity::Critical,
        step,
        until_step: None,
        detail: "all samples look alike".into(),
    };
    let records = [
        metrics(1..=10),
        Record::Snapshot { step: 10, png: vec![1, 2, 3] },
        Record::Finding(finding(10)),
        Record::Evaluation { step: 10, protocol: "fine".into(), result: result(-12.5), best: false },
        Record::Message { step: 10, message: "all \0is well".into() },
    ];
    store.record(hold, &records).await.unwrap().unwrap();
    fixture.publish(hold, 20, file(1, 10), 3).await;
    store.record(hold, &[Record::Finding(finding(25))]).await.unwrap().unwrap();
    store.command(id, Command::Pause).await.unwrap();
    store.finish(hold, Ending::Paused).await.unwrap().unwrap();

    let events = fixture.events(id).await;
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    assert!(events.is_sorted_by_key(|event| event.at));
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    use EventKind::{Checkpoint, Evaluation, Health, Metrics, Snapshot, Status};
    assert_eq!(
        kinds,
        [Status, Status, Metrics, Snapshot, Health, Evaluation, Status, Metrics, Checkpoint, Health, Status, Status]
    );
    assert_eq!(events[2].data["step"], 10);
    assert_eq!(events[2].data["d_loss"], 0.1);
    assert_eq!(events[5].data["log_likelihood"], -12.5);
    assert_eq!(events[6].data["message"], "all \u{fffd}is well");
    assert_eq!((&events[8].data["step"], &events[8].data["size_bytes"]), (&20.into(), &10.into()));
    assert_eq!(events[10].data["status"], "pausing");
    assert_eq!(events[11].data["status"], "paused");

    // A reader that comes back goes on where it was.
    assert_eq!(store.events(id, 0, 5).await.unwrap(), events[..5]);
    assert_eq!(store.events(id, 5, 100).await.unwrap(), events[5..]);
    assert_eq!(store.events(id, 12, 100).await.unwrap(), []);
    // The newest finding of a kind stands for it.
    assert_eq!(fixture.job(id).await.health, [finding(25)]);
}

pub(super) async fn concurrent_writers_leave_no_gap_in_the_events(fixture: Fixture) {
    let claim = fixture.running().await;
    let (hold, id) = (claim.hold, claim.job.id);
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = std::sync::Arc::clone(&fixture.store);
            tokio::spawn(async move {
                for i in 0..10 {
                    let message = Record::Message { step: i, message: format!("{writer} {i}") };
                    store.record(hold, &[message]).await.unwrap().unwrap();
                    let command = if i % 2 == 0 { Command::Pause } else { Command::Resume };
                    store.command(id, command).await.unwrap();
                }
            })
        })
        .collect();
    // A reader that follows meanwhile sees each event once, in order.
    let mut seen = Vec::new();
    loop {
        // Asked before the look: once they are done, a look that finds nothing is the last.
        let done = writers.iter().all(|writer| writer.is_finished());
        let after = seen.last().copied().unwrap_or(0);
        let news = fixture.store.events(id, after, 7).await.unwrap();
        if done && news.is_empty() {
            break;
        }
        seen.extend(news.iter().map(|event| event.id));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let all: Vec<_> = fixture.events(id).await.iter().map(|event| event.id).collect();
    assert_eq!(all, (1..=all.len() as i64).collect::<Vec<_>>());
    assert!(all.len() > 82);
    assert_eq!(seen, all);
}

pub(super) async fn a_finding_ends_and_comes_back(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let (store, id) = (&fixture.store, hold.job);
    let finding = |step, until_step| Finding {
        kind: "collapse".into(),
        severity: Severity::Critical,
        step,
        until_step,
        detail: "all samples look alike".into(),
    };
    for told in [finding(10, None), finding(10, Some(30)), finding(50, None)] {
        store.record(hold, &[Record::Finding(told.clone())]).await.unwrap().unwrap();
        assert_eq!(fixture.job(id).await.health, [told]);
    }
    let events = fixture.events(id).await.into_iter().filter(|event| event.kind == EventKind::Health);
    let told: Vec<_> = events.map(|event| (event.step, event.data["until_step"].as_u64())).collect();
    assert_eq!(told, [(Some(10), None), (Some(30), Some(30)), (Some(50), None)]);
}

pub(super) async fn snapshots_are_kept_by_step(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let (store, id) = (&fixture.store, hold.job);
    for (step, png) in [(5, vec![1]), (0, vec![2]), (5, vec![3, 0, 255])] {
        store.record(hold, &[Record::Snapshot { step, png }]).await.unwrap().unwrap();
    }
    assert_eq!(store.snapshot_steps(id).await.unwrap(), [0, 5]);
    assert_eq!(store.snapshot(id, 5).await.unwrap(), Some(vec![3, 0, 255]));
    assert_eq!(store.snapshot(id, 6).await.unwrap(), None);
}

pub(super) async fn a_change_wakes_those_who_wait(fixture: Fixture) {
    let waiter = tokio::spawn({
        let store = std::sync::Arc::clone(&fixture.store);
        async move { store.changed(LONG).await }
    });
    // The hint may come before the wait has begun, so it is given until it is heard.
    while !waiter.is_finished() {
        fixture.create(new_job("news")).await;
    }
    fixture.store.changed(std::time::Duration::ZERO).await;
}
