//! Puts jobs into the states that a test wants to see, as a worker would.

use crate::support::server::Server;
use gand::data::Dataset;
use gand::gan::{Losses, Trainer};
use gand::job::{Ending, JobId, MetricChunk, OwnerId};
use gand::library::Library;
use gand::store::{Claim, NewCheckpoint, Record};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Longer than any test takes.
const LEASE: Duration = Duration::from_secs(600);

/// A small job on the built-in digits.
pub(super) fn digits() -> Value {
    json!({
        "dataset": "digits", "recipe": "digits",
        "model": {
            "latent": {"dim": 8},
            "generator": {"layers": [{"type": "linear", "units": 16, "activation": "relu"}]},
            "discriminator": {"layers": [{"type": "maxout", "units": 8, "pieces": 2}]},
        },
        "training": {"steps": 20, "batch_size": 16, "ema": 0.9},
    })
}

/// Submits a job and gives its id.
pub(super) async fn submit(server: &Server, body: &Value) -> String {
    let answer = server.client.post("/jobs", body).await.expect(201);
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Claims the next job.
pub(super) async fn claim(server: &Server) -> Claim {
    let deadline = std::time::Instant::now() + crate::support::server::DEADLINE;
    loop {
        // PostgreSQL passes over a row that somebody else looks at just now; a worker, too, would ask again.
        if let Some(claim) = server.store.claim(OwnerId::new(), "test worker", LEASE).await.unwrap() {
            return claim;
        }
        assert!(std::time::Instant::now() < deadline, "a job is queued");
    }
}

/// Losses that differ from step to step.
pub(super) fn losses(step: u64) -> Losses {
    let wave = |period: f32| (step as f32 / period).sin();
    Losses { step, d_loss: wave(3.0), g_loss: wave(5.0), value: wave(7.0), d_real: wave(11.0), d_fake: wave(13.0) }
}

/// Stores the losses of some steps.
pub(super) async fn record_losses(server: &Server, claim: &Claim, rows: Vec<Losses>) {
    let records = [Record::Metrics(MetricChunk { rows })];
    server.store.record(claim.hold, &records).await.unwrap().unwrap();
}

/// Trains a claimed job to its end, with checkpoints and pictures at the given steps, and leaves it.
pub(super) async fn train(server: &Server, claim: Claim, at: &[u64]) {
    train_to(server, claim, at, Ending::Succeeded).await;
}

/// The same, with another ending.
pub(super) async fn train_to(server: &Server, claim: Claim, at: &[u64], ending: Ending) {
    let uploaded = server.data_dir().join("datasets");
    let data: Arc<Dataset> = Library::new(vec![uploaded]).get(&claim.job.spec.dataset).unwrap();
    let mut trainer = Trainer::new(&claim.job.spec, data, 1).unwrap();
    let mut rows = Vec::new();
    while trainer.steps_done() < claim.job.spec.training.steps {
        rows.push(trainer.step().unwrap());
        let step = trainer.steps_done();
        if at.contains(&step) {
            let bytes = trainer.checkpoint().unwrap().to_bytes().unwrap().into();
            let picture = gand::render::Picture { width: 4, height: 4, channels: 1, pixels: vec![step as u8; 16] };
            let png = gand::render::png::encode(&picture).unwrap();
            let records =
                [Record::Metrics(MetricChunk { rows: std::mem::take(&mut rows) }), Record::Snapshot { step, png }];
            let checkpoint = NewCheckpoint { step, bytes, keep: 10 };
            server.store.publish_checkpoint(claim.hold, checkpoint, &records).await.unwrap().unwrap();
        }
    }
    server.store.finish(claim.hold, ending).await.unwrap().unwrap();
}

/// A job that has been trained, with checkpoints at steps 10 and 20.
pub(super) async fn trained(server: &Server) -> String {
    let id = submit(server, &digits()).await;
    let claim = claim(server).await;
    assert_eq!(claim.job.id, id.parse::<JobId>().unwrap());
    train(server, claim, &[10, 20]).await;
    id
}
