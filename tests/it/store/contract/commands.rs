//! What a user asks of a job, and what becomes of the wish.

use crate::store::fixture::{Fixture, LAPSED, LONG, file, metrics};
use gand::job::{Command, Desired, Ending, Extension, NoEnd, Status};
use gand::store::{Changed, Swept};

const COMMANDS: [Command; 4] = [Command::Cancel, Command::Pause, Command::Resume, Command::Extend];

pub(super) async fn every_command_in_every_status_does_what_the_table_says(fixture: Fixture) {
    for status in Status::ALL {
        for command in COMMANDS {
            let (id, _) = fixture.job_in(status).await;
            let before = fixture.job(id).await;
            let changed = match command {
                Command::Extend => fixture.store.extend(id, Extension::By(10)).await.unwrap(),
                _ => fixture.store.command(id, command).await.unwrap(),
            };
            match status.apply(command) {
                Ok((next, desired)) => {
                    let Changed::Done(job) = changed else { panic!("{command} while {status}: {changed:?}") };
                    assert_eq!((job.status, job.desired), (next, desired), "{command} while {status}");
                    assert_eq!(job, fixture.job(id).await);
                    assert_eq!(job.finished_at.is_some(), next.is_terminal(), "{command} while {status}");
                    assert_eq!(job.lease_until.is_some(), next.is_leased(), "{command} while {status}");
                    if next != status {
                        let event = fixture.events(id).await.pop().unwrap();
                        assert_eq!(event.data["status"], next.as_str(), "{command} while {status}");
                    }
                }
                Err(refused) => {
                    assert_eq!(changed, Changed::Refused(refused));
                    assert_eq!(fixture.job(id).await, before);
                }
            }
            // Out of the way of the next.
            fixture.sql("UPDATE jobs SET status = 'failed', lease_owner = NULL, lease_until = NULL").await;
        }
    }
    assert_eq!(fixture.store.command(gand::job::JobId::new(), Command::Cancel).await.unwrap(), Changed::NotFound);
}

pub(super) async fn a_command_that_changes_nothing_changes_no_row(fixture: Fixture) {
    let twice = [
        (Status::Running, Command::Pause),
        (Status::Running, Command::Cancel),
        (Status::Queued, Command::Pause),
        (Status::Queued, Command::Cancel),
        (Status::Paused, Command::Resume),
    ];
    for (status, command) in twice {
        let (id, _) = fixture.job_in(status).await;
        let Changed::Done(first) = fixture.store.command(id, command).await.unwrap() else { panic!() };
        let events = fixture.events(id).await.len();
        let Changed::Done(second) = fixture.store.command(id, command).await.unwrap() else { panic!() };
        assert_eq!(first, second, "{command} while {status}");
        assert_eq!(fixture.events(id).await.len(), events);
        fixture.sql("UPDATE jobs SET status = 'failed', lease_owner = NULL, lease_until = NULL").await;
    }
}

pub(super) async fn no_command_waits_for_a_dead_worker(fixture: Fixture) {
    for (command, settled) in [(Command::Cancel, Status::Cancelled), (Command::Pause, Status::Paused)] {
        let hold = fixture.running().await.hold;
        fixture.store.renew(hold, LAPSED, Default::default()).await.unwrap().unwrap();
        let Changed::Done(job) = fixture.store.command(hold.job, command).await.unwrap() else { panic!() };
        assert_eq!(job.status, settled);
        assert!(fixture.store.renew(hold, LONG, Default::default()).await.unwrap().is_err());
    }
}

pub(super) async fn a_pause_withdrawn_before_it_took_effect_leaves_the_job_queued(fixture: Fixture) {
    let (id, hold) = fixture.job_in(Status::Pausing).await;
    let Changed::Done(job) = fixture.store.command(id, Command::Resume).await.unwrap() else { panic!() };
    assert_eq!((job.status, job.desired), (Status::Running, Desired::Run));
    let left = fixture.store.finish(hold.unwrap(), Ending::Paused).await.unwrap().unwrap();
    assert_eq!(left, Status::Queued);
    let job = fixture.job(id).await;
    assert_eq!((job.status, job.desired, job.attempt), (Status::Queued, Desired::Run, 0));
}

pub(super) async fn a_cancellation_that_overtakes_a_pause_wins(fixture: Fixture) {
    let (id, hold) = fixture.job_in(Status::Pausing).await;
    fixture.store.command(id, Command::Cancel).await.unwrap();
    let left = fixture.store.finish(hold.unwrap(), Ending::Paused).await.unwrap().unwrap();
    assert_eq!(left, Status::Cancelled);
}

pub(super) async fn the_heartbeat_tells_what_is_wanted(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let mut wanted = Vec::new();
    for command in [None, Some(Command::Pause), Some(Command::Resume), Some(Command::Cancel)] {
        if let Some(command) = command {
            fixture.store.command(hold.job, command).await.unwrap();
        }
        let progress = gand::store::ProgressReport { steps_per_second: Some(12.5) };
        wanted.push(fixture.store.renew(hold, LONG, progress).await.unwrap().unwrap().desired);
    }
    assert_eq!(wanted, [Desired::Run, Desired::Pause, Desired::Run, Desired::Cancel]);
    assert_eq!(fixture.job(hold.job).await.steps_per_second, Some(12.5));
}

pub(super) async fn a_lapsed_lease_settles_as_was_asked(fixture: Fixture) {
    for (status, settled, swept) in [
        (Status::Running, Status::Queued, Swept { requeued: 1, ..Swept::default() }),
        (Status::Pausing, Status::Paused, Swept { settled: 1, ..Swept::default() }),
        (Status::Cancelling, Status::Cancelled, Swept { settled: 1, ..Swept::default() }),
    ] {
        let (id, hold) = fixture.job_in(status).await;
        assert_eq!(fixture.store.sweep().await.unwrap(), Swept::default(), "a lease that holds is left alone");
        fixture.store.renew(hold.unwrap(), LAPSED, Default::default()).await.unwrap().unwrap();
        assert_eq!(fixture.store.sweep().await.unwrap(), swept);
        let job = fixture.job(id).await;
        assert_eq!((job.status, job.lease_owner, job.attempt), (settled, None, 1));
        assert!(fixture.messages(id).await.pop().unwrap().starts_with("lease of worker w-1 lapsed at step 0; "));
        fixture.store.command(id, Command::Cancel).await.unwrap();
    }
}

pub(super) async fn extending_adds_steps_and_starts_a_new_count_of_attempts(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    fixture.publish(hold, 1000, file(1, 10), 3).await;
    fixture.store.finish(hold, Ending::Succeeded).await.unwrap().unwrap();
    let Changed::Done(job) = fixture.store.extend(hold.job, Extension::By(500)).await.unwrap() else { panic!() };
    assert_eq!((job.status, job.spec.training.steps, job.attempt), (Status::Queued, 1500, 0));
    assert_eq!((job.finished_at, job.last_step), (None, 1000));
    let again = fixture.claim(LONG).await.unwrap();
    assert_eq!((again.job.id, again.job.last_step, again.job.attempt), (hold.job, 1000, 1));
}

pub(super) async fn an_extension_is_counted_from_the_newest_checkpoint(fixture: Fixture) {
    let hold = fixture.running().await.hold;
    let id = hold.job;
    fixture.publish(hold, 400, file(1, 10), 3).await;
    // A worker that died had come further than it had published.
    fixture.store.record(hold, &[metrics(401..=430)]).await.unwrap().unwrap();
    fixture.store.command(id, Command::Cancel).await.unwrap();
    fixture.store.finish(hold, Ending::Cancelled).await.unwrap().unwrap();
    let before = fixture.job(id).await;
    assert_eq!((before.last_step, before.spec.training.steps), (430, 1000));

    for nothing in [Extension::To(400), Extension::To(399), Extension::By(0)] {
        let refused = fixture.store.extend(id, nothing).await.unwrap();
        assert_eq!(refused, Changed::NoEnd(NoEnd::NotBeyond { reached: 400 }), "{nothing:?}");
    }
    let refused = fixture.store.extend(id, Extension::By(u64::MAX)).await.unwrap();
    assert_eq!(refused, Changed::NoEnd(NoEnd::TooFar { reached: 400 }));
    assert_eq!(fixture.job(id).await, before, "what is refused changes nothing");

    let Changed::Done(job) = fixture.store.extend(id, Extension::By(50)).await.unwrap() else { panic!() };
    assert_eq!((job.status, job.last_step, job.spec.training.steps), (Status::Queued, 400, 450));
    assert_eq!(fixture.messages(id).await.pop().unwrap(), "extended to step 450; queued to go on from step 400");
    fixture.store.command(id, Command::Cancel).await.unwrap();
    let Changed::Done(job) = fixture.store.extend(id, Extension::To(401)).await.unwrap() else { panic!() };
    assert_eq!((job.last_step, job.spec.training.steps), (400, 401));
}
