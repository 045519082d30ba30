//! What the queue costs with ten thousand jobs waiting in it, and what checkpoints and metrics cost.
//!
//! `cargo bench --bench store`; the rows on PostgreSQL use the empty database that `GAND_BENCH_POSTGRES` names, or else a
//! private server, where its programs are installed (without syncs, as the tests have it).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[allow(dead_code, unreachable_pub)]
#[path = "../tests/it/support/postgres.rs"]
mod postgres;

use gand::data::Shape;
use gand::gan::{DataFacts, Losses, Spec, read_spec};
use gand::job::{Ending, MetricChunk, NewJob, NewSweep, OwnerId, SweepId};
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

/// A store on `engine`, if there is one: PostgreSQL is the server that GAND_BENCH_POSTGRES names, or a private one where
/// its programs are installed.
fn bench(engine: &str) -> Option<Bench> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (url, folder) = match engine {
        "sqlite" => {
            let folder = tempfile::tempdir().expect("a folder");
            (format!("sqlite://{}", folder.path().join("bench.sqlite").display()), Some(folder))
        }
        _ => match std::env::var("GAND_BENCH_POSTGRES") {
            Ok(url) => (url, None),
            Err(_) if postgres::programs().is_none() => return None,
            Err(_) => (runtime.block_on(postgres::database()), None),
        },
    };
    let store = runtime.block_on(store::open(&url)).expect("a store");
    Some(Bench { runtime, store, _folder: folder })
}

/// Puts so many jobs of seven priorities into the queue.
fn fill(bench: &Bench, queued: usize) {
    let spec = spec();
    let job = |index: usize| {
        let priority = i32::try_from(index % 7).expect("a small number");
        NewJob { name: None, tags: vec![], priority, spec: spec.clone(), from: None }
    };
    let jobs = (0..queued).map(job).collect();
    let sweep = NewSweep { id: SweepId::new(), name: None, tags: vec![], axes: vec![], jobs };
    bench.runtime.block_on(bench.store.create_sweep(sweep, None)).expect("jobs");
}

/// A job that goes back into the queue when it is dropped, which is not measured.
struct Taken<'a> {
    bench: &'a Bench,
    hold: store::Hold,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let released = self.bench.store.finish(self.hold, Ending::Released);
        self.bench.runtime.block_on(released).expect("an answer").expect("the lease");
    }
}

/// Claims by one worker, by four and by sixteen at once, while a hundred or ten thousand jobs wait; before them the plan
/// by which the database finds the next job.
#[divan::bench(sample_count = 320, sample_size = 1, threads = [1, 4, 16], args = [
    "sqlite/100", "sqlite/10000", "postgres/100", "postgres/10000"
])]
fn claim(bencher: divan::Bencher<'_, '_>, case: &str) {
    let (engine, queued) = case.split_once('/').expect("an engine and a length");
    let queued = queued.parse().expect("a number");
    let Some(bench) = bench(engine) else { return };
    fill(&bench, queued);
    println!("\n{engine}, {queued} queued:\n{}", bench.runtime.block_on(bench.store.claim_plan()).expect("a plan"));
    let owner = OwnerId::new();
    bencher.bench(|| {
        let claim = bench.runtime.block_on(bench.store.claim(owner, "bench", LEASE)).expect("an answer");
        let claim = claim.expect("a job");
        // Fourteen of a hundred have the highest priority: sixteen workers take two of the next.
        assert!(claim.job.priority >= 5);
        Taken { bench: &bench, hold: claim.hold }
    });
}

/// The place in the queue of the last of ten thousand.
#[divan::bench(sample_count = 50, sample_size = 1, args = ["sqlite", "postgres"])]
fn queue_place(bencher: divan::Bencher<'_, '_>, engine: &str) {
    let Some(bench) = bench(engine) else { return };
    fill(&bench, JOBS);
    let newest = bench.runtime.block_on(bench.store.jobs(&Default::default(), None, 1)).expect("a page").items[0].id;
    bencher
        .bench_local(|| bench.runtime.block_on(bench.store.queue_place(newest)).expect("an answer").expect("a place"));
}

/// Thirty megabytes that differ from those of any other `seed` in every chunk, as the paper's MNIST networks have them.
fn file(seed: u64) -> bytes::Bytes {
    let mut bytes = vec![0; 30 << 20];
    for (index, word) in (0u64..).zip(bytes.as_chunks_mut::<8>().0) {
        *word = (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed).to_le_bytes();
    }
    bytes.into()
}

/// A checkpoint of 30 MB, published; the three before it are kept.
#[divan::bench(name = "checkpoint/write", sample_count = 20, sample_size = 1, args = ["sqlite", "postgres"])]
fn checkpoint_write(bencher: divan::Bencher<'_, '_>, engine: &str) {
    let Some(bench) = bench(engine) else { return };
    let hold = hold(&bench);
    let mut step = 0;
    bencher
        .with_inputs(|| {
            step += 1;
            store::NewCheckpoint { step, bytes: file(step), keep: 3 }
        })
        .bench_local_values(|checkpoint| {
            let published = bench.store.publish_checkpoint(hold, checkpoint, &[]);
            bench.runtime.block_on(published).expect("an answer").expect("the lease");
        });
}

/// The same, read and verified.
#[divan::bench(name = "checkpoint/read", sample_count = 20, sample_size = 1, args = ["sqlite", "postgres"])]
fn checkpoint_read(bencher: divan::Bencher<'_, '_>, engine: &str) {
    let Some(bench) = bench(engine) else { return };
    let hold = hold(&bench);
    let checkpoint = store::NewCheckpoint { step: 1, bytes: file(1), keep: 3 };
    bench
        .runtime
        .block_on(bench.store.publish_checkpoint(hold, checkpoint, &[]))
        .expect("an answer")
        .expect("the lease");
    bencher.bench_local(|| {
        bench.runtime.block_on(bench.store.checkpoint_bytes(hold.job, 1)).expect("an answer").expect("a checkpoint")
    });
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
