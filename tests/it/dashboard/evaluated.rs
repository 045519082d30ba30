//! Jobs whose evaluations are chosen by a test, as a worker would leave them.

use crate::support::server::Server;
use gand::data::Dataset;
use gand::eval::quality::{Frechet, Labels, PairwiseDistance};
use gand::eval::{Coverage, ParzenResult, Quality};
use gand::gan::Trainer;
use gand::job::{Ending, JobId, MetricChunk, OwnerId};
use gand::library::Library;
use gand::store::{Claim, NewCheckpoint, Record};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Longer than any test takes.
const LEASE: Duration = Duration::from_secs(600);

/// What an evaluation came to.
#[derive(Clone, Copy)]
pub struct Scored {
    pub step: u64,
    pub log_likelihood: f64,
    pub standard_error: f64,
    pub coverage: f64,
}

/// A small job on the built-in digits.
pub fn digits(name: &str, steps: u64) -> Value {
    json!({"dataset": "digits", "name": name, "training": {"steps": steps}})
}

/// Submits a job and claims it.
pub async fn begun(server: &Server, body: &Value) -> (String, Claim) {
    let id = server.client.post("/jobs", body).await.expect(201).json()["id"].as_str().unwrap().to_owned();
    let claim = claim(server).await;
    assert_eq!(claim.job.id, id.parse::<JobId>().unwrap());
    (id, claim)
}

/// Claims the next job.
pub async fn claim(server: &Server) -> Claim {
    server.store.claim(OwnerId::new(), "test worker", LEASE).await.unwrap().unwrap()
}

/// Trains some steps, with a checkpoint after them.
pub async fn train(server: &Server, claim: &Claim, steps: u64) {
    let data: Arc<Dataset> = Library::new(Vec::new()).get("digits").unwrap();
    let mut trainer = Trainer::new(&claim.job.spec, data, 1).unwrap();
    let rows = (0..steps).map(|_| trainer.step().unwrap()).collect();
    let bytes = trainer.checkpoint().unwrap().to_bytes().unwrap().into();
    let checkpoint = NewCheckpoint { step: steps, bytes, keep: 3 };
    let records = [Record::Metrics(MetricChunk { rows })];
    server.store.publish_checkpoint(claim.hold, checkpoint, &records).await.unwrap().unwrap();
}

/// Records what evaluations came to.
pub async fn score(server: &Server, claim: &Claim, scores: &[Scored]) {
    for scored in scores {
        let result = result(*scored);
        let record = Record::Evaluation { step: scored.step, protocol: result.protocol.clone(), result, best: false };
        server.store.record(claim.hold, &[record]).await.unwrap().unwrap();
    }
}

/// A job that has ended after its last step, with these evaluations.
pub async fn succeeded(server: &Server, name: &str, scores: &[Scored]) -> String {
    const STEPS: u64 = 4;
    let (id, claim) = begun(server, &digits(name, STEPS)).await;
    train(server, &claim, STEPS).await;
    score(server, &claim, scores).await;
    server.store.finish(claim.hold, Ending::Succeeded).await.unwrap().unwrap();
    id
}

fn result(Scored { log_likelihood, standard_error, coverage, .. }: Scored) -> ParzenResult {
    ParzenResult {
        bandwidth: 0.2,
        bandwidth_grid: vec![0.1, 0.2],
        validation_curve: vec![1.0, 2.0],
        log_likelihood,
        standard_error,
        samples: 10_000,
        test_points: 250,
        protocol: "goodfellow2014".to_owned(),
        seconds: 0.1,
        theory: None,
        quality: Some(Box::new(quality(coverage))),
    }
}

/// Of ten classes the samples have two.
fn quality(coverage: f64) -> Quality {
    let samples = (0..10).map(|class| if class < 2 { 0.5 } else { 0.0 }).collect();
    Quality {
        coverage: Some(Coverage { density: 1.25, coverage, neighbours: 5, samples: 500, points: 500 }),
        pairwise_distance: PairwiseDistance { samples: 2.5, data: 3.0 },
        labels: Some(Labels {
            names: (0..10).map(|class| class.to_string()).collect(),
            samples,
            data: vec![0.1; 10],
            entropy: 2.0_f64.ln(),
            data_entropy: 10.0_f64.ln(),
        }),
        frechet: Some(Frechet { distance: 6.54, floor: 0.93, classifier_accuracy: 0.98 }),
        copies: None,
        seconds: 0.1,
    }
}
