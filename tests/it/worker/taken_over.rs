//! Several processes on one database: one stops answering, another goes on, and what the first wakes up to is not its.

use super::fixture::{Fixture, short};
use crate::support::process::Process;
use gand::job::Status;
use rustix::process::Signal;
use serde_json::Value;

fn spec() -> Value {
    let mut spec = short(20_000);
    spec["checkpoint"]["every"] = 500.into();
    spec["evaluation"]["every"] = 5000.into();
    spec
}

fn worker(fixture: &Fixture, name: &str, lease: &str) -> Process {
    let folder = fixture.datasets().display().to_string();
    let own = ["worker", "--worker-name", name, "--database-url", &fixture.url, "--data-dir", &folder];
    Process::start(own.into_iter().chain(["--slots", "1", "--threads", "1", "--lease", lease]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_sleeps_through_its_lease_writes_nothing_when_it_wakes() {
    let fixture = Fixture::postgres().await;
    // Waited for once; long enough that a busy machine does not let it lapse as well.
    let first = worker(&fixture, "first", "5s");
    let straight = fixture.submit(spec()).await;
    fixture.until_succeeded(straight).await;

    let id = fixture.submit(spec()).await;
    let job = fixture.until(id, "under way", |job| job.last_step > 1200).await;
    assert_eq!((job.status, job.worker.as_deref()), (Status::Running, Some("first")));
    first.signal(Signal::STOP);
    let second = worker(&fixture, "second", "5s");
    fixture.until(id, "taken over", |job| job.worker.as_deref() == Some("second")).await;
    first.signal(Signal::CONT);
    let job = fixture.until_succeeded(id).await;
    assert_eq!((job.attempt, job.worker.as_deref()), (2, Some("second")));
    fixture.traces(straight).await.assert_equal(&fixture.traces(id).await);

    // The first has lost a job, not its slot.
    second.kill();
    let next = fixture.submit(short(50)).await;
    let job = fixture.until_succeeded(next).await;
    assert_eq!(job.worker.as_deref(), Some("first"));
    first.signal(Signal::TERM);
    let (status, log) = first.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_a_queue() {
    let fixture = Fixture::postgres().await;
    let workers = ["first", "second"].map(|name| worker(&fixture, name, "60s"));
    let mut jobs = Vec::new();
    for _ in 0..6 {
        jobs.push(fixture.submit(short(400)).await);
    }
    let mut checkpoints = Vec::new();
    for id in jobs {
        assert_eq!(fixture.until_succeeded(id).await.attempt, 1);
        checkpoints.push(fixture.store.checkpoints(id).await.unwrap().pop().unwrap().digest);
    }
    checkpoints.dedup();
    assert_eq!(checkpoints.len(), 1, "whoever computes it, a spec comes to the same bits");
    for worker in workers {
        worker.signal(Signal::TERM);
        assert_eq!(worker.wait().0.code(), Some(0));
    }
}
