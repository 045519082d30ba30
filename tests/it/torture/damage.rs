//! Checkpoints that are cut short, and checkpoints in which a bit has flipped.

use super::{Random, report, size};
use crate::worker::fixture::Fixture;
use gand::gan::Trainer;
use gand::job::{Command, Ending, EventKind, JobId, MetricChunk, OwnerId, Status};
use gand::store::{NewCheckpoint, Record, StoreError};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Checkpoints at 10 and 20 of 30 steps.
fn spec(seed: u64) -> Value {
    json!({
        "dataset": "digits", "seed": seed,
        "model": {
            "latent": {"dim": 4},
            "generator": {"layers": [{"type": "linear", "units": 8}]},
            "discriminator": {"layers": [{"type": "maxout", "units": 4, "pieces": 2}]}
        },
        "training": {"steps": 30, "batch_size": 16},
        "checkpoint": {"every": 10},
        "evaluation": {"every": 0, "parzen": {"samples": 20, "validation_points": 10}}
    })
}

/// What happens to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// So many sixty-fourths of it are left.
    CutAt(u64),
    /// One bit flips, at a place that this number chooses.
    Flip(u64),
}

impl Damage {
    fn to(self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::CutAt(parts) => bytes.truncate((bytes.len() as u64 * parts / 64) as usize),
            Self::Flip(place) => {
                let bit = place % (bytes.len() as u64 * 8);
                bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
            }
        }
        bytes
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_checkpoint_is_noticed_and_the_one_before_is_used_on_sqlite() {
    every_damage_is_noticed(Fixture::sqlite().await, "SQLite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_checkpoint_is_noticed_and_the_one_before_is_used_on_postgresql() {
    every_damage_is_noticed(Fixture::postgres().await, "PostgreSQL").await;
}

async fn every_damage_is_noticed(fixture: Fixture, engine: &str) {
    let begun = Instant::now();
    let (cuts, flips) = (size("GAND_TORTURE_CUTS", 8), size("GAND_TORTURE_FLIPS", 16));
    let mut random = Random::seeded();
    let cut = (0..cuts).map(|index| Damage::CutAt(index * 64 / cuts));
    let flip: Vec<_> = (0..flips).map(|_| Damage::Flip(random.below(u64::MAX))).collect();
    let mut trials = Vec::new();
    for (seed, damage) in (0..).zip(cut.chain(flip)) {
        trials.push((damage, prepare(&fixture, seed, damage).await));
    }
    // Every read of a damaged file fails, and none gives other bytes.
    let (mut noticed_cuts, mut noticed_flips) = (0, 0);
    for (damage, (id, _)) in &trials {
        let read = fixture.store.checkpoint_bytes(*id, 20).await;
        assert!(matches!(read, Err(StoreError::Corrupt(_))), "{damage:?}: {read:?}");
        *(if matches!(damage, Damage::CutAt(_)) { &mut noticed_cuts } else { &mut noticed_flips }) += 1;
    }
    // Workers meet them, say so on the job, and go on from the checkpoint before, to the same end.
    for (_, (id, _)) in &trials {
        fixture.command(*id, Command::Resume).await;
    }
    let pool = fixture.pool(2);
    for (damage, (id, expected)) in &trials {
        let job = fixture.until(*id, "at its end", |job| job.status.is_terminal()).await;
        assert_eq!(job.status, Status::Succeeded, "{damage:?}: {:?}", job.error);
        assert!(job.health.iter().any(|finding| finding.kind == "checkpoint_discarded" && finding.step == 20));
        let resumed = fixture.events(*id, EventKind::Status).await;
        assert!(resumed.iter().any(|event| event.data["message"] == "resumed from step 10"), "{damage:?}");
        let last = fixture.store.checkpoints(*id).await.unwrap().pop().unwrap();
        assert_eq!((last.step, &last.digest), (30, expected), "{damage:?}");
    }
    pool.stop().await;
    report(
        &format!("damage, {engine}"),
        &format!(
            "{noticed_cuts}/{cuts} cuts and {noticed_flips}/{flips} flipped bits noticed, reported on the job, the \
             checkpoint before used, final weights equal; {:.0} s",
            begun.elapsed().as_secs_f64()
        ),
    );
}

/// A paused job with checkpoints at 10 and 20, the second of them damaged; and the digest that it should end with.
async fn prepare(fixture: &Fixture, seed: u64, damage: Damage) -> (JobId, String) {
    let id = fixture.submit(spec(seed)).await;
    let claim = fixture.store.claim(OwnerId::new(), "test", Duration::from_secs(600)).await.unwrap().unwrap();
    assert_eq!(claim.job.id, id);
    let data = fixture.library.get("digits").unwrap();
    let mut trainer = Trainer::new(&claim.job.spec, data, 1).unwrap();
    let mut last = Vec::new();
    let mut rows = Vec::new();
    while trainer.steps_done() < 30 {
        rows.push(trainer.step().unwrap());
        let step = trainer.steps_done();
        if step.is_multiple_of(10) {
            last = trainer.checkpoint().unwrap().to_bytes().unwrap();
        }
        if step == 10 || step == 20 {
            let checkpoint = NewCheckpoint { step, bytes: last.clone().into(), keep: 3 };
            let records = [Record::Metrics(MetricChunk { rows: std::mem::take(&mut rows) })];
            fixture.store.publish_checkpoint(claim.hold, checkpoint, &records).await.unwrap().unwrap();
        }
    }
    fixture.damage_with(id, 20, |bytes| damage.to(bytes)).await;
    fixture.command(id, Command::Pause).await;
    fixture.store.finish(claim.hold, Ending::Paused).await.unwrap().unwrap();
    (id, format!("blake3:{}", blake3::hash(&last)))
}
