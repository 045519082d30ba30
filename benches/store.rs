//! What the queue costs with ten thousand jobs waiting in it.
//!
//! `cargo bench --bench store`; the rows on PostgreSQL need `GAND_BENCH_POSTGRES`, the URL of an empty database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gand::data::Shape;
use gand::gan::{DataFacts, Losses, Spec, read_spec};
use gand::job::{MetricChunk, NewJob, OwnerId};
use gand::store::{self, Created, Record, Store};
use std::sync::Arc;
use std::time::Duration;

const JOBS: usize = 10_000;
const LEASE: Duration = Duration::from_secs(3600);

fn main() {
    divan::main();
}

struct Bench {
    runtime: tokio::runtime::Runtime,
    store: Arc<dyn Store>,
    _folder: Option<tempfile::TempDir>,
}

fn spec() -> Spec {
    let facts = DataFacts {
        shape: Shape { height: 8, width: 8, channels: 1 },
        train: 1000,
        validation: 400,
        unit_interval: true,
    };
    read_spec(&serde_json::json!({ "dataset": "digits" }), &|_| Some(facts)).expect("a spec")
}

/// A store on `engine`, if there is one.
fn bench(engine: &str) -> Option<Bench> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (url, folder) = match engine {
        "sqlite" => {
            let folder = tempfile::tempdir().expect("a folder");
            (format!("sqlite://{}", folder.path().join("bench.sqlite").display()), Some(folder))
        }
        _ => (std::env::var("GAND_BENCH_POSTGRES").ok()?, None),
    };
    let store = runtime.block_on(store::open(&url)).expect("a store");
    Some(Bench { runtime, store, _folder: folder })
}

fn fill(bench: &Bench) {
    let spec = spec();
    bench.runtime.block_on(async {
        for i in 0..JOBS {
            let priority = i32::try_from(i % 7).expect("a small number");
            let job = NewJob { name: None, tags: vec![], priority, spec: spec.clone(), from: None };
            bench.store.create_job(job, None).await.expect("a job");
        }
    });
}

/// One claim while ten thousand wait.
#[divan::bench(sample_count = 200, sample_size = 1, args = ["sqlite", "postgres"])]
fn claim(bencher: divan::Bencher<'_, '_>, engine: &str) {
    let Some(bench) = bench(engine) else { return };
    fill(&bench);
    let owner = OwnerId::new();
    bencher.bench_local(|| {
        let claim = bench.runtime.block_on(bench.store.claim(owner, "bench", LEASE)).expect("an answer");
        assert_eq!(claim.as_ref().map(|claim| claim.job.priority), Some(6));
        claim
    });
}

/// The place in the queue of the last of ten thousand.
#[divan::bench(sample_count = 50, sample_size = 1, args = ["sqlite", "postgres"])]
fn queue_place(bencher: divan::Bencher<'_, '_>, engine: &str) {
    let Some(bench) = bench(engine) else { return };
    fill(&bench);
    let newest = bench.runtime.block_on(bench.store.jobs(&Default::default(), None, 1)).expect("a page").items[0].id;
    bencher
        .bench_local(|| bench.runtime.block_on(bench.store.queue_place(newest)).expect("an answer").expect("a place"));
}

/// The metrics of a hundred steps, written as a worker does.
#[divan::bench(sample_count = 200, sample_size = 1, args = ["sqlite", "postgres"])]
fn record(bencher: divan::Bencher<'_, '_>, engine: &str) {
    let Some(bench) = bench(engine) else { return };
    let hold = hold(&bench);
    let mut first = 1;
    bencher.bench_local(|| {
        let chunk = Record::Metrics(MetricChunk { rows: losses(first, 100) });
        first += 100;
        bench.runtime.block_on(bench.store.record(hold, &[chunk])).expect("an answer").expect("the lease");
    });
}

/// A million steps' metrics, read.
#[divan::bench(sample_count = 10, sample_size = 1, args = ["sqlite", "postgres"])]
fn metrics(bencher: divan::Bencher<'_, '_>, engine: &str) {
    let Some(bench) = bench(engine) else { return };
    let hold = hold(&bench);
    for first in (1..1_000_000).step_by(10_000) {
        let chunk = Record::Metrics(MetricChunk { rows: losses(first, 10_000) });
        bench.runtime.block_on(bench.store.record(hold, &[chunk])).expect("an answer").expect("the lease");
    }
    bencher.bench_local(|| {
        let rows = bench.runtime.block_on(bench.store.metrics(hold.job, 0, u64::MAX)).expect("an answer");
        assert_eq!(rows.len(), 1_000_000);
        rows
    });
}

fn losses(first: u64, count: u64) -> Vec<Losses> {
    (first..first + count)
        .map(|step| Losses { step, d_loss: 0.7, g_loss: 0.7, value: -1.4, d_real: 0.5, d_fake: 0.5 })
        .collect()
}

/// A job of the highest priority, claimed.
fn hold(bench: &Bench) -> store::Hold {
    let job = NewJob { name: None, tags: vec![], priority: 1000, spec: spec(), from: None };
    bench.runtime.block_on(async {
        let Created::New(job) = bench.store.create_job(job, None).await.expect("an answer") else {
            unreachable!("no key was used")
        };
        let claim = bench.store.claim(OwnerId::new(), "bench", LEASE).await.expect("an answer").expect("a job");
        assert_eq!(claim.job.id, job.id);
        claim.hold
    })
}
